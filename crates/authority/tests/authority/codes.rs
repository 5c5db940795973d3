//! Codes: once, soon, by whom they were made for.

use reqwest::StatusCode;

use crate::key::Key;
use crate::world::*;

fn with<'a>(code: &'a str, name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    redemption(code).into_iter().map(|(n, v)| if n == name { (n, value) } else { (n, v) }).collect()
}

#[tokio::test]
async fn each_mistake_has_its_own_words_and_costs_nothing() {
    let world = World::new().await;
    let key = Key::new();
    let code = world.code(&format!("&dpop_jkt={}", key.jkt())).await;
    let other = "http://127.0.0.1:53124/callback";
    for (fields, key, words) in [
        (with(&code, "code", "unknown"), &key, "not known"),
        (with(&code, "redirect_uri", other), &key, "`redirect_uri` differs"),
        (with(&code, "code_verifier", CHALLENGE), &key, "does not match the challenge"),
        (with(&code, "code_verifier", ""), &key, "`code_verifier` is missing"),
        (with(&code, "client_id", "web"), &key, "another client"),
        (redemption(&code).to_vec(), &Key::new(), "another key"),
    ] {
        world.token(&fields, Some(key)).await.refused("invalid_grant", words);
    }
    world.token(&redemption(&code), None).await.refused("invalid_grant", "another key");
    // None of these used it up.
    assert_eq!(world.token(&redemption(&code), Some(&key)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn codes_live_for_a_minute() {
    let world = World::new().await;
    let code = world.code("").await;
    world.pass(60);
    world.token(&redemption(&code), None).await.refused("invalid_grant", "has expired");
    let code = world.code("").await;
    world.pass(59);
    assert_eq!(world.token(&redemption(&code), None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_replayed_code_ends_what_it_gave() {
    let world = World::new().await;
    let code = world.code("").await;
    let tokens = world.token(&redemption(&code), None).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    // Somebody who has only the code cannot do harm with it.
    let stolen = with(&code, "code_verifier", CHALLENGE);
    world.token(&stolen, None).await.refused("invalid_grant", "does not match");
    assert_eq!(world.userinfo("Bearer", &access, None).await.status, StatusCode::OK);
    world.pass(300);
    world.token(&redemption(&code), None).await.refused("invalid_grant", "used before");
    world.userinfo("Bearer", &access, None).await.refused("invalid_token", "revoked");
    world.refresh(&refresh, None).await.refused("invalid_grant", "was revoked");
}

#[tokio::test]
async fn of_two_at_once_one_succeeds() {
    let world = World::new().await;
    // Which of two statements the loser meets is up to the threads: a few rounds meet both.
    for round in 0..6 {
        let code = world.code("").await;
        let fields = redemption(&code);
        let (one, two) = tokio::join!(world.token(&fields, None), world.token(&fields, None));
        let (winner, loser) = if one.status == StatusCode::OK { (one, two) } else { (two, one) };
        assert_eq!(winner.status, StatusCode::OK, "{round}: {}", winner.body);
        loser.refused("invalid_grant", "used before");
        // Nobody can tell who of the two was meant to have it: the grant ends.
        let access = winner.text("access_token");
        world.userinfo("Bearer", &access, None).await.refused("invalid_token", "revoked");
        world.refresh(&winner.text("refresh_token"), None).await.refused("invalid_grant", "was revoked");
    }
}
