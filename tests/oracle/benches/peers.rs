//! Core beside the crates that do the same, on the same input and in one run: `cargo bench -p gatepass-oracle`.
//!
//! Each group has a `core` and one other, whose times make a ratio. Signatures are aws-lc-rs's on both sides.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use gatepass_core::base64url;
use gatepass_core::dice::identifier;
use gatepass_core::field::Field;
use gatepass_core::http::Response;
use gatepass_core::json::Writer;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::name::ClientId;
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::protocol::id_token::{self, Expected};
use gatepass_core::protocol::token_response;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Handout, Wanted};
use gatepass_core::session::freshness::MIN_TTL;
use gatepass_core::session::record::{Generation, Part, Record};
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::{SeededDice, record};
use gatepass_core::time::Timestamp;
use gatepass_core::url::{self, Endpoint};
use gatepass_oracle::{Issuer, StoredKey, verify};
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType,
    Jwk,
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use oauth2::basic::{BasicTokenResponse, BasicTokenType};
use oauth2::{ExtraTokenFields, StandardTokenResponse, TokenResponse};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "https://issuer.example";
const CLIENT: &str = "client";
const NONCE: &str = "8gq7NRNNVvmBX1J9eKSQK-PvWhAyF9mBGlF1Qe2mC2o";
const TOKEN_ENDPOINT: &str = "https://issuer.example/token";

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    fresh_token(&mut criterion);
    token_response(&mut criterion);
    id_token(&mut criterion, "ID token, ES256", Algorithm::Es256);
    id_token(&mut criterion, "ID token, RS256", Algorithm::Rs256);
    dpop_proof(&mut criterion);
    criterion.final_summary();
}

/// An access token of the usual size: a JWT with a handful of claims, signed by RS256.
fn access_token() -> String {
    let part = |length: usize| base64url::encode(&vec![0xa5; length]);
    [part(66), part(420), part(256)].join(".")
}

/// What `oauth2` leaves to its users: the answer of the server, and when it came.
#[derive(Serialize, Deserialize)]
struct Kept {
    received_at: u64,
    answer: BasicTokenResponse,
}

/// From the bytes of a store to a token that is known to live.
fn fresh_token(criterion: &mut Criterion) {
    let now = Timestamp::from_seconds(1_800_000_000);
    let token = access_token();
    let mut session = record(now, false, Generation::from_number(1));
    session.access[0].token = Secret::from(token.as_str());
    let stored = session.encode().unwrap().access;
    let answer = Writer::new()
        .text("access_token", &token)
        .text("token_type", "Bearer")
        .number("expires_in", 3600)
        .text("refresh_token", "8xLOxBtZp8")
        .text("scope", "openid offline_access");
    let kept = format!("{{\"received_at\":{},\"answer\":{}}}", now.seconds(), answer.finish());
    let (ours, theirs) = (fresh_by_core(stored.expose(), now), fresh_by_oauth2(&kept, now));
    assert_eq!(ours.access.token.expose(), &theirs);

    let mut group = criterion.benchmark_group("fresh token");
    group.bench_function("core", |bencher| {
        bencher.iter(|| fresh_by_core(black_box(stored.expose()), black_box(now)));
    });
    group.bench_function("oauth2", |bencher| {
        bencher.iter(|| fresh_by_oauth2(black_box(&kept), black_box(now)));
    });
    group.finish();
}

fn fresh_by_core(stored: &str, now: Timestamp) -> Handout {
    let mut transaction = GetAccess::new(Wanted::default());
    let mut dice = SeededDice::new(1);
    let mut answer = Answer::Begin;
    while let Step::Need(effect) = transaction.step(answer, now, &mut dice) {
        assert!(matches!(effect, Effect::Load(Part::Access)));
        answer = Answer::Loaded(Record::decode(stored.as_bytes(), None).ok());
    }
    transaction.finish().unwrap()
}

fn fresh_by_oauth2(kept: &str, now: Timestamp) -> String {
    let kept: Kept = serde_json::from_str(kept).unwrap();
    let lives_until = kept.received_at + kept.answer.expires_in().unwrap().as_secs();
    assert!(lives_until > now.seconds() + MIN_TTL.as_secs());
    kept.answer.access_token().secret().clone()
}

#[derive(Debug, Serialize, Deserialize)]
struct WithIdToken {
    id_token: String,
}

impl ExtraTokenFields for WithIdToken {}

