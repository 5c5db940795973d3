//! The border as JavaScript meets it, in a real browser: transactions stepped by hand against scripted answers.
//!
//! `cargo test -p gatepass-web --target wasm32-unknown-unknown --test browser`; what www/shared does with it is tested
//! in tests/shell.test.mjs.
#![cfg(target_arch = "wasm32")]

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::dice::token;
use gatepass_core::json::Writer;
use gatepass_core::session::record::Generation;
use gatepass_core::testing;
use gatepass_core::time::Timestamp;
use gatepass_web::random::BrowserDice;
use gatepass_web::said;
use gatepass_web::transaction::Transaction;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const SETTINGS: &str = "issuer=https%3A%2F%2Fissuer.example&client_id=dashboard&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=openid+email&id_token_alg=ES256&dpop=required";

/// What a step gives, as far as a test looks at it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Step {
    r#do: String,
    // effects
    whole: bool,
    url: String,
    method: String,
    headers: Headers,
    body: String,
    input: String,
    digest: String,
    begun_at: u64,
    pending: String,
    alg: String,
    signed: String,
    signature: String,
    generation: Option<u64>,
    expect: Option<u64>,
    access: String,
    rest: String,
    // results
    value: String,
    proof: String,
    r#type: String,
    expires_at: u64,
    refreshed: bool,
    revoked: bool,
    subject: String,
    scope: String,
    claims: Claims,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Headers {
    accept: String,
    dpop: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claims {
    sub: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Failure {
    code: String,
    detail: Option<String>,
    #[serde(default)]
    retryable: bool,
    fault: String,
}

fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// What is told to a transaction.
#[derive(Default)]
struct Told<'a> {
    said: u8,
    text: &'a str,
    bytes: &'a [u8],
    number: Option<f64>,
}

fn said(said: u8) -> Told<'static> {
    Told { said, ..Told::default() }
}

fn sent(status: u16, body: &str) -> Told<'_> {
    Told { bytes: body.as_bytes(), number: Some(status.into()), ..said(said::SENT) }
}

fn step(transaction: &mut Transaction, told: Told<'_>) -> Result<Step, Failure> {
    let Told { said, text, bytes, number } = told;
    // As the shell says nothing.
    let number = number.unwrap_or(f64::NAN);
    let at = transaction.step(NOW as f64, said, text.into(), bytes.to_vec(), number);
    let next = transaction.said();
    assert_eq!(at, next.len() as f64 * 2_f64.powi(32) + next.as_ptr().addr() as f64);
    let step: Step = read(next);
    if step.r#do == "fail" { Err(read(next)) } else { Ok(step) }
}

fn need(transaction: &mut Transaction, told: Told<'_>, expected: &str) -> Step {
    let step = step(transaction, told).unwrap();
    assert_eq!(step.r#do, expected);
    step
}

fn failure(code: &str, fault: &str) -> Failure {
    Failure { code: code.into(), detail: None, retryable: false, fault: fault.into() }
}

/// A record in its stored form, received at `now`.
fn stored(now: u64, bound: bool) -> (String, String) {
    let record = testing::record(Timestamp::from_seconds(now), bound, Generation::from_number(7));
    let encoded = record.encode().unwrap();
    (encoded.access.expose().clone(), encoded.rest.expose().clone())
}

fn loaded(text: &str) -> Told<'_> {
    Told { text, ..said(said::LOADED) }
}

fn metadata() -> String {
    Writer::new()
        .text("issuer", ISSUER)
        .text("authorization_endpoint", "https://issuer.example/authorize")
        .text("token_endpoint", "https://issuer.example/token")
        .text("jwks_uri", "https://issuer.example/jwks")
        .raw("dpop_signing_alg_values_supported", "[\"ES256\"]")
        .finish()
}

fn parameter(url: &str, name: &str) -> String {
    let start = url.find(&format!("{name}=")).unwrap() + name.len() + 1;
    url[start..].split('&').next().unwrap().into()
}

/// A login up to the page that is left: the address and what was kept.
fn left() -> (String, Step) {
    let mut login = Transaction::new();
    let ask = need(&mut login, Told { text: SETTINGS, ..said(said::SIGN_IN) }, "send");
    assert_eq!((ask.method.as_str(), ask.headers.accept.as_str()), ("GET", "application/json"));
    assert_eq!(ask.url, "https://issuer.example/.well-known/openid-configuration");
    need(&mut login, sent(200, &metadata()), "make");
    let kept = need(&mut login, Told { bytes: &[4; 65], ..said(said::MADE) }, "keep");
    let done = need(&mut login, said(said::KEPT), "done");
    (done.url, kept)
}

