//! Device codes: what the device is told, what the person is asked, and who else might try.

use gatepass_authority::{ClientConfig, ClientKind, GrantType};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::key::Key;
use crate::world::*;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Asks for codes as the CLI.
async fn begin(world: &World, extra: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("client_id", "gatepass-cli"), ("scope", "openid email")];
    fields.extend(extra);
    begin_as(world, &fields).await
}

async fn begin_as(world: &World, fields: &[(&str, &str)]) -> Answer {
    let request = plain().post(format!("{}/oauth/device/code", world.base)).form(fields);
    Answer::read(request.send().await.unwrap()).await
}

async fn poll(world: &World, codes: &Answer, key: Option<&Key>) -> Answer {
    let code = codes.text("device_code");
    world.token(&[("grant_type", GRANT), ("client_id", "gatepass-cli"), ("device_code", &code)], key).await
}

/// A browser where this person is signed in.
async fn browser(world: &World, email: &str) -> Browser {
    let browser = Browser::new(world);
    let location = browser.sign_in("/activate", email).await;
    assert!(location.starts_with(&format!("{}/activate", world.base)), "{location}");
    browser
}

/// Types a code, up to the question or to what is said instead.
async fn enter(browser: &Browser, code: &str) -> Page {
    let page = browser.get("/activate").await;
    browser.post("/activate", &[("csrf", &page.field("csrf")), ("user_code", code)]).await
}

async fn decide(browser: &Browser, question: &Page, decision: &str) -> Page {
    let (csrf, ticket) = (question.field("csrf"), question.field("ticket"));
    let fields = [("csrf", csrf.as_str()), ("ticket", &ticket), ("decision", decision)];
    browser.post("/activate/decision", &fields).await
}

