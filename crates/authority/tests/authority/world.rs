//! One authority, browsers with their cookies, programs with their keys, and a clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_authority::{Authority, ClientConfig, ClientKind, Clock, Config, Running};
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::key::Key;

pub(crate) const SECRET: &str = "4cN8vK2mQ7xR1tZ5wY9bE3gH6jL0pS-uAdF";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:53123/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const EMAIL: &str = "ada@example.com";

/// Some moment in 2026: the tests do not depend on today.
const BEGAN: u64 = 1_780_000_000;

pub(crate) struct World {
    running: Option<Running>,
    moved: Arc<AtomicU64>,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) issuer: String,
    pub(crate) base: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::start(folder, Arc::new(AtomicU64::new(0)), change).await
    }

    async fn start(folder: Arc<TempDir>, moved: Arc<AtomicU64>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(folder.path().join("gatepass.sqlite"), Secret::from(SECRET));
        config.clients = vec![web_client(), confidential_client()];
        change(&mut config);
        let hand = Arc::clone(&moved);
        let clock = Clock::from_fn(move || Timestamp::from_seconds(BEGAN + hand.load(Ordering::SeqCst)));
        let running = Authority::start(config, clock).await.unwrap();
        let issuer = running.issuer.clone();
        let base = issuer.strip_suffix('/').unwrap_or(&issuer).to_owned();
        Self { running: Some(running), moved, folder, issuer, base }
    }

    /// An authority that runs as a process of its own, with the clock of this machine.
    pub(crate) fn elsewhere(issuer: &str, folder: Arc<TempDir>) -> Self {
        let (issuer, base) = (issuer.to_owned(), issuer.to_owned());
        Self { running: None, moved: Arc::default(), folder, issuer, base }
    }

    /// Stops, and starts again on the same file and address.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { running, moved, folder, issuer, .. } = self;
        let running = running.unwrap();
        let addr = running.addr;
        running.shutdown().await;
        Self::start(folder, moved, |config| {
            config.listen = addr;
            config.issuer = Some(issuer);
            change(config);
        })
        .await
    }

    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.running.unwrap().shutdown().await;
        self.folder
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.moved.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> u64 {
        BEGAN + self.moved.load(Ordering::SeqCst)
    }

    pub(crate) fn addr(&self) -> std::net::SocketAddr {
        self.running.as_ref().unwrap().addr
    }

    /// The newest letter to this address.
    pub(crate) async fn letter(&self, to: &str) -> Value {
        let letters = self.get_json("/dev/mailbox.json").await;
        letters.as_array().unwrap().iter().find(|letter| letter["to"] == to).cloned().unwrap()
    }

    pub(crate) async fn letters(&self) -> usize {
        self.get_json("/dev/mailbox.json").await.as_array().unwrap().len()
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let response = plain().get(format!("{}{path}", self.base)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// A whole sign-in of the CLI, up to its code. `extra` goes into the authorization request.
    pub(crate) async fn code(&self, extra: &str) -> String {
        let location = Browser::new(self).sign_in(&cli_request(extra), EMAIL).await;
        parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"))
    }

    /// A whole sign-in of the CLI.
    pub(crate) async fn tokens(&self, key: Option<&Key>) -> Value {
        let code = self.code("").await;
        let answer = self.token(&redemption(&code), key).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    }

    pub(crate) async fn token(&self, fields: &[(&str, &str)], key: Option<&Key>) -> Answer {
        let proof = key.map(|key| key.prove(self, "POST", "/oauth/token", json!({})));
        self.token_with(fields, proof.as_deref(), None).await
    }

    pub(crate) async fn token_with(
        &self,
        fields: &[(&str, &str)],
        proof: Option<&str>,
        basic: Option<(&str, &str)>,
    ) -> Answer {
        let mut request = plain().post(format!("{}/oauth/token", self.base)).form(fields);
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        if let Some((id, secret)) = basic {
            request = request.basic_auth(id, Some(secret));
        }
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn refresh(&self, token: &str, key: Option<&Key>) -> Answer {
        let fields =
            [("grant_type", "refresh_token"), ("client_id", "gatepass-cli"), ("refresh_token", token)];
        self.token(&fields, key).await
    }

    pub(crate) async fn userinfo(&self, scheme: &str, token: &str, proof: Option<&str>) -> Answer {
        self.resource("/userinfo", scheme, token, proof).await
    }

    /// Asks a resource of the authority.
    pub(crate) async fn resource(
        &self,
        path: &str,
        scheme: &str,
        token: &str,
        proof: Option<&str>,
    ) -> Answer {
        let mut request =
            plain().get(format!("{}{path}", self.base)).header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// A whole sign-in of the CLI under another address.
    pub(crate) async fn tokens_of(&self, email: &str, key: Option<&Key>) -> Value {
        let location = Browser::new(self).sign_in(&cli_request(""), email).await;
        let code = parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"));
        self.token(&redemption(&code), key).await.body
    }
}

/// A third party's web client that keeps a secret; its tokens follow the defaults of the specifications.
pub(crate) fn confidential_client() -> ClientConfig {
    ClientConfig {
        id: "partner".into(),
        name: "Partner".into(),
        kind: ClientKind::Web,
        redirect_uris: vec!["https://partner.example/cb".into()],
        post_logout_redirect_uris: vec!["https://partner.example/bye?from=gatepass".into()],
        grant_types: None,
        secret: Some(Secret::from("partner-secret")),
        id_token_alg: None,
        access_token_seconds: Some(600),
        refresh_idle_seconds: None,
        refresh_absolute_seconds: None,
        always_refresh: false,
        first_party: false,
        audiences: vec!["https://api.example".into(), "https://files.example".into()],
    }
}

/// A public web client of the house.
pub(crate) fn web_client() -> ClientConfig {
    ClientConfig {
        id: "web".into(),
        name: "Web".into(),
        redirect_uris: vec!["https://web.example/cb".into()],
        secret: None,
        first_party: true,
        always_refresh: true,
        audiences: Vec::new(),
        ..confidential_client()
    }
}

pub(crate) fn cli_request(extra: &str) -> String {
    format!(
        "/authorize?client_id=gatepass-cli&redirect_uri={}&response_type=code&scope=openid%20email&state=st%26te\
         &nonce=n-1&code_challenge={CHALLENGE}&code_challenge_method=S256{extra}",
        CALLBACK.replace(':', "%3A").replace('/', "%2F")
    )
}

pub(crate) fn redemption(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "gatepass-cli"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]
}

/// A program without cookies.
pub(crate) fn plain() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// An answer of an endpoint for programs.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member}: {}", self.body)).to_owned()
    }

    /// Asserts an error and words of its description.
    #[track_caller]
    pub(crate) fn refused(&self, error: &str, words: &str) {
        assert_eq!(self.body["error"], error, "{}", self.body);
        let description = self.body["error_description"].as_str().unwrap();
        assert!(description.contains(words), "{description:?} does not say {words:?}");
        assert!(self.status.is_client_error());
    }
}

