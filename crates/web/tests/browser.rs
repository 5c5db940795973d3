//! The browser's own parts, in a real browser: IndexedDB, Web Locks, WebCrypto.
//!
//! `cargo test -p gatepass-web --target wasm32-unknown-unknown --test browser`
#![cfg(target_arch = "wasm32")]

use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::name::{ClientId, Scopes, Subject};
use gatepass_core::protocol::discovery;
use gatepass_core::protocol::id_token::{Check, Identity};
use gatepass_core::protocol::token_response::TokenType;
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::session::login::{self, Pending, Start};
use gatepass_core::session::record::{Access, BoundKey, Generation, Part, Record, Rest, View};
use gatepass_core::testing::SeededDice;
use gatepass_core::time::Timestamp;
use gatepass_core::url::{Endpoint, Issuer, RedirectUri};
use gatepass_web::random::BrowserDice;
use gatepass_web::store::{Outcome, Store};
use gatepass_web::{clock, lock, sign, verify};
use js_sys::{Array, JSON, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_bindgen_test::*;
use web_sys::{CryptoKey, CryptoKeyPair, SubtleCrypto};

wasm_bindgen_test_configure!(run_in_browser);

const ISSUER: &str = "https://issuer.example";

/// A database of its own for each test.
fn store() -> Store {
    let mut dice = BrowserDice;
    let name = gatepass_core::dice::identifier(&mut dice).unwrap();
    Store::new(&["test-", &name].concat())
}

fn record(generation: u64, key: Option<PublicKey>) -> Record {
    Record {
        generation: Generation::from_number(generation),
        view: View {
            issuer: Issuer::new(ISSUER).unwrap(),
            client_id: ClientId::new("dashboard").unwrap(),
            identity: Identity {
                subject: Subject::new("ada").unwrap(),
                email: Some("ada@example.com".into()),
                name: None,
                auth_time: None,
            },
            scopes: Scopes::parse("openid email").unwrap(),
            signed_in_at: Timestamp::from_seconds(1_800_000_000),
            bound: key.is_some(),
            refreshes: true,
        },
        access: Some(Access {
            token: Secret::from("access-token"),
            token_type: TokenType::Bearer,
            received_at: Timestamp::from_seconds(1_800_000_000),
            expires_at: Timestamp::from_seconds(1_800_000_600),
        }),
        rest: Some(Rest {
            refresh_token: Some(Secret::from("refresh-token")),
            key: key.map(|public| BoundKey { public, private: None }),
            token_endpoint: Endpoint::new("https://issuer.example/token", "token_endpoint").unwrap(),
            revocation_endpoint: None,
            forgives_replay: false,
            nonce: Some("nonce".into()),
            mark: None,
        }),
    }
}

fn at(generation: u64) -> Option<Generation> {
    Some(Generation::from_number(generation))
}

fn pending(begun_at: u64) -> Pending {
    let client = Client::new(ISSUER, "dashboard", "openid", "ES256", "off").unwrap();
    let metadata = br#"{"issuer":"https://issuer.example","authorization_endpoint":"https://issuer.example/authorize","token_endpoint":"https://issuer.example/token","jwks_uri":"https://issuer.example/jwks"}"#;
    let response = gatepass_core::http::Response::new(200, &|_| None, metadata.to_vec());
    let provider = discovery::parse(&response, &client.issuer).unwrap();
    let redirect_uri = RedirectUri::new("https://app.example/callback").unwrap();
    let start = Start { redirect_uri, key: None, prompt: None, login_hint: None };
    let begun_at = Timestamp::from_seconds(begun_at);
    login::begin(&client, &provider, start, begun_at, &mut SeededDice::new(begun_at.seconds())).unwrap().1
}

// ---- store

#[wasm_bindgen_test]
async fn record_comes_back_as_it_was_saved() {
    let store = store();
    assert!(store.load("s", Part::Whole).await.unwrap().is_none());
    let saved = record(7, None);
    assert_eq!(store.save("s", &saved, None, None).await, Ok(Outcome::Done));
    let (whole, key) = store.load("s", Part::Whole).await.unwrap().unwrap();
    assert!(key.is_none());
    assert_eq!(whole.view, saved.view);
    let (read, written) = (whole.encode().unwrap(), saved.encode().unwrap());
    assert!(read.access == written.access && read.rest == written.rest);
    let (seen, _) = store.load("s", Part::Access).await.unwrap().unwrap();
    assert!(seen.rest.is_none() && seen.access.is_some());
    assert!(store.load("other", Part::Access).await.unwrap().is_none());
}

#[wasm_bindgen_test]
async fn changes_compare_before_they_write() {
    let store = store();
    assert_eq!(store.save("s", &record(1, None), None, at(1)).await, Ok(Outcome::Moved));
    assert_eq!(store.save("s", &record(1, None), None, None).await, Ok(Outcome::Done));
    assert_eq!(store.save("s", &record(2, None), None, None).await, Ok(Outcome::Moved));
    assert_eq!(store.save("s", &record(2, None), None, at(9)).await, Ok(Outcome::Moved));
    assert_eq!(store.save("s", &record(2, None), None, at(1)).await, Ok(Outcome::Done));
    assert_eq!(store.erase("s", Generation::from_number(1)).await, Ok(Outcome::Moved));
    assert_eq!(
        store.load("s", Part::Access).await.unwrap().unwrap().0.generation,
        Generation::from_number(2)
    );
    assert_eq!(store.erase("s", Generation::from_number(2)).await, Ok(Outcome::Done));
    assert_eq!(store.erase("s", Generation::from_number(2)).await, Ok(Outcome::Moved));
    assert!(store.load("s", Part::Access).await.unwrap().is_none());
}

#[wasm_bindgen_test]
async fn of_many_connections_one_wins() {
    let first = store();
    assert_eq!(first.save("s", &record(1, None), None, None).await, Ok(Outcome::Done));
    let racers: Array = (0..16u64)
        .map(|number| {
            // A connection of its own, as another tab has it.
            let store = first.reopened();
            wasm_bindgen_futures::future_to_promise(async move {
                let outcome = store.save("s", &record(100 + number, None), None, at(1)).await.unwrap();
                Ok(JsValue::from_bool(outcome == Outcome::Done))
            })
        })
        .collect();
    let results: Array = JsFuture::from(Promise::all(&racers)).await.unwrap().unchecked_into();
    assert_eq!(results.iter().filter(JsValue::is_truthy).count(), 1);
    let winner = results.iter().position(|done| done.is_truthy()).unwrap() as u64;
    let (stored, _) = first.load("s", Part::Whole).await.unwrap().unwrap();
    assert_eq!(stored.generation, Generation::from_number(100 + winner));
}

#[wasm_bindgen_test]
async fn key_lies_beside_its_record_and_cannot_be_read() {
    let store = store();
    let (public, key) = sign::generate().await.unwrap();
    assert!(!key.extractable());
    assert_eq!(store.save("s", &record(1, Some(public)), Some(&key), None).await, Ok(Outcome::Done));
    let (loaded, key) = store.reopened().load("s", Part::Whole).await.unwrap().unwrap();
    let key = key.unwrap();
    assert!(!key.extractable());
    assert!(JsFuture::from(subtle().export_key("jwk", &key).unwrap()).await.is_err());
    let signature = sign::sign(&key, b"message").await.unwrap();
    assert_eq!(signature.len(), 64);
    let public = loaded.rest.unwrap().key.unwrap().public;
    let check = Check { algorithm: Algorithm::Es256, key: public, signed: b"message".to_vec(), signature };
    assert!(verify::verify(check).await.is_ok());
    // A save without a key takes the old one away.
    assert_eq!(store.save("s", &record(2, None), None, at(1)).await, Ok(Outcome::Done));
    assert!(store.load("s", Part::Whole).await.unwrap().unwrap().1.is_none());
}

#[wasm_bindgen_test]
async fn pending_login_is_given_back_once() {
    let store = store();
    let now = Timestamp::from_seconds(10_000);
    let (_, key) = sign::generate().await.unwrap();
    store.put_pending("d", &pending(10_000), Some(&key), now).await.unwrap();
    let racers: Array = (0..8)
        .map(|_| {
            let store = store.reopened();
            wasm_bindgen_futures::future_to_promise(async move {
                let taken = store.take_pending("d").await.unwrap();
                Ok(JsValue::from_bool(taken.is_some_and(|(_, key)| key.is_some())))
            })
        })
        .collect();
    let results: Array = JsFuture::from(Promise::all(&racers)).await.unwrap().unchecked_into();
    assert_eq!(results.iter().filter(JsValue::is_truthy).count(), 1);
    assert!(store.take_pending("d").await.unwrap().is_none());
}

#[wasm_bindgen_test]
async fn abandoned_logins_are_forgotten() {
    let store = store();
    let put = async |digest, begun_at, now| {
        store.put_pending(digest, &pending(begun_at), None, Timestamp::from_seconds(now)).await.unwrap();
    };
    put("old", 1_000, 1_000).await;
    put("recent", 3_000, 3_000).await;
    put("new", 4_601, 4_601).await;
    assert!(store.take_pending("old").await.unwrap().is_none());
    let (recent, _) = store.take_pending("recent").await.unwrap().unwrap();
    assert_eq!(recent.begun_at(), Timestamp::from_seconds(3_000));
    assert!(store.take_pending("new").await.unwrap().is_some());
}

#[wasm_bindgen_test]
async fn lost_connection_is_opened_again() {
    let store = store();
    assert_eq!(store.save("s", &record(1, None), None, None).await, Ok(Outcome::Done));
    // Another tab deletes the database: ours has to let go, and then starts anew.
    let factory: web_sys::IdbFactory =
        Reflect::get(&js_sys::global(), &"indexedDB".into()).unwrap().unchecked_into();
    let request = factory.delete_database(store.name()).unwrap();
    JsFuture::from(Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onblocked(Some(&reject));
    }))
    .await
    .unwrap();
    assert!(store.load("s", Part::Access).await.unwrap().is_none());
    assert_eq!(store.save("s", &record(1, None), None, None).await, Ok(Outcome::Done));
}