#[tokio::test]
async fn a_person_lets_a_device_in() {
    let world = World::new().await;
    let key = Key::new();
    let codes = begin(&world, &[]).await;
    assert_eq!(codes.status, StatusCode::OK, "{}", codes.body);
    assert_eq!(codes.headers["cache-control"], "no-store");
    let user_code = codes.text("user_code");
    assert_eq!(codes.body["expires_in"], 600);
    assert_eq!(codes.body["interval"], 5);
    assert_eq!(codes.text("verification_uri"), format!("{}/activate", world.base));
    let complete = codes.text("verification_uri_complete");
    assert_eq!(complete, format!("{}/activate?user_code={user_code}", world.base));
    poll(&world, &codes, Some(&key)).await.refused("authorization_pending", "has not decided");

    // Whoever is not signed in learns nothing of the code, and comes back to it.
    world.pass(70);
    let browser = Browser::new(&world);
    let asked = browser.ask(&complete, EMAIL).await;
    assert!(asked.has("your device") && !asked.has("Gatepass CLI"));
    assert_eq!(world.letter(EMAIL).await["subject"], "Sign in to your device");
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let resumed = browser.get(&browser.open(&link).await.location()).await.location();
    assert_eq!(resumed, complete);
    let field = browser.get(&resumed).await;
    assert!(field.has(&format!("value=\"{user_code}\"")) && field.has(EMAIL), "{}", field.html);
    poll(&world, &codes, Some(&key)).await.refused("authorization_pending", "has not decided");

    let typed = user_code.replace('-', " ").to_lowercase();
    let question = enter(&browser, &typed).await;
    assert_eq!(question.code(), user_code);
    for text in
        ["Gatepass CLI", EMAIL, "127.0.0.1", "a minute ago", "see your e-mail address", "value=\"deny\""]
    {
        assert!(question.has(text), "{text}: {}", question.html);
    }
    let policy = question.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self';"), "{policy}");
    question.stands_alone();
    world.pass(5);
    poll(&world, &codes, Some(&key)).await.refused("authorization_pending", "has not decided");
    let done = decide(&browser, &question, "allow").await;
    assert!(done.has("id=\"done\"") && done.has("Go back to your device"), "{}", done.html);

    // What is allowed is given at once, however soon the device asks.
    let tokens = poll(&world, &codes, Some(&key)).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    assert_eq!((&tokens.body["token_type"], &tokens.body["scope"]), (&json!("DPoP"), &json!("openid email")));
    let (access, id) = (claims(&tokens.text("access_token")), claims(&tokens.text("id_token")));
    assert_eq!(access["cnf"]["jkt"], key.jkt());
    assert_eq!(access["aud"], world.issuer);
    assert_eq!(
        (&id["sub"], &id["sid"], &id["aud"]),
        (&access["sub"], &access["sid"], &json!("gatepass-cli"))
    );
    assert_eq!((&id["email"], id.get("nonce"), id.get("org_id")), (&json!(EMAIL), None, None));
    let refresh = tokens.text("refresh_token");
    world.refresh(&refresh, None).await.refused("invalid_grant", "another key");
    assert_eq!(world.refresh(&refresh, Some(&key)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_place_asks_for_so_many_codes() {
    let world = World::with(|config| {
        config.device_codes_per_place = Some(3);
        config.trusted_proxies = vec!["127.0.0.0/8".into()];
    })
    .await;
    let ask = async |from: &str| {
        let request = plain()
            .post(format!("{}/oauth/device/code", world.base))
            .header("x-forwarded-for", from)
            .form(&[("client_id", "gatepass-cli")]);
        Answer::read(request.send().await.unwrap()).await
    };
    for (at, from) in ["203.0.113.7", "203.0.113.7", "198.51.100.9, 203.0.113.7"].into_iter().enumerate() {
        assert_eq!(ask(from).await.status, StatusCode::OK, "{from}");
        world.pass(if at == 0 { 10 } else { 0 });
    }
    let many = ask("203.0.113.7").await;
    many.refused("temporarily_unavailable", "from this place");
    assert_eq!(
        (many.status, &many.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"600".parse().unwrap())
    );
    assert_eq!(ask("203.0.113.8").await.status, StatusCode::OK, "another place");
    world.pass(590);
    assert_eq!(ask("203.0.113.7").await.status, StatusCode::OK, "the first is ten minutes ago");
    ask("203.0.113.7").await.refused("temporarily_unavailable", "");
}

#[tokio::test]
async fn places_behind_a_proxy_are_those_of_people() {
    for (trusted, shown, hidden) in [(true, "203.0.113.7", "127.0.0.1"), (false, "127.0.0.1", "203.0.113.7")]
    {
        let world = World::with(|config| {
            config.trusted_proxies = if trusted { vec!["127.0.0.1".into()] } else { Vec::new() };
        })
        .await;
        let request = plain()
            .post(format!("{}/oauth/device/code", world.base))
            .header("x-forwarded-for", "198.51.100.9, 203.0.113.7")
            .form(&[("client_id", "gatepass-cli")]);
        let codes = Answer::read(request.send().await.unwrap()).await;
        let question = enter(&browser(&world, EMAIL).await, &codes.text("user_code")).await;
        assert!(question.has(&format!("<dd id=\"place\">{shown}</dd>")), "{}", question.html);
        assert!(!question.has(&format!("<dd id=\"place\">{hidden}</dd>")));
        assert!(!question.has("198.51.100.9"), "what anybody can write");
    }
}

#[tokio::test]
async fn a_device_makes_no_token_that_outlives_it() {
    let world = World::new().await;
    let key = Key::new();
    let browser = browser(&world, EMAIL).await;
    let codes = begin(&world, &[]).await;
    decide(&browser, &enter(&browser, &codes.text("user_code")).await, "allow").await;
    let first = poll(&world, &codes, Some(&key)).await;
    let refreshed = world.refresh(&first.text("refresh_token"), Some(&key)).await;
    for tokens in [first, refreshed] {
        let token = tokens.text("access_token");
        let proof = key.prove(&world, "POST", "/tokens", json!({"ath": hash(&token)}));
        let request = plain()
            .post(format!("{}/tokens", world.base))
            .header("authorization", format!("DPoP {token}"))
            .header("DPoP", proof)
            .json(&json!({"name": "lasting"}));
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
        answer.refused("insufficient_scope", "began with a device code");
    }
}

#[tokio::test]
async fn hurry_makes_the_wait_longer_for_good() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    for (seconds, error) in [
        (0, "authorization_pending"),
        (4, "slow_down"),
        // Five became ten, ten became fifteen.
        (9, "slow_down"),
        (15, "authorization_pending"),
        (14, "slow_down"),
        (20, "authorization_pending"),
    ] {
        world.pass(seconds);
        let answer = poll(&world, &codes, None).await;
        assert_eq!(
            (&answer.body["error"], answer.status),
            (&json!(error), StatusCode::BAD_REQUEST),
            "{seconds}"
        );
    }
    // Hurry costs nothing but time.
    let browser = browser(&world, EMAIL).await;
    decide(&browser, &enter(&browser, &codes.text("user_code")).await, "allow").await;
    assert_eq!(poll(&world, &codes, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_is_no() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    let browser = browser(&world, EMAIL).await;
    let question = enter(&browser, &codes.text("user_code")).await;
    assert!(decide(&browser, &question, "deny").await.has("id=\"refused\""));
    // Neither a second press nor a second thought changes it.
    assert!(decide(&browser, &question, "deny").await.has("id=\"refused\""));
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::GONE);
    assert!(enter(&browser, &codes.text("user_code")).await.has("No device waits for this code"));
    for _ in 0..2 {
        poll(&world, &codes, None).await.refused("access_denied", "said no");
    }
}

#[tokio::test]
async fn ten_minutes_are_the_end_at_every_step() {
    let world = World::new().await;
    let browser = browser(&world, EMAIL).await;
    let codes = begin(&world, &[]).await;
    let question = enter(&browser, &codes.text("user_code")).await;
    world.pass(600);
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::GONE);
    assert!(enter(&browser, &codes.text("user_code")).await.has("No device waits for this code"));
    poll(&world, &codes, None).await.refused("expired_token", "has expired");

    let codes = begin(&world, &[]).await;
    let question = enter(&browser, &codes.text("user_code")).await;
    world.pass(599);
    assert!(decide(&browser, &question, "allow").await.has("id=\"done\""));
    world.pass(1);
    poll(&world, &codes, None).await.refused("expired_token", "has expired");
}

#[tokio::test]
async fn of_two_polls_at_once_one_gets_tokens() {
    let world = World::new().await;
    let browser = browser(&world, EMAIL).await;
    for round in 0..6 {
        let codes = begin(&world, &[]).await;
        decide(&browser, &enter(&browser, &codes.text("user_code")).await, "allow").await;
        let (one, two) = tokio::join!(poll(&world, &codes, None), poll(&world, &codes, None));
        let (winner, loser) = if one.status == StatusCode::OK { (one, two) } else { (two, one) };
        assert_eq!(winner.status, StatusCode::OK, "{round}: {}", winner.body);
        loser.refused("invalid_grant", "used before");
        // Nobody can tell which of the two was the device: the grant ends.
        let access = winner.text("access_token");
        world.userinfo("Bearer", &access, None).await.refused("invalid_token", "revoked");
        world.refresh(&winner.text("refresh_token"), None).await.refused("invalid_grant", "was revoked");
    }
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    let world = World::new().await;
    for _ in 0..4 {
        let codes = begin(&world, &[]).await;
        let mut asked = Vec::new();
        for (email, decision) in
            [("a@example.com", "allow"), ("b@example.com", "allow"), ("c@example.com", "deny")]
        {
            let browser = browser(&world, email).await;
            let question = enter(&browser, &codes.text("user_code")).await;
            asked.push((browser, question, email, decision));
        }
        let mut racers = tokio::task::JoinSet::new();
        for (browser, question, email, decision) in asked {
            racers.spawn(async move {
                let page = decide(&browser, &question, decision).await;
                (page.status == StatusCode::OK).then_some((email, decision))
            });
        }
        let counted: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(counted.len(), 1, "{counted:?}");
        let answer = poll(&world, &codes, None).await;
        match counted[0] {
            (_, "deny") => answer.refused("access_denied", "said no"),
            (email, _) => assert_eq!(claims(&answer.text("id_token"))["email"], email),
        }
    }
}

#[tokio::test]
async fn pressing_twice_is_no_mistake() {
    let world = World::new().await;
    let browser = browser(&world, EMAIL).await;
    let codes = begin(&world, &[]).await;
    let question = enter(&browser, &codes.text("user_code")).await;
    for _ in 0..2 {
        assert!(decide(&browser, &question, "allow").await.has("id=\"done\""));
    }
    assert_eq!(decide(&browser, &question, "deny").await.status, StatusCode::GONE);
    assert_eq!(poll(&world, &codes, None).await.status, StatusCode::OK);
    // Too late to take it back, and nothing new comes of it.
    assert!(decide(&browser, &question, "allow").await.has("id=\"done\""));
    poll(&world, &codes, None).await.refused("invalid_grant", "used before");
}

#[tokio::test]
async fn answers_cannot_be_forged() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    let (ada, eve) = (browser(&world, EMAIL).await, browser(&world, "eve@example.com").await);
    let question = enter(&ada, &codes.text("user_code")).await;
    let (csrf, ticket) = (question.field("csrf"), question.field("ticket"));
    let press = async |browser: &Browser, csrf: &str, ticket: &str, origin: &str| {
        let fields = [("csrf", csrf), ("ticket", ticket), ("decision", "allow")];
        browser.post_from("/activate/decision", &fields, origin).await.status
    };
    assert_eq!(press(&ada, "", &ticket, &world.base).await, StatusCode::FORBIDDEN);
    assert_eq!(press(&ada, &csrf, &ticket, "https://evil.example").await, StatusCode::FORBIDDEN);
    assert_eq!(press(&ada, &csrf, "AAAA", &world.base).await, StatusCode::GONE);
    assert_eq!(press(&ada, &csrf, &codes.text("user_code"), &world.base).await, StatusCode::GONE);
    // A ticket holds for the account to which the question was put; a code's flow is no ticket.
    let own = eve.get("/activate").await.field("csrf");
    assert_eq!(press(&eve, &own, &ticket, &world.base).await, StatusCode::GONE);
    let flow = Browser::new(&world).get("/activate").await.field("flow");
    assert_eq!(press(&ada, &csrf, &flow, &world.base).await, StatusCode::GONE);
    let typed = [("csrf", own.as_str()), ("user_code", &codes.text("user_code"))];
    let elsewhere = eve.post_from("/activate", &typed, "https://evil.example").await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    poll(&world, &codes, None).await.refused("authorization_pending", "has not decided");
    assert_eq!(press(&ada, &csrf, &ticket, &world.base).await, StatusCode::OK);
}

#[tokio::test]
async fn a_script_cannot_let_a_device_in() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    let browser = browser(&world, EMAIL).await;
    let question = enter(&browser, &codes.text("user_code")).await;
    let (csrf, ticket) = (question.field("csrf"), question.field("ticket"));
    let fields = [("csrf", csrf.as_str()), ("ticket", &ticket), ("decision", "allow")];
    let page = browser.post_with("/activate/decision", &fields, &SCRIPTED).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    poll(&world, &codes, None).await.refused("authorization_pending", "has not decided");
    assert!(browser.post_with("/activate/decision", &fields, &PRESSED).await.has("id=\"done\""));
}

