//! The sign-in link: seen by scanners, opened elsewhere, guessed at.

use reqwest::StatusCode;

use crate::world::*;

async fn link(world: &World) -> String {
    world.letter(EMAIL).await["link"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn looking_never_consumes_and_opening_does() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let link = link(&world).await;
    let scanner = Browser::new(&world);
    for _ in 0..3 {
        assert!(scanner.get(&link).await.has("id=\"show-code\""));
        assert!(browser.get(&link).await.has("id=\"sign-in\""));
    }
    let page = browser.get(&link).await;
    let fields = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
    assert!(browser.post("/login/link", &fields).await.location().contains("/authorize/resume?flow="));
    assert_eq!(browser.post("/login/link", &fields).await.status, StatusCode::GONE);
    assert_eq!(browser.get(&link).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn two_clicks_at_once_sign_in_once() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let page = browser.get(&link(&world).await).await;
    let fields = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
    let (one, two) = tokio::join!(browser.post("/login/link", &fields), browser.post("/login/link", &fields));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410]);
}

#[tokio::test]
async fn links_die_after_ten_minutes() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let page = browser.get(&link(&world).await).await;
    world.pass(600);
    let fields = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
    assert_eq!(browser.post("/login/link", &fields).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_new_letter_kills_the_older_one() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let older = link(&world).await;
    browser.ask(&cli_request(""), EMAIL).await;
    assert_eq!(browser.get(&older).await.status, StatusCode::GONE);
    assert_eq!(browser.get(&link(&world).await).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_strangers_letters_do_not_use_up_the_owners() {
    let world = World::with(|config| config.letters_per_address = Some(2)).await;
    let stranger = Browser::new(&world);
    for _ in 0..4 {
        stranger.ask(&cli_request(""), EMAIL).await;
    }
    assert_eq!(world.letters().await, 2);
    let owner = Browser::new(&world);
    owner.ask(&cli_request(""), EMAIL).await;
    assert_eq!(world.letters().await, 3);
    assert!(owner.open(&link(&world).await).await.location().contains("/authorize/resume?flow="));
}

#[tokio::test]
async fn a_letter_that_was_not_sent_kills_nothing() {
    let world = World::with(|config| config.letters_per_address = Some(1)).await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let sent = link(&world).await;
    browser.ask(&cli_request(""), EMAIL).await;
    assert_eq!(link(&world).await, sent, "there was no other letter");
    assert!(browser.open(&sent).await.location().contains("/authorize/resume?flow="));
}

#[tokio::test]
async fn elsewhere_it_becomes_a_code_and_signs_nobody_in() {
    let world = World::new().await;
    let (first, other) = (Browser::new(&world), Browser::new(&world));
    let waiting = first.ask(&cli_request(""), EMAIL).await;
    let link = link(&world).await;
    let look = other.get(&link).await;
    assert!(look.has("Firefox") && look.has("127.0.0.1") && look.has("just now"), "{}", look.html);
    let shown = other.open(&link).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.headers.get("set-cookie").is_none());
    let code = shown.code();
    assert_eq!(code.len(), 9);
    // The other browser is not signed in, and its own wait takes no code of the first one's.
    let others = other.ask(&cli_request(""), "eve@example.com").await;
    let stolen = other.type_code(&others, &code).await;
    assert_eq!(stolen.status, StatusCode::BAD_REQUEST);
    assert!(stolen.has("No code is waiting here"));
    // Typed in the first window, as people type.
    let typed = first.type_code(&waiting, &code.to_lowercase().replace('-', " ")).await;
    let consent = first.get(&typed.location()).await;
    assert!(consent.has("id=\"consent\"") && consent.has(EMAIL));
    // Once.
    assert!(first.type_code(&waiting, &code).await.has("No code is waiting here"));
}

#[tokio::test]
async fn five_wrong_codes_kill_the_right_one() {
    let world = World::new().await;
    let (first, other) = (Browser::new(&world), Browser::new(&world));
    let waiting = first.ask(&cli_request(""), EMAIL).await;
    let code = other.open(&link(&world).await).await.code();
    let wrong = if code.starts_with('B') { "CCCC-CCCC" } else { "BBBB-BBBB" };
    for _ in 0..4 {
        assert!(first.type_code(&waiting, wrong).await.has("That code is not right"));
    }
    assert!(first.type_code(&waiting, wrong).await.has("last try"));
    let late = first.type_code(&waiting, &code).await;
    assert!(late.has("No code is waiting here"), "{}", late.html);
}

#[tokio::test]
async fn four_wrong_codes_do_not_and_ten_minutes_do() {
    let world = World::new().await;
    for (seconds, status) in [(599, StatusCode::SEE_OTHER), (600, StatusCode::BAD_REQUEST)] {
        let (first, other) = (Browser::new(&world), Browser::new(&world));
        let waiting = first.ask(&cli_request(""), EMAIL).await;
        let code = other.open(&link(&world).await).await.code();
        for _ in 0..4 {
            first.type_code(&waiting, "").await;
        }
        world.pass(seconds);
        assert_eq!(first.type_code(&waiting, &code).await.status, status, "after {seconds} s");
    }
}

#[tokio::test]
async fn forged_forms_are_refused() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let page = browser.get(&cli_request("")).await;
    let (csrf, flow) = (page.field("csrf"), page.field("flow"));
    let good = [("csrf", &*csrf), ("flow", &*flow), ("email", EMAIL)];
    let elsewhere = browser.post_from("/login/email", &good, "https://evil.example").await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    let null = browser.post_from("/login/email", &good, "null").await;
    assert_eq!(null.status, StatusCode::FORBIDDEN);
    let other = Browser::new(&world);
    other.get(&cli_request("")).await;
    assert_eq!(
        other.post("/login/email", &good).await.status,
        StatusCode::FORBIDDEN,
        "another browser's token"
    );
    let changed = [("csrf", &*csrf), ("flow", "AAAA"), ("email", EMAIL)];
    assert_eq!(browser.post("/login/email", &changed).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.letters().await, 0);
    assert_eq!(browser.post("/login/email", &good).await.status, StatusCode::OK);
    assert_eq!(world.letters().await, 1);
}

#[tokio::test]
async fn every_address_gets_the_same_answer() {
    let world = World::new().await;
    Browser::new(&world).sign_in(&cli_request(""), EMAIL).await;
    let strip = |page: Page| {
        let (csrf, flow) = (page.field("csrf"), page.field("flow"));
        page.html.replace(&csrf, "").replace(&flow, "").split("resume?flow=").next().unwrap().to_owned()
    };
    let known = strip(Browser::new(&world).ask(&cli_request(""), EMAIL).await);
    let unknown = strip(Browser::new(&world).ask(&cli_request(""), "nobody@example.com").await);
    assert_eq!(known, unknown);
    let nonsense = Browser::new(&world).ask(&cli_request(""), "nonsense").await;
    assert_eq!(nonsense.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_are_guarded() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let page = browser.get(&cli_request("")).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; form-action 'self' http://127.0.0.1:*; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    assert_eq!(page.headers["referrer-policy"], "same-origin");
    assert_eq!(page.headers["cache-control"], "no-store");
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(cookie.starts_with(&format!("gatepass_browser_{}=", world.addr().port())));
    let style = browser.get("/assets/authority.css").await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert!(style.has("light-dark("));
}