// ---- lock

#[wasm_bindgen_test]
async fn second_waiter_times_out_and_is_served_after_the_drop() {
    let first = lock::take("test-lock", 1_000).await.unwrap();
    assert!(lock::take("test-lock", 50).await.is_none());
    assert!(lock::take("test-other-lock", 50).await.is_some());
    drop(first);
    let second = lock::take("test-lock", 1_000).await;
    assert!(second.is_some());
    // Held longer than anybody was ready to wait: the time limit is for the waiting only.
    let third = lock::take("test-lock", 50).await;
    assert!(third.is_none());
}

#[wasm_bindgen_test]
async fn waiters_go_one_by_one() {
    let inside = std::rc::Rc::new(std::cell::Cell::new(0));
    let most = std::rc::Rc::new(std::cell::Cell::new(0));
    for _ in 0..8 {
        let (inside, most) = (inside.clone(), most.clone());
        spawn_local(async move {
            let _guard = lock::take("test-queue", 5_000).await.unwrap();
            inside.set(inside.get() + 1);
            most.set(inside.get().max(most.get()));
            JsFuture::from(Promise::resolve(&JsValue::NULL)).await.unwrap();
            inside.set(inside.get() - 1);
        });
    }
    // The ninth is served last.
    JsFuture::from(Promise::resolve(&JsValue::NULL)).await.unwrap();
    let _guard = lock::take("test-queue", 5_000).await.unwrap();
    assert_eq!((inside.get(), most.get()), (0, 1));
}

