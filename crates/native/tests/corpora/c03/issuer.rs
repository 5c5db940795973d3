//! An issuer of ours, and one login at it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use gatepass::testing::{now, sign_in};
use gatepass::{Event, LoginOptions, Way};
use gatepass_core::error::Error;
use gatepass_core::field::Message;
use gatepass_core::form::Query;
use gatepass_core::json::{Writer, array};
use gatepass_core::jwk::PublicKey;
use gatepass_core::jwt::{assemble, signing_input};
use gatepass_core::session::client::Client;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::wire::{PATIENCE, Wire};

/// The issuer that lines speak of; ours is at a port of this machine.
pub(super) const ISSUER_OF_THE_CORPUS: &str = "https://op.example.test";

/// The code of the answer that follows what was not consumed.
const AFTERWARDS: &str = "AFTERWARDS";

/// A running issuer.
pub(super) struct Issuer {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    nonce: String,
    names_itself: bool,
    /// The codes that were presented.
    codes: Vec<String>,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let desk = Desk {
            url: url.clone(),
            seen: Arc::clone(&seen),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                desk.serve(stream).await;
            }
        });
        Self { url, seen }
    }

    /// Begins a login that takes as long as it likes.
    pub(super) async fn begin(&self, names_itself: bool) -> Attempt {
        self.begin_for(names_itself, LoginOptions::default().limit).await
    }

    /// Begins a login that ends by itself after `limit`.
    pub(super) async fn begin_for(&self, names_itself: bool, limit: Duration) -> Attempt {
        self.seen.lock().unwrap().names_itself = names_itself;
        let client = Client::new(&self.url, "client", "openid", "ES256", "off").unwrap();
        let options = LoginOptions { open_browser: false, limit, ..LoginOptions::default() };
        let (sender, address) = oneshot::channel();
        let mut sender = Some(sender);
        let tell = move |event: Event<'_>| {
            if let (Event::Waiting { url, .. }, Some(sender)) = (event, sender.take()) {
                let _ = sender.send(url.expose().clone());
            }
        };
        let under_way = tokio::spawn(sign_in(client, options, tell));
        let url = timeout(PATIENCE, address).await.unwrap().unwrap();
        let mut query = Query::parse(url.split_once('?').unwrap().1, Message::AuthorizationResponse).unwrap();
        let mut take = |name| query.take(name).unwrap().expose().clone();
        let redirect_uri = take("redirect_uri");
        self.seen.lock().unwrap().nonce = take("nonce");
        let port = redirect_uri.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next());
        Attempt {
            port: port.and_then(|port| port.parse().ok()).unwrap(),
            state: take("state"),
            issuer: self.url.clone(),
            seen: Arc::clone(&self.seen),
            under_way,
        }
    }
}

struct Desk {
    url: String,
    seen: Arc<Mutex<Seen>>,
    key: EcdsaKeyPair,
}

impl Desk {
    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let (mut first, mut length) = (String::new(), 0);
        stream.read_line(&mut first).await.ok()?;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().ok()?
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let answer = match first.split(' ').nth(1)? {
            "/token" => self.tokens(&String::from_utf8(body).ok()?)?,
            "/jwks" => {
                let point = self.key.public_key().as_ref();
                let key =
                    PublicKey::P256 { x: point[1..33].try_into().ok()?, y: point[33..].try_into().ok()? };
                Writer::new().raw("keys", &array([key.to_json().as_str()].into_iter())).finish()
            }
            _ => self.metadata(),
        };
        let length = answer.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
        stream.write_all(format!("{head}\r\nContent-Length: {length}\r\n\r\n{answer}").as_bytes()).await.ok()
    }

    fn metadata(&self) -> String {
        let at = |path: &str| format!("{}{path}", self.url);
        Writer::new()
            .text("issuer", &self.url)
            .text("authorization_endpoint", &at("/authorize"))
            .text("token_endpoint", &at("/token"))
            .text("jwks_uri", &at("/jwks"))
            .flag("authorization_response_iss_parameter_supported", self.seen.lock().unwrap().names_itself)
            .finish()
    }

    fn tokens(&self, form: &str) -> Option<String> {
        let mut seen = self.seen.lock().unwrap();
        let code = Query::parse(form, Message::Record).ok()?.take("code")?;
        seen.codes.push(code.expose().clone());
        let now = now().seconds();
        let claims = Writer::new()
            .text("iss", &self.url)
            .text("aud", "client")
            .text("sub", "ada")
            .text("nonce", &seen.nonce)
            .number("iat", now)
            .number("exp", now + 60);
        let input = signing_input(r#"{"alg":"ES256"}"#, &claims.finish());
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).ok()?;
        let token = Writer::new().text("access_token", "a").text("token_type", "Bearer");
        Some(token.text("id_token", &assemble(input, signature.as_ref())).finish())
    }
}

/// A login that waits for its answer.
pub(super) struct Attempt {
    pub(super) port: u16,
    pub(super) state: String,
    pub(super) issuer: String,
    seen: Arc<Mutex<Seen>>,
    under_way: JoinHandle<Result<Way, Error>>,
}

impl Attempt {
    /// An answer that is this login's.
    pub(super) fn valid(&self) -> Result<Wire, String> {
        let iss = match self.seen.lock().unwrap().names_itself {
            true => format!("&iss={}", self.issuer.replace(':', "%3A").replace('/', "%2F")),
            false => String::new(),
        };
        let target = format!("/callback?code={AFTERWARDS}&state={{STATE}}{iss}");
        Wire::fill(&format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{{PORT}}\r\n\r\n"), "", self)
    }

    /// Nothing was consumed: a valid answer ends the login well.
    pub(super) async fn still_waits(self) -> Result<(), String> {
        let reply = self.valid()?.exchange(self.port).await;
        if reply.status != Some(200) {
            return Err(format!("a valid request afterwards got {:?}", reply.status));
        }
        self.ended("code", Some(AFTERWARDS), false).await
    }

    /// The login ended as it should.
    pub(super) async fn ended(self, deliver: &str, code: Option<&str>, listens: bool) -> Result<(), String> {
        let Self { port, seen, under_way, .. } = self;
        let result = match timeout(PATIENCE, under_way).await {
            Ok(result) => result.map_err(|error| error.to_string())?,
            Err(_) => return Err("the login goes on".to_owned()),
        };
        let codes = seen.lock().unwrap().codes.clone();
        match (deliver, &result) {
            ("code", Ok(Way::Loopback)) if codes.iter().map(String::as_str).eq(code) => {}
            ("error", Err(Error::Refused(_))) if codes.is_empty() => {}
            ("error:iss_missing" | "error:iss_mismatch", Err(Error::IssuerMismatch)) if codes.is_empty() => {}
            ("error:timeout", Err(Error::LoginExpired)) if codes.is_empty() => {}
            (other, Err(error)) if other.strip_prefix("error:") == Some(error.code()) && codes.is_empty() => {
            }
            _ => return Err(format!("{result:?} with the codes {codes:?} instead of {deliver:?}")),
        }
        if let Err(error) = result {
            let said = format!("{error:?} {error}");
            if ["C0DE", "alert", "script"].iter().any(|word| said.contains(word)) {
                return Err(format!("the error carries content: {said}"));
            }
        }
        if listens { Ok(()) } else { released(port).await }
    }
}

/// The port is free again, as soon as the runtime gets to it.
async fn released(port: u16) -> Result<(), String> {
    let gone = async {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.map_err(|_| "the port still answers".to_owned())
}
