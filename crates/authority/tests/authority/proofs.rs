//! Proofs at the token endpoint and at a resource.

use gatepass_authority::DpopNonce;
use reqwest::StatusCode;
use serde_json::json;

use crate::key::Key;
use crate::world::*;

/// How many proofs are remembered.
async fn remembered(world: World) -> i64 {
    let folder = world.stop().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("gatepass.sqlite"));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let proofs = sqlx::query_scalar("SELECT count(*) FROM proof").fetch_one(&pool).await.unwrap();
    pool.close().await;
    proofs
}

#[tokio::test]
async fn a_proof_passes_once() {
    let world = World::new().await;
    let key = Key::new();
    let (first, second) = (world.code("").await, world.code("").await);
    let proof = key.prove(&world, "POST", "/oauth/token", json!({}));
    // Even a request that fails for another reason has used its proof, if there is the grant that it goes with.
    let mut wrong = redemption(&first);
    wrong[4].1 = CHALLENGE;
    world.token_with(&wrong, Some(&proof), None).await.refused("invalid_grant", "does not match");
    for code in [&first, &second] {
        let replayed = world.token_with(&redemption(code), Some(&proof), None).await;
        replayed.refused("invalid_dpop_proof", "used before");
    }
    // The same jti under another key is another proof.
    let other = Key::new();
    let mut tokens = Vec::new();
    for (key, code) in [(&key, &first), (&other, &second)] {
        let proof = key.prove(&world, "POST", "/oauth/token", json!({"jti": "the same"}));
        let answer = world.token_with(&redemption(code), Some(&proof), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        // A whole request, recorded: it neither works again nor ends what it gave.
        let again = world.token_with(&redemption(code), Some(&proof), None).await;
        again.refused("invalid_dpop_proof", "used before");
        tokens.push(answer);
    }
    let refresh = tokens[0].text("refresh_token");
    let fields =
        [("grant_type", "refresh_token"), ("client_id", "gatepass-cli"), ("refresh_token", &*refresh)];
    let proof = key.prove(&world, "POST", "/oauth/token", json!({}));
    assert_eq!(world.token_with(&fields, Some(&proof), None).await.status, StatusCode::OK);
    let again = world.token_with(&fields, Some(&proof), None).await;
    again.refused("invalid_dpop_proof", "used before");

    let access = tokens[0].text("access_token");
    let proof = key.prove(&world, "GET", "/userinfo", json!({"ath": hash(&access)}));
    assert_eq!(world.userinfo("DPoP", &access, Some(&proof)).await.status, StatusCode::OK);
    let again = world.userinfo("DPoP", &access, Some(&proof)).await;
    again.refused("invalid_dpop_proof", "used before");
    assert_eq!(remembered(world).await, 5);
}

#[tokio::test]
async fn proofs_that_go_with_nothing_are_not_remembered() {
    let world = World::new().await;
    let key = Key::new();
    let client = ("client_id", "gatepass-cli");
    for (fields, error) in [
        (vec![("grant_type", "password"), client], "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token"), client, ("refresh_token", "x")], "invalid_grant"),
        (redemption("x").to_vec(), "invalid_grant"),
        (vec![("grant_type", "refresh_token"), ("client_id", "nobody")], "invalid_client"),
    ] {
        world.token(&fields, Some(&key)).await.refused(error, "");
    }
    let proof = key.prove(&world, "GET", "/userinfo", json!({"ath": hash("x")}));
    world.userinfo("DPoP", "x", Some(&proof)).await.refused("invalid_token", "not valid");
    assert_eq!(remembered(world).await, 0);
}

#[tokio::test]
async fn bad_proofs_name_their_fault() {
    let world = World::new().await;
    let key = Key::new();
    let fields = [("grant_type", "refresh_token"), ("client_id", "gatepass-cli"), ("refresh_token", "x")];
    for (more, words) in [
        (json!({"htm": "GET"}), "`htm`"),
        (json!({"htu": "https://evil.example/oauth/token"}), "`htu`"),
        (json!({"iat": world.now() - 61}), "`iat`"),
        (json!({"iat": world.now() + 61}), "`iat`"),
    ] {
        let proof = key.prove(&world, "POST", "/oauth/token", more);
        world.token_with(&fields, Some(&proof), None).await.refused("invalid_dpop_proof", words);
    }
    world.token_with(&fields, Some("nonsense"), None).await.refused("invalid_dpop_proof", "form");
    let (one, two) = (
        key.prove(&world, "POST", "/oauth/token", json!({})),
        key.prove(&world, "POST", "/oauth/token", json!({})),
    );
    let request = plain().post(format!("{}/oauth/token", world.base)).header("dpop", one).header("DPoP", two);
    let answer = Answer::read(request.form(&fields).send().await.unwrap()).await;
    answer.refused("invalid_dpop_proof", "more than one header");
}

