//! A dashboard signs a terminal in: what it may ask for, who answers, and how the answer gets there.

use std::fs;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_authority::{ClientConfig, ClientKind, OrganizationConfig};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::caller::web_request;
use crate::key::Key;
use crate::world::*;

const WAY_BACK: &str = "http://127.0.0.1:53123/gatepass/0123456789abcdefghij_-";
const STATE: &str = "sssssssssssssssssssssssssssssssssssssssssss";
const PAGE: &str = "https://web.example";

/// The request of a terminal, with its key.
struct Terminal {
    key: Key,
    fields: Vec<(&'static str, String)>,
}

impl Terminal {
    fn new(world: &World) -> Self {
        let key = Key::new();
        let fields = [
            ("v", "1"),
            ("iss", &world.issuer),
            ("client_id", "gatepass-cli"),
            ("redirect_uri", WAY_BACK),
            ("response_type", "code"),
            ("scope", "openid email offline_access"),
            ("state", STATE),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("dpop_jkt", &key.jkt()),
            ("device", "ada@thinkpad"),
        ];
        let fields = fields.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { key, fields }
    }

    /// The same with another value; nothing leaves the parameter out.
    fn with(&self, name: &'static str, value: &str) -> Vec<(&'static str, String)> {
        let mut fields = self.fields.clone();
        fields.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            fields.push((name, value.to_owned()));
        }
        fields
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.fields = self.with(name, value);
    }

    fn phrase(&self) -> String {
        let value =
            |wanted| self.fields.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
        let parts =
            ["iss", "client_id", "redirect_uri", "state", "code_challenge", "dpop_jkt", "hpke"].map(value);
        let hash =
            Base64UrlUnpadded::decode_vec(&hash(&format!("gatepass-handoff-v1\n{}", parts.join("\n"))));
        gatepass_core::phrase::of(&hash.unwrap()[..6].try_into().unwrap())
    }

    /// Trades a code, by the proof of a key.
    async fn trade(&self, world: &World, code: &str, key: &Key, verifier: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "gatepass-cli"),
            ("redirect_uri", WAY_BACK),
            ("code", code),
            ("code_verifier", verifier),
        ];
        let listens = self.fields.iter().any(|(name, _)| *name == "redirect_uri");
        let fields: Vec<_> =
            fields.into_iter().filter(|(name, _)| listens || *name != "redirect_uri").collect();
        world.token(&fields, Some(key)).await
    }
}

/// A browser with a dashboard in it.
struct Desk {
    browser: Browser,
    token: String,
    key: Option<Key>,
}

impl Desk {
    async fn new(world: &World) -> Self {
        Self::of(world, EMAIL, "openid email profile", None).await
    }

