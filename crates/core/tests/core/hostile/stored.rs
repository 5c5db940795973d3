//! What a store gives back.

use gatepass_core::error::Error;
use gatepass_core::jwk::PublicKey;
use gatepass_core::session::device::Waiting;
use gatepass_core::session::login::Pending;
use gatepass_core::session::record::Record;

use super::{Row, document, hold};
use crate::test;

/// What a store gives back is ours or corrupt.
fn corrupt(_: &str) -> Error {
    Error::StoreCorrupt
}

#[test]
fn stored_records() {
    let moment = &["number", "fraction"][..];
    let rest = r#"{"v":1,"generation":7,"token_endpoint":"https://issuer.example/t"}"#;
    let text = &["null", "empty", "text", "control", "long"];
    hold(
        &[
            Row("v", "1", &[], None),
            Row("generation", "7", &["number"], None),
            Row("issuer", r#""https://issuer.example""#, &[], None),
            Row("client_id", r#""client""#, &["text"], None),
            Row("sub", r#""user-1""#, &["text"], None),
            Row("email", r#""e""#, text, None),
            Row("name", r#""n""#, text, None),
            Row("scope", r#""openid""#, &["null", "empty", "text", "long"], None),
            Row("signed_in_at", "1", moment, None),
            Row("bound", "true", &["null", "flag"], None),
            Row("refreshes", "true", &["null", "flag"], None),
            Row("auth_time", "1", &["null", "number", "fraction"], None),
            Row("access_token", r#""a""#, &["null", "text", "control", "long"], None),
            Row("token_type", r#""Bearer""#, &[], None),
            Row("received_at", "1", moment, None),
            Row("expires_at", "1", moment, None),
        ],
        corrupt,
        |access| Record::decode(access.as_bytes(), Some(rest.as_bytes())).map(drop),
    );
    let access = r#"{"v":1,"generation":7,"issuer":"https://issuer.example","client_id":"c","sub":"s","signed_in_at":1}"#;
    let key = PublicKey::P256 { x: [3; 32], y: [4; 32] }.to_json();
    hold(&rest_of(Box::leak(key.into_boxed_str()), true), corrupt, |rest| {
        Record::decode(access.as_bytes(), Some(rest.as_bytes())).map(drop)
    });
}

fn rest_of(key: &'static str, whole: bool) -> Vec<Row> {
    let mut rows = vec![
        Row("refresh_token", r#""r""#, &["null", "text", "control", "long"], None),
        Row("token_endpoint", r#""https://issuer.example/t""#, &[], None),
        Row("revocation_endpoint", r#""https://issuer.example/r""#, &["null"], None),
        Row("forgives_replay", "true", &["null", "flag"], None),
        Row("nonce", r#""n""#, &["null", "empty", "text", "control", "long"], None),
        Row("key", key, &["null"], None),
        // By chance `canary` is no sound base64url, and 900 times it is.
        Row("private_key", r#""AA""#, &["null", "empty", "long"], None),
        Row("mark", "1", &["null", "number", "fraction"], None),
    ];
    if whole {
        rows.extend([Row("v", "1", &[], None), Row("generation", "7", &["number"], None)]);
    }
    rows
}

#[test]
fn stored_logins() {
    let session = r#"{"token_endpoint":"https://issuer.example/t"}"#;
    let rows = [
        Row("issuer", r#""https://issuer.example""#, &[], None),
        Row("client_id", r#""client""#, &["text"], None),
        Row("scope", r#""openid""#, &["text", "long"], None),
        Row("id_token_signed_response_alg", r#""ES256""#, &[], None),
        Row("redirect_uri", r#""http://127.0.0.1:1/""#, &["null"], None),
        Row("jwks_uri", r#""https://issuer.example/j""#, &[], None),
        Row("authorization_response_iss_parameter_supported", "true", &["null", "flag"], None),
        Row("state", r#""s""#, &["text", "control", "long"], None),
        Row("nonce", r#""n""#, &["text", "control", "long"], None),
        Row("verifier", r#""v""#, &["text", "control", "long"], None),
        Row("begun_at", "1", &["number", "fraction"], None),
        Row("session", session, &[], None),
    ];
    hold(&rows, corrupt, |stored| Pending::decode(stored.as_bytes()).map(drop));
    // Nothing is asked for by spaces alone either.
    let spaces = document(&rows, 2, "\" \"");
    assert_eq!(Pending::decode(spaces.as_bytes()).err(), Some(Error::StoreCorrupt), "{spaces}");
}

#[test]
fn stored_logins_by_a_device_code() {
    let session = r#"{"token_endpoint":"https://issuer.example/t"}"#;
    let polling = r#"{"device_code":"d","interval":5,"gap":5,"next_at":1,"expires_at":2}"#;
    let moment = &["number", "fraction"][..];
    hold(
        &[
            Row("issuer", r#""https://issuer.example""#, &[], None),
            Row("client_id", r#""client""#, &["text"], None),
            Row("scope", r#""openid""#, &["text", "long"], None),
            Row("id_token_signed_response_alg", r#""ES256""#, &[], None),
            Row("jwks_uri", r#""https://issuer.example/j""#, &[], None),
            // There is no redirect that it would tie.
            Row("nonce", r#""n""#, &["null", "text", "control", "long"], None),
            Row("begun_at", "1", moment, None),
            Row("max_age", "1", &["null", "number", "fraction"], None),
            Row("session", session, &[], None),
            Row("polling", polling, &[], None),
        ],
        corrupt,
        |stored| Waiting::decode(stored.as_bytes()).map(drop),
    );
    let stored = |polling: &str| {
        [
            r#"{"issuer":"https://issuer.example","client_id":"c","scope":"openid","begun_at":1,"#,
            r#""id_token_signed_response_alg":"ES256","jwks_uri":"https://issuer.example/j","#,
            r#""session":{"token_endpoint":"https://issuer.example/t"},"polling":"#,
            polling,
            "}",
        ]
        .concat()
    };
    hold(
        &[
            Row("device_code", r#""d""#, &["text", "control", "long"], None),
            Row("interval", "5", moment, None),
            Row("gap", "5", moment, None),
            Row("next_at", "1", moment, None),
            Row("expires_at", "2", moment, None),
        ],
        corrupt,
        |polling| Waiting::decode(stored(polling).as_bytes()).map(drop),
    );
}

#[test]
fn stored_tokens() {
    const HEAD: &str = r#"{"v":2,"generation":7,"issuer":"https://issuer.example","client_id":"c","sub":"s","signed_in_at":1,"access_tokens":"#;
    let entry = r#"{"access_token":"a","token_type":"Bearer","received_at":1,"expires_at":1}"#;
    let moment = &["number", "fraction"][..];
    let read = |list: &str| Record::decode([HEAD, list, "}"].concat().as_bytes(), None);
    // What is no object in the list is left out.
    for (list, count) in [("null", 0), ("[]", 0), (r#"["canary",7]"#, 0), (&*format!("[{entry},{entry}]"), 2)]
    {
        assert_eq!(read(list).unwrap().access.len(), count, "{list}");
    }
    for list in ["7", "\"canary\"", "{}", "[{}]", &*format!("[{entry},{{}}]")] {
        assert_eq!(read(list).err(), Some(Error::StoreCorrupt), "{list}");
    }
    for audience in [
        Row("audience", r#""api""#, &["null", "text"], None),
        Row("resource", r#""https://api.example""#, &["null"], None),
    ] {
        hold(
            &[
                audience,
                Row("asked_scope", r#""a""#, &["null", "empty", "text", "long"], None),
                Row("scope", r#""a""#, &["null", "empty", "text", "long"], None),
                Row("access_token", r#""a""#, &["text", "control", "long"], None),
                Row("token_type", r#""Bearer""#, &[], None),
                Row("received_at", "1", moment, None),
                Row("expires_at", "1", moment, None),
            ],
            corrupt,
            |changed| {
                let record = read(&format!("[{entry},{changed}]"))?;
                assert_eq!(record.access.len(), 2);
                Ok(())
            },
        );
    }
}
