//! Key sets, and the ID tokens that they verify.

use gatepass_core::error::Error;
use gatepass_core::http::Response;
use gatepass_core::jwk::Algorithm;
use gatepass_core::jwt::{assemble, signing_input};
use gatepass_core::name::ClientId;
use gatepass_core::protocol::id_token::{self, Check, Expected};
use gatepass_core::protocol::jwks::{self, Refetch};
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;
use gatepass_core::url::Issuer;
use serde_json::{Map, Value, json};

use super::{Expectation, quiet, written};
use crate::frame::{Judgement, Verdict};

const NOW: u64 = 1_800_000_000;
const NONCE: &str = "nonce-of-this-login";

pub(super) fn judge(line: &Value, expect: &Expectation) -> Judgement {
    let body = &line["body"];
    // A token of each kind: by name, by any name of the set, and without one.
    let verifies = |body: &Value, alg: &str, kid: Option<&str>| {
        let mut header = json!({ "alg": alg });
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        let algorithms = [Algorithm::Es256, Algorithm::Rs256];
        algorithms.iter().any(|algorithm| check(body, &header, &json!({}), *algorithm).is_ok())
    };
    let own: Vec<&Value> = body["keys"].as_array().into_iter().flatten().collect();
    let names: Vec<Option<&str>> = own.iter().map(|key| key["kid"].as_str()).chain([None]).collect();
    let unusable = || {
        ["ES256", "RS256", "HS256", "none"]
            .iter()
            .all(|alg| names.iter().all(|kid| !verifies(body, alg, *kid)))
    };
    let parsed = jwks::parse(&Response::new(200, &|_| None, written(body).into_bytes()));
    if let Err(error) = parsed {
        quiet(line, error)?;
    }
    let right = match expect.generic.as_str() {
        "ok or error" | "error or ok" => true,
        "error" => parsed.is_err(),
        expect if expect.starts_with("error or") => parsed.is_err() || unusable(),
        "error on verify" | "error on verification" => unusable(),
        expect if ["skip", "ignore", "never use"].iter().any(|word| expect.starts_with(word)) => {
            // Useless itself, and no harm to its neighbours.
            let all: Vec<Value> =
                own.iter().map(|key| (*key).clone()).chain(keys().as_array().unwrap().clone()).collect();
            let all = json!({ "keys": all });
            unusable()
                && verifies(&all, "ES256", Some("good-ec"))
                && verifies(&all, "RS256", Some("good-rsa"))
        }
        expect if expect.contains("refetch") => {
            // A new name a second, for an hour: a handful of requests, but not none.
            let requests = refetches(3600)?;
            (1..=3600 / COOL_DOWN).contains(&requests)
        }
        "ok" => parsed.is_ok() && !unusable(),
        _ => return Err(expect.cannot_read()),
    };
    if right { Ok(Verdict::Right) } else { Err(format!("not so: {}", expect.whole)) }
}

/// What a cool-down is at least, in seconds.
const COOL_DOWN: u64 = 30;

/// How many requests tokens lead to that name another key each second, none of which is in any set.
fn refetches(seconds: u64) -> Result<u64, String> {
    let mut refetch = Refetch::new();
    let mut requests = 0;
    for second in 0..seconds {
        let header = json!({ "alg": "ES256", "kid": format!("made-up-{second}") });
        let Err(error) = check(&json!({ "keys": keys() }), &header, &json!({}), Algorithm::Es256) else {
            return Err(String::from("a key that is not there was found"));
        };
        requests += u64::from(refetch.helps(error, Timestamp::from_seconds(NOW + second)));
    }
    Ok(requests)
}

fn keys() -> Value {
    // RFC 7517 appendix A.1, and the key of RFC 7638 section 3.1.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    json!([
        {
            "kty": "EC", "crv": "P-256", "kid": "good-ec",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
        },
        { "kty": "RSA", "kid": "good-rsa", "n": n, "e": "AQAB" }
    ])
}

fn check(
    body: &Value,
    header: &Value,
    claims: &Value,
    algorithm: Algorithm,
) -> Result<(Secret, Check), Error> {
    let keys = jwks::parse(&Response::new(200, &|_| None, body.to_string().into_bytes()))?;
    let signed = assemble(signing_input(&header.to_string(), &claims.to_string()), &[9; 64]);
    let id_token = Secret::from(signed.as_str());
    let check = id_token::check(&id_token, &keys, algorithm)?;
    Ok((id_token, check))
}

/// Judges a later ID token with these claims over sound ones.
pub(super) fn prove(issuer: &Issuer, changed: Map<String, Value>) -> Result<(), Error> {
    let mut claims = json!({
        "iss": issuer.as_str(), "sub": "user-1", "aud": "client", "nonce": NONCE, "iat": NOW, "exp": NOW + 300
    });
    claims.as_object_mut().ok_or(Error::Bug)?.extend(changed);
    let header = json!({ "alg": "ES256", "kid": "good-ec" });
    let (id_token, check) = check(&json!({ "keys": keys() }), &header, &claims, Algorithm::Es256)?;
    let (client_id, access_token, nonce) =
        (ClientId::new("client")?, Secret::from("access"), Secret::from(NONCE));
    let expected = Expected { nonce: Some(&nonce), ..Expected::new(issuer, &client_id, &access_token) };
    id_token::prove(&id_token, &check.vouch(true)?, &expected, Timestamp::from_seconds(NOW)).map(drop)
}

pub(super) fn unsigned_is_refused() -> bool {
    ["none", "HS256"].iter().all(|alg| {
        let header = json!({ "alg": alg, "kid": "good-ec" });
        check(&json!({ "keys": keys() }), &header, &json!({}), Algorithm::Es256).is_err()
    })
}
