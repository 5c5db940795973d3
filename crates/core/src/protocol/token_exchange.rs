//! One token for another (RFC 8693).

use alloc::string::String;
use core::time::Duration;

use crate::error::Error;
use crate::field::Field;
use crate::form::Form;
use crate::http::{Request, Response};
use crate::name::{Audience, ClientId, Scopes};
use crate::protocol::token_response::{self, TokenType};
use crate::secret::Secret;
use crate::url::Endpoint;

/// An access token (section 3, as the other kinds).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A refresh token.
pub const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
/// An ID token.
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// Any JWT.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A token and the kind that it is of: [`ACCESS_TOKEN`] and its kin, or another URI.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a Secret,
    /// Its kind.
    pub kind: &'a str,
}

/// What is given and what is wanted (section 2.1).
#[derive(Debug)]
pub struct Ask<'a> {
    /// Whom the new token speaks for.
    pub subject: Presented<'a>,
    /// Who acts for them, if that is somebody else.
    pub actor: Option<Presented<'a>>,
    /// For whom the new token is meant.
    pub audiences: &'a [&'a Audience],
    /// What it is to allow; empty leaves it to the server.
    pub scopes: &'a Scopes,
    /// The kind that is wanted, if the server shall not choose.
    pub requested_kind: Option<&'a str>,
    /// The thumbprint of the key to which the new token is to be bound, if that is not the key of this request's proof:
    /// the parameter of RFC 9449 section 10 in another place, which Gatepass's own authority knows.
    pub thumbprint: Option<&'a str>,
}

/// What came of it (section 2.2.1).
#[derive(Debug)]
pub struct Exchanged {
    /// The new token, which only its kind says how to use.
    pub token: Secret,
    /// Its kind.
    pub kind: String,
    /// How it is presented, if it is an access token; otherwise the server says `N_A`.
    pub token_type: Option<TokenType>,
    /// How long it lives from the moment of receipt.
    pub expires_in: Duration,
    /// What it allows, if the server says so; otherwise it is what was asked for.
    pub scope: Option<Scopes>,
}

/// Asks for the other token.
pub fn request(token_endpoint: &Endpoint, client_id: &ClientId, ask: &Ask<'_>) -> Request {
    let mut form = Form::new().with("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    for audience in ask.audiences {
        form = form.for_audience(Some(audience));
    }
    let scopes = (!ask.scopes.is_empty()).then_some(ask.scopes.as_str());
    form = form
        .with_some("scope", scopes)
        .with_some("requested_token_type", ask.requested_kind)
        .with_some("dpop_jkt", ask.thumbprint)
        .with("subject_token", ask.subject.token.expose())
        .with("subject_token_type", ask.subject.kind);
    // Section 2.1: the second of these is there if and only if the first is.
    if let Some(actor) = ask.actor {
        form = form.with("actor_token", actor.token.expose()).with("actor_token_type", actor.kind);
    }
    Request::post(token_endpoint.clone(), form.with("client_id", client_id.as_str()))
}

/// Reads the answer; `bound` as in [`token_response::parse`]. A refresh token in it is not kept: whoever may exchange
/// once may exchange again.
pub fn parse(response: &Response, bound: bool) -> Result<Exchanged, Error> {
    let body = token_response::body(response)?;
    let kind = body.required(Field::IssuedTokenType)?;
    // Section 2.2.1: `N_A` says that this is no access token, whatever the name of its field.
    let token_type = if body.required(Field::TokenType)?.eq_ignore_ascii_case("N_A") {
        if kind == ACCESS_TOKEN {
            return Err(body.blame(Field::TokenType));
        }
        None
    } else {
        Some(token_response::token_type(&body, bound)?)
    };
    Ok(Exchanged {
        token: token_response::access_token(&body)?,
        kind: String::from(kind),
        token_type,
        expires_in: token_response::expires_in(&body)?,
        scope: token_response::scope(&body)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Message;
    use crate::test;

    fn parsed(body: &str, bound: bool) -> Result<Exchanged, Error> {
        parse(&Response::new(200, &|_| None, body.into()), bound)
    }

    fn asked(ask: &Ask<'_>) -> String {
        let endpoint = Endpoint::new("https://as.example.com/as/token.oauth2", Field::X).unwrap();
        let request = request(&endpoint, &ClientId::new("rs08").unwrap(), ask);
        request.body.unwrap().expose().clone()
    }

    #[test]
    fn asks_as_in_section_2_3() {
        let token = Secret::from("accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC");
        let subject = Presented { token: &token, kind: ACCESS_TOKEN };
        let scopes = Scopes::default();
        let ask = Ask {
            subject,
            actor: None,
            audiences: &[&Audience::resource("https://backend.example.com/api").unwrap()],
            scopes: &scopes,
            requested_kind: None,
            thumbprint: None,
        };
        assert_eq!(
            asked(&ask),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &resource=https%3A%2F%2Fbackend.example.com%2Fapi\
             &subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&client_id=rs08"
        );
        let actor = Some(Presented { token: &token, kind: JWT });
        let scopes = Scopes::parse("read").unwrap();
        let ask = Ask {
            subject,
            actor,
            audiences: &[&Audience::named("a").unwrap(), &Audience::named("b").unwrap()],
            scopes: &scopes,
            requested_kind: Some(ID_TOKEN),
            thumbprint: Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        };
        let form = asked(&ask);
        for part in [
            "&audience=a&audience=b&scope=read&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token",
            "&actor_token=acc",
            "&dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I&",
            "&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
        ] {
            assert!(form.contains(part), "{form}");
        }
    }

    #[test]
    fn reads_the_example_of_section_2_3() {
        let example = r#"{"access_token":"eyJhbGciOiJFUzI1NiIsImtpZCI6IjllciJ9.eyJhdWQiOiJodHRwczovL2JhY2tlbmQ",
            "issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":60}"#;
        let read = parsed(example, false).unwrap();
        assert_eq!((read.kind.as_str(), read.token_type), (ACCESS_TOKEN, Some(TokenType::Bearer)));
        assert_eq!(read.expires_in, Duration::from_secs(60));
        assert_eq!(parsed(example, true).err(), Some(Error::NotBound));
        let blamed = Error::Malformed { message: Message::TokenResponse, field: Field::IssuedTokenType };
        assert_eq!(parsed(&example.replace("issued_", "x_"), false).err(), Some(blamed));
    }

    #[test]
    fn no_access_token_has_no_type() {
        // The example of appendix A.1, whose token is cut short here.
        let example = r#"{"access_token":"eyJhbGciOiJFUzI1NiIsImtpZCI6IjcyIn0.eyJhdWQiOiJ1cm4",
            "issued_token_type":"urn:ietf:params:oauth:token-type:jwt","token_type":"N_A","expires_in":3600}"#;
        let read = parsed(example, true).unwrap();
        assert_eq!((read.kind.as_str(), read.token_type), (JWT, None));
        let blamed = Error::Malformed { message: Message::TokenResponse, field: Field::TokenType };
        assert_eq!(parsed(&example.replace("type:jwt", "type:access_token"), true).err(), Some(blamed));
    }
}