    async fn of(world: &World, email: &str, scope: &str, key: Option<Key>) -> Self {
        let browser = Browser::new(world);
        let request = format!(
            "/authorize?client_id=web&redirect_uri=https%3A%2F%2Fweb.example%2Fcb&response_type=code&scope={}\
             &code_challenge={CHALLENGE}&code_challenge_method=S256",
            scope.replace(' ', "%20")
        );
        let location = browser.sign_in(&request, email).await;
        let code = parameter(&location, "code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "web"),
            ("redirect_uri", "https://web.example/cb"),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let token = world.token(&fields, key.as_ref()).await.text("access_token");
        Self { browser, token, key }
    }

    async fn push(&self, world: &World, fields: &[(&'static str, String)]) -> Answer {
        self.push_from(world, fields, PAGE).await
    }

    async fn push_from(&self, world: &World, fields: &[(&'static str, String)], origin: &str) -> Answer {
        let mut request =
            plain().post(format!("{}/oauth/handoff", world.base)).header("origin", origin).form(fields);
        request = match &self.key {
            None => request.header("authorization", format!("Bearer {}", self.token)),
            Some(key) => {
                let proof = key.prove(world, "POST", "/oauth/handoff", json!({"ath": hash(&self.token)}));
                request.header("authorization", format!("DPoP {}", self.token)).header("dpop", proof)
            }
        };
        Answer::read(request.send().await.unwrap()).await
    }

    /// What the account has granted.
    async fn grants(&self, world: &World) -> Vec<Value> {
        let proof = self
            .key
            .as_ref()
            .map(|key| key.prove(world, "GET", "/grants", json!({"ath": hash(&self.token)})));
        let scheme = if proof.is_some() { "DPoP" } else { "Bearer" };
        let answer = world.resource("/grants", scheme, &self.token, proof.as_deref()).await;
        answer.body["grants"].as_array().unwrap_or_else(|| panic!("{}", answer.body)).clone()
    }

    /// Hands a request in; gives the address to open.
    async fn handed_in(&self, world: &World, terminal: &Terminal) -> String {
        let answer = self.push(world, &terminal.fields).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.text("handoff_uri")
    }

    /// Hands a request in and opens the page that asks.
    async fn asked(&self, world: &World, terminal: &Terminal) -> Page {
        let address = self.handed_in(world, terminal).await;
        self.open(&address).await
    }

    async fn open(&self, address: &str) -> Page {
        let resumed = self.browser.get(address).await.location();
        self.browser.get(&resumed).await
    }

    /// The page that asks, for what another dashboard of the same account handed in.
    async fn asked_by(&self, other: &Self, world: &World, terminal: &Terminal) -> Page {
        let address = other.handed_in(world, terminal).await;
        self.open(&address).await
    }

    async fn press(&self, page: &Page, decision: &str) -> Page {
        press(&self.browser, page, decision).await
    }

    /// All the way to a code on its way.
    async fn code(&self, world: &World, terminal: &Terminal) -> (String, Page) {
        let page = self.asked(world, terminal).await;
        let answer = self.press(&page, "allow").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.html);
        (answer.field("code"), answer)
    }

    /// Asks for a code to type, on the page of an answer.
    async fn show_code(&self, answer: &Page) -> Page {
        let fields = [("csrf", &*answer.field("csrf")), ("ticket", &*answer.field("ticket"))];
        self.browser.post("/handoff/code", &fields).await
    }
}

async fn press(browser: &Browser, page: &Page, decision: &str) -> Page {
    assert!(page.has("id=\"handoff\""), "{}", page.html);
    let fields = [("csrf", &*page.field("csrf")), ("ticket", &*page.field("ticket")), ("decision", decision)];
    browser.post("/handoff/decision", &fields).await
}

#[tokio::test]
async fn a_terminal_is_signed_in() {
    let world = World::new().await;
    for key in [None, Some(Key::new())] {
        let desk = Desk::of(&world, EMAIL, "openid email profile", key).await;
        let mut terminal = Terminal::new(&world);
        terminal.set("state", &hash("once"));
        let answer = desk.push(&world, &terminal.fields).await;
        assert_eq!((answer.status, &answer.body["expires_in"]), (StatusCode::CREATED, &json!(60)));
        assert_eq!(answer.headers["cache-control"], "no-store");
        let name = answer.text("request_uri");
        assert!(name.starts_with("urn:ietf:params:oauth:request_uri:"));
        let address = answer.text("handoff_uri");
        assert_eq!(parameter(&address, "request_uri").unwrap(), name);
        assert!(address.starts_with(&format!("{}/handoff?", world.base)));

        let page = desk.open(&address).await;
        for shown in
            [EMAIL, "Gatepass CLI", "ada@thinkpad", "port 53123", &terminal.phrase(), "see your e-mail"]
        {
            assert!(page.has(shown), "{shown}: {}", page.html);
        }
        let answer = desk.press(&page, "allow").await;
        assert!(
            answer.has(&format!("<form id=\"deliver\" method=\"post\" action=\"{WAY_BACK}\"")),
            "{}",
            answer.html
        );
        assert_eq!(answer.field("state"), hash("once"));
        assert_eq!(answer.field("iss"), world.issuer);
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("form-action 'self' http://127.0.0.1:53123 https://web.example;"),
            "{policy}"
        );

        let tokens = terminal.trade(&world, &answer.field("code"), &terminal.key, VERIFIER).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
        assert_eq!(
            (&tokens.body["token_type"], &tokens.body["scope"]),
            (&json!("DPoP"), &json!("openid email offline_access"))
        );
        let id_token = claims(&tokens.text("id_token"));
        assert_eq!((&id_token["nonce"], &id_token["email"]), (&json!("n-1"), &json!(EMAIL)));
        assert_eq!(claims(&tokens.text("access_token"))["cnf"]["jkt"], terminal.key.jkt());
        // Its own grant, with its own refresh token: ending it leaves the dashboard's alone, and the other way around.
        let grants = desk.grants(&world).await;
        let own: Vec<_> =
            grants.iter().filter(|grant| grant["way"] == "handoff" && grant["current"] == false).collect();
        assert!(
            own.iter().any(|grant| grant["device"] == "ada@thinkpad" && grant["client_id"] == "gatepass-cli"),
            "{grants:?}"
        );
        assert!(grants.iter().any(|grant| grant["way"] == "code" && grant["current"] == true), "{grants:?}");
        assert_eq!(
            world.refresh(&tokens.text("refresh_token"), Some(&terminal.key)).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn metadata_names_the_endpoint() {
    let world = World::new().await;
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["gatepass_handoff_endpoint"], format!("{}/oauth/handoff", world.base));
}

#[tokio::test]
async fn what_a_link_may_not_say() {
    let world = World::with(|config| {
        config.clients.push(ClientConfig {
            id: "tv".into(),
            kind: ClientKind::Native,
            redirect_uris: Vec::new(),
            grant_types: Some(vec![gatepass_authority::GrantType::DeviceCode]),
            ..web_client()
        });
    })
    .await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let digest = "x".repeat(43);
    let long = "d".repeat(65);
    let point = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let (hybrid, short) = (point(&[&[6][..], &[1; 64]].concat()), point(&[4; 33]));
    for (name, value, error, words) in [
        ("v", "", "invalid_request", "`v` is missing"),
        ("v", "2", "invalid_request", "`v`"),
        ("iss", "", "invalid_request", "`iss` is missing"),
        ("iss", "https://evil.example", "invalid_request", "another server"),
        ("iss", &format!("{}/", world.issuer), "invalid_request", "another server"),
        ("client_id", "", "invalid_request", "`client_id` is missing"),
        ("client_id", "nobody", "unauthorized_client", "no program"),
        ("client_id", "web", "unauthorized_client", "no program"),
        ("client_id", "partner", "unauthorized_client", "no program"),
        ("client_id", "tv", "unauthorized_client", "may not use"),
        ("response_type", "", "invalid_request", "`response_type` is missing"),
        ("response_type", "token", "unsupported_response_type", "`code`"),
        ("scope", "openid email phone", "", ""),
        ("scope", "nothing", "invalid_scope", ""),
        ("state", "", "invalid_request", "`state` is missing"),
        ("state", "short", "invalid_request", "`state`"),
        ("nonce", "with space", "invalid_request", "`nonce`"),
        ("code_challenge", "", "invalid_request", "`code_challenge` is required"),
        ("code_challenge", "short", "invalid_request", "`code_challenge`"),
        ("code_challenge", &format!("{digest}x"), "invalid_request", "`code_challenge`"),
        ("code_challenge_method", "", "invalid_request", "`S256`"),
        ("code_challenge_method", "plain", "invalid_request", "`S256`"),
        ("dpop_jkt", "", "invalid_request", "`dpop_jkt` is missing"),
        ("dpop_jkt", "short", "invalid_request", "`dpop_jkt`"),
        ("dpop_jkt", &format!("{}=", &digest[1..]), "invalid_request", "`dpop_jkt`"),
        ("audience", "https://evil.example", "invalid_target", "may not ask"),
        ("resource", "https://evil.example", "invalid_target", "may not ask"),
        ("organization", "org_1", "invalid_request", "no member"),
        ("device", "", "invalid_request", "`device` is missing"),
        ("device", &long, "invalid_request", "`device`"),
        ("device", "a\nb", "invalid_request", "`device`"),
        ("device", "a\u{202e}b", "invalid_request", "`device`"),
        ("device", "a\u{2066}b", "invalid_request", "`device`"),
        ("device", "a\u{200b}b", "invalid_request", "`device`"),
        ("device", " ", "invalid_request", "`device`"),
        ("device", &long[1..], "", ""),
        ("device", "Ada’s Laptop ü", "", ""),
        ("hpke", "x", "invalid_request", "`hpke`"),
        ("hpke", &hybrid, "invalid_request", "`hpke`"),
        ("hpke", &short, "invalid_request", "`hpke`"),
        ("hpke", &point(&[&[4][..], &[1; 64]].concat()), "", ""),
        ("login_hint", "x", "invalid_request", "not known here"),
        ("prompt", "none", "invalid_request", "not known here"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request", "not known here"),
        ("V", "1", "invalid_request", "not known here"),
    ] {
        let answer = desk.push(&world, &terminal.with(name, value)).await;
        if error.is_empty() {
            assert_eq!(answer.status, StatusCode::CREATED, "{name}={value}: {}", answer.body);
        } else {
            answer.refused(error, words);
        }
    }
    for repeated in ["state", "scope", "device", "v"] {
        let mut twice = terminal.fields.clone();
        let value = twice.iter().find(|(name, _)| *name == repeated).unwrap().1.clone();
        twice.push((repeated, value));
        desk.push(&world, &twice).await.refused("invalid_request", "more than once");
    }
    let sized = |nonce: usize| terminal.with("nonce", &"n".repeat(nonce));
    desk.push(&world, &sized(4096)).await.refused("invalid_request", "too long");
    desk.push(&world, &sized(300)).await.refused("invalid_request", "`nonce`");
    // Exactly a form, so that no page sends it without being asked first, and nothing beside it.
    let url = format!("{}/oauth/handoff", world.base);
    let bearer = format!("Bearer {}", desk.token);
    let json = plain().post(&url).header("authorization", &bearer).json(&json!({"v": "1"}));
    assert_eq!(Answer::read(json.send().await.unwrap()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let query = plain().post(format!("{url}?v=1")).header("authorization", &bearer).form(&terminal.fields);
    Answer::read(query.send().await.unwrap()).await.refused("invalid_request", "");
}

#[tokio::test]
async fn who_may_ask() {
    let world = World::with(|config| {
        config.clients.push(ClientConfig { id: "outside".into(), first_party: false, ..web_client() });
    })
    .await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    // More than the dashboard has; how long it stays is no part of that.
    let narrow = Desk::of(&world, EMAIL, "openid", None).await;
    narrow.push(&world, &terminal.fields).await.refused("invalid_scope", "more than");
    let less = terminal.with("scope", "openid offline_access");
    assert_eq!(narrow.push(&world, &less).await.status, StatusCode::CREATED);
    let nobody = plain().post(format!("{}/oauth/handoff", world.base)).form(&terminal.fields);
    assert_eq!(Answer::read(nobody.send().await.unwrap()).await.status, StatusCode::UNAUTHORIZED);
    // A program, however it was signed in.
    let key = Key::new();
    let program = world.tokens(Some(&key)).await["access_token"].as_str().unwrap().to_owned();
    let program = Desk { browser: Browser::new(&world), token: program, key: Some(key) };
    program.push(&world, &terminal.fields).await.refused("unauthorized_client", "page of the house");
    // A personal token.
    let made = plain()
        .post(format!("{}/tokens", world.base))
        .header("authorization", format!("Bearer {}", desk.token))
        .json(&json!({"name": "ci"}));
    let personal = Answer::read(made.send().await.unwrap()).await.text("token");
    let personal = Desk { browser: Browser::new(&world), token: personal, key: None };
    personal.push(&world, &terminal.fields).await.refused("unauthorized_client", "page of the house");
    // A page of somebody else.
    let browser = Browser::new(&world);
    let request = format!(
        "/authorize?client_id=outside&redirect_uri=https%3A%2F%2Fweb.example%2Fcb&response_type=code\
         &scope=openid%20email&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let code = parameter(&browser.sign_in(&request, EMAIL).await, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "outside"),
        ("redirect_uri", "https://web.example/cb"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let token = world.token(&fields, None).await.text("access_token");
    let outside = Desk { browser, token, key: None };
    outside.push(&world, &terminal.fields).await.refused("unauthorized_client", "page of the house");
    // A bound token without the proof of its key, and a stale one.
    let bound = Desk::of(&world, EMAIL, "openid email", Some(Key::new())).await;
    let bare = Desk { key: None, ..bound };
    assert_eq!(bare.push(&world, &terminal.fields).await.status, StatusCode::UNAUTHORIZED);
    world.pass(601);
    assert_eq!(desk.push(&world, &terminal.fields).await.status, StatusCode::UNAUTHORIZED);
}

/// The lines of the corpus 01, with the path that a terminal has where a line has a plain one.
#[tokio::test]
async fn the_corpus_of_loopback_addresses() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpora/01-redirect-uri-loopback.jsonl");
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let (mut accepted, mut chosen, mut rejected) = (0, 0, 0);
    for line in fs::read_to_string(file).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let uri = line["input"].as_str().unwrap();
        let moved = ["/callback", "/oauth2redirect/example-provider", "/cb"]
            .iter()
            .find_map(|path| uri.split_once(path))
            // A path with letters behind it is another one there, and here as good as any.
            .filter(|(_, back)| !back.starts_with(|letter: char| letter.is_ascii_alphanumeric()))
            .map(|(front, back)| format!("{front}/gatepass/0123456789abcdefghij_-{back}"));
        // As it is, no line has the path.
        if !uri.is_empty() {
            desk.push(&world, &terminal.with("redirect_uri", uri)).await.refused("invalid_request", "");
        }
        let Some(moved) = moved else {
            rejected += 1;
            continue;
        };
        let answer = desk.push(&world, &terminal.with("redirect_uri", &moved)).await;
        let port = moved
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.split('/').next()?.parse::<u16>().ok());
        match (line["must"].as_str().unwrap(), answer.status) {
            ("accept", StatusCode::CREATED) => {
                assert!(port.is_some_and(|port| port >= 1024), "{moved}");
                accepted += 1;
            }
            // By choice: one literal, a port that a user's program can take, and no query.
            ("accept", _) => {
                assert!(port.is_none_or(|port| port < 1024) || moved.contains('?'), "{moved}");
                answer.refused("invalid_request", "`redirect_uri`");
                chosen += 1;
            }
            _ => {
                answer.refused("invalid_request", "`redirect_uri`");
                rejected += 1;
            }
        }
    }
    assert!(
        accepted == 3 && rejected > 200,
        "{accepted} accepted, {chosen} by choice not, {rejected} rejected"
    );
}

#[tokio::test]
async fn the_way_back_has_one_form() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let long = format!("http://127.0.0.1:9000/gatepass/{}", "a".repeat(64));
    for good in [
        WAY_BACK,
        "http://127.0.0.1:1024/gatepass/0123456789abcdefghij_-",
        &long,
        "http://127.0.0.1:65535/gatepass/0123456789abcdefghij_-",
    ] {
        let answer = desk.push(&world, &terminal.with("redirect_uri", good)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{good}: {}", answer.body);
    }
    for bad in [
        "http://127.0.0.1:1023/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1:65536/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1:053123/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1:+5312/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1:/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1:53123/gatepass/0123456789abcdefghij_",
        &format!("{long}a"),
        "http://127.0.0.1:53123/gatepass/0123456789abcdefghij_-/",
        "http://127.0.0.1:53123/gatepass/0123456789abcdefghij_-?x=1",
        "http://127.0.0.1:53123/gatepass/0123456789abcdefghij_-#x",
        "http://127.0.0.1:53123/gatepass/../0123456789abcdefghij_-",
        "http://127.0.0.1:53123/gatepass/0123456789abcdefghij%2F",
        "http://127.0.0.1:53123/x/gatepass/0123456789abcdefghij_-",
        "http://127.0.0.1:53123@evil.example/gatepass/0123456789abcdefghij_-",
        "http://user@127.0.0.1:53123/gatepass/0123456789abcdefghij_-",
        "http://192.168.0.7:53123/gatepass/0123456789abcdefghij_-",
        "http://localhost:53123/gatepass/0123456789abcdefghij_-",
        "http://[::1]:53123/gatepass/0123456789abcdefghij_-",
        "https://127.0.0.1:53123/gatepass/0123456789abcdefghij_-",
        "https://evil.example/gatepass/0123456789abcdefghij_-",
        "javascript:alert(1)",
        CALLBACK,
    ] {
        let answer = desk.push(&world, &terminal.with("redirect_uri", bad)).await;
        answer.refused("invalid_request", "`redirect_uri`");
    }
}

#[tokio::test]
async fn the_page_stands_alone() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let question = desk.asked(&world, &terminal).await;
    let answer = desk.press(&question, "allow").await;
    let code = desk.show_code(&answer).await;
    for page in [&question, &answer, &code] {
        let header = |name: &str| page.headers[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("base-uri 'none'"), "{policy}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!((header("x-frame-options"), header("cache-control")), ("DENY", "no-store"));
        assert_eq!(header("referrer-policy"), "same-origin");
    }
    // A script where something is sent on or held back, ours, and nowhere else.
    question.stands_alone();
    assert!(
        !code.has("<script")
            && !code.headers["content-security-policy"].to_str().unwrap().contains("script-src")
    );
    assert_eq!(answer.html.matches("<script").count(), 1);
    assert!(answer.has("<script src=\"/assets/handoff.js\" defer></script>"));
    let script = plain().get(format!("{}/assets/handoff.js", world.base)).send().await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    // Deny comes first, and has the focus.
    let (deny, allow) =
        (question.html.find("id=\"deny\"").unwrap(), question.html.find("id=\"allow\"").unwrap());
    assert!(deny < allow && question.html[deny..allow].contains("autofocus"));
}

#[tokio::test]
async fn scripts_and_frames_are_shown_nothing() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let address = desk.handed_in(&world, &terminal).await;
    let resumed = desk.browser.get(&address).await.location();
    let consent = cli_request("");
    for target in [&address, &resumed, &consent, "/activate", "/logout", "/authorize/resume?flow=x"] {
        for (mode, dest) in
            [("cors", "empty"), ("same-origin", "empty"), ("navigate", "iframe"), ("no-cors", "embed")]
        {
            let metadata =
                [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            let page = desk.browser.get_with(target, &metadata).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{target} {mode} {dest}");
            assert!(!page.has("<"), "{}", page.html);
        }
        let window = [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_ne!(desk.browser.get_with(target, &window).await.status, StatusCode::FORBIDDEN, "{target}");
    }
}

/// A script could give its pages any header by one, and so be let into a window that keeps others out.
#[tokio::test]
async fn no_service_worker_lives_here() {
    let world = World::new().await;
    for path in ["/assets/handoff.js", "/dashboard/worker.js", "/handoff"] {
        let page = Browser::new(&world).get_with(path, &[("service-worker", "script")]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_person_answers_and_nobody_else() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let page = desk.asked(&world, &terminal).await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let fields = [("csrf", &*csrf), ("ticket", &*ticket), ("decision", "allow")];
    let window =
        [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    // Sent by a script, where the browser tells.
    let refused = desk.browser.post_with("/handoff/decision", &fields, &window).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // By `fetch`, even while somebody clicks.
    let fetched = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-user", "?1")];
    assert_eq!(
        desk.browser.post_with("/handoff/decision", &fields, &fetched).await.status,
        StatusCode::FORBIDDEN
    );
    // From elsewhere, without the token, with that of another browser.
    assert_eq!(
        desk.browser.post_from("/handoff/decision", &fields, "https://evil.example").await.status,
        StatusCode::FORBIDDEN
    );
    let other = Desk::new(&world).await;
    assert_eq!(other.browser.post("/handoff/decision", &fields).await.status, StatusCode::FORBIDDEN);
    let no_token = [("ticket", &*ticket), ("decision", "allow")];
    assert_eq!(desk.browser.post("/handoff/decision", &no_token).await.status, StatusCode::FORBIDDEN);
    // By looking.
    let query = format!("/handoff/decision?csrf={csrf}&ticket={ticket}&decision=allow");
    assert_eq!(desk.browser.get(&query).await.status, StatusCode::METHOD_NOT_ALLOWED);
    // With what stands in addresses, in the place of the ticket: a script may find those.
    let address = desk.handed_in(&world, &terminal).await;
    let name = parameter(&address, "request_uri").unwrap();
    let resumed = desk.browser.get(&address).await.location();
    let flow = parameter(&resumed, "flow").unwrap();
    let bare = name.rsplit_once(':').unwrap().1;
    for wrong in [flow.as_str(), &name, bare, ""] {
        let fields = [("csrf", &*csrf), ("ticket", wrong), ("decision", "allow")];
        let refused = desk.browser.post("/handoff/decision", &fields).await;
        assert!(refused.status.is_client_error() && !refused.has("deliver"), "{wrong}");
    }
    // An answer's ticket answers no question, and a question's makes no code.
    let (_, answer) = desk.code(&world, &terminal).await;
    let swapped = [("csrf", &*csrf), ("ticket", &*answer.field("ticket")), ("decision", "allow")];
    assert_eq!(desk.browser.post("/handoff/decision", &swapped).await.status, StatusCode::GONE);
    let swapped = [("csrf", &*csrf), ("ticket", &*ticket)];
    assert_eq!(desk.browser.post("/handoff/code", &swapped).await.status, StatusCode::GONE);
    // A code to type is shown to a person too.
    let shows = [("csrf", &*csrf), ("ticket", &*answer.field("ticket"))];
    for scripted in [&window, &fetched] {
        let refused = desk.browser.post_with("/handoff/code", &shows, scripted).await;
        assert_eq!((refused.status, refused.has("id=\"code\"")), (StatusCode::FORBIDDEN, false));
    }
    assert!(desk.browser.post_with("/handoff/code", &shows, &PRESSED).await.has("id=\"code\""));
    // And then by a person.
    let window = [&window[..], &[("sec-fetch-user", "?1")]].concat();
    assert!(desk.browser.post_with("/handoff/decision", &fields, &window).await.has("id=\"deliver\""));
}

#[tokio::test]
async fn only_the_account_that_asked_answers() {
    let world = World::new().await;
    let (desk, other) =
        (Desk::new(&world).await, Desk::of(&world, "bob@example.com", "openid email", None).await);
    let terminal = Terminal::new(&world);
    let address = desk.handed_in(&world, &terminal).await;
    let page = other.open(&address).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.has("another account") && !page.has(EMAIL) && !page.has(&terminal.phrase()));
    // Whoever signs in for it as somebody else gets no further.
    let stranger = Browser::new(&world);
    let resumed = stranger.get(&address).await.location();
    stranger.ask(&resumed, "eve@example.com").await;
    let link = world.letter("eve@example.com").await["link"].as_str().unwrap().to_owned();
    let back = stranger.open(&link).await.location();
    let again = stranger.get(&back).await.location();
    assert_eq!(stranger.get(&again).await.status, StatusCode::FORBIDDEN);
    // The dashboard's own browser still can.
    assert!(desk.open(&address).await.has(&terminal.phrase()));
}

/// The token of its forms would let the newer session send a ticket that was written for the older one.
#[tokio::test]
async fn a_ticket_is_for_the_session_that_saw_the_page() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let before = desk.asked(&world, &terminal).await;
    desk.browser.sign_in(&web_request("&prompt=login"), EMAIL).await;
    let after = desk.asked(&world, &terminal).await;
    let mixed =
        [("csrf", &*after.field("csrf")), ("ticket", &*before.field("ticket")), ("decision", "allow")];
    assert_eq!(desk.browser.post("/handoff/decision", &mixed).await.status, StatusCode::GONE);
    assert!(desk.press(&after, "allow").await.has("id=\"deliver\""));
}

/// A page that asks is good for half an hour, however young the sign-in counts that was made for it.
#[tokio::test]
async fn a_ticket_ends() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let address = desk.handed_in(&world, &terminal).await;
    let stranger = Browser::new(&world);
    let resumed = stranger.get(&address).await.location();
    let back = stranger.sign_in(&resumed, EMAIL).await;
    let page = stranger.get(&back).await;
    world.pass(1799);
    assert!(press(&stranger, &page, "allow").await.has("id=\"deliver\""));
    world.pass(1);
    assert_eq!(press(&stranger, &page, "allow").await.status, StatusCode::GONE);
}

/// The page that sends the answer on lets its form end at the dashboard, and at no page of anybody else.
#[tokio::test]
async fn the_answer_leads_back_to_a_registered_page_alone() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    for (origin, targets) in [
        (PAGE, "'self' http://127.0.0.1:53123 https://web.example"),
        ("https://evil.example", "'self' http://127.0.0.1:53123"),
        ("https://web.example.evil.example", "'self' http://127.0.0.1:53123"),
        ("null", "'self' http://127.0.0.1:53123"),
    ] {
        let pushed = desk.push_from(&world, &terminal.fields, origin).await;
        let page = desk.open(&pushed.text("handoff_uri")).await;
        let answer = desk.press(&page, "allow").await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains(&format!("form-action {targets};")), "{origin}: {policy}");
    }
}

#[tokio::test]
async fn an_old_sign_in_is_made_anew_first() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    world.pass(550);
    let fresh = Desk::of(&world, EMAIL, "openid email", Some(Key::new())).await;
    world.pass(50);
    assert!(
        desk.open(&fresh.handed_in(&world, &terminal).await).await.has("id=\"handoff\""),
        "ten minutes are young"
    );
    let page = desk.asked_by(&fresh, &world, &terminal).await;
    world.pass(1);
    // Not even for who has the page open.
    let location = desk.press(&page, "allow").await.location();
    let page = desk.browser.get(&location).await;
    assert!(page.has("id=\"sign-in\"") && page.has("Gatepass CLI"), "{}", page.html);
    assert!(page.has(&format!("type=\"email\" value=\"{EMAIL}\"")), "{}", page.html);
    let (csrf, flow) = (page.field("csrf"), page.field("flow"));
    desk.browser.post("/login/email", &[("csrf", &csrf), ("flow", &flow), ("email", EMAIL)]).await;
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let resumed = desk.browser.open(&link).await.location();
    let back = desk.browser.get(&resumed).await.location();
    assert!(back.starts_with(&format!("{}/handoff?flow=", world.base)), "{back}");
    // Slow people do not loop.
    world.pass(900);
    let page = desk.browser.get(&back).await;
    assert!(page.has(&terminal.phrase()), "{}", page.html);
    let answer = desk.press(&page, "allow").await;
    let tokens = terminal.trade(&world, &answer.field("code"), &terminal.key, VERIFIER).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
}

#[tokio::test]
async fn a_request_is_opened_within_a_minute_and_answered_once() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let address = desk.handed_in(&world, &terminal).await;
    world.pass(59);
    let (one, two) = (desk.open(&address).await, desk.open(&address).await);
    world.pass(1);
    for wrong in [
        address.clone(),
        format!("{address}x"),
        // What was sealed for another purpose is no request.
        format!(
            "{}/handoff?request_uri=urn:ietf:params:oauth:request_uri:{}",
            world.base,
            one.field("ticket")
        ),
        format!("{}/handoff?request_uri=x", world.base),
        format!("{}/handoff?flow={}", world.base, one.field("ticket")),
    ] {
        assert!(desk.browser.get(&wrong).await.status.is_client_error(), "{wrong}");
    }
    let (a, b) = tokio::join!(desk.press(&one, "allow"), desk.press(&two, "allow"));
    let mut statuses = [a.status, b.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::GONE]);
    let (winner, answer) = if a.status == StatusCode::OK { (&one, a) } else { (&two, b) };
    // A button pressed twice says the same again, with one code that is good; another answer is none.
    assert_eq!(desk.press(winner, "deny").await.status, StatusCode::GONE);
    let again = desk.press(winner, "allow").await;
    let (first, second) = (answer.field("code"), again.field("code"));
    terminal.trade(&world, &first, &terminal.key, VERIFIER).await.refused("invalid_grant", "not known");
    assert_eq!(terminal.trade(&world, &second, &terminal.key, VERIFIER).await.status, StatusCode::OK);
    // Nor a second grant.
    assert_eq!(desk.press(winner, "allow").await.status, StatusCode::GONE);
    assert_eq!(desk.show_code(&again).await.status, StatusCode::GONE);
    let address = desk.handed_in(&world, &terminal).await;
    let resumed = desk.browser.get(&address).await.location();
    let page = desk.browser.get(&resumed).await;
    desk.press(&page, "deny").await;
    for decided in [&address, &resumed] {
        assert_eq!(desk.browser.get(decided).await.status, StatusCode::GONE, "{decided}");
    }
}

#[tokio::test]
async fn a_refusal_reaches_the_terminal() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let mut terminal = Terminal::new(&world);
    for decision in ["deny", "", "ALLOW"] {
        let page = desk.asked(&world, &terminal).await;
        let answer = desk.press(&page, decision).await;
        assert!(
            answer.has(&format!("action=\"{WAY_BACK}\"")) && !answer.has("name=\"code\""),
            "{}",
            answer.html
        );
        let told = [answer.field("error"), answer.field("state"), answer.field("iss")];
        assert_eq!(told, ["access_denied", STATE, &world.issuer]);
        assert!(!answer.has("id=\"type\""), "nothing was granted that could be typed");
    }
    // Where nothing listens, the page is all there is.
    terminal.set("redirect_uri", "");
    let page = desk.asked(&world, &terminal).await;
    let answer = desk.press(&page, "deny").await;
    assert!(
        answer.has("id=\"refused\"") && !answer.has("<form") && !answer.has("<script"),
        "{}",
        answer.html
    );
}

#[tokio::test]
async fn a_code_is_for_one_program_once_and_soon() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let (code, _) = desk.code(&world, &terminal).await;
    let other = "another-verifier-of-43-characters-or-more-than-that";
    terminal.trade(&world, &code, &terminal.key, other).await.refused("invalid_grant", "challenge");
    terminal.trade(&world, &code, &Key::new(), VERIFIER).await.refused("invalid_grant", "another key");
    world.token(&redemption(&code), Some(&terminal.key)).await.refused("invalid_grant", "`redirect_uri`");
    let tokens = terminal.trade(&world, &code, &terminal.key, VERIFIER).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    // A second use ends what came of the first.
    terminal.trade(&world, &code, &terminal.key, VERIFIER).await.refused("invalid_grant", "used before");
    world
        .refresh(&tokens.text("refresh_token"), Some(&terminal.key))
        .await
        .refused("invalid_grant", "revoked");
    let (late, _) = desk.code(&world, &terminal).await;
    world.pass(60);
    terminal.trade(&world, &late, &terminal.key, VERIFIER).await.refused("invalid_grant", "expired");
}

#[tokio::test]
async fn a_code_may_be_typed_instead() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let (long, answer) = desk.code(&world, &terminal).await;
    world.pass(61);
    let typed = desk.show_code(&answer).await.code();
    assert_eq!(typed.len(), 9);
    terminal.trade(&world, &long, &terminal.key, VERIFIER).await.refused("invalid_grant", "not known");
    // Another verifier finds nothing, and costs no try; nor does the wrong key find out anything.
    for _ in 0..6 {
        let other = "another-verifier-of-43-characters-or-more-than-that";
        terminal.trade(&world, &typed, &terminal.key, other).await.refused("invalid_grant", "five tries");
    }
    terminal.trade(&world, &typed, &Key::new(), VERIFIER).await.refused("invalid_grant", "another key");
    for wrong in ["BBBB-BBBB", "cccc-cccc", "DDDDDDDD"] {
        terminal.trade(&world, wrong, &terminal.key, VERIFIER).await.refused("invalid_grant", "five tries");
    }
    world.pass(538);
    // As people type.
    let sloppy = format!(" {} ", typed.replace('-', "").to_lowercase());
    let tokens = terminal.trade(&world, &sloppy, &terminal.key, VERIFIER).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    terminal.trade(&world, &typed, &terminal.key, VERIFIER).await.refused("invalid_grant", "used before");
    world
        .refresh(&tokens.text("refresh_token"), Some(&terminal.key))
        .await
        .refused("invalid_grant", "revoked");
}

