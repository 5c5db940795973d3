//! Token exchange: a program lends another one less than it has, for less long than it has it, and nothing grows of it.

use gatepass_authority::OrganizationConfig;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::*;
use crate::key::Key;
use crate::world::*;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Asks for a token for another program's key, as the CLI.
async fn lend(
    world: &World,
    token: &str,
    receiver: &str,
    proof: Option<&str>,
    more: &[(&str, &str)],
) -> Answer {
    let mut fields = vec![
        ("grant_type", GRANT),
        ("client_id", "gatepass-cli"),
        ("subject_token", token),
        ("subject_token_type", TYPE),
        ("scope", "openid"),
        ("dpop_jkt", receiver),
    ];
    for (name, value) in more {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    world.token_with(&fields, proof, None).await
}

fn prove(world: &World, key: &Key) -> String {
    key.prove(world, "POST", "/oauth/token", json!({}))
}

/// The CLI, signed in and bound to its key, and a receiver.
struct Pair {
    world: World,
    key: Key,
    receiver: Key,
    tokens: Value,
}

impl Pair {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let (key, receiver) = (Key::new(), Key::new());
        let tokens = world.tokens(Some(&key)).await;
        Self { world, key, receiver, tokens }
    }

    fn token(&self) -> &str {
        self.tokens["access_token"].as_str().unwrap()
    }

    async fn lend(&self, more: &[(&str, &str)]) -> Answer {
        let proof = prove(&self.world, &self.key);
        lend(&self.world, self.token(), &self.receiver.jkt(), Some(&proof), more).await
    }
}