#[tokio::test]
async fn userinfo_by_both_schemes() {
    let world = World::new().await;
    let bearer = world.tokens(None).await["access_token"].as_str().unwrap().to_owned();
    let answer = world.userinfo("bearer", &bearer, None).await;
    let expected = json!({"sub": claims(&bearer)["sub"], "email": EMAIL, "email_verified": true});
    assert_eq!(answer.body, expected);
    let posted = plain().post(format!("{}/userinfo", world.base)).bearer_auth(&bearer).send().await.unwrap();
    assert_eq!(Answer::read(posted).await.body, expected);

    let key = Key::new();
    let bound = world.tokens(Some(&key)).await["access_token"].as_str().unwrap().to_owned();
    let prove = |key: &Key, token: &str| key.prove(&world, "GET", "/userinfo", json!({"ath": hash(token)}));
    let answer = world.userinfo("DPoP", &bound, Some(&prove(&key, &bound))).await;
    assert_eq!(answer.body["email"], EMAIL);

    for (scheme, token, proof, error, words) in [
        ("Bearer", &bound, None, "invalid_token", "dpop scheme"),
        ("DPoP", &bound, None, "invalid_dpop_proof", "no header"),
        ("DPoP", &bound, Some(prove(&Key::new(), &bound)), "invalid_token", "another key"),
        ("DPoP", &bound, Some(prove(&key, &bearer)), "invalid_dpop_proof", "`ath`"),
        ("DPoP", &bearer, Some(prove(&key, &bearer)), "invalid_token", "another key"),
    ] {
        let answer = world.userinfo(scheme, token, proof.as_deref()).await;
        answer.refused(error, words);
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with(&format!("DPoP error=\"{error}\"")), "{challenge}");
        assert!(challenge.ends_with("algs=\"ES256\""));
    }
    let nothing = Answer::read(plain().get(format!("{}/userinfo", world.base)).send().await.unwrap()).await;
    let challenges: Vec<_> = nothing.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, ["Bearer", "DPoP algs=\"ES256\""]);

    world.pass(3600);
    world.userinfo("Bearer", &bearer, None).await.refused("invalid_token", "expired");
}

#[tokio::test]
async fn foreign_tokens_open_nothing() {
    let (world, other) = (World::new().await, World::new().await);
    let token = world.tokens(None).await;
    let (access, id) = (token["access_token"].as_str().unwrap(), token["id_token"].as_str().unwrap());
    other.userinfo("Bearer", access, None).await.refused("invalid_token", "not valid");
    world.userinfo("Bearer", id, None).await.refused("invalid_token", "not valid");
    let (front, _) = access.rsplit_once('.').unwrap();
    world.userinfo("Bearer", &format!("{front}."), None).await.refused("invalid_token", "not valid");
}

#[tokio::test]
async fn nonces_where_they_are_required() {
    let world = World::with(|config| config.dpop_nonce = DpopNonce::Required).await;
    let key = Key::new();
    let code = world.code("").await;
    let refused = world.token(&redemption(&code), Some(&key)).await;
    refused.refused("use_dpop_nonce", "nonce");
    let nonce = refused.headers["dpop-nonce"].to_str().unwrap().to_owned();
    let proof = |nonce: &str| key.prove(&world, "POST", "/oauth/token", json!({"nonce": nonce}));
    world
        .token_with(&redemption(&code), Some(&proof("made up")), None)
        .await
        .refused("use_dpop_nonce", "nonce");
    let answer = world.token_with(&redemption(&code), Some(&proof(&nonce)), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.headers.contains_key("dpop-nonce"));

    let token = answer.text("access_token");
    let more = json!({"ath": hash(&token)});
    let refused = world.userinfo("DPoP", &token, Some(&key.prove(&world, "GET", "/userinfo", more))).await;
    refused.refused("use_dpop_nonce", "nonce");
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    world.pass(600);
    let refresh = answer.text("refresh_token");
    let fields =
        [("grant_type", "refresh_token"), ("client_id", "gatepass-cli"), ("refresh_token", &*refresh)];
    let stale = world.token_with(&fields, Some(&proof(&nonce)), None).await;
    stale.refused("use_dpop_nonce", "nonce");
    let fresh = stale.headers["dpop-nonce"].to_str().unwrap().to_owned();
    assert_eq!(world.token_with(&fields, Some(&proof(&fresh)), None).await.status, StatusCode::OK);
}
