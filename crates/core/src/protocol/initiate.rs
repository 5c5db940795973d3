//! A login that somebody else's page asks for (OpenID Connect Core 1.0 section 4).

use alloc::string::String;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::Query;
use crate::url::Issuer;

/// What the other page wishes for. It is a stranger's wish: it chooses nothing but who may sign in.
#[derive(Debug, PartialEq, Eq)]
pub struct Initiation {
    /// Who will probably sign in.
    pub login_hint: Option<String>,
    /// Where the person wants to go afterwards. Whoever follows it checks first that it is their own.
    pub target_link_uri: Option<String>,
}

/// Reads the query of an initiate-login address. The issuer named in it has to be ours: a login at another one would be
/// at an issuer of the stranger's choice (section 4).
pub fn parse(query: &str, issuer: &Issuer) -> Result<Initiation, Error> {
    const MESSAGE: Message = Message::LoginInitiation;
    let mut query = Query::parse(query, MESSAGE)?;
    let iss = query.take("iss").ok_or(Error::Malformed { message: MESSAGE, field: Field::Iss })?;
    if iss.expose() != issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    let mut text = |name| query.take(name).map(|value| value.expose().clone());
    Ok(Initiation { login_hint: text("login_hint"), target_link_uri: text("target_link_uri") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn starts_a_login_at_our_issuer_only() {
        let issuer = Issuer::new("https://issuer.example").unwrap();
        let query =
            "iss=https%3A%2F%2Fissuer.example&login_hint=jane&target_link_uri=https%3A%2F%2Fa.example%2F";
        let read = parse(query, &issuer).unwrap();
        assert_eq!(read.login_hint.as_deref(), Some("jane"));
        assert_eq!(read.target_link_uri.as_deref(), Some("https://a.example/"));
        assert_eq!(parse("iss=https%3A%2F%2Fevil.example", &issuer), Err(Error::IssuerMismatch));
        assert!(parse("", &issuer).is_err() && parse("iss=a&iss=b", &issuer).is_err());
    }
}