#[tokio::test]
async fn a_lent_token_is_short_narrow_and_of_another_key() {
    let pair = Pair::new().await;
    let world = &pair.world;
    let answer = pair.lend(&[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token = answer.text("access_token");
    let mut said = answer.body.clone();
    said.as_object_mut().unwrap().remove("access_token");
    let expected =
        json!({"issued_token_type": TYPE, "token_type": "DPoP", "expires_in": 300, "scope": "openid"});
    assert_eq!(said, expected, "no refresh token, no ID token");
    let (own, lent) = (claims(pair.token()), claims(&token));
    for same in ["iss", "sub", "aud", "client_id", "sid", "auth_time"] {
        assert_eq!(own[same], lent[same], "{same}");
    }
    assert_eq!((&lent["scope"], &lent["exp"]), (&json!("openid"), &json!(world.now() + 300)));
    assert_eq!(lent["cnf"], json!({"jkt": pair.receiver.jkt()}));
    assert_ne!(own["jti"], lent["jti"]);

    let receiver = Caller { world, token: token.clone(), key: Some(&pair.receiver) };
    let info = receiver.send(Method::GET, "/userinfo", None).await;
    assert_eq!((info.status, info.body), (StatusCode::OK, json!({"sub": own["sub"]})), "no address");
    let giver = Caller { world, token: token.clone(), key: Some(&pair.key) };
    giver.send(Method::GET, "/userinfo", None).await.refused("invalid_token", "another key");
    Caller::bare(world, &token)
        .send(Method::GET, "/userinfo", None)
        .await
        .refused("invalid_token", "dpop scheme");
    world.pass(300);
    receiver.send(Method::GET, "/userinfo", None).await.refused("invalid_token", "expired");
}

#[tokio::test]
async fn nothing_grows_of_a_lent_token() {
    let pair = Pair::new().await;
    let world = &pair.world;
    let token = pair.lend(&[("scope", "openid email")]).await.text("access_token");
    let receiver = Caller { world, token: token.clone(), key: Some(&pair.receiver) };
    for (method, path, body) in [
        (Method::GET, "/tokens", None),
        (Method::POST, "/tokens", Some(json!({"name": "lasting"}))),
        (Method::GET, "/grants", None),
        (Method::DELETE, "/grants", None),
        (Method::POST, "/session/heartbeat", None),
    ] {
        let answer = receiver.send(method.clone(), path, body).await;
        answer.refused("insufficient_scope", "");
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let proof = prove(world, &pair.receiver);
    let again = lend(world, &token, &pair.receiver.jkt(), Some(&proof), &[]).await;
    again.refused("invalid_request", "came of an exchange");
    // Nor does it end the session that it came of.
    let fields = [("client_id", "gatepass-cli"), ("token", token.as_str())];
    let revoke = plain().post(format!("{}/oauth/revoke", world.base)).form(&fields);
    let answer = Answer::read(revoke.send().await.unwrap()).await;
    answer.refused("unsupported_token_type", "came of an exchange");
    assert_eq!(pair.lend(&[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn it_ends_with_the_grant() {
    let pair = Pair::new().await;
    let world = &pair.world;
    let token = pair.lend(&[]).await.text("access_token");
    let receiver = Caller { world, token, key: Some(&pair.receiver) };
    assert_eq!(receiver.send(Method::GET, "/orgs", None).await.status, StatusCode::OK);
    let owner = Caller { world, token: pair.token().to_owned(), key: Some(&pair.key) };
    assert_eq!(owner.send(Method::DELETE, "/grants", None).await.status, StatusCode::NO_CONTENT);
    receiver.send(Method::GET, "/orgs", None).await.refused("invalid_token", "revoked");
    pair.lend(&[]).await.refused("invalid_request", "revoked");
}

#[tokio::test]
async fn it_never_outlives_what_it_came_of() {
    let pair = Pair::new().await;
    pair.world.pass(3600 - 40);
    let answer = pair.lend(&[]).await;
    assert_eq!(answer.body["expires_in"], 40, "{}", answer.body);
    let (own, lent) = (claims(pair.token()), claims(&answer.text("access_token")));
    assert_eq!(own["exp"], lent["exp"]);
    pair.world.pass(40);
    pair.lend(&[]).await.refused("invalid_request", "has expired");
}

#[tokio::test]
async fn scope_and_audience_are_within_the_lenders() {
    let audiences = vec!["https://api.example".into(), "https://files.example".into()];
    let pair = Pair::of(World::with(|config| config.audiences = audiences).await).await;
    for (more, error) in [
        ([("scope", "openid profile"), ("audience", "")], "invalid_scope"),
        ([("scope", "offline_access"), ("audience", "")], "invalid_scope"),
        ([("scope", "openid"), ("audience", "https://evil.example")], "invalid_target"),
        ([("audience", "https://api.example"), ("resource", "https://files.example")], "invalid_target"),
        ([("scope", ""), ("audience", "")], "invalid_request"),
    ] {
        pair.lend(&more).await.refused(error, "");
    }
    let same = pair.lend(&[]).await;
    assert_eq!(claims(&same.text("access_token"))["aud"], "https://api.example");
    let other = pair.lend(&[("resource", "https://files.example")]).await;
    assert_eq!(claims(&other.text("access_token"))["aud"], "https://files.example");
    // Even for a narrower token: the request says what it takes and what it gives.
    for (name, value) in [
        ("subject_token_type", ""),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ("actor_token", "x"),
        ("subject_token", ""),
        ("dpop_jkt", ""),
        ("dpop_jkt", "short"),
    ] {
        pair.lend(&[(name, value)]).await.refused("invalid_request", "");
    }
}

#[tokio::test]
async fn the_lender_proves_its_own_key_once() {
    let pair = Pair::new().await;
    let (world, jkt) = (&pair.world, pair.receiver.jkt());
    let attempt = async |proof: Option<&str>| lend(world, pair.token(), &jkt, proof, &[]).await;
    attempt(None).await.refused("invalid_dpop_proof", "no header");
    // Whoever received it cannot ask in the lender's place.
    attempt(Some(&prove(world, &pair.receiver))).await.refused("invalid_request", "key of the proof");
    let proof = prove(world, &pair.key);
    assert_eq!(attempt(Some(&proof)).await.status, StatusCode::OK);
    attempt(Some(&proof)).await.refused("invalid_dpop_proof", "used before");
    let elsewhere = pair.key.prove(world, "POST", "/tokens", json!({}));
    attempt(Some(&elsewhere)).await.refused("invalid_dpop_proof", "`htu`");
    let right = pair.key.prove(world, "POST", "/oauth/token", json!({"ath": hash(pair.token())}));
    assert_eq!(attempt(Some(&right)).await.status, StatusCode::OK);
    let wrong = pair.key.prove(world, "POST", "/oauth/token", json!({"ath": hash("another")}));
    attempt(Some(&wrong)).await.refused("invalid_dpop_proof", "`ath`");
}

#[tokio::test]
async fn only_ones_own_living_bound_access_token() {
    let pair = Pair::new().await;
    let (world, jkt) = (&pair.world, pair.receiver.jkt());
    let attempt =
        async |token: &str, key: &Key| lend(world, token, &jkt, Some(&prove(world, key)), &[]).await;
    // A bare one is bound to no key, whoever proves one.
    let bare = world.tokens(None).await;
    attempt(bare["access_token"].as_str().unwrap(), &pair.key).await.refused("invalid_request", "not bound");
    // Another client's.
    let page = Browser::new(world).sign_in(&web_request(""), EMAIL).await;
    let page = web_tokens(world, &page, Some(&pair.key)).await;
    attempt(&page.text("access_token"), &pair.key).await.refused("invalid_request", "another client");
    // A device's.
    let device = device_tokens(world, EMAIL, &pair.key).await;
    attempt(&device.text("access_token"), &pair.key).await.refused("invalid_request", "device code");
    // What is no access token.
    let owner = Caller { world, token: pair.token().to_owned(), key: Some(&pair.key) };
    let personal = owner.send(Method::POST, "/tokens", Some(json!({"name": "CI"}))).await;
    let (refresh, id) =
        (pair.tokens["refresh_token"].as_str().unwrap(), pair.tokens["id_token"].as_str().unwrap());
    for token in [&personal.text("token"), refresh, id, "x", "a.b.c"] {
        attempt(token, &pair.key).await.refused("invalid_request", "not valid");
    }
    // Another issuer's, with the same secret, the same client and the same key.
    let other = World::new().await;
    let foreign = other.tokens(Some(&pair.key)).await;
    attempt(foreign["access_token"].as_str().unwrap(), &pair.key)
        .await
        .refused("invalid_request", "not valid");
    // A page may not lend at all, if its registration does not say so.
    let fields = [
        ("grant_type", GRANT),
        ("client_id", "web"),
        ("subject_token", &page.text("access_token")),
        ("subject_token_type", TYPE),
        ("scope", "openid"),
        ("dpop_jkt", &jkt),
    ];
    world.token(&fields, Some(&pair.key)).await.refused("unauthorized_client", "");
}

#[tokio::test]
async fn a_token_of_an_issuer_that_was_renamed_is_foreign() {
    let pair = Pair::new().await;
    let (token, key) = (pair.token().to_owned(), pair.key);
    let addr = pair.world.addr();
    let world = pair.world.restart(|config| config.issuer = Some(format!("http://{addr}/other"))).await;
    let answer = lend(&world, &token, &pair.receiver.jkt(), Some(&prove(&world, &key)), &[]).await;
    answer.refused("invalid_request", "not valid");
}

#[tokio::test]
async fn membership_is_looked_up_again() {
    let acme = || {
        let members = vec![EMAIL.into()];
        OrganizationConfig { name: "Acme".into(), members, ..OrganizationConfig::default() }
    };
    let world = World::with(|config| config.organizations = vec![acme()]).await;
    let (key, receiver) = (Key::new(), Key::new());
    let first = Caller {
        world: &world,
        token: world.tokens(Some(&key)).await["access_token"].as_str().unwrap().into(),
        key: Some(&key),
    };
    let orgs = first.send(Method::GET, "/orgs", None).await;
    let id = orgs.body["organizations"][0]["id"].as_str().unwrap();
    let code = world.code(&format!("&organization={id}")).await;
    let tokens = world.token(&redemption(&code), Some(&key)).await;
    let token = tokens.text("access_token");
    let lent = lend(&world, &token, &receiver.jkt(), Some(&prove(&world, &key)), &[]).await;
    assert_eq!(claims(&lent.text("access_token"))["org_id"], id);
    let world = world.restart(|_| {}).await;
    let refused = lend(&world, &token, &receiver.jkt(), Some(&prove(&world, &key)), &[]).await;
    refused.refused("invalid_request", "no member of the organization");
    world.refresh(&tokens.text("refresh_token"), Some(&key)).await.refused("invalid_grant", "revoked");
}

#[tokio::test]
async fn metadata_names_it() {
    let world = World::new().await;
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)), "{metadata}");
}