#[tokio::test]
async fn looking_decides_nothing_and_shows_nothing_foreign() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    let browser = browser(&world, EMAIL).await;
    let page = browser.get(&codes.text("verification_uri_complete")).await;
    assert!(page.has("id=\"activate\"") && !page.has("Gatepass CLI"), "{}", page.html);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    for nasty in ["%22%3E%3Cscript%3E", "BCDF-GHJK-BCDF", "%E2%80%AEBCDFGHJK%00"] {
        let page = browser.get(&format!("/activate?user_code={nasty}")).await;
        assert!(page.has("name=\"user_code\" type=\"text\" value=\"") && !page.has("<script>"));
        assert!(nasty.starts_with("%E2") || page.has("value=\"\" class"), "{}", page.html);
    }
    let twice = browser.get("/activate?user_code=BCDF-GHJK&user_code=BCDF-GHJL").await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    poll(&world, &codes, None).await.refused("authorization_pending", "has not decided");
}

#[tokio::test]
async fn guesses_are_counted_for_the_account() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    let (guesser, other) = (browser(&world, "eve@example.com").await, browser(&world, EMAIL).await);
    // What cannot be a code is no guess.
    for typed in ["", "hello", "BCDF-GHJ"] {
        assert!(enter(&guesser, typed).await.has("That is not a code of a device"));
    }
    for _ in 0..5 {
        let page = enter(&guesser, "BBBB-BBBB").await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.has("No device waits for this code"));
    }
    // From then on not even the right one is looked at, in whatever browser of this account.
    let second = browser(&world, "eve@example.com").await;
    for browser in [&guesser, &second] {
        let page = enter(browser, &codes.text("user_code")).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(page.headers["retry-after"], "600");
    }
    assert!(enter(&other, &codes.text("user_code")).await.has("id=\"consent\""));
    world.pass(600);
    let codes = begin(&world, &[]).await;
    assert!(enter(&guesser, &codes.text("user_code")).await.has("id=\"consent\""));
}

