//! Calling an API with the session's token.

use gatepass::{Ask, Body, Error, Gatepass, Origin, Response, Secret};

use crate::issuer::{Issuer, State};
use crate::rig::Rig;

fn ask(gatepass: &Gatepass, ask: Result<Ask, Error>) -> Result<Response, Error> {
    gatepass.request(ask.unwrap()).wait().unwrap()
}

fn token(response: &Response) -> String {
    let body = serde_json::from_slice::<serde_json::Value>(response.body.expose()).unwrap();
    body["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_bound_token_comes_with_its_proof() {
    let rig = Rig::new(State { binds: true, ..State::default() });
    rig.sign_in();
    let at = |path: &str| format!("{}/api/{path}", rig.issuer.url);
    assert_eq!(ask(&rig.gatepass, Ask::get(&at("a"))).unwrap().status, 200);
    // The API wants its nonce: asked once more, and then it is known.
    rig.issuer.with(|state| state.api_nonce = Some(String::from("n1")));
    assert_eq!(ask(&rig.gatepass, Ask::get(&at("b"))).unwrap().status, 200);
    let body = Body::Json(Secret::from(r#"{"name":"x"}"#));
    assert_eq!(ask(&rig.gatepass, Ask::post(&at("c"), body)).unwrap().status, 200);
    let fields = vec![(String::from("a b"), Secret::from("c&d"))];
    assert_eq!(ask(&rig.gatepass, Ask::post(&at("d"), Body::Form(fields))).unwrap().status, 200);
    assert_eq!(ask(&rig.gatepass, Ask::delete(&at("e"))).unwrap().status, 200);
    let calls = rig.issuer.with(|state| std::mem::take(&mut state.calls));
    let calls: Vec<_> = calls.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    let expected = [
        ("GET", "/api/a", ""),
        ("GET", "/api/b", ""),
        ("GET", "/api/b", ""),
        ("POST", "/api/c", r#"{"name":"x"}"#),
        ("POST", "/api/d", "a+b=c%26d"),
        ("DELETE", "/api/e", ""),
    ];
    assert_eq!(calls, expected);
    assert_eq!(rig.issuer.with(|state| state.granted.clone()), ["authorization_code"]);
}

#[test]
fn a_token_that_is_refused_is_refreshed_once() {
    for binds in [true, false] {
        let rig = Rig::new(State { binds, ..State::default() });
        rig.sign_in();
        let url = format!("{}/api/a", rig.issuer.url);
        let first = token(&ask(&rig.gatepass, Ask::get(&url)).unwrap());
        rig.issuer.with(|state| state.ended = vec![first.clone()]);
        let second = ask(&rig.gatepass, Ask::get(&url)).unwrap();
        assert_eq!((second.status, token(&second) != first), (200, true));
        assert_eq!(rig.issuer.with(|state| state.granted.clone()), ["authorization_code", "refresh_token"]);
        // An API that refuses every token is believed.
        let all = (0..10).map(|number| format!("access-{number}")).collect();
        rig.issuer.with(|state| state.ended = all);
        assert_eq!(ask(&rig.gatepass, Ask::get(&url)).unwrap().status, 401);
        assert_eq!(rig.issuer.with(|state| state.granted.len()), 3, "one more and no more");
    }
}

#[test]
fn only_allowed_origins_get_the_token() {
    let mut rig = Rig::new(State::default());
    rig.sign_in();
    let api = Issuer::start(State::default());
    let url = format!("{}/api/a", api.url);
    assert_eq!(ask(&rig.gatepass, Ask::get(&url)).err(), Some(Error::OtherOrigin));
    assert!(api.with(|state| state.calls.is_empty()), "nothing was sent");
    rig.set(|settings| settings.api = vec![Origin::new(&api.url).unwrap()]);
    assert_eq!(ask(&rig.gatepass, Ask::get(&url)).unwrap().status, 200);
}

#[test]
fn nobody_signed_in_asks_nobody() {
    let rig = Rig::new(State::default());
    let url = format!("{}/api/a", rig.issuer.url);
    assert_eq!(ask(&rig.gatepass, Ask::get(&url)).err(), Some(Error::NotSignedIn));
    assert!(rig.issuer.with(|state| state.calls.is_empty()));
}