#[tokio::test]
async fn a_typed_code_has_five_tries_and_ten_minutes() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let (_, answer) = desk.code(&world, &terminal).await;
    let typed = desk.show_code(&answer).await.code();
    for _ in 0..5 {
        terminal
            .trade(&world, "BBBB-BBBB", &terminal.key, VERIFIER)
            .await
            .refused("invalid_grant", "five tries");
    }
    terminal.trade(&world, &typed, &terminal.key, VERIFIER).await.refused("invalid_grant", "five tries");
    // The person may ask for another one, which is the only one then.
    let another = desk.show_code(&answer).await.code();
    terminal.trade(&world, &typed, &terminal.key, VERIFIER).await.refused("invalid_grant", "five tries");
    world.pass(600);
    terminal.trade(&world, &another, &terminal.key, VERIFIER).await.refused("invalid_grant", "expired");
    assert_eq!(desk.show_code(&answer).await.status, StatusCode::GONE, "ten minutes after the answer");
}

#[tokio::test]
async fn where_nothing_listens_a_code_is_shown_at_once() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let mut terminal = Terminal::new(&world);
    terminal.set("redirect_uri", "");
    let page = desk.asked(&world, &terminal).await;
    assert!(page.has(&terminal.phrase()) && page.has("a code that you type there"));
    let typed = desk.press(&page, "allow").await.code();
    let tokens = terminal.trade(&world, &typed, &terminal.key, VERIFIER).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
}

