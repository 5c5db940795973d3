//! The parsers of what others wrote.

use alloc::string::String;
use core::net::Ipv6Addr;
use core::time::Duration;

use super::Choices;
use crate::base64url;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::{Form, Query};
use crate::http::{MAX_BODY, Response};
use crate::json::{Object, Writer};
use crate::jwk::{Algorithm, PublicKey};
use crate::jwt::{Compact, assemble, signing_input};
use crate::name::ClientId;
use crate::protocol::authorize::{self, Callback};
use crate::protocol::device::{self, Polled, Polling};
use crate::protocol::id_token::Expected;
use crate::protocol::jwks::Jwks;
use crate::protocol::token_response::TokenType;
use crate::protocol::{discovery, id_token, jwks, token_response};
use crate::secret::Secret;
use crate::session::client::Client;
use crate::session::device::Waiting;
use crate::session::login::{Pending, Rejected, Start, begin};
use crate::session::record::{Access, Record};
use crate::testing::SeededDice;
use crate::time::{LEEWAY, Timestamp};
use crate::url::{Endpoint, Issuer, Parts, RedirectUri};

pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

// An error is one word without a pointer: there is no place in it for anything that was read.
const _: () = assert!(size_of::<Error>() == 4);

pub(super) fn answer(bytes: &[u8]) -> Response {
    let mut choices = Choices::new(bytes);
    // Mostly a success: there is more to read in it.
    let status = match choices.byte() {
        b'4' => 400,
        b'5' => 503,
        b'3' => 302,
        b'1' => 401,
        _ => 200,
    };
    Response::new(status, &|_| None, choices.0.to_vec())
}

/// What any reader of an answer may say.
pub(super) fn blames(error: Error, response: &Response, message: Message) {
    match error {
        Error::Unreachable => assert!(response.is_transient(), "a clear answer counts as none"),
        Error::Malformed { message: blamed, .. } => assert_eq!(blamed, message, "another message is blamed"),
        Error::Refused(_) => assert!(!response.is_transient(), "what says nothing counts as a refusal"),
        other => panic!("{message} does not fail like this: {other:?}"),
    }
}

fn metadata() -> Response {
    let text = Writer::new()
        .text("issuer", ISSUER)
        .text("authorization_endpoint", "https://issuer.example/authorize")
        .text("token_endpoint", "https://issuer.example/token")
        .text("jwks_uri", "https://issuer.example/jwks")
        .finish();
    Response::new(200, &|_| None, text.into_bytes())
}

fn login() -> Pending {
    let client = Client::new(ISSUER, "client", "openid", "ES256", "off").expect("good settings");
    let provider = discovery::parse(&metadata(), &client.issuer).expect("good metadata");
    let start = Start {
        redirect_uri: RedirectUri::loopback(4711, "/callback"),
        key: None,
        prompt: None,
        login_hint: None,
        max_age: None,
    };
    begin(&client, &provider, start, NOW, &mut SeededDice::new(3)).expect("a login").1
}

/// The query of a redirect: what is accepted says the same when it is written again, and nothing of it counts before
/// its state does.
pub fn callback(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let pending = login();
    let stored = pending.encode();
    let query = text.replace("STATE", pending.state().expose());
    let callback = match authorize::parse(&query) {
        Ok(callback) => callback,
        Err(error) => {
            let known = matches!(error, Error::Malformed { message: Message::AuthorizationResponse, .. });
            return assert!(known, "{error:?}");
        }
    };
    let again = authorize::parse(written(&callback).expose()).expect("what was written is read");
    assert!(again.state == callback.state && again.iss == callback.iss && again.result == callback.result);
    let ours = callback.state.as_ref() == Some(pending.state());
    let code = callback.result.as_ref().ok().map(Secret::duplicate);
    match pending.redirected(callback) {
        Err(Rejected::Stranger(still, error)) => {
            assert!(!ours && error == Error::StateMismatch, "{error:?}");
            assert!(still.encode() == stored, "a stranger changed the login");
        }
        Err(Rejected::Over(error)) => {
            assert!(ours && matches!(error, Error::IssuerMismatch | Error::Refused(_)), "{error:?}");
        }
        Ok(exchange) => {
            let body = exchange.request(None).body.expect("a form");
            let mut form = Query::parse(body.expose(), Message::TokenResponse);
            let sent = form.as_mut().ok().and_then(|form| form.take("code"));
            // A code near the limit of a query outgrows it when it is escaped; nobody reads such a form here.
            assert!(ours && code.is_some() && (sent == code || form.is_err()), "another code is sent");
        }
    }
}