fn base64url(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}

fn id_token(nonce: &str) -> String {
    let claims = Writer::new()
        .text("iss", ISSUER)
        .text("aud", "dashboard")
        .text("sub", "ada")
        .text("nonce", nonce)
        .number("iat", NOW)
        .number("exp", NOW + 60)
        .finish();
    [base64url(r#"{"alg":"ES256"}"#), base64url(&claims), base64url(&"s".repeat(64))].join(".")
}

/// A login up to the keys of the issuer.
fn exchanged() -> Transaction {
    let (url, kept) = left();
    let mut back = Transaction::new();
    let callback = format!("https://app.example/callback?code=c&state={}#f", parameter(&url, "state"));
    let take = need(&mut back, Told { text: &callback, ..said(said::CALLBACK) }, "take");
    assert_eq!(take.digest, kept.digest);
    need(&mut back, Told { text: &kept.pending, ..said(said::TAKEN) }, "sign");
    let exchange = need(&mut back, Told { bytes: &[1; 64], ..said(said::SIGNED) }, "send");
    assert!(exchange.body.contains("grant_type=authorization_code") && !exchange.headers.dpop.is_empty());
    // RFC 9449 section 8: once more, with the nonce.
    let wants_nonce = Told { text: "n1", ..sent(400, r#"{"error":"use_dpop_nonce"}"#) };
    let proof = need(&mut back, wants_nonce, "sign");
    let claims = Base64UrlUnpadded::decode_vec(proof.input.split('.').nth(1).unwrap()).unwrap();
    assert!(String::from_utf8(claims).unwrap().contains(r#""nonce":"n1""#));
    need(&mut back, Told { bytes: &[1; 64], ..said(said::SIGNED) }, "send");
    let tokens = Writer::new()
        .text("access_token", "a1")
        .text("token_type", "DPoP")
        .number("expires_in", 600)
        .text("refresh_token", "r1")
        .text("id_token", &id_token(&parameter(&url, "nonce")))
        .finish();
    assert_eq!(need(&mut back, sent(200, &tokens), "send").url, "https://issuer.example/jwks");
    back
}

/// A login up to the signature that has to be judged.
fn unproven() -> (Transaction, Step) {
    let mut back = exchanged();
    let coordinate = Base64UrlUnpadded::encode_string(&[4; 32]);
    let jwk =
        Writer::new().text("kty", "EC").text("crv", "P-256").text("x", &coordinate).text("y", &coordinate);
    let keys = Writer::new().raw("keys", &format!("[{}]", jwk.finish())).finish();
    let check = need(&mut back, sent(200, &keys), "verify");
    (back, check)
}

#[wasm_bindgen_test]
fn settings_are_read_before_anything_is_done() {
    let refused = |from: &str, to: &str| {
        let settings = SETTINGS.replace(from, to);
        step(&mut Transaction::new(), Told { text: &settings, ..said(said::SIGN_IN) }).unwrap_err()
    };
    let about = |detail: &str| Failure { detail: Some(detail.into()), ..failure("configuration", "caller") };
    assert_eq!(refused("https%3A%2F%2Fissuer.example", "http%3A%2F%2Fissuer.example"), about("issuer"));
    assert_eq!(refused("client_id=dashboard&", ""), about("client_id"));
    assert_eq!(refused("scope=openid+email", "scope=email"), about("scope"));
    assert_eq!(refused("dpop=required", "dpop=perhaps"), about("dpop"));
    assert_eq!(refused("ES256", "none"), about("id_token_signed_response_alg"));
}

#[wasm_bindgen_test]
fn login_leaves_and_is_kept() {
    let (url, kept) = left();
    assert!(url.starts_with("https://issuer.example/authorize?") && url.contains("&dpop_jkt="));
    assert_eq!(kept.begun_at, NOW);
    assert!(kept.digest.len() == 43 && kept.pending.contains(&parameter(&url, "state")));
    // A store that is searched does not give the state away.
    assert_ne!(kept.digest, parameter(&url, "state"));
}

#[wasm_bindgen_test]
fn login_comes_back_and_is_saved() {
    let (mut back, check) = unproven();
    assert_eq!(check.alg, "ES256");
    assert!(check.signed.split('.').count() == 2 && check.signature == base64url(&"s".repeat(64)));
    need(&mut back, Told { number: Some(1.0), ..said(said::JUDGED) }, "lock");
    assert!(need(&mut back, said(said::LOCKED), "load").whole);
    let save = need(&mut back, said(said::LOADED), "save");
    assert!(save.expect.is_none() && save.generation.is_some());
    assert!(save.access.contains("\"a1\"") && save.rest.contains("\"r1\""));
    need(&mut back, said(said::SAVED), "unlock");
    need(&mut back, said(said::UNLOCKED), "done");
}

#[wasm_bindgen_test]
fn login_ends_without_a_good_signature() {
    let (mut back, _) = unproven();
    let refused = step(&mut back, Told { number: Some(0.0), ..said(said::JUDGED) });
    assert_eq!(refused.unwrap_err(), failure("bad_signature", "server"));
}

#[wasm_bindgen_test]
fn keys_are_asked_for_once_more() {
    let mut back = exchanged();
    let none = sent(200, r#"{"keys":[]}"#);
    assert_eq!(need(&mut back, none, "send").url, "https://issuer.example/jwks");
    let refused = step(&mut back, sent(200, r#"{"keys":[]}"#));
    let unknown = Failure { detail: Some("kid".into()), ..failure("malformed", "server") };
    assert_eq!(refused.unwrap_err(), unknown);
}

#[wasm_bindgen_test]
fn callback_needs_its_login() {
    let arrive = |url: &str| {
        let mut back = Transaction::new();
        let first = step(&mut back, Told { text: url, ..said(said::CALLBACK) });
        (back, first)
    };
    let (mut back, take) = arrive("https://app.example/callback?code=c&state=s");
    assert_eq!(take.unwrap().r#do, "take");
    assert_eq!(step(&mut back, said(said::TAKEN)).unwrap_err(), failure("state_mismatch", "caller"));
    assert_eq!(arrive("https://app.example/callback?code=c").1.unwrap_err().code, "state_mismatch");
    assert_eq!(arrive("https://app.example/callback").1.unwrap_err().code, "malformed");

    let (url, kept) = left();
    let denied =
        format!("https://app.example/callback?error=access_denied&state={}", parameter(&url, "state"));
    let (mut back, _) = arrive(&denied);
    let refused = step(&mut back, Told { text: &kept.pending, ..said(said::TAKEN) });
    assert_eq!(refused.unwrap_err(), failure("access_denied", "server"));
}

#[wasm_bindgen_test]
fn session_is_shown_without_tokens() {
    let (access, _) = stored(NOW, true);
    let mut look = Transaction::new();
    assert!(!need(&mut look, said(said::LOOK), "load").whole);
    let session = need(&mut look, loaded(&access), "done");
    assert!(!look.said().contains("token"));
    assert_eq!(session.generation, Some(7));
    assert!(!session.subject.is_empty() && session.claims.sub == session.subject);
    assert!(session.scope.contains("openid"));

    let mut nobody = Transaction::new();
    need(&mut nobody, said(said::LOOK), "load");
    assert_eq!(need(&mut nobody, said(said::LOADED), "done").generation, None);
}

#[wasm_bindgen_test]
fn fresh_token_takes_one_look() {
    let (access, _) = stored(NOW, false);
    let mut get = Transaction::new();
    need(&mut get, said(said::ACCESS), "load");
    let token = need(&mut get, loaded(&access), "done");
    assert!(!token.value.is_empty() && !token.refreshed && token.expires_at > NOW * 1000);
    assert_eq!(token.r#type, "Bearer");
}

#[wasm_bindgen_test]
fn refresh_goes_through_lock_signature_and_store() {
    let (access, rest) = stored(NOW, true);
    let mut get = Transaction::new();
    need(&mut get, said(said::REFRESH), "load");
    need(&mut get, loaded(&access), "lock");
    assert!(need(&mut get, said(said::LOCKED), "load").whole);
    need(&mut get, loaded(&[access, rest].join("\n")), "sign");
    let request = need(&mut get, Told { bytes: &[1; 64], ..said(said::SIGNED) }, "send");
    assert!(request.method == "POST" && request.body.contains("grant_type=refresh_token"));
    let tokens = r#"{"access_token":"a2","token_type":"DPoP","expires_in":600,"refresh_token":"r2"}"#;
    let save = need(&mut get, sent(200, tokens), "save");
    assert_eq!((save.generation, save.expect), (Some(8), Some(7)));
    need(&mut get, said(said::SAVED), "unlock");
    let token = need(&mut get, said(said::UNLOCKED), "done");
    assert_eq!((token.value.as_str(), token.r#type.as_str(), token.refreshed), ("a2", "DPoP", true));
}

#[wasm_bindgen_test]
fn proof_is_made_by_the_key_of_the_session() {
    let form = "method=PATCH&url=https%3A%2F%2Fapi.example%2Fa%7Cb%3Fq%3D1%23f&token=Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU&nonce=n1";
    let (access, rest) = stored(NOW, true);
    let mut prove = Transaction::new();
    assert!(need(&mut prove, Told { text: form, ..said(said::PROVE) }, "load").whole);
    let sign = need(&mut prove, loaded(&[access, rest].join("\n")), "sign");
    let done = need(&mut prove, Told { bytes: &[1; 64], ..said(said::SIGNED) }, "done");
    let (input, signature) = done.proof.rsplit_once('.').unwrap();
    assert_eq!(
        (input, signature),
        (sign.input.as_str(), Base64UrlUnpadded::encode_string(&[1; 64]).as_str())
    );
    let claims = Base64UrlUnpadded::decode_vec(input.split('.').nth(1).unwrap()).unwrap();
    // RFC 9449 section 7.1 prints this hash of this token.
    let expected = r#","htm":"PATCH","htu":"https://api.example/a|b","iat":1800000000,"nonce":"n1","ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}"#;
    assert!(String::from_utf8(claims).unwrap().ends_with(expected));

    // Nobody is signed in, or nothing is bound to a key.
    let refused = |stored: &str| {
        let mut prove = Transaction::new();
        need(&mut prove, Told { text: form, ..said(said::PROVE) }, "load");
        step(&mut prove, loaded(stored)).unwrap_err()
    };
    assert_eq!(refused(""), failure("not_signed_in", "caller"));
    let (access, rest) = stored(NOW, false);
    assert_eq!(refused(&[access, rest].join("\n")), failure("key_lost", "machine"));
}

#[wasm_bindgen_test]
fn failures_are_plain_values() {
    let fail = |told: Told<'_>| {
        let mut get = Transaction::new();
        need(&mut get, said(said::ACCESS), "load");
        step(&mut get, told).unwrap_err()
    };
    assert_eq!(fail(said(said::LOADED)), failure("not_signed_in", "caller"));
    assert_eq!(fail(loaded("text")), failure("store_corrupt", "machine"));
    for code in ["store_unavailable", "store_corrupt", "key_lost"] {
        assert_eq!(fail(Told { text: code, ..said(said::FAILED) }), failure(code, "machine"));
    }
    assert_eq!(fail(said(u8::MAX)), failure("bug", "gatepass"));

    let mut login = Transaction::new();
    need(&mut login, Told { text: SETTINGS, ..said(said::SIGN_IN) }, "send");
    let lost = step(&mut login, said(said::LOST)).unwrap_err();
    assert_eq!(lost, Failure { retryable: true, ..failure("unreachable", "world") });
    assert_eq!(step(&mut Transaction::new(), said(u8::MAX)).unwrap_err(), failure("bug", "gatepass"));
}

#[wasm_bindgen_test]
fn signing_out_of_nothing_is_done() {
    let mut out = Transaction::new();
    need(&mut out, said(said::SIGN_OUT), "lock");
    need(&mut out, said(said::LATE), "load");
    assert!(need(&mut out, said(said::LOADED), "done").revoked);
}

#[wasm_bindgen_test]
fn dice_fall_differently() {
    assert!(token(&mut BrowserDice).unwrap() != token(&mut BrowserDice).unwrap());
}

#[wasm_bindgen_test]
fn the_shell_says_the_same_numbers() {
    const SHELL: &str = include_str!("../../../www/shared/said.js");
    let said = SHELL.lines().filter_map(|line| line.strip_prefix("export const ")?.strip_suffix(';'));
    let ours = said::ALL.iter().map(|(name, number)| format!("{name} = {number}"));
    assert_eq!(said.collect::<Vec<_>>(), ours.collect::<Vec<_>>());
}