/// Who comes back from a port where nobody listens any more is not left alone.
#[tokio::test]
async fn the_way_back_to_the_page_leads_to_a_code() {
    let world = World::new().await;
    let desk = Desk::new(&world).await;
    let terminal = Terminal::new(&world);
    let address = desk.handed_in(&world, &terminal).await;
    let resumed = desk.browser.get(&address).await.location();
    let page = desk.browser.get(&resumed).await;
    desk.press(&page, "allow").await;
    let back = desk.browser.get(&resumed).await;
    assert!(
        !back.has("id=\"handoff\"") && !back.has("name=\"code\"") && !back.has("<script"),
        "{}",
        back.html
    );
    let typed = desk.show_code(&back).await.code();
    assert_eq!(terminal.trade(&world, &typed, &terminal.key, VERIFIER).await.status, StatusCode::OK);
    assert_eq!(desk.browser.get(&resumed).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn it_ends_with_the_dashboard_and_the_membership() {
    let world = World::with(|config| {
        config.organizations.push(
            serde_json::from_value::<OrganizationConfig>(json!({"name": "Acme", "members": [EMAIL]}))
                .unwrap(),
        );
    })
    .await;
    let desk = Desk::new(&world).await;
    let mut terminal = Terminal::new(&world);
    let request =
        plain().get(format!("{}/orgs", world.base)).header("authorization", format!("Bearer {}", desk.token));
    let list = Answer::read(request.send().await.unwrap()).await.body;
    let id = list[0]["id"]
        .as_str()
        .or_else(|| list["organizations"][0]["id"].as_str())
        .unwrap_or_else(|| panic!("{list}"));
    terminal.set("organization", id);
    let page = desk.asked(&world, &terminal).await;
    assert!(page.has("id=\"organization\">Acme"), "{}", page.html);
    let revoke = plain()
        .post(format!("{}/oauth/revoke", world.base))
        .form(&[("client_id", "web"), ("token", &desk.token)]);
    assert_eq!(revoke.send().await.unwrap().status(), StatusCode::OK);
    let late = desk.press(&page, "allow").await;
    assert_eq!((late.status, late.has("signed out")), (StatusCode::GONE, true));
}