/// A browser with cookies, which shows redirects instead of following them.
pub(crate) struct Browser {
    client: reqwest::Client,
    base: String,
    origin: String,
}

/// What a browser sees.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.html);
        self.headers[LOCATION].to_str().unwrap().to_owned()
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) =
            self.html.split_once(&start).unwrap_or_else(|| panic!("no field {name}: {}", self.html));
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.html.contains(text)
    }

    /// The code that is shown.
    pub(crate) fn code(&self) -> String {
        let (_, rest) = self.html.split_once("<output id=\"code\" class=\"code\">").unwrap();
        rest.split('<').next().unwrap().to_owned()
    }
}

impl Browser {
    pub(crate) fn new(world: &World) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .cookie_store(true)
            .user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
            .build()
            .unwrap();
        let end = world.base[7..].find('/').map_or(world.base.len(), |at| at + 7);
        Self { client, base: world.base.clone(), origin: world.base[..end].to_owned() }
    }

    fn url(&self, target: &str) -> String {
        if target.starts_with('/') { format!("{}{target}", self.base) } else { target.to_owned() }
    }

    pub(crate) async fn get(&self, target: &str) -> Page {
        Self::page(self.client.request(Method::GET, self.url(target)).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, target: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from(target, fields, &self.origin).await
    }

    pub(crate) async fn post_from(&self, target: &str, fields: &[(&str, &str)], origin: &str) -> Page {
        let request =
            self.client.request(Method::POST, self.url(target)).header("origin", origin).form(fields);
        Self::page(request.send().await.unwrap()).await
    }

    /// Opens an address with more headers.
    pub(crate) async fn get_with(&self, target: &str, more: &[(&str, &str)]) -> Page {
        let mut request = self.client.request(Method::GET, self.url(target));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        Self::page(request.send().await.unwrap()).await
    }

    /// Sends a form with more headers.
    pub(crate) async fn post_with(
        &self,
        target: &str,
        fields: &[(&str, &str)],
        more: &[(&str, &str)],
    ) -> Page {
        let request = self.client.request(Method::POST, self.url(target));
        let mut request = request.header("origin", &self.origin).form(fields);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        Self::page(request.send().await.unwrap()).await
    }

    async fn page(response: Response) -> Page {
        let (status, headers) = (response.status(), response.headers().clone());
        Page { status, headers, html: response.text().await.unwrap() }
    }

    /// Asks for a letter, starting from an authorization request.
    pub(crate) async fn ask(&self, request: &str, email: &str) -> Page {
        let page = self.get(request).await;
        assert!(page.has("id=\"sign-in\""), "{}", page.html);
        let (csrf, flow) = (page.field("csrf"), page.field("flow"));
        self.post("/login/email", &[("csrf", &csrf), ("flow", &flow), ("email", email)]).await
    }

    /// Opens a link and presses its button.
    pub(crate) async fn open(&self, link: &str) -> Page {
        let page = self.get(link).await;
        let (csrf, token) = (page.field("csrf"), page.field("token"));
        self.post("/login/link", &[("csrf", &csrf), ("token", &token)]).await
    }

    pub(crate) async fn type_code(&self, waiting: &Page, code: &str) -> Page {
        let (csrf, flow) = (waiting.field("csrf"), waiting.field("flow"));
        self.post("/login/code", &[("csrf", &csrf), ("flow", &flow), ("code", code)]).await
    }

    pub(crate) async fn answer(&self, consent: &Page, decision: &str) -> Page {
        assert!(consent.has("id=\"consent\""), "{}", consent.html);
        let (csrf, flow) = (consent.field("csrf"), consent.field("flow"));
        self.post("/consent", &[("csrf", &csrf), ("flow", &flow), ("decision", decision)]).await
    }

    /// The whole way of a new browser, to the address to which the client is sent.
    pub(crate) async fn sign_in(&self, request: &str, email: &str) -> String {
        self.ask(request, email).await;
        let link = link(&self.base, email).await;
        let resumed = self.open(&link).await.location();
        let page = self.get(&resumed).await;
        if page.status == StatusCode::SEE_OTHER {
            return page.location();
        }
        self.answer(&page, "allow").await.location()
    }
}

