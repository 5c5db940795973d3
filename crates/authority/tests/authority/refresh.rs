//! Generations: one step a refresh, the same successor for a replay, the end for a thief.

use reqwest::StatusCode;

use crate::key::Key;
use crate::world::*;

#[tokio::test]
async fn a_bound_replay_returns_the_same_successor_at_any_time() {
    let world = World::new().await;
    let key = Key::new();
    let first = world.tokens(Some(&key)).await["refresh_token"].as_str().unwrap().to_owned();
    let second = world.refresh(&first, Some(&key)).await.text("refresh_token");
    assert_ne!(first, second);
    // A sleeping laptop: a week later.
    world.pass(7 * 24 * 3600);
    for _ in 0..2 {
        assert_eq!(world.refresh(&first, Some(&key)).await.text("refresh_token"), second);
    }
    let third = world.refresh(&second, Some(&key)).await.text("refresh_token");
    // The successor was used: the first one is now in two hands.
    world.refresh(&first, Some(&key)).await.refused("invalid_grant", "used before");
    world.refresh(&third, Some(&key)).await.refused("invalid_grant", "was revoked");
}

#[tokio::test]
async fn a_bare_replay_has_ten_seconds() {
    let world = World::new().await;
    let first = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    let second = world.refresh(&first, None).await.text("refresh_token");
    world.pass(10);
    assert_eq!(world.refresh(&first, None).await.text("refresh_token"), second);
    world.pass(1);
    world.refresh(&first, None).await.refused("invalid_grant", "used before");
    world.refresh(&second, None).await.refused("invalid_grant", "was revoked");
}

#[tokio::test]
async fn a_replay_ends_its_own_family_only() {
    let world = World::new().await;
    let (laptop, desktop) = (world.tokens(None).await, world.tokens(None).await);
    let first = laptop["refresh_token"].as_str().unwrap();
    world.refresh(first, None).await;
    world.pass(11);
    world.refresh(first, None).await.refused("invalid_grant", "used before");
    let other = desktop["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(other, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn sixteen_at_once_take_one_step() {
    let world = World::new().await;
    let first = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    let world = std::sync::Arc::new(world);
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (world, first) = (world.clone(), first.clone());
        racers.spawn(async move { world.refresh(&first, None).await.text("refresh_token") });
    }
    let mut successors = racers.join_all().await;
    successors.dedup();
    assert_eq!(successors.len(), 1, "every caller got the same successor");
    // One step: the successor of the successor exists, and the first is two behind.
    assert_eq!(world.refresh(&successors[0], None).await.status, StatusCode::OK);
    world.refresh(&first, None).await.refused("invalid_grant", "used before");
}

#[tokio::test]
async fn of_fifty_at_once_none_fails_and_late_ones_are_told_why() {
    let world = World::new().await;
    let first = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    let world = std::sync::Arc::new(world);
    let race = async |token: &str| {
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (world, token) = (world.clone(), token.to_owned());
            racers.spawn(async move { world.refresh(&token, None).await });
        }
        racers.join_all().await
    };
    // One step of the family, whose outcome every loser gets: the same successor.
    let answers = race(&first).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let second = answers[0].text("refresh_token");
    assert!(answers.iter().all(|answer| answer.text("refresh_token") == second));
    world.pass(11);
    for answer in race(&first).await {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.body["error"], "invalid_grant");
    }
    world.refresh(&second, None).await.refused("invalid_grant", "was revoked");
}

