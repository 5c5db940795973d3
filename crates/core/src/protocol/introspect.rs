//! Asking the server what a token is worth (RFC 7662).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::Form;
use crate::http::{Request, Response};
use crate::json::Object;
use crate::name::{ClientId, Scopes, Subject};
use crate::protocol::error_body;
use crate::protocol::token_response::TokenType;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::url::Endpoint;

const MESSAGE: Message = Message::IntrospectionResponse;

/// What the server says of a token that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// What it allows, if the server says so.
    pub scope: Option<Scopes>,
    /// Who asked for it.
    pub client_id: Option<ClientId>,
    /// Whom it speaks for.
    pub subject: Option<Subject>,
    /// For whom it is meant.
    pub audience: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// How it is presented; nothing if the server says nothing that is known here.
    pub token_type: Option<TokenType>,
    /// The key that it is bound to (RFC 9449 section 6.2): without a proof by it, the token is not to be honoured.
    pub thumbprint: Option<String>,
}

/// Asks about a token (section 2.1); `hint` is `access_token` or `refresh_token`, where the caller knows.
pub fn request(
    introspection_endpoint: &Endpoint,
    client_id: &ClientId,
    token: &Secret,
    hint: Option<&str>,
) -> Request {
    let form = Form::new()
        .with("token", token.expose())
        .with_some("token_type_hint", hint)
        .with("client_id", client_id.as_str());
    Request::post(introspection_endpoint.clone(), form)
}

/// Reads the answer (section 2.2). `None` is a token that is not good, for whatever reason: then nothing else that the
/// answer may say is read.
pub fn parse(response: &Response) -> Result<Option<Introspection>, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    // Section 2.2: required, and what is not said to be active is not.
    if !body.has(Field::Active) {
        return Err(body.blame(Field::Active));
    }
    if !body.flag(Field::Active)? {
        return Ok(None);
    }
    let thumbprint = match body.object(Field::Cnf)? {
        // A confirmation that we cannot check is no reason to honour the token without one.
        Some(cnf) => Some(cnf.required(Field::Jkt)?.to_owned()),
        None => None,
    };
    Ok(Some(Introspection {
        scope: body
            .text(Field::Scope)?
            .map(Scopes::parse)
            .transpose()
            .map_err(|_| body.blame(Field::Scope))?,
        client_id: body
            .text(Field::ClientId)?
            .map(ClientId::new)
            .transpose()
            .map_err(|_| body.blame(Field::ClientId))?,
        subject: body.text(Field::Sub)?.map(Subject::new).transpose().map_err(|_| body.blame(Field::Sub))?,
        audience: body.text_or_texts(Field::Aud)?.into_iter().map(ToOwned::to_owned).collect(),
        expires_at: body.seconds(Field::Exp)?.map(Timestamp::from_seconds),
        token_type: body.text(Field::TokenType)?.and_then(TokenType::parse),
        thumbprint,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    fn parsed(body: &str) -> Result<Option<Introspection>, Error> {
        parse(&Response::new(200, &|_| None, body.into()))
    }

    #[test]
    fn asks_as_in_section_2_1() {
        let endpoint = Endpoint::new("https://server.example.com/introspect", Field::X).unwrap();
        let client_id = ClientId::new("s6BhdRkqt3").unwrap();
        let token = Secret::from("mF_9.B5f-4.1JqM");
        let asked = request(&endpoint, &client_id, &token, Some("access_token"));
        assert_eq!(
            asked.body.unwrap().expose(),
            "token=mF_9.B5f-4.1JqM&token_type_hint=access_token&client_id=s6BhdRkqt3"
        );
    }

    #[test]
    fn reads_the_example_of_section_2_2() {
        let read = parsed(
            r#"{"active":true,"client_id":"l238j323ds-23ij4","username":"jdoe","scope":"read write dolphin",
                "sub":"Z5O3upPC88QrAjx00dis","aud":"https://protected.example.net/resource",
                "iss":"https://server.example.com/","exp":1419356238,"iat":1419350238,
                "extension_field":"twenty-seven"}"#,
        );
        let expected = Introspection {
            scope: Some(Scopes::parse("read write dolphin").unwrap()),
            client_id: Some(ClientId::new("l238j323ds-23ij4").unwrap()),
            subject: Some(Subject::new("Z5O3upPC88QrAjx00dis").unwrap()),
            audience: alloc::vec![String::from("https://protected.example.net/resource")],
            expires_at: Some(Timestamp::from_seconds(1_419_356_238)),
            token_type: None,
            thumbprint: None,
        };
        assert_eq!(read, Ok(Some(expected)));
    }

    #[test]
    fn what_is_not_active_says_nothing_else() {
        assert_eq!(parsed(r#"{"active":false,"sub":1,"scope":"read"}"#), Ok(None));
        for bad in ["{}", r#"{"active":null}"#, r#"{"active":"true"}"#, r#"{"active":1}"#] {
            let blamed = Error::Malformed { message: MESSAGE, field: Field::Active };
            assert_eq!(parsed(bad), Err(blamed), "{bad}");
        }
    }

    #[test]
    fn names_the_key_of_rfc_9449_section_6_2() {
        let read = parsed(
            r#"{"active":true,"sub":"someone@example.com","iss":"https://server.example.com","nbf":1562262611,
                "exp":1562266216,"token_type":"DPoP",
                "cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#,
        );
        let read = read.unwrap().unwrap();
        assert_eq!(read.thumbprint.as_deref(), Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
        assert_eq!(read.token_type, Some(TokenType::Dpop));
        let blamed = Error::Malformed { message: MESSAGE, field: Field::Jkt };
        assert_eq!(parsed(r#"{"active":true,"cnf":{"x5t#S256":"a"}}"#), Err(blamed));
    }
}
