//! An organization's OpenID provider that says whatever a test wants it to say. The real one is in `tests/upstream.test.mjs`.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64ct::{Base64, Encoding};
use gatepass_authority::{Config, ConnectionConfig};
use gatepass_core::secret::Secret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::key::Key;
use crate::world::{Browser, Page, World, cli_request, hash, parameter};

pub(crate) const CLIENT: &str = "us";
pub(crate) const CLIENT_SECRET: &str = "s3cret+with/signs";
pub(crate) const UPSTREAM_TOKEN: &str = "upstream-access-token-0123456789";

/// What the provider says, and what it was asked.
pub(crate) struct Answers {
    pub(crate) key: Arc<Key>,
    pub(crate) published: Value,
    pub(crate) metadata: Value,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) userinfo: Value,
    /// The answer of the token endpoint instead of tokens.
    pub(crate) refusal: Option<(StatusCode, &'static str)>,
    pub(crate) keys_asked: u32,
    pub(crate) metadata_asked: u32,
    /// The code and the challenge that belongs to it.
    challenge: String,
    issuer: String,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Answers>>);

pub(crate) struct Idp {
    pub(crate) issuer: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Idp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let key = Arc::new(Key::new());
        let shared = Shared(Arc::new(Mutex::new(Answers {
            published: json!({"keys": [named(&key, "one")]}),
            key,
            metadata: json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
                "userinfo_endpoint": format!("{issuer}/userinfo"),
                "authorization_response_iss_parameter_supported": true,
            }),
            header: json!({"alg": "ES256", "kid": "one", "typ": "JWT"}),
            claims: Value::Null,
            userinfo: Value::Null,
            refusal: None,
            keys_asked: 0,
            metadata_asked: 0,
            challenge: String::new(),
            issuer: issuer.clone(),
        })));
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(metadata))
            .route("/realm/jwks", get(keys))
            .route("/realm/token", post(token))
            .route("/realm/userinfo", get(userinfo))
            .with_state(shared.clone());
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { issuer, shared, server }
    }

    /// An authority that sends people of `example.com` here.
    pub(crate) async fn world(&self) -> World {
        World::with(self.connected()).await
    }

    pub(crate) fn connected(&self) -> impl FnOnce(&mut Config) + use<> {
        let connection = |id: &str, domain: &str| ConnectionConfig {
            id: id.into(),
            name: "Acme <SSO>".into(),
            issuer: self.issuer.clone(),
            client_id: CLIENT.into(),
            client_secret: Some(Secret::from(CLIENT_SECRET)),
            domains: vec![domain.into()],
        };
        let connections = vec![connection("oidc", "example.com"), connection("other", "other.example")];
        move |config| config.connections = connections
    }

    pub(crate) fn says(&self) -> MutexGuard<'_, Answers> {
        self.shared.0.lock().unwrap()
    }

    /// A browser on its way here, and the address to which it was sent.
    pub(crate) async fn depart(&self, world: &World, extra: &str) -> (Browser, String) {
        let browser = Browser::new(world);
        let address = browser.get(&cli_request(&format!("&domain_hint=example.com{extra}"))).await.location();
        self.expect(world, &address);
        (browser, address)
    }

    /// Prepares the honest answer to a departure.
    pub(crate) fn expect(&self, world: &World, address: &str) {
        let mut says = self.says();
        says.challenge = parameter(address, "code_challenge").unwrap();
        says.claims = json!({
            "iss": says.issuer, "aud": CLIENT, "sub": "subject-1", "nonce": parameter(address, "nonce").unwrap(),
            "iat": world.now(), "exp": world.now() + 60, "email": "Ada@Example.com", "email_verified": true,
        });
    }

    /// The honest way back.
    pub(crate) async fn arrive(&self, browser: &Browser, address: &str) -> Page {
        browser.get(&self.callback(address, "code=c")).await
    }

    /// The way back with these members.
    pub(crate) fn callback(&self, address: &str, members: &str) -> String {
        let state = parameter(address, "state").unwrap();
        let issuer = self.issuer.replace(':', "%3A").replace('/', "%2F");
        format!("/oauth/callback/oidc?{members}&state={state}&iss={issuer}")
    }
}

/// A key as published.
pub(crate) fn named(key: &Key, kid: &str) -> Value {
    let mut jwk = key.jwk();
    jwk["kid"] = kid.into();
    jwk["use"] = "sig".into();
    jwk
}

async fn metadata(State(Shared(answers)): State<Shared>) -> Response {
    let mut says = answers.lock().unwrap();
    says.metadata_asked += 1;
    json_answer(&says.metadata)
}

async fn keys(State(Shared(answers)): State<Shared>) -> Response {
    let mut says = answers.lock().unwrap();
    says.keys_asked += 1;
    json_answer(&says.published)
}

async fn userinfo(State(Shared(answers)): State<Shared>, headers: HeaderMap) -> Response {
    if headers[header::AUTHORIZATION] != format!("Bearer {UPSTREAM_TOKEN}").as_str() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    json_answer(&answers.lock().unwrap().userinfo)
}

/// Holds a client to RFC 6749 section 4.1.3 and RFC 7636 section 4.6.
async fn token(State(Shared(answers)): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let says = answers.lock().unwrap();
    if let Some((status, body)) = says.refusal {
        return (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    }
    let body = format!("?{}", std::str::from_utf8(&body).unwrap());
    let field = |name| parameter(&body, name).unwrap_or_default();
    // Section 2.3.1: both halves are form-encoded first.
    let basic = format!("{CLIENT}:{}", CLIENT_SECRET.replace('+', "%2B").replace('/', "%2F"));
    let basic = format!("Basic {}", Base64::encode_string(basic.as_bytes()));
    let good = headers[header::AUTHORIZATION] == basic.as_str()
        && field("grant_type") == "authorization_code"
        && field("code") == "c"
        && field("redirect_uri").ends_with("/oauth/callback/oidc")
        && hash(&field("code_verifier")) == says.challenge;
    if !good {
        let body = r#"{"error":"invalid_grant"}"#;
        return (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    }
    json_answer(&json!({
        "access_token": UPSTREAM_TOKEN, "token_type": "Bearer", "expires_in": 60,
        "id_token": says.key.sign(&says.header, &says.claims),
    }))
}

fn json_answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
