//! The issuer's page frames one of ours to say that somebody signed out there (OpenID Connect Front-Channel Logout 1.0).

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::Query;
use crate::url::Issuer;

/// Reads the query of a logout address (section 2): whether it is about the session at `issuer`, of which the ID token
/// said `sid`.
///
/// Anybody can frame that page, so all it may lead to is an end. Issuers name both or nothing; where nothing is named,
/// or the session's own name is not known, it is about whoever is signed in here.
pub fn parse(query: &str, issuer: &Issuer, sid: Option<&str>) -> Result<bool, Error> {
    const MESSAGE: Message = Message::LogoutToken;
    let mut query = Query::parse(query, MESSAGE)?;
    match (query.take("iss"), query.take("sid")) {
        (None, None) => Ok(true),
        (Some(iss), Some(named)) => {
            Ok(iss.expose() == issuer.as_str() && sid.is_none_or(|sid| named.expose() == sid))
        }
        // Section 2: if either is included, both are.
        (iss, _) => {
            let field = if iss.is_none() { Field::Iss } else { Field::Sid };
            Err(Error::Malformed { message: MESSAGE, field })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn is_about_the_session_that_it_names() {
        let issuer = Issuer::new("https://server.example.com").unwrap();
        let about = |query: &str, sid: Option<&str>| parse(query, &issuer, sid);
        // The example of section 2.
        let example = "iss=https%3A%2F%2Fserver.example.com&sid=08a5019c-17e1-4977-8f42-65a12843ea02";
        assert_eq!(about(example, Some("08a5019c-17e1-4977-8f42-65a12843ea02")), Ok(true));
        assert_eq!(about(example, Some("another")), Ok(false));
        assert_eq!(about(example, None), Ok(true));
        assert_eq!(about("", Some("another")), Ok(true));
        assert_eq!(about(&example.replace("server", "other"), None), Ok(false));
        assert!(
            about("iss=https%3A%2F%2Fserver.example.com", None).is_err() && about("sid=a", None).is_err()
        );
    }
}