fn written(callback: &Callback) -> Secret {
    let (code, error) = match &callback.result {
        Ok(code) => (Some(code.expose().as_str()), None),
        Err(refusal) => (None, Some(refusal.code())),
    };
    Form::new()
        .with_some("code", code)
        .with_some("error", error)
        .with_some("state", callback.state.as_ref().map(|state| state.expose().as_str()))
        .with_some("iss", callback.iss.as_deref())
        .finish()
}

/// The answer of a token endpoint: a success is one by status, is bound as the request was, lives for a while that can
/// be added up, and says the same when it is written again.
pub fn token_response(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let bound = first & 1 != 0;
    let response = answer(rest);
    let tokens = match token_response::parse(&response, bound) {
        Ok(tokens) => tokens,
        Err(Error::NotBound) => return assert!(bound && response.status == 200),
        Err(error) => return blames(error, &response, Message::TokenResponse),
    };
    assert_eq!((response.status, tokens.token_type == TokenType::Dpop), (200, bound));
    assert!(tokens.expires_in.as_secs() <= 10 * 365 * 24 * 3600);
    let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().clone());
    let document = Writer::new()
        .text("access_token", tokens.access_token.expose())
        .text("token_type", tokens.token_type.as_str())
        .number("expires_in", tokens.expires_in.as_secs())
        .some("refresh_token", text(&tokens.refresh_token).as_deref())
        .some("id_token", text(&tokens.id_token).as_deref())
        .some("scope", tokens.scope.as_ref().map(|scope| scope.as_str()))
        .finish();
    // Escaping can make a document at the limit too long for it.
    if document.len() > MAX_BODY {
        return;
    }
    let response = Response::new(200, &|_| None, document.into_bytes());
    let again = token_response::parse(&response, bound).expect("what was written is read");
    assert!(again.access_token == tokens.access_token && !tokens.access_token.expose().is_empty());
    assert!(again.refresh_token == tokens.refresh_token && again.id_token == tokens.id_token);
    assert!(again.expires_in == tokens.expires_in && again.scope == tokens.scope);
}

