//! The heartbeat: use keeps a session from ending of idleness, and from nothing else.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::caller::*;
use crate::key::Key;
use crate::world::*;

const HOUR: u64 = 3600;

impl Caller<'_> {
    async fn beat(&self) -> Answer {
        self.send(Method::POST, "/session/heartbeat", None).await
    }
}

async fn refresh(world: &World, tokens: &Answer) -> Answer {
    let token = tokens.text("refresh_token");
    world
        .token(&[("grant_type", "refresh_token"), ("client_id", "web"), ("refresh_token", &token)], None)
        .await
}

/// Access tokens of a day, so that beats alone keep the session.
async fn world_of_long_tokens() -> World {
    World::with(|config| config.clients[0].access_token_seconds = Some(24 * HOUR)).await
}

#[tokio::test]
async fn use_keeps_a_session_up_to_its_absolute_end() {
    let world = world_of_long_tokens().await;
    let began = world.now();
    let browser = Browser::new(&world);
    let tokens = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, None).await;
    let page = Caller::bare(&world, &tokens.text("access_token"));
    world.pass(5 * HOUR);
    let beat = page.beat().await;
    assert_eq!(beat.status, StatusCode::OK, "{}", beat.body);
    assert_eq!(beat.headers["cache-control"], "no-store");
    assert_eq!(beat.body, json!({"expires_at": began + 12 * HOUR, "idle_expires_at": began + 11 * HOUR}));
    // Past the idle time of a session that nobody had used.
    world.pass(5 * HOUR);
    let beat = page.beat().await;
    assert_eq!(beat.body, json!({"expires_at": began + 12 * HOUR, "idle_expires_at": began + 12 * HOUR}));
    assert!(
        parameter(&browser.get(&web_request("&prompt=none")).await.location(), "code").is_some(),
        "the browser's session was in use too"
    );
    world.pass(2 * HOUR - 1);
    assert_eq!(page.beat().await.body["idle_expires_at"], began + 12 * HOUR);
    assert_eq!(page.send(Method::GET, "/userinfo", None).await.status, StatusCode::OK);
    world.pass(1);
    // The token itself would live for half a day more.
    page.send(Method::GET, "/userinfo", None).await.refused("invalid_token", "revoked");
    let late = page.beat().await;
    late.refused("invalid_token", "");
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    refresh(&world, &tokens).await.refused("invalid_grant", "expired");
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn an_idle_session_is_not_woken() {
    let world = world_of_long_tokens().await;
    let browser = Browser::new(&world);
    let tokens = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, None).await;
    let page = Caller::bare(&world, &tokens.text("access_token"));
    world.pass(6 * HOUR);
    let beat = page.beat().await;
    beat.refused("invalid_token", "revoked");
    assert_eq!(beat.status, StatusCode::UNAUTHORIZED);
    refresh(&world, &tokens).await.refused("invalid_grant", "expired");
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_browser_that_signed_out_stays_so() {
    let world = world_of_long_tokens().await;
    let browser = Browser::new(&world);
    let tokens = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, None).await;
    let page = Caller::bare(&world, &tokens.text("access_token"));
    let csrf = browser.get("/logout").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(page.beat().await.status, StatusCode::OK, "the page's own session goes on");
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_program_does_not_keep_the_browser_signed_in() {
    let world = World::new().await;
    let (key, browser) = (Key::new(), Browser::new(&world));
    let code = parameter(&browser.sign_in(&cli_request(""), EMAIL).await, "code").unwrap();
    let mut tokens = world.token(&redemption(&code), Some(&key)).await;
    for _ in 0..6 {
        world.pass(HOUR);
        tokens = world.refresh(&tokens.text("refresh_token"), Some(&key)).await;
        let cli = Caller { world: &world, token: tokens.text("access_token"), key: Some(&key) };
        let beat = cli.beat().await;
        assert_eq!(beat.body["idle_expires_at"], world.now() + 30 * 24 * HOUR, "{}", beat.body);
    }
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
}

/// Whatever it says, nobody may be there.
#[tokio::test]
async fn another_companys_server_does_not_keep_the_browser_signed_in() {
    let world = World::with(|config| {
        config.clients[1].access_token_seconds = Some(24 * HOUR);
        config.clients[1].audiences.clear();
    })
    .await;
    let browser = Browser::new(&world);
    let request = web_request("").replace("web", "partner");
    let location = browser.sign_in(&request, EMAIL).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://partner.example/cb"),
        ("code", &parameter(&location, "code").unwrap()),
        ("code_verifier", VERIFIER),
    ];
    let tokens = world.token_with(&fields, None, Some(("partner", "partner-secret"))).await;
    let server = Caller::bare(&world, &tokens.text("access_token"));
    for _ in 0..2 {
        world.pass(3 * HOUR);
        assert_eq!(server.beat().await.status, StatusCode::OK, "its own session goes on");
    }
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn what_has_no_session_or_no_proof_has_no_heartbeat() {
    let world = World::new().await;
    let (key, other) = (Key::new(), Key::new());
    let ada = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    let made = ada.send(Method::POST, "/tokens", Some(json!({"name": "CI"}))).await;
    let beat = Caller::bare(&world, &made.text("token")).beat().await;
    beat.refused("insufficient_scope", "session's own access token");
    assert_eq!(beat.status, StatusCode::FORBIDDEN);
    let stolen = Caller { world: &world, token: ada.token.clone(), key: Some(&other) };
    assert_eq!(stolen.beat().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::bare(&world, &ada.token).beat().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.beat().await.status, StatusCode::OK);
}