#[tokio::test]
async fn a_revocation_beside_refreshes_has_the_last_word() {
    let world = std::sync::Arc::new(World::new().await);
    let first = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    let mut racers = tokio::task::JoinSet::new();
    for number in 0..17 {
        let (world, first) = (world.clone(), first.clone());
        racers.spawn(async move {
            if number == 8 {
                let fields = [("client_id", "gatepass-cli"), ("token", first.as_str())];
                let request = plain().post(format!("{}/oauth/revoke", world.base)).form(&fields);
                assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
                return None;
            }
            let answer = world.refresh(&first, None).await;
            let known = answer.status == StatusCode::OK || answer.body["error"] == "invalid_grant";
            assert!(known, "{}", answer.status);
            (answer.status == StatusCode::OK).then(|| answer.text("refresh_token"))
        });
    }
    for successor in racers.join_all().await.into_iter().flatten() {
        world.refresh(&successor, None).await.refused("invalid_grant", "was revoked");
    }
    world.refresh(&first, None).await.refused("invalid_grant", "was revoked");
}

#[tokio::test]
async fn an_authenticated_client_needs_no_clock() {
    let world = World::new().await;
    let request = "/authorize?client_id=partner&redirect_uri=https%3A%2F%2Fpartner.example%2Fcb&response_type=code\
                   &scope=offline_access&nonce=n";
    let location = Browser::new(&world).sign_in(request, EMAIL).await;
    let code = parameter(&location, "code").unwrap();
    let basic = Some(("partner", "partner-secret"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://partner.example/cb"),
        ("code", code.as_str()),
    ];
    let first = world.token_with(&fields, None, basic).await.text("refresh_token");
    let refresh = async |token: &str| {
        world.token_with(&[("grant_type", "refresh_token"), ("refresh_token", token)], None, basic).await
    };
    let second = refresh(&first).await.text("refresh_token");
    world.pass(3600);
    assert_eq!(refresh(&first).await.text("refresh_token"), second);
    refresh(&second).await;
    refresh(&first).await.refused("invalid_grant", "used before");
}

#[tokio::test]
async fn without_the_key_nothing_happens_to_the_family() {
    let world = World::new().await;
    let (key, thief) = (Key::new(), Key::new());
    let first = world.tokens(Some(&key)).await["refresh_token"].as_str().unwrap().to_owned();
    world.refresh(&first, None).await.refused("invalid_grant", "another key");
    world.refresh(&first, Some(&thief)).await.refused("invalid_grant", "another key");
    let second = world.refresh(&first, Some(&key)).await.text("refresh_token");
    world.refresh(&second, Some(&key)).await;
    // Even an old generation is only refused.
    world.refresh(&first, Some(&thief)).await.refused("invalid_grant", "another key");
    assert_eq!(world.refresh(&second, Some(&key)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn foreign_and_broken_tokens_are_unknown() {
    let world = World::new().await;
    let tokens = world.tokens(None).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let flipped = if token.ends_with('A') { "B" } else { "A" };
    let broken = format!("{}{flipped}", &token[..token.len() - 1]);
    for bad in ["x", "gpr_", "gpr_AAAA", &broken, &token[4..], tokens["access_token"].as_str().unwrap()] {
        world.refresh(bad, None).await.refused("invalid_grant", "not known");
    }
    let fields = [("grant_type", "refresh_token"), ("client_id", "web"), ("refresh_token", token)];
    world.token(&fields, None).await.refused("invalid_grant", "not known");
    assert_eq!(world.refresh(token, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn scopes_narrow_for_one_access_token() {
    let world = World::new().await;
    let first = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    let ask = async |token: &str, name: &str, value: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "gatepass-cli"),
            ("refresh_token", token),
            (name, value),
        ];
        world.token(&fields, None).await
    };
    ask(&first, "scope", "openid profile").await.refused("invalid_scope", "more than was granted");
    ask(&first, "audience", "https://evil.example").await.refused("invalid_target", "may not");
    // Neither mistake moved the family.
    let narrow = ask(&first, "scope", "openid").await;
    assert_eq!(narrow.body["scope"], "openid");
    assert!(claims(&narrow.text("id_token")).get("email").is_none());
    assert!(claims(&narrow.text("id_token")).get("nonce").is_none());
    let whole = world.refresh(&narrow.text("refresh_token"), None).await;
    assert_eq!(whole.body["scope"], "openid email");
}

#[tokio::test]
async fn families_end_by_idleness_and_by_age() {
    let world = World::new().await;
    const DAY: u64 = 24 * 3600;
    let first = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    world.pass(30 * DAY);
    world.refresh(&first, None).await.refused("invalid_grant", "has expired");
    let mut token = world.tokens(None).await["refresh_token"].as_str().unwrap().to_owned();
    for _ in 0..12 {
        world.pass(30 * DAY - 1);
        token = world.refresh(&token, None).await.text("refresh_token");
    }
    world.pass(6 * DAY);
    world.refresh(&token, None).await.refused("invalid_grant", "has expired");
}

#[tokio::test]
async fn revocation_ends_the_family_whatever_is_shown() {
    let world = World::new().await;
    let revoke = async |client: &str, token: &str| {
        let fields = [("client_id", client), ("token", token)];
        let request = plain().post(format!("{}/oauth/revoke", world.base)).form(&fields);
        request.send().await.unwrap().status()
    };
    for shown in ["refresh_token", "access_token"] {
        let tokens = world.tokens(None).await;
        let (access, refresh) =
            (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let token = tokens[shown].as_str().unwrap();
        // Not by another client, nor by nonsense; neither is told so (RFC 7009 section 2.2).
        assert_eq!(revoke("web", token).await, StatusCode::OK);
        assert_eq!(revoke("gatepass-cli", "nonsense").await, StatusCode::OK);
        assert_eq!(world.userinfo("Bearer", access, None).await.status, StatusCode::OK);
        assert_eq!(revoke("gatepass-cli", token).await, StatusCode::OK);
        world.userinfo("Bearer", access, None).await.refused("invalid_token", "revoked");
        world.refresh(refresh, None).await.refused("invalid_grant", "was revoked");
    }
    assert_eq!(revoke("nobody", "x").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refresh_may_name_another_audience_of_the_list() {
    let audiences = ["https://api.example", "https://files.example"];
    let world = World::with(|config| config.audiences = audiences.map(str::to_owned).to_vec()).await;
    let key = Key::new();
    let tokens = world.tokens(Some(&key)).await;
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["aud"], audiences[0]);
    let mut token = tokens["refresh_token"].as_str().unwrap().to_owned();
    let ask = async |token: &str, extra: &[(&str, &str)]| {
        let mut fields =
            vec![("grant_type", "refresh_token"), ("client_id", "gatepass-cli"), ("refresh_token", token)];
        fields.extend(extra);
        world.token(&fields, Some(&key)).await
    };
    // Asked for by either name, it holds for that one token: the next is the default again.
    for (extra, expected) in [
        (&[("audience", audiences[1])][..], audiences[1]),
        (&[], audiences[0]),
        (&[("resource", audiences[1])], audiences[1]),
        (&[("audience", audiences[1]), ("resource", audiences[1]), ("scope", "openid")], audiences[1]),
        (&[("audience", audiences[0])], audiences[0]),
    ] {
        let answer = ask(&token, extra).await;
        assert_eq!(answer.status, StatusCode::OK, "{extra:?}: {}", answer.body);
        assert_eq!(claims(&answer.text("access_token"))["aud"], expected, "{extra:?}");
        // A lost answer is given again, for the audience that is asked for now.
        let again = ask(&token, &[("audience", audiences[1])]).await;
        assert_eq!(again.text("refresh_token"), answer.text("refresh_token"));
        assert_eq!(claims(&again.text("access_token"))["aud"], audiences[1]);
        token = answer.text("refresh_token");
    }
    for extra in [
        &[("audience", "https://evil.example")][..],
        &[("resource", "https://api.example/")],
        &[("audience", audiences[0]), ("resource", audiences[1])],
    ] {
        ask(&token, extra).await.refused("invalid_target", "may not ask");
    }
    assert_eq!(ask(&token, &[]).await.status, StatusCode::OK, "a mistake costs nothing");
}