pub(super) fn keys() -> Jwks {
    let curve = PublicKey::P256 { x: [3; 32], y: [4; 32] }.to_json();
    let modulus = PublicKey::Rsa { n: [0xc5; 256].to_vec(), e: [1, 0, 1].to_vec() }.to_json();
    let named = |key: &str| key.replacen('{', r#"{"kid":"1","#, 1);
    let set = [r#"{"keys":["#, &named(&curve), ",", &named(&modulus), "]}"].concat();
    jwks::parse(&Response::new(200, &|_| None, set.into_bytes())).expect("a key set")
}

/// An ID token, as it comes or as a header and claims on a line each: what is proven names this issuer, client and
/// login, is in time, and is proven by no other token's signature.
pub fn id_token(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(text) = core::str::from_utf8(rest) else { return };
    let algorithm = if first & 1 == 0 { Algorithm::Es256 } else { Algorithm::Rs256 };
    let nonce = Secret::from("the-nonce-of-this-login");
    let text = text.replace("NONCE", nonce.expose());
    let token = Secret::new(match text.split_once('\n') {
        Some((header, claims)) => assemble(signing_input(header, claims), &[9; 64]),
        None => text,
    });
    let fails = |error| {
        let known = matches!(
            error,
            Error::Malformed { message: Message::IdToken, .. }
                | Error::Malformed { message: Message::Jwks, field: Field::Kid }
                | Error::BadClaim { .. }
                | Error::BadSignature
                | Error::IssuerMismatch
        );
        assert!(known, "{error:?}");
    };
    let check = match id_token::check(&token, &keys(), algorithm) {
        Ok(check) => check,
        Err(error) => return fails(error),
    };
    assert!(check.algorithm == algorithm && check.key.fits(algorithm));
    assert!(token.expose().as_bytes().starts_with(&check.signed), "something else is signed");
    let vouched = check.vouch(true).expect("a good signature");
    let issuer = Issuer::new(ISSUER).expect("an issuer");
    let client_id = ClientId::new("client").expect("a name");
    let access_token = Secret::from("access");
    let expected = Expected { nonce: Some(&nonce), ..Expected::new(&issuer, &client_id, &access_token) };
    let identity = match id_token::prove(&token, &vouched, &expected, NOW) {
        Ok(identity) => identity,
        Err(error) => return fails(error),
    };
    let parts = Compact::split(token.expose(), Message::IdToken).expect("it was taken apart before");
    let claims = &parts.claims;
    assert_eq!(claims.text(Field::Iss), Ok(Some(ISSUER)));
    assert!(claims.text_or_texts(Field::Aud).is_ok_and(|audiences| audiences.contains(&"client")));
    assert!(claims.secret(Field::Nonce).is_ok_and(|found| found.as_ref() == Some(&nonce)));
    let moment = |field| claims.seconds(field).ok().flatten().map(Timestamp::from_seconds);
    assert!(moment(Field::Exp).is_some_and(|exp| exp.plus(LEEWAY) > NOW));
    assert!(moment(Field::Iat).is_some_and(|iat| iat <= NOW.plus(LEEWAY)));
    assert!(!parts.header.has(Field::Crit) && !parts.header.has(Field::Jwk));
    for shown in identity.email.iter().chain(&identity.name) {
        assert!(!shown.chars().any(char::is_control), "what is shown could steer a terminal");
    }
    assert_eq!(id_token::unchanged(&token, &issuer, &client_id, &identity.subject), Ok(()));
    // The same verdict about other bytes is worth nothing.
    let header = base64url::encode(br#"{"alg":"ES256", "typ":"JWT"}"#);
    let claims = token.expose().split_once('.').map_or("", |(_, claims)| claims);
    let other = Secret::new([header.as_str(), ".", claims].concat());
    let moved = id_token::prove(&other, &vouched, &expected, NOW);
    assert!(other == token || moved == Err(Error::BadSignature), "a signature was moved");
}

/// Metadata: the issuer is the configured one, and every address is one that tokens may be sent to.
pub fn discovery(bytes: &[u8]) {
    let response = answer(bytes);
    let issuer = Issuer::new(ISSUER).expect("an issuer");
    let provider = match discovery::parse(&response, &issuer) {
        Ok(provider) => provider,
        Err(Error::IssuerMismatch | Error::Unsupported { .. }) => return assert_eq!(response.status, 200),
        Err(error) => return blames(error, &response, Message::Discovery),
    };
    assert!(response.status == 200 && provider.issuer == issuer);
    let endpoints = [&provider.authorization_endpoint, &provider.token_endpoint, &provider.jwks_uri];
    for endpoint in endpoints.into_iter().chain(provider.revocation_endpoint.as_ref()) {
        let parts = Parts::split(endpoint.as_str(), Field::X).expect("an address");
        assert!(parts.secure || parts.on_this_machine(), "tokens would travel in the open");
    }
}

/// A device authorization, and then answers to its polls, on a line each: what is shown steers no terminal, every
/// address is one that may be opened, and polling ends in the lifetime of the code.
pub fn device_response(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let response = answer(lines.next().unwrap_or_default());
    let shown = match device::parse(&response, NOW) {
        Ok(shown) => shown,
        Err(Error::LoginExpired) => return assert_eq!(response.status, 200),
        Err(error) => return blames(error, &response, Message::DeviceAuthorization),
    };
    assert!(!shown.user_code.is_empty() && !shown.user_code.chars().any(char::is_control));
    for uri in [Some(&shown.verification_uri), shown.verification_uri_complete.as_ref()].into_iter().flatten()
    {
        assert!(Parts::split(uri.as_str(), Field::X).is_ok(), "an address that could be taken for another");
    }
    let mut polling = shown.polling;
    let end = polling.expires_at();
    assert!(end > NOW && end <= NOW.plus(Duration::from_secs(3600)));
    let mut now = NOW;
    for line in lines {
        let Ok(wait) = polling.wait(now) else { return assert!(now >= end) };
        now = now.plus(wait);
        let written = polling.write(Writer::new()).finish();
        let object = Object::parse(written.as_bytes(), Message::PendingLogin).expect("what was written");
        let read = Polling::read(&object).expect("what was written is read");
        let lost = line.is_empty();
        let response = answer(line);
        polling = match read.answered((!lost).then_some(&response), false, now) {
            Polled::Again(again) => again,
            Polled::Tokens(_) => return assert!(matches!(response.status, 200 | 201)),
            Polled::Over(error) => return assert!(lost || error != Error::Unreachable, "{error:?}"),
        };
        assert!(polling.wait(now).is_ok() && polling.expires_at() == end, "the wait outlives the code");
    }
}

/// A key set: a key that is found is of the kind that was asked for, and says the same when it is written again.
pub fn jwks(bytes: &[u8]) {
    let response = answer(bytes);
    let keys = match jwks::parse(&response) {
        Ok(keys) => keys,
        Err(error) => return blames(error, &response, Message::Jwks),
    };
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        for kid in [None, Some("1"), Some("")] {
            let Ok(key) = keys.find(kid, algorithm) else { continue };
            assert!(key.fits(algorithm));
            let text = key.to_json();
            let again = Object::parse(text.as_bytes(), Message::Jwks).and_then(|jwk| PublicKey::read(&jwk));
            assert!(text.len() > MAX_BODY || again.as_ref() == Ok(&Some(key.clone())), "another key");
        }
    }
}

/// What a store gives back, both parts of a record on a line each, or a login that waits: nothing is guessed, and what
/// is read is written as it was read.
pub fn record(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (access, rest) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let corrupt = |error: Error| assert_eq!(error, Error::StoreCorrupt);
    match Record::decode(access, Some(rest)) {
        Err(error) => corrupt(error),
        Ok(record) => {
            let first = record.encode().expect("a whole record");
            let again =
                Record::decode(first.access.expose().as_bytes(), Some(first.rest.expose().as_bytes()));
            if first.access.expose().len().max(first.rest.expose().len()) <= MAX_BODY {
                let again = again.expect("what was written is read");
                assert_eq!(again.access.len(), record.access.len(), "a token is lost");
                let second = again.encode().expect("a whole record");
                assert!(second.access == first.access && second.rest == first.rest);
            }
            assert!(Record::decode(access, None).is_ok_and(|glance| glance.rest.is_none()));
            replaced(record);
        }
    }
    stored(bytes, Pending::decode, Pending::encode);
    stored(bytes, Waiting::decode, Waiting::encode);
}

/// A login that waits is written as it was read.
fn stored<T>(bytes: &[u8], decode: fn(&[u8]) -> Result<T, Error>, encode: fn(&T) -> Secret) {
    let login = match decode(bytes) {
        Ok(login) => login,
        Err(error) => return assert_eq!(error, Error::StoreCorrupt),
    };
    let first = encode(&login);
    if first.expose().len() <= MAX_BODY {
        let second = decode(first.expose().as_bytes()).expect("what was written is read");
        assert!(encode(&second) == first);
    }
}

/// A new token takes the place of every one for its purpose, and there are never more than a few.
fn replaced(mut record: Record) {
    let Some(last) = record.access.last().map(Access::duplicate) else { return };
    let (purpose, token) = (last.purpose.clone(), last.token.duplicate());
    record.put(last, NOW);
    assert_eq!(record.access.iter().filter(|access| access.purpose == purpose).count(), 1);
    assert!(record.find(&purpose).is_some_and(|found| found.token == token));
    assert!(record.access.len() <= 16, "more and more tokens");
}

/// The JSON reader beside another one, which accepts, refuses or does not know (numbers that are too large for it).
pub fn json(bytes: &[u8], accepts: &dyn Fn(&[u8]) -> Option<bool>) {
    match Object::parse(bytes, Message::Record) {
        Ok(_) => assert!(accepts(bytes) != Some(false) && bytes.len() <= MAX_BODY, "two readers differ"),
        Err(Error::Malformed { message: Message::Record, field }) => {
            let rules = [Field::Size, Field::Depth, Field::RepeatedKey, Field::Encoding];
            // What breaks no rule of our own is broken for everybody, or no object.
            let object = bytes.trim_ascii_start().starts_with(b"{");
            assert!(
                rules.contains(&field) || !object || accepts(bytes) != Some(true),
                "two readers differ: {field}"
            );
        }
        Err(error) => panic!("the reader does not fail like this: {error:?}"),
    }
}

/// The grammar of addresses beside another reader, which says host and port: what both accept leads to the same place.
pub fn url(bytes: &[u8], see: &dyn Fn(&str) -> Option<(String, u16)>) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let parts = Parts::split(text, Field::X);
    let accepted = parts.is_ok();
    assert_eq!(Endpoint::new(text, Field::X).is_ok(), accepted);
    // A redirect URI is stricter: it goes through programs that are not ours.
    assert!(accepted || RedirectUri::new(text).is_err());
    assert!(accepted || Issuer::new(text).is_err(), "an issuer is an address");
    let Ok(parts) = parts else { return };
    assert!(text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(parts.secure || parts.on_this_machine(), "tokens would travel in the open");
    assert!(!parts.host.contains(['@', '/', '\\', '%']), "a host with more in it");
    assert!(text.ends_with(parts.path) && text.contains(parts.host));
    let Some((host, port)) = see(text) else { return };
    let number = |host: &str| host.trim_matches(['[', ']']).parse::<Ipv6Addr>().ok();
    let same = host == parts.host || (number(&host).is_some() && number(&host) == number(parts.host));
    assert!(same, "two readers go to different hosts: {host}");
    assert_eq!(port, parts.port.unwrap_or(if parts.secure { 443 } else { 80 }), "and to different ports");
}
