//! Grants: their owner sees all of them and ends any of them, at once and everywhere; nobody else does.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::*;
use crate::key::Key;
use crate::world::*;

const EVE: &str = "eve@example.com";
const HOUR: u64 = 3600;

impl Caller<'_> {
    async fn grants(&self) -> Vec<Value> {
        let answer = self.send(Method::GET, "/grants", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["grants"].as_array().unwrap().clone()
    }

    async fn own_grant(&self) -> String {
        let grants = self.grants().await;
        let own = grants.iter().find(|grant| grant["current"] == true).unwrap();
        own["id"].as_str().unwrap().to_owned()
    }

    async fn end(&self, id: &str) -> Answer {
        self.send(Method::DELETE, &format!("/grants/{id}"), None).await
    }

    /// Asserts that the token is good nowhere here.
    async fn is_dead(&self) {
        for (method, path) in [
            (Method::GET, "/userinfo"),
            (Method::GET, "/orgs"),
            (Method::GET, "/tokens"),
            (Method::GET, "/grants"),
            (Method::DELETE, "/grants"),
            (Method::DELETE, "/session"),
            (Method::POST, "/session/heartbeat"),
        ] {
            let answer = self.send(method.clone(), path, None).await;
            answer.refused("invalid_token", "revoked");
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_owner_sees_each_grant_newest_use_first() {
    let world = World::new().await;
    let (key, device_key) = (Key::new(), Key::new());
    let began = world.now();
    let cli = world.tokens(Some(&key)).await;
    world.pass(10);
    let web = web_tokens(&world, &Browser::new(&world).sign_in(&web_request(""), EMAIL).await, None).await;
    world.pass(10);
    device_tokens(&world, EMAIL, &device_key).await;
    world.tokens_of(EVE, None).await;
    let ada = Caller::bare(&world, &web.text("access_token"));

    let grants = ada.grants().await;
    let ways: Vec<_> = grants.iter().map(|grant| (grant["way"].as_str(), grant["type"].as_str())).collect();
    let (native, page) = (Some("native"), Some("web"));
    assert_eq!(ways, [(Some("device"), native), (Some("code"), page), (Some("code"), native)]);
    let id = grants[2]["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id, "client_id": "gatepass-cli", "client_name": "Gatepass CLI", "type": "native", "way": "code",
        "device": null, "scopes": ["openid", "email"], "audience": world.issuer, "organization_id": null,
        "bound": true, "created_at": began, "last_used_at": began, "expires_at": began + 365 * 24 * HOUR,
        "idle_expires_at": began + 30 * 24 * HOUR, "current": false,
    });
    assert_eq!(grants[2], expected);
    assert_eq!((&grants[1]["current"], &grants[1]["bound"]), (&json!(true), &json!(false)));
    assert_eq!(grants[1]["device"], "Firefox on Linux");

    // A refresh is use.
    world.pass(10);
    let refreshed = world.refresh(cli["refresh_token"].as_str().unwrap(), Some(&key)).await;
    assert_eq!(refreshed.status, StatusCode::OK);
    let grants = ada.grants().await;
    assert_eq!((&grants[0]["id"], &grants[0]["last_used_at"]), (&json!(id), &json!(world.now())));
    assert_eq!(grants[0]["created_at"], began);

    // What has ended by itself is not shown.
    world.pass(6 * HOUR);
    let cli = world.refresh(&refreshed.text("refresh_token"), Some(&key)).await;
    let cli = Caller { world: &world, token: cli.text("access_token"), key: Some(&key) };
    assert_eq!(cli.grants().await.len(), 2, "the page's session was idle for too long");
}

#[tokio::test]
async fn an_ended_grant_is_dead_everywhere_at_once() {
    let world = World::new().await;
    let key = Key::new();
    let laptop = world.tokens(Some(&key)).await;
    let refresh = laptop["refresh_token"].as_str().unwrap();
    let lost =
        Caller { world: &world, token: laptop["access_token"].as_str().unwrap().into(), key: Some(&key) };
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let answer = ada.end(&lost.own_grant().await).await;
    assert_eq!((answer.status, answer.body), (StatusCode::NO_CONTENT, json!("")));
    lost.is_dead().await;
    world.refresh(refresh, Some(&key)).await.refused("invalid_grant", "revoked");
    assert_eq!(ada.grants().await.len(), 1);
    // Nothing is left to end.
    let grants = ada.grants().await;
    let own = grants[0]["id"].as_str().unwrap();
    assert_eq!(ada.end(own).await.status, StatusCode::NO_CONTENT, "one's own too");
    ada.is_dead().await;
}

#[tokio::test]
async fn nobody_sees_or_ends_anothers_grant() {
    let world = World::new().await;
    let (ada, eve) = (Caller::sign_in(&world, EMAIL, None).await, Caller::sign_in(&world, EVE, None).await);
    let id = ada.own_grant().await;
    assert_eq!(eve.grants().await.len(), 1);
    let theirs = eve.end(&id).await;
    let none = eve.end("AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(
        (theirs.status, &theirs.body),
        (StatusCode::NOT_FOUND, &none.body),
        "they cannot be told apart"
    );
    for bad in ["x", "%00", &id[1..], &format!("{id}A"), "1%27%20OR%201%3D1"] {
        eve.end(bad).await.refused("not_found", "no grant of that id");
    }
    assert_eq!(eve.send(Method::DELETE, "/grants", None).await.status, StatusCode::NO_CONTENT);
    eve.is_dead().await;
    assert_eq!(ada.own_grant().await, id);
}

#[tokio::test]
async fn everything_ends_grants_browsers_and_what_is_on_its_way() {
    let world = World::new().await;
    let (key, device_key) = (Key::new(), Key::new());
    let browser = Browser::new(&world);
    let page = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, Some(&key)).await;
    let code = browser.get(&web_request("")).await.location();
    let device = device_code(&world).await;
    allow_device(&browser, &device.text("user_code")).await;
    let cli = Caller::sign_in(&world, EMAIL, None).await;
    let eve = Browser::new(&world);
    eve.sign_in(&web_request(""), EVE).await;

    let ada = Caller { world: &world, token: page.text("access_token"), key: Some(&key) };
    let made = ada.send(Method::POST, "/tokens", Some(json!({"name": "CI"}))).await;
    let personal = Caller::bare(&world, &made.text("token"));
    assert_eq!(personal.send(Method::GET, "/userinfo", None).await.status, StatusCode::OK);
    assert_eq!(ada.send(Method::DELETE, "/grants", None).await.status, StatusCode::NO_CONTENT);
    ada.is_dead().await;
    cli.is_dead().await;
    assert_eq!(personal.send(Method::GET, "/userinfo", None).await.status, StatusCode::UNAUTHORIZED);
    world
        .token(
            &[
                ("grant_type", "refresh_token"),
                ("client_id", "web"),
                ("refresh_token", &page.text("refresh_token")),
            ],
            Some(&key),
        )
        .await
        .refused("invalid_grant", "revoked");
    // The browser is signed out, and neither a code nor a device that it let in becomes a grant any more.
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
    web_tokens(&world, &code, None).await.refused("invalid_grant", "not known");
    poll_device(&world, &device, &device_key).await.refused("access_denied", "said no");
    // Others go on.
    assert!(parameter(&eve.get(&web_request("&prompt=none")).await.location(), "code").is_some());
}

#[tokio::test]
async fn a_page_signs_its_own_browser_out() {
    let world = World::new().await;
    let (browser, another) = (Browser::new(&world), Browser::new(&world));
    let page = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, None).await;
    let code = browser.get(&web_request("")).await.location();
    another.sign_in(&web_request(""), EMAIL).await;
    let ada = Caller::bare(&world, &page.text("access_token"));

    assert_eq!(ada.send(Method::DELETE, "/session", None).await.status, StatusCode::NO_CONTENT);
    let asked = browser.get(&web_request("&prompt=none")).await.location();
    assert_eq!(parameter(&asked, "error").as_deref(), Some("login_required"));
    web_tokens(&world, &code, None).await.refused("invalid_grant", "not known");
    // The grant is the page's to give back, and the person's other browser is none of its business.
    assert_eq!(ada.grants().await.len(), 1);
    assert!(parameter(&another.get(&web_request("&prompt=none")).await.location(), "code").is_some());
    assert_eq!(ada.send(Method::DELETE, "/session", None).await.status, StatusCode::NO_CONTENT, "once more");
}

