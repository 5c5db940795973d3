//! A program signs its person's browser in: by a link that asks, works once, and gives no more than the program had.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::*;
use crate::key::Key;
use crate::world::*;

const EVE: &str = "eve@example.com";
const HOUR: u64 = 3600;

/// The CLI, signed in and bound to its key.
struct Cli<'a> {
    world: &'a World,
    key: &'a Key,
    tokens: Value,
}

impl<'a> Cli<'a> {
    async fn sign_in(world: &'a World, key: &'a Key, email: &str) -> Self {
        Self { world, key, tokens: world.tokens_of(email, Some(key)).await }
    }

    fn caller(&self) -> Caller<'a> {
        let token = self.tokens["access_token"].as_str().unwrap().to_owned();
        Caller { world: self.world, token, key: Some(self.key) }
    }

    async fn refresh(&mut self) {
        let token = self.tokens["refresh_token"].as_str().unwrap().to_owned();
        self.tokens = self.world.refresh(&token, Some(self.key)).await.body;
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        let caller = self.caller();
        let proof = self.key.prove(self.world, "POST", "/session/link", json!({"ath": hash(&caller.token)}));
        let request = plain()
            .post(format!("{}/session/link", self.world.base))
            .header("authorization", format!("DPoP {}", caller.token))
            .header("DPoP", proof);
        let request = if fields.is_empty() { request } else { request.form(fields) };
        Answer::read(request.send().await.unwrap()).await
    }

    async fn link(&self) -> String {
        let answer = self.ask(&[]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.text("url")
    }

    async fn end(&self) {
        let own = self.caller().send(Method::GET, "/grants", None).await;
        let own = own.body["grants"]
            .as_array()
            .unwrap()
            .iter()
            .find(|grant| grant["current"] == true)
            .unwrap()
            .clone();
        let path = format!("/grants/{}", own["id"].as_str().unwrap());
        assert_eq!(self.caller().send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    }
}

async fn decide(browser: &Browser, question: &Page, decision: &str) -> Page {
    let (csrf, token) = (question.field("csrf"), question.field("token"));
    let fields = [("csrf", csrf.as_str()), ("token", &token), ("decision", decision)];
    browser.post("/session/open", &fields).await
}

async fn open(browser: &Browser, link: &str) -> Page {
    decide(browser, &browser.get(link).await, "allow").await
}

/// Who is signed in in this browser, by what it tells the house's page.
async fn account(world: &World, browser: &Browser) -> Option<(String, Answer)> {
    let location = browser.get(&web_request("&prompt=none")).await.location();
    parameter(&location, "code")?;
    let tokens = web_tokens(world, &location, None).await;
    let claims = claims(&tokens.text("id_token"));
    Some((claims["email"].as_str().unwrap().to_owned(), tokens))
}

#[tokio::test]
async fn a_link_asks_and_signs_in_once() {
    let world = World::new().await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    let signed_in_at = world.now();
    world.pass(1800);
    let answer = cli.ask(&[]).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (StatusCode::CREATED, &json!(60)));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let link = answer.text("url");
    assert!(link.starts_with(&format!("{}/session/open?token=", world.base)), "{link}");

    let browser = Browser::new(&world);
    let question = browser.get(&link).await;
    assert_eq!(question.status, StatusCode::OK);
    for text in [EMAIL, "Gatepass CLI", "just now"] {
        assert!(question.has(text), "{text}: {}", question.html);
    }
    let at = |mark: &str| question.html.find(mark).unwrap();
    assert!(at("value=\"cancel\"") < at("value=\"allow\""), "Enter cancels");
    assert_eq!(question.headers["referrer-policy"], "no-referrer");
    assert_eq!(question.headers["cache-control"], "no-store");
    let policy = question.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self';"), "{policy}");
    assert!(account(&world, &browser).await.is_none(), "looking signs nobody in");

    let done = decide(&browser, &question, "allow").await;
    assert_eq!(done.location(), format!("{}/dashboard/#signed-in", world.base));
    let (email, tokens) = account(&world, &browser).await.unwrap();
    assert_eq!(email, EMAIL);
    // As old as the sign-in of the program: whatever wants a fresh one asks for it.
    assert_eq!(claims(&tokens.text("id_token"))["auth_time"], signed_in_at);
    let stale = browser.get(&web_request("&max_age=600")).await;
    assert!(stale.has("id=\"sign-in\""), "{}", stale.html);

    let again = browser.get(&link).await;
    assert!(again.status == StatusCode::GONE && again.has("used already"), "{}", again.html);
    assert_eq!(open_by(&Browser::new(&world), &question).await.status, StatusCode::FORBIDDEN);
    let other = Browser::new(&world);
    assert_eq!(other.get(&link).await.status, StatusCode::GONE);
    assert!(account(&world, &other).await.is_none());
}