/// The link of the newest letter to this address.
async fn link(base: &str, to: &str) -> String {
    let response = plain().get(format!("{base}/dev/mailbox.json")).send().await.unwrap();
    let letters: Value = response.json().await.unwrap();
    let letter = letters.as_array().unwrap().iter().find(|letter| letter["to"] == to).unwrap();
    letter["link"].as_str().unwrap().to_owned()
}

/// A parameter of the query of an address, decoded.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// The claims of a token, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a token.
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

pub(crate) fn hash(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    Base64UrlUnpadded::encode_string(digest.as_ref())
}

/// What a browser says of a form that a script sent, and of one that a person did (Fetch Metadata).
pub(crate) const SCRIPTED: [(&str, &str); 3] =
    [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
pub(crate) const PRESSED: [(&str, &str); 4] =
    [SCRIPTED[0], SCRIPTED[1], SCRIPTED[2], ("sec-fetch-user", "?1")];

impl Page {
    /// Whether this is a question that no other window can press in, and that takes no press meant for another page.
    pub(crate) fn stands_alone(&self) {
        assert_eq!(self.headers["cross-origin-opener-policy"], "same-origin");
        self.is_steady();
    }

    /// Whether a press that was meant for another page is held back: by a script of ours, and no other.
    pub(crate) fn is_steady(&self) {
        let policy = self.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self'; ") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(self.html.matches("<script").count(), 1, "{}", self.html);
        assert!(self.has("<script src=\"/assets/steady.js\" defer></script>"), "{}", self.html);
    }
}
