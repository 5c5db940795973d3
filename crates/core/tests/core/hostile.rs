//! Every field of every message, otherwise than it should be: an error that names message and field, or a leniency that
//! stands here. What was read is never in the error.

mod others;
mod signed;
mod stored;

use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::http::{MAX_BODY, Response};
use gatepass_core::json::Object;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::jwt::{assemble, signing_input};
use gatepass_core::name::ClientId;
use gatepass_core::protocol::id_token::Expected;
use gatepass_core::protocol::{discovery, error_body, id_token, jwks, revoke, token_response};
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;
use gatepass_core::url::Issuer;

use crate::test;

/// Values that are wrong almost everywhere, by names that the tables use.
const WRONG: [(&str, &str); 15] = [
    ("null", "null"),
    ("flag", "true"),
    ("number", "7"),
    ("negative", "-7"),
    ("fraction", "1800000000.9"),
    ("exponent", "1e999"),
    ("large", "99999999999999999999"),
    ("empty", r#""""#),
    ("text", r#""canary""#),
    ("control", r#""canary\u0000\u001b[31m""#),
    ("texts", r#"["canary"]"#),
    ("numbers", "[7]"),
    ("nothing", "[]"),
    ("object", r#"{"canary":"canary"}"#),
    // Stands for a text of 5,000 characters.
    ("long", "LONG"),
];

/// A field, a good value of it, the names of wrong values that are let pass, and another error than the one that blames
/// the field.
struct Row(&'static str, &'static str, &'static [&'static str], Option<Error>);

/// Anything is let pass: the field is not read here, or a broken one is left out with what it describes.
const UNREAD: &[&str] = &[
    "null", "flag", "number", "negative", "fraction", "exponent", "large", "empty", "text", "control",
    "texts", "numbers", "nothing", "object", "long",
];

fn ok(body: &str) -> Response {
    Response::new(200, &|_| None, body.as_bytes().to_vec())
}

fn document(rows: &[Row], changed: usize, value: &str) -> String {
    let member = |(at, row): (usize, &Row)| {
        let value = if at == changed { value } else { row.1 };
        format!(r#""{}":{value}"#, row.0)
    };
    let members: Vec<String> = rows.iter().enumerate().map(member).collect();
    format!("{{{}}}", members.join(","))
}

/// Holds every field against every wrong value.
fn hold(rows: &[Row], blames: impl Fn(&str) -> Error, parse: impl Fn(&str) -> Result<(), Error>) {
    let good = document(rows, usize::MAX, "");
    assert_eq!(parse(&good), Ok(()), "{good}");
    let long = format!(r#""{}""#, "canary".repeat(900));
    for (at, Row(field, _, lenient, other)) in rows.iter().enumerate() {
        for (name, value) in WRONG {
            let value = if name == "long" { &long } else { value };
            let result = parse(&document(rows, at, value));
            match result {
                Ok(()) => assert!(lenient.contains(&name), "{field}: {name} is let pass"),
                Err(error) => {
                    assert!(!lenient.contains(&name), "{field}: {name} is refused: {error:?}");
                    let expected = error == blames(field) || Some(error) == *other;
                    assert!(expected, "{field}: {name} is refused by {error:?}");
                    assert!(!format!("{error:?} {error}").contains("canary"));
                }
            }
        }
    }
}

/// The error that blames a field of a message.
fn of(message: Message) -> impl Fn(&str) -> Error {
    move |field| {
        let empty = Object::parse(b"{}", message).unwrap();
        let names = [
            Field::AccessToken,
            Field::TokenType,
            Field::ExpiresIn,
            Field::RefreshToken,
            Field::IdToken,
            Field::Scope,
            Field::Issuer,
            Field::AuthorizationEndpoint,
            Field::TokenEndpoint,
            Field::JwksUri,
            Field::RevocationEndpoint,
            Field::AuthorizationResponseIssParameterSupported,
            Field::DpopSigningAlgValuesSupported,
            Field::GatepassRefreshTokenReplay,
            Field::Error,
            Field::Keys,
            Field::Alg,
            Field::Kid,
            Field::Crit,
            Field::Iss,
            Field::Sub,
            Field::Aud,
            Field::Azp,
            Field::Exp,
            Field::Iat,
            Field::Nonce,
            Field::AtHash,
            Field::Email,
            Field::Name,
            Field::AuthTime,
            Field::Typ,
            Field::DeviceCode,
            Field::UserCode,
            Field::VerificationUri,
            Field::VerificationUrl,
            Field::Interval,
            Field::Active,
            Field::ClientId,
            Field::Cnf,
            Field::Jkt,
            Field::IssuedTokenType,
            Field::ClientIdIssuedAt,
            Field::ClientSecret,
            Field::ClientSecretExpiresAt,
            Field::RedirectUris,
            Field::TokenEndpointAuthMethod,
            Field::RegistrationClientUri,
            Field::RegistrationAccessToken,
            Field::Resource,
            Field::AuthorizationServers,
            Field::ScopesSupported,
            Field::BearerMethodsSupported,
            Field::DpopBoundAccessTokensRequired,
            Field::Subject,
            Field::Links,
            Field::Rel,
            Field::Href,
            Field::EmailVerified,
            Field::Jti,
            Field::Sid,
            Field::Events,
            Field::BackchannelLogout,
            Field::RequestUri,
        ];
        let named = names.into_iter().find(|name| name.as_str() == field);
        empty.blame(named.unwrap_or_else(|| panic!("{field} has no name here")))
    }
}

#[test]
fn token_responses() {
    let lifetime =
        &["null", "number", "negative", "fraction", "exponent", "large", "empty", "text", "control", "long"]
            [..];
    hold(
        &[
            // It will stand in a header.
            Row("access_token", r#""a""#, &["text", "long"], None),
            Row("token_type", r#""Bearer""#, &[], None),
            // RFC 6749 section 5.1: it may be left out, and what is no number of seconds counts as left out.
            Row("expires_in", "60", lifetime, None),
            // Opaque: whatever it holds is the server's business, and is percent-encoded where it goes.
            Row("refresh_token", r#""r""#, &["null", "empty", "text", "control", "long"], None),
            Row("id_token", r#""i""#, &["null", "text", "control", "long"], None),
            Row("scope", r#""openid""#, &["null", "empty", "text", "texts", "nothing", "long"], None),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::TokenResponse),
        |body| token_response::parse(&ok(body), false).map(drop),
    );
    let error = token_response::parse(&ok(r#"{"error":["canary"],"access_token":"canary"}"#), false);
    assert_eq!(error.err(), Some(of(Message::TokenResponse)("error")));
}

#[test]
fn metadata() {
    let issuer = Issuer::new("https://issuer.example").unwrap();
    hold(
        &[
            Row("issuer", r#""https://issuer.example""#, &[], Some(Error::IssuerMismatch)),
            Row("authorization_endpoint", r#""https://issuer.example/a""#, &[], None),
            Row("token_endpoint", r#""https://issuer.example/t""#, &[], None),
            Row("jwks_uri", r#""https://issuer.example/j""#, &[], None),
            Row("revocation_endpoint", r#""https://issuer.example/r""#, &["null"], None),
            Row("authorization_response_iss_parameter_supported", "true", &["null", "flag"], None),
            Row("dpop_signing_alg_values_supported", r#"["ES256"]"#, &["null", "texts", "nothing"], None),
            Row(
                "gatepass_refresh_token_replay",
                r#""successor""#,
                &["null", "empty", "text", "control", "long"],
                None,
            ),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::Discovery),
        |body| discovery::parse(&ok(body), &issuer).map(drop),
    );
}

#[test]
fn key_sets() {
    let keys = "[{\"kty\":\"EC\"}]";
    // One odd key hurts nobody: what is no key is left out.
    let rows = [Row("keys", keys, &["texts", "numbers", "nothing"], None), Row("unknown", "1", UNREAD, None)];
    hold(&rows, of(Message::Jwks), |body| jwks::parse(&ok(body)).map(drop));
    let good = PublicKey::P256 { x: [3; 32], y: [4; 32] }.to_json();
    let members =
        ["kty", "crv", "x", "y", "kid", "use", "n", "e", "alg"].map(|name| Row(name, "1", UNREAD, None));
    hold(&members, of(Message::Jwks), |jwk| {
        let set = format!(r#"{{"keys":[{jwk},{good}]}}"#);
        let keys = jwks::parse(&ok(&set))?;
        let token = token(r#"{"alg":"ES256"}"#, "{}");
        // The good one is still found.
        id_token::check(&token, &keys, Algorithm::Es256).map(drop)
    });
}

fn token(header: &str, claims: &str) -> Secret {
    Secret::new(assemble(signing_input(header, claims), &[9; 64]))
}

fn judge(header: &str, claims: &str) -> Result<(), Error> {
    let issuer = Issuer::new("https://issuer.example").unwrap();
    let client_id = ClientId::new("client").unwrap();
    let key = PublicKey::P256 { x: [3; 32], y: [4; 32] }.to_json();
    let key = key.replacen('{', r#"{"kid":"1","#, 1);
    let keys = jwks::parse(&ok(&format!(r#"{{"keys":[{key}]}}"#)))?;
    let token = token(header, claims);
    let vouched = id_token::check(&token, &keys, Algorithm::Es256)?.vouch(true)?;
    let [nonce, access_token] = ["nonce", "access"].map(Secret::from);
    let expected = Expected { nonce: Some(&nonce), ..Expected::new(&issuer, &client_id, &access_token) };
    id_token::prove(&token, &vouched, &expected, Timestamp::from_seconds(1_800_000_000)).map(drop)
}

const CLAIMS: &str = r#"{"iss":"https://issuer.example","sub":"s","aud":"client","exp":1800000600,"iat":1800000000,"nonce":"nonce"}"#;

#[test]
fn headers_of_id_tokens() {
    hold(
        &[
            Row("alg", r#""ES256""#, &[], Some(Error::BadSignature)),
            // RFC 7515 section 4.1.4: it may be left out, but not be null.
            Row("kid", r#""1""#, &[], Some(Error::Malformed { message: Message::Jwks, field: Field::Kid })),
            Row("unknown", "1", UNREAD, None),
            // RFC 8725 section 3.11: a token of another kind is none of ours.
            Row("typ", r#""JWT""#, &["null"], None),
        ],
        of(Message::IdToken),
        |header| judge(header, CLAIMS),
    );
}

#[test]
fn claims_of_id_tokens() {
    let bad = |claim| Some(Error::BadClaim { claim });
    hold(
        &[
            Row("iss", r#""https://issuer.example""#, &[], Some(Error::IssuerMismatch)),
            Row("sub", r#""user-1""#, &["text"], bad(Field::Sub)),
            Row("aud", r#""client""#, &[], bad(Field::Aud)),
            Row("azp", r#""client""#, &[], bad(Field::Azp)),
            Row("exp", "1800000600", &["fraction"], bad(Field::Exp)),
            Row("iat", "1800000000", &["number", "fraction"], bad(Field::Iat)),
            Row("nonce", r#""nonce""#, &[], bad(Field::Nonce)),
            Row("at_hash", r#""oFYf1knNtrqnhAVfBRuteQ""#, &[], bad(Field::AtHash)),
            // Shown and not judged: what is no text, or would steer a terminal, is left out.
            Row("email", r#""e""#, UNREAD, None),
            Row("name", r#""n""#, UNREAD, None),
            Row("auth_time", "1", &["null", "number", "fraction"], None),
        ],
        of(Message::IdToken),
        |claims| judge(r#"{"alg":"ES256","kid":"1"}"#, claims),
    );
}

#[test]
fn errors_of_servers() {
    for (_, value) in WRONG {
        let body = format!(r#"{{"error":{value},"error_description":{value}}}"#);
        let response = Response::new(400, &|_| None, body.into_bytes());
        for (error, message) in [
            (error_body::parse(&response, Message::Jwks), Message::Jwks),
            (revoke::parse(&response).unwrap_err(), Message::RevocationResponse),
        ] {
            let known = matches!(error, Error::Refused(gatepass_core::error::Refusal::Other))
                || error == Error::Malformed { message, field: Field::Status };
            assert!(known && !format!("{error:?}").contains("canary"), "{value}: {error:?}");
        }
    }
}

#[test]
fn sizes_depths_and_repetitions() {
    let fails = |text: &str, field| {
        let error = Object::parse(text.as_bytes(), Message::Discovery).err();
        assert_eq!(error, Some(Error::Malformed { message: Message::Discovery, field }), "{:.40}", text);
    };
    fails(&" ".repeat(MAX_BODY + 1), Field::Size);
    fails(&format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_BODY)), Field::Size);
    for bomb in ["[", "{\"a\":", "[[],", "{\"a\":{},\"b\":"] {
        fails(&bomb.repeat(MAX_BODY / bomb.len()), Field::Depth);
    }
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!("\"{number:x}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(Object::parse(members(1024).as_bytes(), Message::Discovery).is_ok());
    // Before it costs anything: 25,000 names would be compared 300 million times.
    fails(&members(1025), Field::Size);
    fails(&members(25_000), Field::Size);
    fails(&format!("{{\"a\":{}}}", members(25_000)), Field::Size);
    fails(r#"{"a":1,"b":{"c":1,"\u0063":2}}"#, Field::RepeatedKey);
}
