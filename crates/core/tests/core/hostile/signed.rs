//! Tokens that issuers sign besides ID tokens.

use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::name::{ClientId, Subject};
use gatepass_core::protocol::jwks::{self, Jwks};
use gatepass_core::protocol::{logout_token, userinfo};
use gatepass_core::time::Timestamp;
use gatepass_core::url::Issuer;

use super::{Row, UNREAD, hold, of, ok, token};
use crate::test;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const NO_KEY: Option<Error> = Some(Error::Malformed { message: Message::Jwks, field: Field::Kid });

fn keys() -> Jwks {
    let key = PublicKey::P256 { x: [3; 32], y: [4; 32] }.to_json().replacen('{', r#"{"kid":"1","#, 1);
    jwks::parse(&ok(&format!(r#"{{"keys":[{key}]}}"#))).unwrap()
}

fn us() -> (Issuer, ClientId) {
    (Issuer::new("https://issuer.example").unwrap(), ClientId::new("client").unwrap())
}

const fn bad(claim: Field) -> Option<Error> {
    Some(Error::BadClaim { claim })
}

fn logged_out(header: &str, claims: &str) -> Result<(), Error> {
    let (issuer, client_id) = us();
    let token = token(header, claims);
    let vouched = logout_token::check(&token, &keys(), Algorithm::Es256)?.vouch(true)?;
    logout_token::prove(&token, &vouched, &issuer, &client_id, NOW).map(drop)
}

const EVENTS: &str = r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#;

#[test]
fn logout_tokens() {
    let claims = [
        r#"{"iss":"https://issuer.example","sub":"s","aud":"client","iat":1800000000,"jti":"j","events":"#,
        EVENTS,
        "}",
    ]
    .concat();
    hold(
        &[
            Row("alg", r#""ES256""#, &[], Some(Error::BadSignature)),
            Row("kid", r#""1""#, &[], NO_KEY),
            Row("typ", r#""logout+jwt""#, &["null"], None),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::LogoutToken),
        |header| logged_out(header, &claims),
    );
    let header = r#"{"alg":"ES256","kid":"1"}"#;
    hold(
        &[
            Row("iss", r#""https://issuer.example""#, &[], Some(Error::IssuerMismatch)),
            Row("aud", r#""client""#, &[], bad(Field::Aud)),
            // As old as it likes, while it has not ended.
            Row("iat", "1800000000", &["number", "fraction"], bad(Field::Iat)),
            Row("exp", "1800000600", &["null", "fraction"], bad(Field::Exp)),
            Row("sub", r#""s""#, &["null", "text"], bad(Field::Sub)),
            Row("sid", r#""s""#, &["null", "empty", "text", "control", "long"], None),
            Row("jti", r#""j""#, &["text", "control", "long"], None),
            Row("events", EVENTS, &[], bad(Field::Events)),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::LogoutToken),
        |claims| logged_out(header, claims),
    );
    let event =
        Row("http://schemas.openid.net/event/backchannel-logout", "{}", &["object"], bad(Field::Events));
    hold(&[event], of(Message::LogoutToken), |events| logged_out(header, &claims.replace(EVENTS, events)));
    // Null is a nonce too: an ID token is no logout token.
    for nonce in ["null", "7", "\"canary\""] {
        let claims = claims.replacen('{', &format!(r#"{{"nonce":{nonce},"#), 1);
        assert_eq!(logged_out(header, &claims).err(), bad(Field::Nonce), "{nonce}");
    }
}

#[test]
fn signed_answers_about_the_person() {
    hold(
        &[
            Row("iss", r#""https://issuer.example""#, &[], Some(Error::IssuerMismatch)),
            Row("aud", r#""client""#, &[], bad(Field::Aud)),
            Row("sub", r#""s""#, &[], bad(Field::Sub)),
            Row("email", r#""e""#, UNREAD, None),
            Row("email_verified", "true", &["null", "flag"], None),
            Row("name", r#""n""#, UNREAD, None),
        ],
        of(Message::Userinfo),
        |claims| {
            let (issuer, client_id) = us();
            let token = token(r#"{"alg":"ES256","kid":"1"}"#, claims);
            let vouched = userinfo::check(&token, &keys(), Algorithm::Es256)?.vouch(true)?;
            let subject = Subject::new("s").unwrap();
            userinfo::prove(&token, &vouched, &issuer, &client_id, &subject).map(drop)
        },
    );
}