/// From the body of an answer to its tokens.
fn token_response(criterion: &mut Criterion) {
    let token = access_token();
    let body = Writer::new()
        .text("access_token", &token)
        .text("token_type", "Bearer")
        .number("expires_in", 3600)
        .text("refresh_token", "8xLOxBtZp8")
        .text("scope", "openid offline_access")
        .text("id_token", &token)
        .finish();
    let response = Response::new(200, &|_| None, body.clone().into_bytes());
    let mut group = criterion.benchmark_group("token response");
    group.bench_function("core", |bencher| {
        bencher.iter(|| token_response::parse(black_box(&response), false).unwrap());
    });
    group.bench_function("oauth2", |bencher| {
        bencher.iter(|| {
            let body = black_box(&body);
            serde_json::from_str::<StandardTokenResponse<WithIdToken, BasicTokenType>>(body).unwrap()
        });
    });
    group.finish();
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    nonce: String,
    #[expect(dead_code, reason = "read as core reads it")]
    email: Option<String>,
    #[expect(dead_code, reason = "read as core reads it")]
    name: Option<String>,
    #[expect(dead_code, reason = "read as core reads it")]
    auth_time: Option<u64>,
}

/// From the text of an ID token to who signed in; keys and expectations are there already.
fn id_token(criterion: &mut Criterion, name: &str, algorithm: Algorithm) {
    let issuer = Issuer::new(algorithm);
    let now = jsonwebtoken::get_current_timestamp();
    let header = Writer::new().text("alg", issuer.algorithm.as_str()).text("typ", "JWT").finish();
    let claims = Writer::new()
        .text("iss", ISSUER)
        .text("aud", CLIENT)
        .number("exp", now + 3600)
        .number("iat", now)
        .number("auth_time", now)
        .text("sub", "248289761001")
        .text("nonce", NONCE)
        .text("email", "janedoe@example.com")
        .text("name", "Jane Doe")
        .finish();
    let token = Secret::new(issuer.token(&header, &claims));
    let (issuer_url, client_id) = (url::Issuer::new(ISSUER).unwrap(), ClientId::new(CLIENT).unwrap());
    let (nonce, access_token) = (Secret::from(NONCE), Secret::new(access_token()));
    let expected = Expected { nonce: Some(&nonce), ..Expected::new(&issuer_url, &client_id, &access_token) };
    let text = |bytes: &[u8]| base64url::encode(bytes);
    let key = match &issuer.public {
        PublicKey::Ed25519 { x } => DecodingKey::from_ed_components(&text(x)).unwrap(),
        PublicKey::P256 { x, y } => DecodingKey::from_ec_components(&text(x), &text(y)).unwrap(),
        PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
    };
    let mut validation = Validation::new(algorithm.as_str().parse().unwrap());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[CLIENT]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);

    let mut group = criterion.benchmark_group(name);
    group.bench_function("core", |bencher| {
        bencher.iter(|| {
            let token = black_box(&token);
            let check = id_token::check(token, &issuer.jwks, issuer.algorithm).unwrap();
            let vouched = verify(check).unwrap();
            id_token::prove(token, &vouched, &expected, Timestamp::from_seconds(now)).unwrap()
        });
    });
    group.bench_function("jsonwebtoken", |bencher| {
        bencher.iter(|| {
            let claims =
                jsonwebtoken::decode::<Claims>(black_box(token.expose()), &key, &validation).unwrap().claims;
            assert_eq!(claims.nonce, NONCE);
            claims.sub
        });
    });
    group.finish();
}

#[derive(Serialize)]
struct ProofClaims<'a> {
    jti: String,
    htm: &'a str,
    htu: &'a str,
    iat: u64,
    nonce: Option<&'a str>,
}

/// From a stored key to the value of a `DPoP` header. Both read the key out of its PKCS #8 for each proof.
fn dpop_proof(criterion: &mut Criterion) {
    let now = Timestamp::from_seconds(1_800_000_000);
    let stored = StoredKey::generate();
    let PublicKey::P256 { x, y } = &stored.public else { unreachable!("an elliptic curve") };
    let endpoint = Endpoint::new(TOKEN_ENDPOINT, Field::TokenEndpoint).unwrap();
    let mut group = criterion.benchmark_group("DPoP proof");
    let mut dice = SeededDice::new(1);
    group.bench_function("core", |bencher| {
        bencher.iter(|| {
            let proof = Unsigned::new(
                &stored.public,
                "POST",
                black_box(endpoint.without_query()),
                Some(NONCE),
                None,
                now,
                &mut dice,
            )
            .unwrap();
            let signature = stored.sign(proof.signing_input());
            proof.signed(&signature).unwrap()
        });
    });
    let key = EncodingKey::from_ec_der(&stored.pkcs8);
    let jwk = Jwk {
        common: CommonParameters::default(),
        algorithm: AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve: EllipticCurve::P256,
            x: base64url::encode(x),
            y: base64url::encode(y),
        }),
    };
    group.bench_function("jsonwebtoken", |bencher| {
        bencher.iter(|| {
            let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
            header.typ = Some("dpop+jwt".to_owned());
            header.jwk = Some(jwk.clone());
            let claims = ProofClaims {
                jti: identifier(&mut dice).unwrap(),
                htm: "POST",
                htu: black_box(TOKEN_ENDPOINT),
                iat: now.seconds(),
                nonce: Some(NONCE),
            };
            jsonwebtoken::encode(&header, &claims, &key).unwrap()
        });
    });
    group.finish();
}