// ---- sign, verify

fn subtle() -> SubtleCrypto {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).unwrap();
    Reflect::get(&crypto, &"subtle".into()).unwrap().unchecked_into()
}

async fn rsa_signed(message: &[u8]) -> (PublicKey, Vec<u8>) {
    let algorithm: Object =
        JSON::parse(r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256","modulusLength":2048}"#)
            .unwrap()
            .unchecked_into();
    Reflect::set(&algorithm, &"publicExponent".into(), &Uint8Array::from(&[1, 0, 1][..])).unwrap();
    let usages = Array::of2(&"sign".into(), &"verify".into());
    let pair = subtle().generate_key_with_object(&algorithm, true, &usages).unwrap();
    let pair: CryptoKeyPair = JsFuture::from(pair).await.unwrap().unchecked_into();
    let public: CryptoKey = pair.get_public_key();
    let jwk = JsFuture::from(subtle().export_key("jwk", &public).unwrap()).await.unwrap();
    let json = JSON::stringify(&jwk).unwrap().as_string().unwrap();
    let key = PublicKey::read(&gatepass_core::json::Object::parse(json.as_bytes(), "jwk").unwrap());
    let signature =
        subtle().sign_with_object_and_u8_array(&algorithm, &pair.get_private_key(), message).unwrap();
    let signature = JsFuture::from(signature).await.unwrap();
    (key.unwrap().unwrap(), Uint8Array::new(&signature).to_vec())
}

#[wasm_bindgen_test]
async fn rs256_is_judged() {
    let (key, signature) = rsa_signed(b"message").await;
    let check = |signed: &[u8], signature: &[u8]| {
        verify::verify(Check {
            algorithm: Algorithm::Rs256,
            key: key.clone(),
            signed: signed.to_vec(),
            signature: signature.to_vec(),
        })
    };
    assert!(check(b"message", &signature).await.is_ok());
    assert!(check(b"massage", &signature).await.is_err());
    assert!(check(b"message", &signature[1..]).await.is_err());
    assert!(check(b"message", &[]).await.is_err());
}

#[wasm_bindgen_test]
async fn es256_is_judged() {
    let (public, key) = sign::generate().await.unwrap();
    let (other, _) = sign::generate().await.unwrap();
    let signature = sign::sign(&key, b"message").await.unwrap();
    let check = |key: &PublicKey, algorithm, signature: &[u8]| {
        verify::verify(Check {
            algorithm,
            key: key.clone(),
            signed: b"message".to_vec(),
            signature: signature.to_vec(),
        })
    };
    assert!(check(&public, Algorithm::Es256, &signature).await.is_ok());
    assert!(check(&other, Algorithm::Es256, &signature).await.is_err());
    assert!(check(&public, Algorithm::Rs256, &signature).await.is_err());
    assert!(check(&PublicKey::P256 { x: [1; 32], y: [1; 32] }, Algorithm::Es256, &signature).await.is_err());
    assert!(check(&public, Algorithm::Es256, &[0; 64]).await.is_err());
}

#[wasm_bindgen_test]
fn clock_and_dice_work() {
    assert!(clock::now() > Timestamp::from_seconds(1_700_000_000));
    let (first, second) = (
        gatepass_core::dice::token(&mut BrowserDice).unwrap(),
        gatepass_core::dice::token(&mut BrowserDice).unwrap(),
    );
    assert!(first != second);
}
