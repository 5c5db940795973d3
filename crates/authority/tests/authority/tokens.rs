//! Personal access tokens: shown once, good until removed or expired, and made by nobody who should not.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::*;
use crate::key::Key;
use crate::world::*;

const DAY: u64 = 24 * 3600;

impl Caller<'_> {
    async fn make(&self, body: Value) -> Answer {
        self.send(Method::POST, "/tokens", Some(body)).await
    }

    async fn list(&self) -> Value {
        let answer = self.send(Method::GET, "/tokens", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["tokens"].clone()
    }

    async fn remove(&self, id: &str) -> Answer {
        self.send(Method::DELETE, &format!("/tokens/{id}"), None).await
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_removed() {
    let world = World::new().await;
    let key = Key::new();
    let ada = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    let made = ada.make(json!({"name": " CI ", "expires_in": DAY})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.headers["cache-control"], "no-store");
    let (token, id) = (made.text("token"), made.text("id"));
    assert!(token.starts_with("gpp_") && token.len() == 52, "{}", token.len());
    assert_eq!(made.body["expires_at"], world.now() + DAY);

    let listed = json!([{
        "id": id, "name": "CI", "scope": "openid email",
        "created_at": world.now(), "expires_at": world.now() + DAY, "last_used_at": null,
    }]);
    assert_eq!(ada.list().await, listed, "and never the token");
    world.pass(60);
    let info = world.userinfo("Bearer", &token, None).await;
    assert_eq!((info.status, info.body["email"].as_str()), (StatusCode::OK, Some(EMAIL)));
    assert_eq!(world.resource("/orgs", "Bearer", &token, None).await.status, StatusCode::OK);
    assert_eq!(ada.list().await[0]["last_used_at"], world.now());

    let gone = ada.remove(&id).await;
    assert_eq!((gone.status, gone.body), (StatusCode::NO_CONTENT, json!("")));
    world.userinfo("Bearer", &token, None).await.refused("invalid_token", "not valid");
    ada.remove(&id).await.refused("not_found", "no token of that id");
    assert_eq!(ada.list().await, json!([]));
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let world = World::new().await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let short = ada.make(json!({"name": "short", "expires_in": 100})).await.text("token");
    let made = ada.make(json!({"name": "shipped"})).await;
    assert_eq!(made.body["expires_at"], world.now() + 90 * DAY);
    world.pass(99);
    assert_eq!(world.userinfo("Bearer", &short, None).await.status, StatusCode::OK);
    world.pass(1);
    world.userinfo("Bearer", &short, None).await.refused("invalid_token", "expired");
    assert_eq!(ada.list().await.as_array().unwrap().len(), 1, "the expired one is not shown");
    world.pass(90 * DAY);
    world.userinfo("Bearer", &made.text("token"), None).await.refused("invalid_token", "expired");
}

#[tokio::test]
async fn other_peoples_tokens_are_unknown() {
    let world = World::new().await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let eve = Caller::sign_in(&world, "eve@example.com", None).await;
    let made = ada.make(json!({"name": "mine"})).await;
    assert_eq!(eve.list().await, json!([]));
    let answer = eve.remove(&made.text("id")).await;
    answer.refused("not_found", "no token of that id");
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(world.userinfo("Bearer", &made.text("token"), None).await.status, StatusCode::OK);
    for id in ["x", "%00", "..%2f..%2fuserinfo", "1%27%20OR%201%3D1"] {
        assert_eq!(eve.remove(id).await.status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let world = World::new().await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let token = ada.make(json!({"name": "x"})).await.text("token");
    let mut changed = token.clone();
    changed.replace_range(10..11, if &token[10..11] == "A" { "B" } else { "A" });
    for wrong in [&changed[..], &token[..51], "gpp_", &format!("gpp_{}", "A".repeat(48))] {
        world.userinfo("Bearer", wrong, None).await.refused("invalid_token", "not valid");
    }
    for scheme in ["DPoP", "Basic", "token"] {
        world.userinfo(scheme, &token, None).await.refused("invalid_token", "not valid");
    }
    // It is no refresh token and no client secret either.
    world.refresh(&token, None).await.refused("invalid_grant", "not known");
}

#[tokio::test]
async fn only_applications_of_the_house_manage_tokens() {
    let world = World::with(|config| {
        // Its tokens are for this server: that it is not of the house is all that refuses it.
        config.clients.iter_mut().for_each(|client| client.audiences.clear());
    })
    .await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let made = ada.make(json!({"name": "x"})).await;
    // A personal token makes no others and removes none.
    let personal = Caller::bare(&world, &made.text("token"));
    personal.make(json!({"name": "y"})).await.refused("insufficient_scope", "application of the house");
    personal.remove(&made.text("id")).await.refused("insufficient_scope", "application of the house");
    let answer = personal.send(Method::GET, "/tokens", None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // Nor does a third party's application.
    let request = format!(
        "/authorize?client_id=partner&redirect_uri=https%3A%2F%2Fpartner.example%2Fcb&response_type=code\
         &scope=openid&state=s&nonce=n&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let location = Browser::new(&world).sign_in(&request, EMAIL).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://partner.example/cb"),
        ("code", &parameter(&location, "code").unwrap()),
        ("code_verifier", VERIFIER),
    ];
    let tokens = world.token_with(&fields, None, Some(("partner", "partner-secret"))).await;
    let partner = Caller::bare(&world, &tokens.text("access_token"));
    partner.make(json!({"name": "y"})).await.refused("insufficient_scope", "application of the house");
    assert_eq!(partner.send(Method::GET, "/tokens", None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ada.list().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bare_token_makes_none_later_or_elsewhere() {
    let world = World::new().await;
    let key = Key::new();
    let bare = Caller::sign_in(&world, EMAIL, None).await;
    let bound = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    world.pass(600);
    assert_eq!(bare.make(json!({"name": "in time"})).await.status, StatusCode::CREATED);
    world.pass(1);
    let late = bare.make(json!({"name": "late"})).await;
    late.refused("insufficient_user_authentication", "too long ago");
    let header = late.headers["www-authenticate"].to_str().unwrap();
    assert!(header.contains("max_age=\"600\""), "{header}");
    assert_eq!(bound.make(json!({"name": "proven"})).await.status, StatusCode::CREATED);
    assert_eq!(bare.list().await.as_array().unwrap().len(), 2, "looking needs no young sign-in");

    // Another resource server's token is not good for a lasting one, whoever got hold of it there.
    let world = World::with(|config| config.audiences = vec!["https://api.example".into()]).await;
    let bare = Caller::sign_in(&world, EMAIL, None).await;
    bare.make(json!({"name": "x"})).await.refused("invalid_token", "another audience");
}

/// Whatever script runs in a page has the page's key as well.
#[tokio::test]
async fn a_page_makes_none_later_whether_bound_or_not() {
    let world = World::new().await;
    for key in [None, Some(&Key::new())] {
        let browser = Browser::new(&world);
        let tokens = web_tokens(&world, &browser.sign_in(&web_request(""), EMAIL).await, key).await;
        let page = |tokens: &Answer| Caller { world: &world, token: tokens.text("access_token"), key };
        world.pass(599);
        assert_eq!(page(&tokens).make(json!({"name": "in time"})).await.status, StatusCode::CREATED);
        world.pass(2);
        // What a refresh brings, and what the browser brings in silence, is as old as the sign-in.
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "web"),
            ("refresh_token", &tokens.text("refresh_token")),
        ];
        let refreshed = world.token(&fields, key).await;
        let silent = browser.get(&web_request("&prompt=none")).await.location();
        let silent = web_tokens(&world, &silent, key).await;
        for old in [&refreshed, &silent] {
            let late = page(old).make(json!({"name": "late"})).await;
            late.refused("insufficient_user_authentication", "too long ago");
            let header = late.headers["www-authenticate"].to_str().unwrap();
            assert!(header.contains("max_age=\"600\""), "{header}");
            page(old).list().await;
        }
        // A browser that is known is asked all the same, and then it is young.
        let waiting = browser.ask(&web_request("&prompt=login"), EMAIL).await;
        assert!(waiting.has("id=\"enter-code\""), "{}", waiting.html);
        let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
        let resumed = browser.open(&link).await.location();
        let fresh = web_tokens(&world, &browser.get(&resumed).await.location(), key).await;
        assert_eq!(page(&fresh).make(json!({"name": "again"})).await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn a_bare_token_for_another_server_opens_nothing_here() {
    let audiences = vec!["https://api.example".into()];
    let world = World::with(|config| config.audiences = audiences).await;
    let key = Key::new();
    let bare = Caller::sign_in(&world, EMAIL, None).await;
    let bound = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    let made = bound.make(json!({"name": "mine"})).await.text("id");
    for path in ["/userinfo", "/orgs", "/tokens"] {
        let answer = bare.send(Method::GET, path, None).await;
        answer.refused("invalid_token", "another audience");
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        // That server cannot prove the key of a bound one.
        assert_eq!(bound.send(Method::GET, path, None).await.status, StatusCode::OK, "{path}");
    }
    bare.remove(&made).await.refused("invalid_token", "another audience");
    assert_eq!(bound.list().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wishes_are_read_strictly() {
    let world = World::new().await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    for (body, words) in [
        (json!({}), "`json`"),
        (json!({"name": 7}), "`json`"),
        (json!({"name": "x", "scope": "everything"}), "`json`"),
        (json!({"name": "x", "expires_in": "1"}), "`json`"),
        (json!({"name": "x", "expires_in": -1}), "`json`"),
        (json!({"name": "x", "expires_in": 0}), "`expires_in`"),
        (json!({"name": "x", "expires_in": 366 * DAY + 1}), "`expires_in`"),
        (json!({"name": "x", "expires_in": u64::MAX}), "`expires_in`"),
        (json!({"name": " "}), "`name`"),
        (json!({"name": "a\u{202e}b"}), "`name`"),
        (json!({"name": "x".repeat(101)}), "`name`"),
    ] {
        ada.make(body).await.refused("invalid_request", words);
    }
    let form = plain()
        .post(format!("{}/tokens", world.base))
        .header("authorization", format!("Bearer {}", ada.token))
        .form(&[("name", "x")]);
    let answer = Answer::read(form.send().await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(ada.list().await, json!([]));
}

#[tokio::test]
async fn nobody_has_more_than_a_hundred() {
    let world = World::new().await;
    let key = Key::new();
    let ada = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    for n in 0..100 {
        let life = if n == 0 { 50 } else { DAY };
        assert_eq!(
            ada.make(json!({"name": "x", "expires_in": life})).await.status,
            StatusCode::CREATED,
            "{n}"
        );
    }
    ada.make(json!({"name": "x"})).await.refused("invalid_request", "as many tokens");
    world.pass(50);
    assert_eq!(
        ada.make(json!({"name": "x"})).await.status,
        StatusCode::CREATED,
        "an ended one does not count"
    );
}

#[tokio::test]
async fn the_file_holds_no_personal_token() {
    let world = World::new().await;
    let ada = Caller::sign_in(&world, EMAIL, None).await;
    let token = ada.make(json!({"name": "the name in the file"})).await.text("token");
    drop(ada);
    let folder = world.stop().await;
    let mut file = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        file.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("the name in the file"), "this is the file in question");
    assert!(!holds(&token) && !holds(&token[4..40]));
}

#[tokio::test]
async fn proofs_hold_below_a_path() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with(|config| {
        config.listen = free;
        config.issuer = Some(format!("http://{free}/some/path/"));
    })
    .await;
    let key = Key::new();
    let ada = Caller::sign_in(&world, EMAIL, Some(&key)).await;
    let id = ada.make(json!({"name": "x"})).await.text("id");
    let path = format!("/tokens/{id}");
    let proof = key.prove(&world, "DELETE", "/tokens", json!({"ath": hash(&ada.token)}));
    let request = plain()
        .delete(format!("{}{path}", world.base))
        .header("authorization", format!("DPoP {}", ada.token))
        .header("DPoP", proof);
    let elsewhere = Answer::read(request.send().await.unwrap()).await;
    elsewhere.refused("invalid_dpop_proof", "`htu`");
    assert_eq!(ada.remove(&id).await.status, StatusCode::NO_CONTENT);
}
