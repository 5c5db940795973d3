//! An issuer and an API in one, on threads of their own, whose every answer a test can decide.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use gatepass_core::base64url;
use gatepass_core::field::Message;
use gatepass_core::form::Query;
use gatepass_core::json::{Writer, array};
use gatepass_core::jwk::PublicKey;
use gatepass_core::jwt::{assemble, signing_input};
use serde_json::Value;

/// How long anything is waited for that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a test decides, and what it sees.
#[derive(Default)]
pub(crate) struct State {
    /// Whether there is a device authorization endpoint.
    pub(crate) device: bool,
    /// Whether tokens are bound to keys.
    pub(crate) binds: bool,
    /// Whether a dashboard can have grants made.
    pub(crate) delegates: bool,
    /// The one code that is taken; any, unless it says otherwise.
    pub(crate) code: Option<String>,
    /// What was asked of the token endpoint.
    pub(crate) token_forms: Vec<String>,
    /// The nonce that the next ID token answers; empty for a device code's.
    pub(crate) nonce: String,
    /// Whether the code that was shown was typed.
    pub(crate) approved: bool,
    /// The next request for tokens is cut off.
    pub(crate) cut: bool,
    /// What the API wants in each proof.
    pub(crate) api_nonce: Option<String>,
    /// Access tokens that the API does not take any more.
    pub(crate) ended: Vec<String>,
    /// The grants for which tokens were given.
    pub(crate) granted: Vec<String>,
    /// How often somebody asked for tokens.
    pub(crate) asked: usize,
    /// How many codes were shown.
    pub(crate) codes: usize,
    /// How many grants were given back.
    pub(crate) revoked: usize,
    /// What reached the API: the method, the path, and the body.
    pub(crate) calls: Vec<(String, String, String)>,
    /// What was asked of the device authorization endpoint.
    pub(crate) device_form: String,
}

/// A running issuer.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) url: String,
    desk: Arc<Desk>,
}

struct Desk {
    state: Mutex<State>,
    moved: Condvar,
    key: EcdsaKeyPair,
}

impl Issuer {
    pub(crate) fn start(state: State) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let desk = Arc::new(Desk { state: Mutex::new(state), moved: Condvar::new(), key });
        let issuer = Self { url, desk };
        let serving = issuer.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let issuer = serving.clone();
                thread::spawn(move || issuer.serve(stream));
            }
        });
        issuer
    }

    /// Looks at the state, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let result = look(&mut self.desk.state.lock().unwrap());
        self.desk.moved.notify_all();
        result
    }

    /// Waits until the state is as a test wants it.
    pub(crate) fn until(&self, condition: impl Fn(&State) -> bool) {
        let state = self.desk.state.lock().unwrap();
        let (_state, waited) =
            self.desk.moved.wait_timeout_while(state, PATIENCE, |state| !condition(state)).unwrap();
        assert!(!waited.timed_out(), "it never became true");
    }

    /// What the browser is sent back with: the answer to this authorization request.
    pub(crate) fn answer(&self, url: &str) -> String {
        let (redirect_uri, state, nonce) = asked(url);
        self.with(|seen| seen.nonce = nonce);
        format!("{redirect_uri}?code=the-code&state={state}")
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        stream.read_line(&mut first).ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let header =
            |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let (status, nonce, answer) = match path.split('?').next()? {
            "/token" => self.tokens(&body)?,
            "/device" => (
                200,
                None,
                self.with(|state| {
                    state.codes += 1;
                    state.device_form = body;
                    self.code()
                }),
            ),
            "/revoke" => {
                self.with(|state| state.revoked += 1);
                (200, None, String::new())
            }
            "/jwks" => (200, None, self.jwks()?),
            path if path.starts_with("/api/") => self.api(method, path, &header, body)?,
            _ => (200, None, self.metadata()),
        };
        let nonce = nonce.map(|nonce| format!("DPoP-Nonce: {nonce}\r\n")).unwrap_or_default();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n{nonce}");
        let text = format!("{head}Content-Length: {}\r\n\r\n{answer}", answer.len());
        stream.get_mut().write_all(text.as_bytes()).ok()
    }

    fn metadata(&self) -> String {
        let at = |path: &str| format!("{}{path}", self.url);
        self.with(|state| {
            let algorithms = if state.binds { r#"["ES256"]"# } else { "[]" };
            Writer::new()
                .text("issuer", &self.url)
                .text("authorization_endpoint", &at("/authorize"))
                .text("token_endpoint", &at("/token"))
                .text("revocation_endpoint", &at("/revoke"))
                .text("jwks_uri", &at("/jwks"))
                .raw("dpop_signing_alg_values_supported", algorithms)
                .some("gatepass_handoff_endpoint", state.delegates.then(|| at("/handoff")).as_deref())
                .some("device_authorization_endpoint", state.device.then(|| at("/device")).as_deref())
                .finish()
        })
    }

    fn code(&self) -> String {
        Writer::new()
            .text("device_code", "the-device-code")
            .text("user_code", "WDJB-MJHT")
            .text("verification_uri", &format!("{}/activate", self.url))
            .number("expires_in", 600)
            .number("interval", 1)
            .finish()
    }

    fn jwks(&self) -> Option<String> {
        let point = self.desk.key.public_key().as_ref();
        let key = PublicKey::P256 { x: point[1..33].try_into().ok()?, y: point[33..].try_into().ok()? };
        Some(Writer::new().raw("keys", &array([key.to_json().as_str()].into_iter())).finish())
    }

    fn tokens(&self, form: &str) -> Option<(u16, Option<String>, String)> {
        let mut query = Query::parse(form, Message::Record).ok()?;
        let grant = query.take("grant_type")?.expose().clone();
        let code = query.take("code").map(|code| code.expose().clone());
        self.with(|state| {
            state.asked += 1;
            state.token_forms.push(form.to_owned());
            if std::mem::take(&mut state.cut) {
                return None;
            }
            if grant.ends_with("device_code") && !state.approved {
                return Some((400, None, Writer::new().text("error", "authorization_pending").finish()));
            }
            if state.code.is_some() && state.code != code {
                return Some((400, None, Writer::new().text("error", "invalid_grant").finish()));
            }
            state.granted.push(grant.clone());
            let now = gatepass::testing::now().seconds();
            let nonce = (grant == "authorization_code").then_some(state.nonce.as_str());
            let claims = Writer::new()
                .text("iss", &self.url)
                .text("aud", "client")
                .text("sub", "ada")
                .text("email", "ada@acme.example")
                .some("nonce", nonce)
                .number("iat", now)
                .number("exp", now + 60);
            let input = signing_input(r#"{"alg":"ES256"}"#, &claims.finish());
            let signature = self.desk.key.sign(&SystemRandom::new(), input.as_bytes()).ok()?;
            let kind = if state.binds { "DPoP" } else { "Bearer" };
            let answer = Writer::new()
                .text("access_token", &format!("access-{}", state.granted.len()))
                .text("token_type", kind)
                .number("expires_in", 3600)
                .text("refresh_token", "refresh")
                .text("id_token", &assemble(input, signature.as_ref()));
            Some((200, None, answer.finish()))
        })
    }

    /// An API behind the token, by RFC 6750 and RFC 9449.
    fn api<'h>(
        &self,
        method: &str,
        path: &str,
        header: &dyn Fn(&str) -> Option<&'h str>,
        body: String,
    ) -> Option<(u16, Option<String>, String)> {
        self.with(|state| {
            state.calls.push((method.to_owned(), path.to_owned(), body));
            let scheme = if state.binds { "DPoP " } else { "Bearer " };
            let token = header("authorization").and_then(|value| value.strip_prefix(scheme));
            let known =
                token.filter(|token| token.starts_with("access-") && !state.ended.iter().any(|e| e == token));
            let proved = !state.binds
                || header("dpop")
                    .zip(token)
                    .and_then(|(proof, token)| {
                        proves(
                            proof,
                            method,
                            &format!("{}{path}", self.url),
                            token,
                            state.api_nonce.as_deref(),
                        )
                    })
                    .is_some();
            let status = if known.is_some() && proved { 200 } else { 401 };
            let answer = Writer::new().text("token", token.unwrap_or_default()).finish();
            Some((status, state.api_nonce.clone(), answer))
        })
    }
}

