//! Telling the issuer's own browser session that it is over (OpenID Connect RP-Initiated Logout 1.0).
//!
//! This is a navigation, not a request: what has to end for sure is ended by `revoke` and by erasing the session.

use crate::error::Error;
use crate::field::Message;
use crate::form::{Form, Query};
use crate::name::ClientId;
use crate::protocol::authorize;
use crate::secret::Secret;
use crate::url::{Endpoint, RedirectUri};

/// What a logout tells the issuer (section 2).
#[derive(Debug)]
pub struct Ask<'a> {
    /// The client; it may stand without an ID token.
    pub client_id: &'a ClientId,
    /// The ID token of the session, which lets the issuer skip its question.
    pub id_token_hint: Option<&'a Secret>,
    /// Who is to be signed out, where several are signed in.
    pub logout_hint: Option<&'a str>,
    /// Where the person comes back to, with the state that tells one return from another.
    pub back_to: Option<(&'a RedirectUri, &'a Secret)>,
}

/// The address to open in the person's browser (section 2). It may hold an ID token, so it is a secret.
pub fn url(end_session_endpoint: &Endpoint, ask: &Ask<'_>) -> Secret {
    let form = Form::new()
        .with("client_id", ask.client_id.as_str())
        .with_some("id_token_hint", ask.id_token_hint.map(|token| token.expose().as_str()))
        .with_some("logout_hint", ask.logout_hint);
    let form = match ask.back_to {
        Some((redirect_uri, state)) => {
            form.with("post_logout_redirect_uri", redirect_uri.as_str()).with("state", state.expose())
        }
        None => form,
    };
    authorize::url(end_session_endpoint, form)
}

/// Reads the return (section 3): whether it is the one that `state` was sent with.
///
/// It proves nothing either way. The session here was over before the person left, and a return without our state, or
/// with another one, only means that this page shall do nothing special for it.
pub fn parse(query: &str, state: &Secret) -> Result<bool, Error> {
    let mut query = Query::parse(query, Message::LogoutResponse)?;
    Ok(query.take("state").as_ref() == Some(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;
    use crate::test;

    #[test]
    fn asks_and_comes_back() {
        let endpoint = Endpoint::new("https://issuer.example/logout?tenant=1", Field::X).unwrap();
        let state = Secret::from("s");
        let ask = Ask {
            client_id: &ClientId::new("client").unwrap(),
            id_token_hint: Some(&Secret::from("e.y.J")),
            logout_hint: None,
            back_to: Some((&RedirectUri::new("https://app.example/bye").unwrap(), &state)),
        };
        assert_eq!(
            url(&endpoint, &ask).expose(),
            "https://issuer.example/logout?tenant=1&client_id=client&id_token_hint=e.y.J\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=s"
        );
        assert_eq!(parse("state=s", &state), Ok(true));
        assert_eq!(parse("state=s_INVALID", &state), Ok(false));
        assert_eq!(parse("", &state), Ok(false));
    }
}
