//! The device chain against a provider of paper.

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::Field;
use gatepass_core::http::Response;
use gatepass_core::json::Writer;
use gatepass_core::protocol::discovery;
use gatepass_core::session::device::{Polled, Shown, Waiting, begin};
use gatepass_core::session::record::BoundKey;
use gatepass_core::testing::SeededDice;
use gatepass_core::url::Endpoint;

use crate::login::{NOW, client, id_token, json, key, metadata, prove};
use crate::test;

fn begun() -> (Shown, Waiting) {
    let client = client();
    let provider = discovery::parse(&json(metadata().finish()), &client.issuer).unwrap();
    let endpoint = Endpoint::new("https://issuer.example/device", Field::X).unwrap();
    let key = Some(BoundKey { public: key(), private: None });
    let (request, asking) = begin(&client, &provider, &endpoint, key, &[], NOW).unwrap();
    let body = request.body.unwrap();
    assert_eq!(body.expose(), "client_id=client&scope=openid+offline_access");
    let answer = Writer::new()
        .text("device_code", "the-device-code")
        .text("user_code", "WDJB-MJHT")
        .text("verification_uri", "https://issuer.example/activate")
        .number("expires_in", 600)
        .number("interval", 5)
        .finish();
    asking.parse(&json(answer), NOW).unwrap()
}

fn refusal(code: &str, nonce: Option<&str>) -> Response {
    let nonce = nonce.map(String::from);
    let header = |name: &str| if name == "dpop-nonce" { nonce.clone() } else { None };
    Response::new(400, &header, Writer::new().text("error", code).finish().into_bytes())
}

fn tokens() -> Response {
    let body = Writer::new()
        .text("access_token", "access")
        .text("token_type", "DPoP")
        .number("expires_in", 60)
        .text("refresh_token", "refresh")
        .text("id_token", &id_token("", |claims| claims.replace(r#""nonce":"","#, "")))
        .finish();
    json(body)
}

fn again(polled: Result<Polled, Error>) -> Waiting {
    match polled {
        Ok(Polled::Again(waiting)) => waiting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_person_who_takes_their_time_gets_a_session() {
    let (shown, waiting) = begun();
    assert_eq!(shown.user_code, "WDJB-MJHT");
    let mut now = NOW.plus(waiting.wait(NOW).unwrap());
    let waiting = again(waiting.parse(Some(&refusal("authorization_pending", None)), now));
    now = now.plus(Duration::from_secs(5));
    assert_eq!(waiting.wait(now), Ok(Duration::ZERO));
    // Nobody answered: the person may still decide.
    let waiting = again(waiting.parse(None, now));
    now = now.plus(waiting.wait(now).unwrap());
    let waiting = again(waiting.parse(Some(&refusal("slow_down", None)), now));
    assert_eq!(waiting.wait(now), Ok(Duration::from_secs(10)), "slower from now on");
    let Polled::Tokens(unproven) = waiting.parse(Some(&tokens()), now).unwrap() else { panic!("no tokens") };
    let record = prove(unproven, now).unwrap();
    assert!(record.view.bound && record.view.refreshes);
    assert_eq!(record.view.identity.subject.as_str(), "user-1");
}

#[test]
fn the_wait_goes_on_in_another_process() {
    let (_, waiting) = begun();
    let stored = waiting.encode();
    let read = Waiting::decode(stored.expose().as_bytes()).unwrap();
    assert!(read.encode() == stored);
    assert_eq!(
        read.request(None).body.unwrap().expose(),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=the-device-code\
         &client_id=client"
    );
    for bad in ["", "{}", &stored.expose()[..stored.expose().len() - 1]] {
        assert_eq!(Waiting::decode(bad.as_bytes()).err(), Some(Error::StoreCorrupt));
    }
}

#[test]
fn the_nonce_of_one_answer_is_in_the_next_proof() {
    let (_, waiting) = begun();
    let waiting = again(waiting.parse(Some(&refusal("use_dpop_nonce", Some("nonce-1"))), NOW));
    assert_eq!(waiting.wait(NOW), Ok(Duration::ZERO), "at once, and once");
    let proof = waiting.proof(NOW, &mut SeededDice::new(1)).unwrap().expect("a bound login");
    let claims = String::from_utf8(proof.signing_input().to_vec()).unwrap();
    let claims = gatepass_core::base64url::decode(claims.split('.').nth(1).unwrap()).unwrap();
    assert!(String::from_utf8(claims).unwrap().contains(r#""nonce":"nonce-1""#));
    let twice = waiting.parse(Some(&refusal("use_dpop_nonce", Some("nonce-2"))), NOW);
    assert_eq!(twice.err(), Some(Error::Refused(Refusal::UseDpopNonce)));
}

#[test]
fn a_refusal_and_the_end_of_the_code_end_it() {
    for code in ["access_denied", "expired_token", "invalid_grant"] {
        let (_, waiting) = begun();
        let error = waiting.parse(Some(&refusal(code, None)), NOW).err();
        assert_eq!(error, Some(Error::Refused(Refusal::parse(code))));
    }
    let (_, waiting) = begun();
    assert_eq!(waiting.wait(NOW.plus(Duration::from_secs(600))), Err(Error::LoginExpired));
}

#[test]
fn an_unbound_answer_is_refused_here_too() {
    let (_, waiting) = begun();
    let bearer = Writer::new().text("access_token", "a").text("token_type", "Bearer").finish();
    assert_eq!(waiting.parse(Some(&json(bearer)), NOW).err(), Some(Error::NotBound));
}
