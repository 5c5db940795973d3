//! The parsers of the steps that no page takes.

use alloc::string::String;
use alloc::vec::Vec;

use super::parsers::{ISSUER, NOW, answer, blames, keys};
use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::form::Query;
use crate::http::{MAX_BODY, Response};
use crate::json::{Writer, array, quote};
use crate::jwk::Algorithm;
use crate::jwt::{assemble, signing_input};
use crate::name::{ClientId, Scopes, Subject};
use crate::protocol::challenge::{self, Challenge, Complaint};
use crate::protocol::client_metadata::{Application, Authentication, ClientMetadata};
use crate::protocol::introspect::{self, Introspection};
use crate::protocol::token_response::TokenType;
use crate::protocol::{
    end_session, error_body, frontchannel_logout, initiate, logout_token, par, protected_resource,
    registration, token_exchange, userinfo, webfinger,
};
use crate::secret::Secret;
use crate::url::{Endpoint, Issuer, Parts, RedirectUri};

/// The messages of the other steps, one by the first digit. Each error blames the message that was read, and what is
/// accepted keeps its bounds: nothing empty that has to be there, no address that tokens may not be sent to, nothing
/// shown that steers a terminal, and the same again when it is written as it was understood.
pub fn metadata_others(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    match first.wrapping_sub(b'0') % 10 {
        0 => introspection(&answer(rest)),
        1 => exchange(&answer(rest)),
        2 => registration(&answer(rest)),
        3 => resource(&answer(rest)),
        4 => header_or_query(rest),
        5 => people(&answer(rest)),
        6 => person(&answer(rest)),
        7 => signed_out(rest),
        8 => pushed(&answer(rest)),
        _ => refusal(&answer(rest)),
    }
}

fn issuer() -> Issuer {
    Issuer::new(ISSUER).expect("an issuer")
}

fn client_id() -> ClientId {
    ClientId::new("client").expect("a name")
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url, Field::X).expect("an address")
}

fn reachable(url: &str) {
    let parts = Parts::split(url, Field::X).expect("an address");
    assert!(parts.secure || parts.on_this_machine(), "tokens would travel in the open");
}

fn introspection(response: &Response) {
    let found = match introspect::parse(response) {
        Ok(found) => found,
        Err(error) => return blames(error, response, Message::IntrospectionResponse),
    };
    assert_eq!(response.status, 200);
    let Some(found) = found else { return };
    let document = introspected(&found);
    if document.len() <= MAX_BODY {
        let again = introspect::parse(&Response::new(200, &|_| None, document.into_bytes()));
        assert_eq!(again, Ok(Some(found)), "what was written is read");
    }
}

fn introspected(found: &Introspection) -> String {
    let audience: Vec<String> = found.audience.iter().map(|audience| quoted(audience)).collect();
    let mut writer = Writer::new()
        .flag("active", true)
        .some("scope", found.scope.as_ref().map(Scopes::as_str))
        .some("client_id", found.client_id.as_ref().map(ClientId::as_str))
        .some("sub", found.subject.as_ref().map(Subject::as_str))
        .raw("aud", &array(audience.iter().map(String::as_str)))
        .some("token_type", found.token_type.map(TokenType::as_str));
    if let Some(expires_at) = found.expires_at {
        writer = writer.number("exp", expires_at.seconds());
    }
    if let Some(thumbprint) = &found.thumbprint {
        assert!(!thumbprint.is_empty(), "bound to a key without a name");
        writer = writer.raw("cnf", &Writer::new().text("jkt", thumbprint).finish());
    }
    writer.finish()
}

fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    quote(&mut quoted, text);
    quoted
}

fn exchange(response: &Response) {
    for bound in [false, true] {
        let found = match token_exchange::parse(response, bound) {
            Ok(found) => found,
            Err(Error::NotBound) => {
                assert!(bound);
                continue;
            }
            Err(error) => {
                blames(error, response, Message::TokenResponse);
                continue;
            }
        };
        let token = found.token.expose();
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "it breaks a header");
        assert!(!found.kind.is_empty() && found.expires_in.as_secs() <= 10 * 365 * 24 * 3600);
        match found.token_type {
            Some(token_type) => assert_eq!(token_type == TokenType::Dpop, bound),
            None => {
                assert_ne!(found.kind, token_exchange::ACCESS_TOKEN, "an access token nobody can present")
            }
        }
    }
}