/// Whether a proof is signed, and about this request (RFC 9449 section 4.3).
fn proves(proof: &str, method: &str, url: &str, token: &str, nonce: Option<&str>) -> Option<()> {
    let (signed, signature) = proof.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part: &str| serde_json::from_slice::<Value>(&base64url::decode(part)?).ok();
    let (header, claims) = (json(header)?, json(claims)?);
    let coordinate = |name: &str| base64url::decode(header["jwk"][name].as_str()?);
    let point = [&[4][..], &coordinate("x")?, &coordinate("y")?].concat();
    let signature = base64url::decode(signature)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).ok()?;
    let hash = base64url::encode(digest(&SHA256, token.as_bytes()).as_ref());
    let right = claims["htm"] == method
        && claims["htu"] == url
        && claims["ath"] == hash
        && claims["nonce"].as_str() == nonce
        && header["typ"] == "dpop+jwt";
    right.then_some(())
}

/// Redirect URI, state and nonce of an authorization request.
pub(crate) fn asked(url: &str) -> (String, String, String) {
    let mut query = Query::parse(url.split_once('?').unwrap().1, Message::AuthorizationResponse).unwrap();
    let mut take = |name| query.take(name).unwrap().expose().clone();
    (take("redirect_uri"), take("state"), take("nonce"))
}

/// Opens an address as a browser does; the status and the page, or nothing where nobody listens.
pub(crate) fn browse(url: &str) -> Option<String> {
    let (host, path) = at(url);
    send(host, &format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

/// Posts a form as a page of https does.
pub(crate) fn post(url: &str, form: &str) -> Option<String> {
    let (host, path) = at(url);
    post_as(
        host,
        path,
        form,
        &format!(
            "Host: {host}\r\nOrigin: null\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        ),
    )
}

/// Posts it with these headers.
pub(crate) fn post_as(host: &str, path: &str, form: &str, headers: &str) -> Option<String> {
    let length = form.len();
    send(host, &format!("POST /{path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{form}"))
}

/// Host and path of an address.
pub(crate) fn at(url: &str) -> (&str, &str) {
    url.strip_prefix("http://").unwrap().split_once('/').unwrap()
}

fn send(host: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(host).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}
