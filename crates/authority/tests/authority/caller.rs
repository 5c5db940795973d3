//! A program that calls resources of the authority.

use reqwest::Method;
use serde_json::{Value, json};

use crate::key::Key;
use crate::world::*;

/// A caller with an access token, bare or bound.
pub(crate) struct Caller<'a> {
    pub(crate) world: &'a World,
    pub(crate) token: String,
    pub(crate) key: Option<&'a Key>,
}

impl<'a> Caller<'a> {
    pub(crate) async fn sign_in(world: &'a World, email: &str, key: Option<&'a Key>) -> Self {
        let tokens = world.tokens_of(email, key).await;
        Self { world, token: tokens["access_token"].as_str().unwrap().to_owned(), key }
    }

    pub(crate) fn bare(world: &'a World, token: &str) -> Self {
        Self { world, token: token.to_owned(), key: None }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let scheme = if self.key.is_some() { "DPoP" } else { "Bearer" };
        let mut request = plain()
            .request(method.clone(), format!("{}{path}", self.world.base))
            .header("authorization", format!("{scheme} {}", self.token));
        if let Some(key) = self.key {
            let proof = key.prove(self.world, method.as_str(), path, json!({"ath": hash(&self.token)}));
            request = request.header("DPoP", proof);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.unwrap()).await
    }
}

/// An authorization request of the house's page.
pub(crate) fn web_request(extra: &str) -> String {
    format!(
        "/authorize?client_id=web&redirect_uri=https%3A%2F%2Fweb.example%2Fcb&response_type=code&scope=openid%20email\
         &state=s&code_challenge={CHALLENGE}&code_challenge_method=S256{extra}"
    )
}

/// The tokens that the house's page has for this code.
pub(crate) async fn web_tokens(world: &World, location: &str, key: Option<&Key>) -> Answer {
    let code = parameter(location, "code").unwrap_or_else(|| panic!("no code: {location}"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("redirect_uri", "https://web.example/cb"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    world.token(&fields, key).await
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The tokens of a device that this person let in.
pub(crate) async fn device_tokens(world: &World, email: &str, key: &Key) -> Answer {
    let browser = Browser::new(world);
    browser.sign_in("/activate", email).await;
    let codes = device_code(world).await;
    allow_device(&browser, &codes.text("user_code")).await;
    poll_device(world, &codes, key).await
}

pub(crate) async fn device_code(world: &World) -> Answer {
    let fields = [("client_id", "gatepass-cli"), ("scope", "openid email")];
    let request = plain().post(format!("{}/oauth/device/code", world.base)).form(&fields);
    Answer::read(request.send().await.unwrap()).await
}

/// Types the code of a device and lets it in.
pub(crate) async fn allow_device(browser: &Browser, user_code: &str) {
    let page = browser.get("/activate").await;
    let question =
        browser.post("/activate", &[("csrf", &page.field("csrf")), ("user_code", user_code)]).await;
    let (csrf, ticket) = (question.field("csrf"), question.field("ticket"));
    let fields = [("csrf", csrf.as_str()), ("ticket", &ticket), ("decision", "allow")];
    assert_eq!(browser.post("/activate/decision", &fields).await.status, 200);
}

pub(crate) async fn poll_device(world: &World, codes: &Answer, key: &Key) -> Answer {
    let code = codes.text("device_code");
    let fields = [("grant_type", DEVICE), ("client_id", "gatepass-cli"), ("device_code", &code)];
    world.token(&fields, Some(key)).await
}