fn registration(response: &Response) {
    let redirect_uris = [RedirectUri::loopback(4711, "/callback")];
    let metadata = ClientMetadata {
        client_name: "a client",
        client_uri: None,
        application: Application::Native,
        redirect_uris: &redirect_uris,
        post_logout_redirect_uris: &[],
        device_code: true,
        refreshes: true,
        scopes: None,
        authentication: Authentication::SecretBasic,
        id_token_algorithm: None,
        bound: false,
    };
    let found = match registration::parse(response, &metadata) {
        Ok(found) => found,
        Err(error) => return blames(error, response, Message::RegistrationResponse),
    };
    assert!(matches!(response.status, 200 | 201));
    let secret = found.client_secret.as_ref();
    assert!(secret.is_none_or(|secret| !secret.expose().is_empty()));
    let shows = found.token_endpoint_auth_method.starts_with("client_secret_");
    assert!(!shows || secret.is_some(), "a client without the secret that it has to show");
    for moment in [found.client_id_issued_at, found.client_secret_expires_at].into_iter().flatten() {
        assert!(moment.seconds() > 0, "it ended before it began");
    }
    if let Some(management) = &found.management {
        reachable(management.registration_client_uri.as_str());
        assert!(!management.registration_access_token.expose().is_empty());
    }
}

fn resource(response: &Response) {
    let resource = endpoint("https://api.example/v1");
    let found = match protected_resource::parse(response, &resource) {
        Ok(found) => found,
        Err(error) => return blames(error, response, Message::ProtectedResource),
    };
    assert!(response.status == 200 && found.resource == resource, "another resource's");
    for server in &found.authorization_servers {
        reachable(server.as_str());
    }
}

/// What comes as text: a challenge, and the queries of pages that others open.
fn header_or_query(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match challenge::parse(text) {
        Err(error) => {
            assert_eq!(error, Error::Malformed { message: Message::Challenge, field: Field::Header });
        }
        Ok(found) => {
            let again = challenge::parse(&written(&found));
            assert_eq!(again.as_ref(), Ok(&found), "what was written is read");
        }
    }
    let blamed = |error, expected| {
        let right = matches!(error, Error::Malformed { message, .. } if message == expected);
        assert!(right, "{error:?}");
    };
    match initiate::parse(text, &issuer()) {
        Ok(_) | Err(Error::IssuerMismatch) => {}
        Err(error) => blamed(error, Message::LoginInitiation),
    }
    if let Err(error) = frontchannel_logout::parse(text, &issuer(), Some("sid")) {
        blamed(error, Message::LogoutToken);
    }
    let state = Secret::from("the-state-of-this-logout");
    match end_session::parse(text, &state) {
        Ok(ours) => assert!(!ours || text.contains(state.expose().as_str()) || text.contains(['%', '+'])),
        Err(error) => blamed(error, Message::LogoutResponse),
    }
}

fn written(challenges: &[Challenge]) -> String {
    let mut text = String::new();
    for challenge in challenges {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(challenge.token_type.as_str());
        let error = challenge.error.map(|error| match error {
            Complaint::InvalidToken => "invalid_token",
            Complaint::InsufficientScope => "insufficient_scope",
            Complaint::UseDpopNonce => "use_dpop_nonce",
            Complaint::Other => "another",
        });
        let parameters = [
            ("error", error),
            ("scope", challenge.scope.as_ref().map(Scopes::as_str)),
            ("resource_metadata", challenge.resource_metadata.as_ref().map(Endpoint::as_str)),
        ];
        let mut between = " ";
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            for part in [between, name, "=\"", &value.replace('\\', "\\\\").replace('"', "\\\""), "\""] {
                text.push_str(part);
            }
            between = ", ";
        }
    }
    text
}