#[tokio::test]
async fn grants_are_managed_by_sessions_of_the_house_alone() {
    let world = World::new().await;
    let key = Key::new();
    let ada = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    let id = ada.own_grant().await;
    let made = ada.send(Method::POST, "/tokens", Some(json!({"name": "CI"}))).await;
    let personal = Caller::bare(&world, &made.text("token"));
    let device = device_tokens(&world, EMAIL, &key).await;
    let device = Caller { world: &world, token: device.text("access_token"), key: Some(&key) };
    for caller in [personal, device] {
        for (method, path) in [
            (Method::GET, "/grants".to_owned()),
            (Method::DELETE, "/grants".to_owned()),
            (Method::DELETE, format!("/grants/{id}")),
        ] {
            let answer = caller.send(method.clone(), &path, None).await;
            answer.refused("insufficient_scope", "began in a browser");
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
    assert_eq!(ada.grants().await.len(), 2);
}

#[tokio::test]
async fn strangers_manage_nothing() {
    let world = World::with(|config| {
        // Its tokens are for this server: that it is not of the house is all that refuses it.
        config.clients[0].first_party = false;
        config.clients.push(gatepass_authority::ClientConfig {
            id: "elsewhere".into(),
            audiences: vec!["https://api.example".into()],
            first_party: true,
            ..web_client()
        });
    })
    .await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let browser = Browser::new(&world);
    let stranger = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, None).await;
    let stranger = Caller::bare(&world, &stranger.text("access_token"));
    let request = web_request("").replace("client_id=web", "client_id=elsewhere");
    let code = parameter(&browser.get(&request).await.location(), "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "elsewhere"),
        ("redirect_uri", "https://web.example/cb"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let elsewhere = Caller::bare(&world, &world.token(&fields, None).await.text("access_token"));
    let id = ada.own_grant().await;
    for path in ["/grants".to_owned(), "/session".to_owned(), format!("/grants/{id}")] {
        stranger.send(Method::DELETE, &path, None).await.refused("insufficient_scope", "of the house");
        elsewhere.send(Method::DELETE, &path, None).await.refused("invalid_token", "another audience");
    }
    stranger.send(Method::GET, "/grants", None).await.refused("insufficient_scope", "of the house");
    elsewhere.send(Method::GET, "/grants", None).await.refused("invalid_token", "another audience");
    let heartbeat = elsewhere.send(Method::POST, "/session/heartbeat", None).await;
    heartbeat.refused("invalid_token", "another audience");
    assert_eq!(ada.grants().await.len(), 3);
}

#[tokio::test]
async fn pages_of_registered_clients_may_ask() {
    let world = World::new().await;
    for (origin, allowed) in [("https://web.example", true), ("https://evil.example", false)] {
        let request = plain()
            .request(Method::OPTIONS, format!("{}/grants/x", world.base))
            .header("origin", origin)
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", "authorization,dpop");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let header = answer.headers().get("access-control-allow-origin");
        assert_eq!(header.is_some_and(|value| value == origin), allowed, "{origin}");
    }
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["gatepass_grants_endpoint"], format!("{}/grants", world.base));
    assert_eq!(metadata["gatepass_heartbeat_endpoint"], format!("{}/session/heartbeat", world.base));
}