/// Sends what stands on a page from a browser that never saw it.
async fn open_by(browser: &Browser, question: &Page) -> Page {
    browser.get("/logout").await;
    decide(browser, question, "allow").await
}

#[tokio::test]
async fn a_handoff_needs_a_younger_sign_in_than_an_old_programs() {
    let world = World::new().await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    for (seconds, asks_anew) in [(500, false), (200, true)] {
        world.pass(seconds);
        let browser = Browser::new(&world);
        open(&browser, &cli.link().await).await;
        let (_, tokens) = account(&world, &browser).await.unwrap();
        let terminal = Key::new().jkt();
        let fields = [
            ("v", "1"),
            ("iss", &*world.issuer),
            ("client_id", "gatepass-cli"),
            ("redirect_uri", "http://127.0.0.1:53123/gatepass/AAAAAAAAAAAAAAAAAAAAAA"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", &hash(&terminal)),
            ("nonce", "n"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("dpop_jkt", &terminal),
            ("device", "ada@thinkpad"),
        ];
        let request = plain()
            .post(format!("{}/oauth/handoff", world.base))
            .bearer_auth(tokens.text("access_token"))
            .form(&fields);
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let resumed = browser.get(&answer.text("handoff_uri")).await.location();
        let page = browser.get(&resumed).await;
        assert_eq!((page.has("id=\"sign-in\""), page.has("id=\"handoff\"")), (asks_anew, !asks_anew));
    }
}

#[tokio::test]
async fn looking_consumes_nothing() {
    let world = World::new().await;
    let key = Key::new();
    let link = Cli::sign_in(&world, &key, EMAIL).await.link().await;
    let scanner = plain();
    for _ in 0..3 {
        assert_eq!(scanner.get(&link).send().await.unwrap().status(), StatusCode::OK);
        assert_eq!(scanner.head(&link).send().await.unwrap().status(), StatusCode::OK);
        let prefetch =
            scanner.get(&link).header("sec-purpose", "prefetch").header("sec-fetch-mode", "navigate");
        assert_eq!(prefetch.send().await.unwrap().status(), StatusCode::OK);
    }
    // A script that fetches or frames the page gets nothing to read.
    for (mode, dest) in [("cors", "empty"), ("navigate", "iframe")] {
        let request = scanner.get(&link).header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{mode} {dest}");
    }
    let browser = Browser::new(&world);
    assert_eq!(open(&browser, &link).await.status, StatusCode::SEE_OTHER);
    assert_eq!(account(&world, &browser).await.unwrap().0, EMAIL);
}

#[tokio::test]
async fn only_a_press_on_the_page_in_that_browser_opens_it() {
    let world = World::new().await;
    let key = Key::new();
    let link = Cli::sign_in(&world, &key, EMAIL).await.link().await;
    let (browser, other) = (Browser::new(&world), Browser::new(&world));
    let question = browser.get(&link).await;
    question.stands_alone();
    let foreign = other.get(&link).await;
    // Another browser's form, another site's, and none at all.
    assert_eq!(decide(&browser, &foreign, "allow").await.status, StatusCode::FORBIDDEN);
    let (csrf, token) = (question.field("csrf"), question.field("token"));
    let good = [("csrf", csrf.as_str()), ("token", &token), ("decision", "allow")];
    for origin in ["https://evil.example", "null"] {
        let page = browser.post_from("/session/open", &good, origin).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(browser.post("/session/open", &good[1..]).await.status, StatusCode::FORBIDDEN);
    // A script that presses in the person's place; the visitor here calls itself Firefox.
    assert_eq!(browser.post_with("/session/open", &good, &SCRIPTED).await.status, StatusCode::FORBIDDEN);
    let fetched = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-user", "?1")];
    assert_eq!(browser.post_with("/session/open", &good, &fetched).await.status, StatusCode::FORBIDDEN);
    assert!(account(&world, &browser).await.is_none());
    assert_eq!(browser.post_with("/session/open", &good, &PRESSED).await.status, StatusCode::SEE_OTHER);
    assert_eq!(account(&world, &browser).await.unwrap().0, EMAIL);
}

#[tokio::test]
async fn a_link_lives_a_minute_and_no_longer_than_its_grant() {
    let world = World::new().await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    let browser = Browser::new(&world);
    let link = cli.link().await;
    world.pass(59);
    let question = browser.get(&link).await;
    assert_eq!(question.status, StatusCode::OK);
    world.pass(1);
    assert_eq!(browser.get(&link).await.status, StatusCode::GONE);
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::GONE);

    let link = cli.link().await;
    let question = browser.get(&link).await;
    cli.end().await;
    assert_eq!(browser.get(&link).await.status, StatusCode::GONE);
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::GONE);
    assert!(account(&world, &browser).await.is_none());
    for bad in ["/session/open", "/session/open?token=", "/session/open?token=x&token=y"] {
        assert_eq!(browser.get(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(browser.get("/session/open?token=x").await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_grant_has_ten_links_a_minute() {
    let world = World::new().await;
    let (key, other_key) = (Key::new(), Key::new());
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    let other = Cli::sign_in(&world, &other_key, EMAIL).await;
    let first = cli.link().await;
    world.pass(30);
    for _ in 1..10 {
        cli.link().await;
    }
    // One that was used makes no room.
    assert_eq!(open(&Browser::new(&world), &first).await.status, StatusCode::SEE_OTHER);
    let many = cli.ask(&[]).await;
    many.refused("temporarily_unavailable", "too many links");
    assert_eq!(
        (many.status, &many.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"60".parse().unwrap())
    );
    other.link().await;
    world.pass(29);
    assert_eq!(cli.ask(&[]).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.pass(1);
    cli.link().await;
    assert_eq!(cli.ask(&[]).await.status, StatusCode::TOO_MANY_REQUESTS, "room for the one that ended");
}

#[tokio::test]
async fn of_many_presses_one_counts() {
    let world = World::new().await;
    let key = Key::new();
    let link = Cli::sign_in(&world, &key, EMAIL).await.link().await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let browser = Browser::new(&world);
        let question = browser.get(&link).await;
        waiting.push((browser, question));
    }
    let mut presses = tokio::task::JoinSet::new();
    for (browser, question) in waiting {
        presses.spawn(async move { decide(&browser, &question, "allow").await.status });
    }
    let statuses = presses.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(StatusCode::SEE_OTHER), count(StatusCode::GONE)), (1, 7), "{statuses:?}");
}

#[tokio::test]
async fn cancelling_uses_the_link_up() {
    let world = World::new().await;
    let key = Key::new();
    let link = Cli::sign_in(&world, &key, EMAIL).await.link().await;
    let browser = Browser::new(&world);
    let question = browser.get(&link).await;
    let cancelled = decide(&browser, &question, "cancel").await;
    assert!(cancelled.has("id=\"cancelled\""), "{}", cancelled.html);
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::GONE);
    assert!(account(&world, &browser).await.is_none());
}

#[tokio::test]
async fn another_account_is_named_and_goes_only_by_a_press() {
    let world = World::new().await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    let browser = Browser::new(&world);
    browser.sign_in(&web_request(""), EVE).await;
    let link = cli.link().await;
    let question = browser.get(&link).await;
    assert!(question.has(EMAIL) && question.has(EVE), "{}", question.html);
    assert_eq!(account(&world, &browser).await.unwrap().0, EVE);
    // What was on the page is what is replaced: not whoever came since.
    let csrf = browser.get("/logout").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::FORBIDDEN);
    browser.sign_in(&web_request(""), EVE).await;
    assert_eq!(open(&browser, &link).await.status, StatusCode::SEE_OTHER);
    assert_eq!(account(&world, &browser).await.unwrap().0, EMAIL);
}

#[tokio::test]
async fn the_same_account_keeps_its_own_younger_sign_in() {
    let world = World::new().await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    world.pass(1800);
    let browser = Browser::new(&world);
    browser.sign_in(&web_request(""), EMAIL).await;
    let question = browser.get(&cli.link().await).await;
    assert!(question.has("already") && !question.has("id=\"other\""), "{}", question.html);
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::SEE_OTHER);
    let (_, tokens) = account(&world, &browser).await.unwrap();
    assert_eq!(claims(&tokens.text("id_token"))["auth_time"], world.now());
    assert_eq!(decide(&browser, &question, "allow").await.status, StatusCode::GONE);
    // It is the browser's own, and stays when the program goes.
    cli.end().await;
    assert!(account(&world, &browser).await.is_some());
}

#[tokio::test]
async fn what_began_by_a_link_ends_with_the_grant() {
    let world = World::new().await;
    let (key, second_key) = (Key::new(), Key::new());
    let mut cli = Cli::sign_in(&world, &key, EMAIL).await;
    let browser = Browser::new(&world);
    open(&browser, &cli.link().await).await;
    let (_, page) = account(&world, &browser).await.unwrap();
    let page = Caller::bare(&world, &page.text("access_token"));
    // The browser lets another program in, which signs a second browser in.
    let consent = browser.get(&cli_request("")).await;
    let code = parameter(&browser.answer(&consent, "allow").await.location(), "code").unwrap();
    let tokens = world.token(&redemption(&code), Some(&second_key)).await.body;
    let second = Cli { world: &world, key: &second_key, tokens };
    let far = Browser::new(&world);
    open(&far, &second.link().await).await;
    let pending = far.get(&web_request("")).await.location();
    // And signs out, which changes nothing of where it came from.
    let csrf = browser.get("/logout").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    let own = Caller::sign_in(&world, EMAIL, None).await;
    world.pass(300);
    cli.refresh().await;
    cli.end().await;
    page.send(Method::GET, "/userinfo", None).await.refused("invalid_token", "revoked");
    second.caller().send(Method::GET, "/userinfo", None).await.refused("invalid_token", "revoked");
    assert!(account(&world, &far).await.is_none());
    web_tokens(&world, &pending, None).await.refused("invalid_grant", "not known");
    assert_eq!(own.send(Method::GET, "/userinfo", None).await.status, StatusCode::OK, "others go on");
}

#[tokio::test]
async fn a_session_by_a_link_has_the_limits_of_a_session_and_of_the_grant() {
    let world = World::with(|config| {
        config.clients.push(gatepass_authority::ClientConfig {
            id: "gatepass-cli".into(),
            name: "CLI".into(),
            kind: gatepass_authority::ClientKind::Native,
            redirect_uris: vec!["http://127.0.0.1/callback".into()],
            access_token_seconds: Some(HOUR),
            refresh_absolute_seconds: Some(20 * HOUR),
            ..web_client()
        });
    })
    .await;
    let key = Key::new();
    let mut cli = Cli::sign_in(&world, &key, EMAIL).await;
    let (early, late) = (Browser::new(&world), Browser::new(&world));
    open(&early, &cli.link().await).await;
    for hour in 1..=19 {
        world.pass(HOUR);
        cli.refresh().await;
        assert_eq!(account(&world, &early).await.is_some(), hour < 12, "hour {hour}");
    }
    open(&late, &cli.link().await).await;
    world.pass(HOUR - 1);
    assert!(account(&world, &late).await.is_some());
    world.pass(1);
    assert!(account(&world, &late).await.is_none(), "the grant is over");
}

#[tokio::test]
async fn return_to_is_a_page_of_a_registered_client() {
    let world = World::new().await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    let browser = Browser::new(&world);
    for good in ["https://web.example/after?x=1", "https://partner.example/"] {
        let link = cli.ask(&[("return_to", good)]).await.text("url");
        let question = browser.get(&link).await;
        let policy = question.headers["content-security-policy"].to_str().unwrap();
        let origin = good.split('/').take(3).collect::<Vec<_>>().join("/");
        assert!(policy.contains(&format!("form-action 'self' {origin};")), "{policy}");
        let done = decide(&browser, &question, "allow").await;
        assert_eq!(done.headers["referrer-policy"], "no-referrer");
        assert_eq!(done.location(), good);
    }
    // Our own dashboard, as a manifest names it, may sign in at once.
    for own in ["/dashboard", "/dashboard/"] {
        let link = cli.ask(&[("return_to", &format!("{}{own}", world.base))]).await.text("url");
        let done = decide(&browser, &browser.get(&link).await, "allow").await;
        assert_eq!(done.location(), format!("{}/dashboard/#signed-in", world.base));
    }
    for bad in ["https://evil.example/", "https://web.example@evil.example/", "//web.example/", "/dashboard/"]
    {
        cli.ask(&[("return_to", bad)]).await.refused("invalid_request", "`return_to`");
    }
    cli.ask(&[("return_to", "https://web.example/"), ("return_to", "https://web.example/")])
        .await
        .refused("invalid_request", "more than once");
}

#[tokio::test]
async fn only_a_program_of_the_house_that_proves_its_key_makes_links() {
    let world = World::with(|config| {
        config.clients.push(gatepass_authority::ClientConfig {
            id: "stranger".into(),
            name: "Stranger".into(),
            kind: gatepass_authority::ClientKind::Native,
            redirect_uris: vec!["http://127.0.0.1/callback".into()],
            first_party: false,
            ..web_client()
        });
    })
    .await;
    let key = Key::new();
    let cli = Cli::sign_in(&world, &key, EMAIL).await;
    let owner = cli.caller();
    let personal = owner.send(Method::POST, "/tokens", Some(json!({"name": "CI"}))).await.text("token");
    let page = Browser::new(&world).sign_in(&web_request(""), EMAIL).await;
    let page = web_tokens(&world, &page, Some(&key)).await.text("access_token");
    let device = device_tokens(&world, EMAIL, &key).await.text("access_token");
    let lent = {
        let receiver = Key::new();
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_id", "gatepass-cli"),
            ("subject_token", &owner.token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("scope", "openid"),
            ("dpop_jkt", &receiver.jkt()),
        ];
        (world.token(&fields, Some(&key)).await.text("access_token"), receiver)
    };
    let request = cli_request("").replace("gatepass-cli", "stranger");
    let code = parameter(&Browser::new(&world).sign_in(&request, EMAIL).await, "code").unwrap();
    let mut fields = redemption(&code);
    fields[1].1 = "stranger";
    let stranger = world.token(&fields, Some(&key)).await.text("access_token");
    let bare = Caller::sign_in(&world, EMAIL, None).await;
    let bound = |token: String| Caller { world: &world, token, key: Some(&key) };
    for (who, caller) in [
        ("personal", Caller::bare(&world, &personal)),
        ("page", bound(page)),
        ("device", bound(device)),
        ("stranger", bound(stranger)),
        ("lent", Caller { world: &world, token: lent.0, key: Some(&lent.1) }),
        ("bare", bare),
    ] {
        let answer = caller.send(Method::POST, "/session/link", None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{who}: {}", answer.body);
        answer.refused("insufficient_scope", "proves its key");
    }
    let stolen = Caller { world: &world, token: owner.token.clone(), key: Some(&Key::new()) };
    stolen.send(Method::POST, "/session/link", None).await.refused("invalid_token", "another key");
    assert_eq!(owner.send(Method::POST, "/session/link", None).await.status, StatusCode::CREATED);
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["gatepass_session_link_endpoint"], format!("{}/session/link", world.base));
}

#[tokio::test]
async fn the_file_holds_no_link() {
    let world = World::new().await;
    let key = Key::new();
    let answer = Cli::sign_in(&world, &key, EMAIL)
        .await
        .ask(&[("return_to", "https://web.example/in-the-file")])
        .await;
    let token = parameter(&answer.text("url"), "token").unwrap();
    let folder = world.stop().await;
    let mut file = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        file.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("https://web.example/in-the-file"), "this is the file in question");
    assert!(token.len() == 43 && !holds(&token));
}