fn people(response: &Response) {
    match webfinger::parse(response, &endpoint("https://a.example/.well-known/webfinger")) {
        Ok(None) => assert!(matches!(response.status, 200 | 404)),
        Ok(Some(issuer)) => assert!(response.status == 200 && issuer.as_str().starts_with("https:")),
        Err(error) => blames(error, response, Message::WebFinger),
    }
}

/// Claims about a person, as they are and as the claims of a signed answer.
fn person(response: &Response) {
    let subject = Subject::new("s").expect("a name");
    let plain = userinfo::parse(response, &subject);
    match &plain {
        Ok(found) => {
            assert_eq!(response.status, 200);
            for shown in found.email.iter().chain(&found.name) {
                assert!(!shown.chars().any(char::is_control), "what is shown could steer a terminal");
            }
        }
        Err(Error::BadClaim { claim: Field::Sub }) => assert_eq!(response.status, 200),
        Err(error) => blames(*error, response, Message::Userinfo),
    }
    let text = match userinfo::signed(response) {
        Ok(text) => text,
        Err(error) => return blames(error, response, Message::Userinfo),
    };
    let token = Secret::new(assemble(signing_input(r#"{"alg":"ES256","kid":"1"}"#, text.expose()), &[9; 64]));
    let proven = userinfo::check(&token, &keys(), Algorithm::Es256)
        .and_then(|check| check.vouch(true))
        .and_then(|vouched| userinfo::prove(&token, &vouched, &issuer(), &client_id(), &subject));
    match proven {
        // By whom and for whom is asked beside the rest.
        Ok(found) => assert_eq!(Ok(found), plain),
        Err(Error::IssuerMismatch | Error::BadClaim { claim: Field::Aud | Field::Sub }) => {}
        Err(error) => blames(error, response, Message::Userinfo),
    }
}

/// A logout token: a form with one in it, or a header and claims on a line each.
fn signed_out(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let token = match text.split_once('\n') {
        Some((header, claims)) => Secret::new(assemble(signing_input(header, claims), &[9; 64])),
        None => match logout_token::read(text) {
            Ok(token) => token,
            Err(error) => {
                let right = matches!(error, Error::Malformed { message: Message::LogoutToken, .. });
                return assert!(right, "{error:?}");
            }
        },
    };
    let proven = logout_token::check(&token, &keys(), Algorithm::Es256)
        .and_then(|check| check.vouch(true))
        .and_then(|vouched| logout_token::prove(&token, &vouched, &issuer(), &client_id(), NOW));
    match proven {
        Ok(found) => {
            assert!(found.subject.is_some() || found.sid.is_some(), "everybody is signed out");
            assert!(!found.jti.is_empty());
        }
        Err(
            Error::Malformed { message: Message::LogoutToken, .. }
            | Error::Malformed { message: Message::Jwks, field: Field::Kid }
            | Error::BadClaim { .. }
            | Error::BadSignature
            | Error::IssuerMismatch,
        ) => {}
        Err(error) => panic!("{error:?}"),
    }
}

fn pushed(response: &Response) {
    let request_uri = match par::parse(response) {
        Ok(request_uri) => request_uri,
        Err(error) => return blames(error, response, Message::PushedAuthorizationResponse),
    };
    assert!(matches!(response.status, 200 | 201) && !request_uri.expose().is_empty());
    let url = par::url(&endpoint("https://issuer.example/authorize"), &client_id(), &request_uri);
    let query = url.expose().split_once('?').map_or("", |(_, query)| query);
    // Escaping can make it too long to be read here.
    if let Ok(mut query) = Query::parse(query, Message::AuthorizationResponse) {
        assert!(query.take("request_uri") == Some(request_uri), "another request is opened");
        assert!(query.take("client_id") == Some(Secret::from("client")));
    }
}

fn refusal(response: &Response) {
    let error = error_body::parse(response, Message::Userinfo);
    blames(error, response, Message::Userinfo);
    if let Error::Refused(refusal) = error {
        assert!(refusal == Refusal::Other || Refusal::parse(refusal.code()) == refusal);
    }
}
