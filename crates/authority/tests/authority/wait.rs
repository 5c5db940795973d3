//! The page that waits while the link is pressed in another tab of the same browser.

use reqwest::StatusCode;

use crate::world::*;

/// What a browser says of a request that a script of the same origin makes (Fetch Metadata).
const OWN_SCRIPT: [(&str, &str); 3] =
    [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];

fn question(waiting: &Page) -> String {
    format!("/login/wait?flow={}", waiting.field("flow"))
}

async fn pressed(browser: &Browser, waiting: &Page) -> bool {
    let answer = browser.get_with(&question(waiting), &OWN_SCRIPT).await;
    assert_eq!(
        (answer.status, &answer.headers["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("vary"));
    serde_json::from_str::<serde_json::Value>(&answer.html).unwrap()["signed_in"].as_bool().unwrap()
}

async fn link(world: &World) -> String {
    world.letter(EMAIL).await["link"].as_str().unwrap().to_owned()
}

fn go_on(waiting: &Page) -> String {
    format!("/login/go-on?flow={}", waiting.field("flow"))
}

fn extension_client() -> gatepass_authority::ClientConfig {
    gatepass_authority::ClientConfig {
        id: "extension".into(),
        redirect_uris: vec!["https://abcdef.chromiumapp.org/gatepass".into()],
        ..web_client()
    }
}

fn extension_request(extra: &str) -> String {
    format!(
        "/authorize?client_id=extension&redirect_uri=https%3A%2F%2Fabcdef.chromiumapp.org%2Fgatepass\
         &response_type=code&scope=openid&state=s&code_challenge={CHALLENGE}&code_challenge_method=S256{extra}"
    )
}

#[tokio::test]
async fn the_letters_tab_goes_on_and_the_one_that_waits_says_so() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let waiting = browser.ask(&cli_request(""), EMAIL).await;
    let policy = waiting.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; connect-src 'self'; "), "{policy}");
    assert!(!pressed(&browser, &waiting).await);
    let early = browser.get(&go_on(&waiting)).await;
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    assert!(early.has("was not pressed in this browser yet") && early.has("id=\"enter-code\""));

    let resumed = browser.open(&link(&world).await).await.location();
    assert!(resumed.contains("/authorize/resume?"), "{resumed}");
    assert!(pressed(&browser, &waiting).await);
    let consent = browser.get(&resumed).await;
    assert!(browser.answer(&consent, "allow").await.location().starts_with(CALLBACK));
    // The request is answered; a second answer is for whoever wants one.
    let elsewhere = browser.get(&go_on(&waiting)).await;
    assert_eq!(elsewhere.status, StatusCode::OK);
    assert!(elsewhere.has("id=\"elsewhere\"") && elsewhere.has("/authorize/resume?flow="));
    let page = browser.get("/assets/wait.js").await;
    assert_eq!(page.headers["content-type"], "text/javascript; charset=utf-8");
}

#[tokio::test]
async fn where_one_window_alone_can_go_on_the_letters_tab_goes_nowhere() {
    let world = World::with(|config| config.clients.push(extension_client())).await;
    let browser = Browser::new(&world);
    let waiting = browser.ask(&extension_request(""), EMAIL).await;
    let back = browser.open(&link(&world).await).await.location();
    let page = browser.get(&back).await;
    assert!(page.status == StatusCode::OK && page.has("id=\"go-back\""), "{}", page.html);
    assert!(pressed(&browser, &waiting).await);
    let resumed = browser.get(&go_on(&waiting)).await.location();
    let answer = browser.get(&resumed).await.location();
    assert!(answer.starts_with("https://abcdef.chromiumapp.org/gatepass?code="), "{answer}");
    // Nobody is told that they are signed in who is not.
    assert!(Browser::new(&world).get(&back).await.location().contains("/authorize/resume?"));
}

#[tokio::test]
async fn a_sign_in_that_is_older_than_the_request_is_none() {
    let world = World::with(|config| config.clients.push(extension_client())).await;
    let browser = Browser::new(&world);
    browser.sign_in(&cli_request(""), EMAIL).await;
    let waiting = browser.ask(&extension_request("&prompt=login"), EMAIL).await;
    assert!(!pressed(&browser, &waiting).await);
    browser.open(&link(&world).await).await;
    assert!(pressed(&browser, &waiting).await);
}

#[tokio::test]
async fn only_the_browser_and_the_origin_that_wait_are_told() {
    let world = World::new().await;
    let (browser, other) = (Browser::new(&world), Browser::new(&world));
    let waiting = browser.ask(&cli_request(""), EMAIL).await;
    other.get(&cli_request("")).await;
    browser.open(&link(&world).await).await;
    assert!(!pressed(&other, &waiting).await, "another browser with the same request");
    for (site, dest) in
        [("same-site", "empty"), ("cross-site", "empty"), ("same-origin", "document"), ("none", "document")]
    {
        let headers = [("sec-fetch-site", site), ("sec-fetch-dest", dest)];
        let answer = browser.get_with(&question(&waiting), &headers).await;
        assert_eq!((answer.status, &*answer.html), (StatusCode::FORBIDDEN, ""), "{site} {dest}");
    }
    let elsewhere = browser.get_with(&question(&waiting), &[("origin", "https://web.example")]).await;
    assert!(!elsewhere.headers.contains_key("access-control-allow-origin"));
    assert_eq!(browser.get("/login/wait?flow=AAAA").await.status, StatusCode::BAD_REQUEST);
    world.pass(30 * 60);
    assert_eq!(browser.get(&question(&waiting)).await.status, StatusCode::BAD_REQUEST, "it is over");
}

#[tokio::test]
async fn waiting_keeps_no_session_alive() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let waiting = browser.ask(&cli_request(""), EMAIL).await;
    browser.open(&link(&world).await).await;
    world.pass(29 * 60);
    assert!(pressed(&browser, &waiting).await);
    world.pass(6 * 3600 - 29 * 60);
    assert!(browser.get(&cli_request("")).await.has("id=\"sign-in\""), "idle for six hours");
}
