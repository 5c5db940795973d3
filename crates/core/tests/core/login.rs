//! The login chain against a provider of paper: what moves it on, what ends it, what it waits out.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::{Field, Message};
use gatepass_core::form::Query;
use gatepass_core::http::Response;
use gatepass_core::json::{Writer, array};
use gatepass_core::jwk::PublicKey;
use gatepass_core::jwt::{assemble, signing_input};
use gatepass_core::kept::Kept;
use gatepass_core::name::Audience;
use gatepass_core::protocol::{authorize, discovery, jwks};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::session::grant::Unproven;
use gatepass_core::session::login::{Authorization, Exchange, Exchanged, Pending, Rejected, Start, begin};
use gatepass_core::session::record::{BoundKey, Record};
use gatepass_core::testing::SeededDice;
use gatepass_core::time::Timestamp;
use gatepass_core::url::RedirectUri;

use crate::test;

const ISSUER: &str = "https://issuer.example";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn client() -> Client {
    Client::new(ISSUER, "client", "openid offline_access", "ES256", "preferred").unwrap()
}

pub(crate) fn json(body: String) -> Response {
    Response::new(200, &|_| Some(String::from("application/json")), body.into_bytes())
}

pub(crate) fn key() -> Kept<PublicKey> {
    Kept::new(PublicKey::P256 { x: [3; 32], y: [4; 32] })
}

/// What the provider says of itself.
pub(crate) fn metadata() -> Writer {
    Writer::new()
        .text("issuer", ISSUER)
        .text("authorization_endpoint", "https://issuer.example/authorize")
        .text("token_endpoint", "https://issuer.example/token")
        .text("jwks_uri", "https://issuer.example/jwks")
        .flag("authorization_response_iss_parameter_supported", true)
        .raw("dpop_signing_alg_values_supported", "[\"ES256\"]")
}

/// The same, of a provider that takes requests from the client alone (RFC 9126 section 5).
fn wants_push() -> Writer {
    metadata()
        .text("pushed_authorization_request_endpoint", "https://issuer.example/par")
        .flag("require_pushed_authorization_requests", true)
}

fn begin_at(metadata: Writer, client: &Client) -> (Authorization, Pending) {
    begin_within(metadata, client, None)
}

fn begin_within(metadata: Writer, client: &Client, max_age: Option<Duration>) -> (Authorization, Pending) {
    let provider = discovery::parse(&json(metadata.finish()), &client.issuer).unwrap();
    let start = Start {
        redirect_uri: RedirectUri::loopback(4711, "/callback"),
        key: Some(BoundKey { public: key(), private: None }),
        prompt: None,
        login_hint: None,
        max_age,
    };
    begin(client, &provider, start, NOW, &mut SeededDice::new(3)).unwrap()
}

fn parameters(url: &str) -> Query {
    Query::parse(url.split_once('?').unwrap().1, Message::AuthorizationResponse).unwrap()
}

/// Begins a login and gives it with the parameters of its authorization request.
fn begun() -> (Query, Pending) {
    let (authorization, pending) = begin_at(metadata(), &client());
    let Authorization::Open(url) = authorization else { panic!("nothing has to be handed in") };
    (parameters(url.expose()), pending)
}

fn redirect(pending: Pending, query: &str) -> Result<Exchange, Rejected> {
    pending.redirected(authorize::parse(query).unwrap())
}

fn answer(state: &str) -> String {
    format!("code=the-code&state={state}&iss=https%3A%2F%2Fissuer.example")
}

fn claims(nonce: &str) -> Writer {
    Writer::new().text("sub", "user-1").text("nonce", nonce).number("iat", NOW.seconds())
}