#[tokio::test]
async fn guesses_at_once_are_counted_one_by_one() {
    let world = World::new().await;
    let browser = browser(&world, EMAIL).await;
    let csrf = browser.get("/activate").await.field("csrf");
    let browser = std::sync::Arc::new(browser);
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (browser, csrf) = (browser.clone(), csrf.clone());
        racers.spawn(async move {
            browser.post("/activate", &[("csrf", &*csrf), ("user_code", "BBBB-BBBB")]).await.status
        });
    }
    let answers = racers.join_all().await;
    let looked_at = answers.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count();
    assert_eq!(looked_at, 5, "{answers:?}");
}

#[tokio::test]
async fn guesses_are_counted_for_the_place() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    for account in 0..10 {
        let guesser = browser(&world, &format!("guesser{account}@example.com")).await;
        for _ in 0..5 {
            assert_eq!(enter(&guesser, "BBBB-BBBB").await.status, StatusCode::BAD_REQUEST);
        }
    }
    let eleventh = browser(&world, EMAIL).await;
    let page = enter(&eleventh, &codes.text("user_code")).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_request_is_json_or_a_form_and_never_both() {
    let world = World::new().await;
    let send = async |query: &str, kind: &str, body: &str, basic: bool| {
        let mut request =
            plain().post(format!("{}/oauth/device/code{query}", world.base)).header("content-type", kind);
        if basic {
            request = request.basic_auth("partner", Some("partner-secret"));
        }
        Answer::read(request.body(body.to_owned()).send().await.unwrap()).await
    };
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    let body = r#"{"client_id":"gatepass-cli","scope":"openid"}"#;
    assert_eq!(send("", json, body, false).await.status, StatusCode::OK);
    send("?client_id=x", json, body, false).await.refused("invalid_request", "more than one way");
    send("", json, body, true).await.refused("invalid_request", "more than one way");
    for kind in ["application/json; charset=utf-8", "application/JSON", "text/plain", "text/json", ""] {
        let answer = send("", kind, body, false).await;
        answer.refused("invalid_request", "neither a form");
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    for (bad, words) in [
        (r#"{"client_id":"gatepass-cli","client_id":"gatepass-cli"}"#, "more than once"),
        (r#"{"client_id":"gatepass-cli","cl\u0069ent_id":"web"}"#, "more than once"),
        (r#"{"client_id":"gatepass-cli","x":"1","x":"2"}"#, "more than once"),
        (r#"{"client_id":["gatepass-cli"]}"#, "`json` cannot be read"),
        (r#"{"client_id":"gatepass-cli","scope":null}"#, "`json` cannot be read"),
        (r#"{"client_id":"gatepass-cli","scope":{"a":"b"}}"#, "`json` cannot be read"),
        (r#"{"client_id":"gatepass-cli"}{}"#, "`json` cannot be read"),
        (r#"[{"client_id":"gatepass-cli"}]"#, "`json` cannot be read"),
        ("client_id=gatepass-cli", "`json` cannot be read"),
        ("", "`json` cannot be read"),
        ("{}", "`client_id` is missing"),
    ] {
        send("", json, bad, false).await.refused("invalid_request", words);
    }
    let deep = format!(r#"{{"client_id":"gatepass-cli","x":{}"#, "[".repeat(30_000));
    send("", json, &deep, false).await.refused("invalid_request", "`json` cannot be read");
    send("", form, "client_id=gatepass-cli&client_id=web", false)
        .await
        .refused("invalid_request", "more than once");
    send("", form, body, false).await.refused("invalid_request", "`client_id` is missing");
    send("", form, "client_id=%ff", false).await.refused("invalid_request", "`encoding` cannot be read");
    let huge = format!(r#"{{"client_id":"gatepass-cli","x":"{}"}}"#, "x".repeat(70_000));
    for kind in [json, form] {
        assert_eq!(send("", kind, &huge, false).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    let got = plain().get(format!("{}/oauth/device/code", world.base)).send().await.unwrap();
    assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn polls_may_be_json_too() {
    let world = World::new().await;
    let codes = begin(&world, &[]).await;
    let body = json!({
        "grant_type": GRANT, "client_id": "gatepass-cli", "device_code": codes.text("device_code"),
    });
    let request = plain().post(format!("{}/oauth/token", world.base)).json(&body);
    let answer = Answer::read(request.send().await.unwrap()).await;
    answer.refused("authorization_pending", "has not decided");
}

#[tokio::test]
async fn each_mistake_has_its_own_words_and_costs_nothing() {
    let world = World::with(|config| {
        config.clients.push(ClientConfig {
            id: "tv".into(),
            kind: ClientKind::Native,
            redirect_uris: Vec::new(),
            grant_types: Some(vec![GrantType::DeviceCode]),
            audiences: vec!["https://tv.example".into(), "https://radio.example".into()],
            ..web_client()
        });
    })
    .await;
    for (fields, error, words) in [
        (vec![("client_id", "web")], "unauthorized_client", "may not use this grant"),
        (vec![("client_id", "nobody")], "invalid_client", "not known"),
        (vec![("client_id", "partner")], "invalid_client", "not known"),
        (vec![("client_id", "tv"), ("client_secret", "x")], "invalid_client", "not known"),
        (vec![("client_id", "tv"), ("scope", "unknown")], "invalid_scope", "not known"),
        (vec![("client_id", "tv"), ("audience", "https://evil.example")], "invalid_target", "may not ask"),
        (vec![("client_id", "tv"), ("resource", "https://evil.example")], "invalid_target", "may not ask"),
        (vec![("client_id", "tv"), ("organization", "a b")], "invalid_request", "`organization`"),
    ] {
        begin_as(&world, &fields).await.refused(error, words);
    }
    let codes = begin_as(&world, &[("client_id", "tv"), ("resource", "https://radio.example")]).await;
    let code = codes.text("device_code");
    let browser = browser(&world, EMAIL).await;
    decide(&browser, &enter(&browser, &codes.text("user_code")).await, "allow").await;
    let poll = async |client: &str, code: &str| {
        world.token(&[("grant_type", GRANT), ("client_id", client), ("device_code", code)], None).await
    };
    poll("gatepass-cli", &code).await.refused("invalid_grant", "another client");
    poll("web", &code).await.refused("unauthorized_client", "may not use this grant");
    poll("tv", "unknown").await.refused("invalid_grant", "not known");
    poll("tv", "").await.refused("invalid_request", "`device_code` is missing");
    poll("tv", &codes.text("user_code")).await.refused("invalid_grant", "not known");
    let tokens = poll("tv", &code).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    assert_eq!(claims(&tokens.text("access_token"))["aud"], "https://radio.example");
    // It may not refresh, so it gets nothing to refresh with, and without `openid` it is not told who that was.
    assert_eq!((tokens.body.get("refresh_token"), tokens.body.get("id_token")), (None, None));
    // Once used, another client's guess still ends nothing.
    poll("gatepass-cli", &code).await.refused("invalid_grant", "another client");
    // Other ways are closed to it.
    let other = [("grant_type", "refresh_token"), ("client_id", "tv"), ("refresh_token", "x")];
    world.token(&other, None).await.refused("unauthorized_client", "may not use this grant");
}

#[tokio::test]
async fn a_client_with_a_secret_proves_it_at_both_ends() {
    let world = World::with(|config| {
        config.clients = vec![ClientConfig {
            grant_types: Some(vec![GrantType::DeviceCode, GrantType::RefreshToken]),
            ..confidential_client()
        }];
    })
    .await;
    let scope = [("scope", "openid offline_access")];
    let request = plain().post(format!("{}/oauth/device/code", world.base)).form(&scope);
    let request = request.basic_auth("partner", Some("partner-secret"));
    let codes = Answer::read(request.send().await.unwrap()).await;
    let code = codes.text("device_code");
    let browser = browser(&world, EMAIL).await;
    decide(&browser, &enter(&browser, &codes.text("user_code")).await, "allow").await;
    let fields = [("grant_type", GRANT), ("device_code", code.as_str())];
    world.token_with(&fields, None, Some(("partner", "wrong"))).await.refused("invalid_client", "not known");
    let tokens = world.token_with(&fields, None, Some(("partner", "partner-secret"))).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    assert_eq!(header(&tokens.text("id_token"))["alg"], "RS256");
    assert!(tokens.body["refresh_token"].is_string());
}

#[tokio::test]
async fn a_proof_counts_once_and_a_missing_nonce_is_no_poll() {
    let world = World::with(|config| config.dpop_nonce = gatepass_authority::DpopNonce::Required).await;
    let codes = begin(&world, &[]).await;
    let key = Key::new();
    let code = codes.text("device_code");
    let fields = [("grant_type", GRANT), ("client_id", "gatepass-cli"), ("device_code", code.as_str())];
    let first = world.token(&fields, Some(&key)).await;
    first.refused("use_dpop_nonce", "nonce");
    let nonce = first.headers["dpop-nonce"].to_str().unwrap();
    let proof = key.prove(&world, "POST", "/oauth/token", json!({"nonce": nonce}));
    let answer = world.token_with(&fields, Some(&proof), None).await;
    answer.refused("authorization_pending", "has not decided");
    world.pass(5);
    let again = world.token_with(&fields, Some(&proof), None).await;
    again.refused("invalid_dpop_proof", "used before");
    let fresh = key.prove(&world, "POST", "/oauth/token", json!({"nonce": nonce}));
    let answer = world.token_with(&fields, Some(&fresh), None).await;
    answer.refused("authorization_pending", "has not decided");
}

/// Nobody is a member of an organization that is not there.
#[tokio::test]
async fn an_organization_takes_its_members_alone() {
    let world = World::new().await;
    let codes = begin(&world, &[("organization", "org_nobody")]).await;
    assert_eq!(codes.status, StatusCode::OK, "{}", codes.body);
    let browser = browser(&world, EMAIL).await;
    let page = enter(&browser, &codes.text("user_code")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.has("no member of it") && !page.has("id=\"consent\""), "{}", page.html);
    poll(&world, &codes, None).await.refused("authorization_pending", "has not decided");
    let location = browser.get(&cli_request("&organization=org_nobody")).await.location();
    assert_eq!(parameter(&location, "error").unwrap(), "invalid_request");
    assert!(parameter(&location, "error_description").unwrap().contains("no member"));
}

#[tokio::test]
async fn metadata_names_what_is_there() {
    let world = World::new().await;
    let metadata = world.get_json("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata["device_authorization_endpoint"], format!("{}/oauth/device/code", world.base));
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&Value::from(GRANT)), "{grants:?}");
}