/// A complete ID token of this issuer; `change` spoils it.
pub(crate) fn id_token(nonce: &str, change: impl Fn(String) -> String) -> String {
    let exp = NOW.seconds() + 300;
    let claims = claims(nonce).text("iss", ISSUER).text("aud", "client").number("exp", exp).finish();
    assemble(signing_input(r#"{"alg":"ES256","kid":"1"}"#, &change(claims)), &[9; 64])
}

fn tokens(exchange: Exchange, id_token: &str, token_type: &str) -> Result<Unproven, Error> {
    let body = Writer::new()
        .text("access_token", "access")
        .text("token_type", token_type)
        .number("expires_in", 60)
        .text("refresh_token", "refresh")
        .text("id_token", id_token)
        .finish();
    match exchange.parse(&json(body), NOW)? {
        Exchanged::Tokens(unproven) => Ok(unproven),
        Exchanged::Again(_) => panic!("no nonce was asked for"),
    }
}

/// Proves tokens by the issuer's keys, as a shell would whose verdict is yes.
pub(crate) fn prove(unproven: Unproven, now: Timestamp) -> Result<Record, Error> {
    let coordinates = [[3_u8; 32], [4; 32]].map(|bytes| Base64UrlUnpadded::encode_string(&bytes));
    let jwk = Writer::new()
        .text("kty", "EC")
        .text("crv", "P-256")
        .text("kid", "1")
        .text("x", &coordinates[0])
        .text("y", &coordinates[1])
        .finish();
    let keys =
        jwks::parse(&json(Writer::new().raw("keys", &array([jwk.as_str()].into_iter())).finish())).unwrap();
    let vouched = unproven.check(&keys)?.vouch(true)?;
    unproven.prove(&vouched, now, &mut SeededDice::new(4))
}

fn proven(id_token: &str, now: Timestamp) -> Result<Record, Error> {
    let (mut query, pending) = begun();
    let exchange = redirect(pending, &answer(query.take("state").unwrap().expose())).unwrap();
    prove(tokens(exchange, id_token, "DPoP")?, now)
}

fn nonce() -> String {
    begun().0.take("nonce").unwrap().expose().clone()
}

#[test]
fn asks_for_all_that_ties_the_answer_to_this_login() {
    let (mut query, _) = begun();
    let mut take = |name| query.take(name).unwrap_or_else(|| panic!("{name} is missing")).expose().clone();
    assert_eq!(take("redirect_uri"), "http://127.0.0.1:4711/callback");
    assert_eq!(take("code_challenge_method"), "S256");
    assert_eq!(take("dpop_jkt"), key().thumbprint());
    assert_eq!(take("prompt"), "consent", "offline access needs it");
    assert_eq!(take("scope"), "openid offline_access");
    assert_eq!([take("state"), take("nonce"), take("code_challenge")].map(|text| text.len()), [43; 3]);
}

#[test]
fn an_audience_is_named_by_one_parameter() {
    for (audience, named, other) in [
        (Audience::named("api").unwrap(), ("audience", "api"), "resource"),
        (Audience::resource("https://api.example").unwrap(), ("resource", "https://api.example"), "audience"),
    ] {
        let client = Client { audience: Some(audience), ..client() };
        let (Authorization::Open(url), _) = begin_at(metadata(), &client) else {
            panic!("nothing is pushed")
        };
        let mut query = parameters(url.expose());
        assert!(query.take(named.0) == Some(Secret::from(named.1)) && query.take(other).is_none());
    }
}

#[test]
fn who_is_asked_how_long_ago_has_to_say_so() {
    let judged = |auth_time: &str| {
        let (authorization, pending) = begin_within(metadata(), &client(), Some(Duration::from_secs(600)));
        let Authorization::Open(url) = authorization else { panic!("nothing is pushed") };
        let mut query = parameters(url.expose());
        assert!(query.take("max_age") == Some(Secret::from("600")));
        let pending = Pending::decode(pending.encode().expose().as_bytes()).unwrap();
        let exchange = redirect(pending, &answer(query.take("state").unwrap().expose())).unwrap();
        let token = id_token(&nonce(), |claims| claims.replacen('{', &format!("{{{auth_time}"), 1));
        prove(tokens(exchange, &token, "DPoP").unwrap(), NOW)
    };
    let at = |ago: u64| format!("\"auth_time\":{},", NOW.seconds() - ago);
    assert!(judged(&at(500)).is_ok());
    let wrong = Some(Error::BadClaim { claim: Field::AuthTime });
    assert_eq!((judged("").err(), judged(&at(700)).err()), (wrong, wrong));
}

#[test]
fn a_server_that_wants_the_request_first_gets_it_first() {
    let (mut direct, _) = begun();
    let (Authorization::Push(mut pushing), pending) = begin_at(wants_push(), &client()) else {
        panic!("not pushed")
    };
    let request = pushing.request().unwrap();
    assert_eq!(request.url.as_str(), "https://issuer.example/par");
    let mut pushed =
        Query::parse(request.body.as_ref().unwrap().expose(), Message::AuthorizationResponse).unwrap();
    for name in ["client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "dpop_jkt"] {
        let value = pushed.take(name);
        assert!(value.is_some() && value == direct.take(name), "{name}");
    }
    // RFC 9126 section 2.2 prints such a name.
    let name = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c";
    let body = Writer::new().text("request_uri", name).number("expires_in", 60).finish();
    let created = Response::new(201, &|_| None, body.into_bytes());
    let url = pushing.pushed(&created).unwrap();
    let mut query = parameters(url.expose());
    assert!(url.expose().starts_with("https://issuer.example/authorize?"));
    assert!(query.take("request_uri") == Some(Secret::from(name)));
    assert!(query.take("client_id") == Some(Secret::from("client")));
    assert!(query.take("state").is_none() && query.take("code_challenge").is_none(), "nothing is said twice");
    let state = pending.state().expose().clone();
    assert!(redirect(pending, &answer(&state)).is_ok());
}

#[test]
fn a_request_that_is_not_taken_opens_nothing() {
    for (status, body, error) in [
        (400, r#"{"error":"invalid_request"}"#, Error::Refused(Refusal::InvalidRequest)),
        (503, "", Error::Unreachable),
        (
            201,
            "{}",
            Error::Malformed { message: Message::PushedAuthorizationResponse, field: Field::RequestUri },
        ),
    ] {
        let (Authorization::Push(pushing), _) = begin_at(wants_push(), &client()) else {
            panic!("not pushed")
        };
        let response = Response::new(status, &|_| None, body.as_bytes().to_vec());
        assert_eq!(pushing.pushed(&response).err(), Some(error), "{status}");
    }
}

#[test]
fn a_pending_login_survives_its_store() {
    let (mut query, pending) = begun();
    let stored = pending.encode();
    let pending = Pending::decode(stored.expose().as_bytes()).unwrap();
    let exchange = redirect(pending, &answer(query.take("state").unwrap().expose())).unwrap();
    let request = exchange.request(None);
    let mut form =
        Query::parse(request.body.as_ref().unwrap().expose(), Message::AuthorizationResponse).unwrap();
    assert_eq!(form.take("code").unwrap().expose(), "the-code");
    assert_eq!(form.take("redirect_uri").unwrap().expose(), "http://127.0.0.1:4711/callback");
    assert_eq!(Pending::decode(b"{}").err(), Some(Error::StoreCorrupt));
}

#[test]
fn strangers_are_waited_out() {
    let (mut query, mut pending) = begun();
    for stranger in [
        "code=x&state=wrong&iss=https%3A%2F%2Fissuer.example",
        "error=access_denied",
        "error=access_denied&state=wrong",
        "code=x",
    ] {
        match redirect(pending, stranger) {
            Err(Rejected::Stranger(still, Error::StateMismatch)) => pending = *still,
            other => panic!("{stranger}: {other:?}"),
        }
    }
    assert!(redirect(pending, &answer(query.take("state").unwrap().expose())).is_ok());
}

#[test]
fn answers_of_our_own_can_end_a_login() {
    let ends = |rest: &str| {
        let (mut query, pending) = begun();
        let state = query.take("state").unwrap();
        match redirect(pending, &format!("state={}&{rest}", state.expose())) {
            Err(Rejected::Over(error)) => error,
            other => panic!("{rest}: {other:?}"),
        }
    };
    assert_eq!(
        ends("error=access_denied&iss=https%3A%2F%2Fissuer.example"),
        Error::Refused(Refusal::AccessDenied)
    );
    assert_eq!(ends("code=x&iss=https%3A%2F%2Fother.example"), Error::IssuerMismatch);
    assert_eq!(ends("code=x"), Error::IssuerMismatch, "the issuer promised to name itself");
}

#[test]
fn a_good_token_makes_a_session() {
    let record = proven(&id_token(&nonce(), |claims| claims), NOW).unwrap();
    assert_eq!(record.view.identity.subject.as_str(), "user-1");
    assert!(record.view.bound && record.view.refreshes);
    assert_eq!(record.access[0].expires_at, Timestamp::from_seconds(NOW.seconds() + 60));
}

#[test]
fn every_wrong_claim_has_its_own_error() {
    let wrong = |from: &str, to: &str| {
        let token = id_token(&nonce(), |claims| {
            assert!(claims.contains(from), "{from}");
            claims.replace(from, to)
        });
        proven(&token, NOW).err()
    };
    let claim = |claim| Some(Error::BadClaim { claim });
    assert_eq!(wrong("\"aud\":\"client\"", "\"aud\":\"other\""), claim(Field::Aud));
    assert_eq!(wrong("\"aud\":\"client\"", "\"aud\":[\"client\",\"other\"]"), claim(Field::Aud));
    assert_eq!(wrong("\"aud\":\"client\"", "\"aud\":\"client\",\"azp\":\"other\""), claim(Field::Azp));
    assert_eq!(wrong("\"aud\":\"client\"", "\"aud\":\"client\",\"at_hash\":\"AAAA\""), claim(Field::AtHash));
    assert_eq!(wrong(ISSUER, "https://other.example"), Some(Error::IssuerMismatch));
    assert_eq!(
        wrong("\"sub\":\"user-1\",", ""),
        Some(Error::Malformed { message: Message::IdToken, field: Field::Sub })
    );
    assert_eq!(proven(&id_token("another nonce", |claims| claims), NOW).err(), claim(Field::Nonce));
    let good = id_token(&nonce(), |claims| claims);
    assert_eq!(proven(&good, Timestamp::from_seconds(NOW.seconds() + 400)).err(), claim(Field::Exp));
    assert_eq!(proven(&good, Timestamp::from_seconds(NOW.seconds() - 400)).err(), claim(Field::Iat));
}

#[test]
fn algorithms_and_keys_are_ours_to_choose() {
    let unknown_key = Error::Malformed { message: Message::Jwks, field: Field::Kid };
    for (header, error) in [
        (r#"{"alg":"none"}"#, Error::BadSignature),
        (r#"{"alg":"HS256","kid":"1"}"#, Error::BadSignature),
        (r#"{"alg":"RS256","kid":"1"}"#, Error::BadSignature),
        (r#"{"alg":"ES256","kid":"2"}"#, unknown_key),
    ] {
        let good = id_token(&nonce(), |claims| claims);
        let mut parts = good.split('.').skip(1);
        let claims = Base64UrlUnpadded::decode_vec(parts.next().unwrap()).unwrap();
        let token = assemble(signing_input(header, std::str::from_utf8(&claims).unwrap()), &[9; 64]);
        assert_eq!(proven(&token, NOW).err(), Some(error), "{header}");
    }
    let (mut query, pending) = begun();
    let exchange = redirect(pending, &answer(query.take("state").unwrap().expose())).unwrap();
    assert_eq!(
        tokens(exchange, "x", "Bearer").err(),
        Some(Error::NotBound),
        "a bound login accepts no unbound answer"
    );
}

#[test]
fn a_verdict_counts_for_one_token_only() {
    let (mut query, pending) = begun();
    let exchange = redirect(pending, &answer(query.take("state").unwrap().expose())).unwrap();
    let unproven = tokens(exchange, &id_token(&nonce(), |claims| claims), "DPoP").unwrap();
    let other = gatepass_core::protocol::id_token::Check {
        algorithm: gatepass_core::jwk::Algorithm::Es256,
        key: key(),
        signed: b"something else".to_vec(),
        signature: Vec::new(),
    };
    assert_eq!(other.vouch(false).err(), Some(Error::BadSignature));
    let other = gatepass_core::protocol::id_token::Check {
        algorithm: gatepass_core::jwk::Algorithm::Es256,
        key: key(),
        signed: b"something else".to_vec(),
        signature: Vec::new(),
    };
    let vouched = other.vouch(true).unwrap();
    assert_eq!(unproven.prove(&vouched, NOW, &mut SeededDice::new(4)).err(), Some(Error::BadSignature));
}
