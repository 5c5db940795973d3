//! An issuer of paper: it answers every request that a login makes, writes each down, and can be wrong in one place.

use gatepass_core::base64url;
use gatepass_core::field::Message;
use gatepass_core::form::Query;
use gatepass_core::http::{Method, Request, Response};
use gatepass_core::jwt::{assemble, signing_input};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::signing::{kid, public, signature};

pub(crate) const HOST: &str = "https://issuer.example";
pub(crate) const CLIENT: &str = "client";
pub(crate) const SECRET: &str = "canary secret:%";
pub(crate) const CODE: &str = "canary-code";
pub(crate) const SUBJECT: &str = "user-1";
pub(crate) const NOW: u64 = 1_800_000_000;

/// What stands in values that no error may repeat.
pub(crate) const CANARY: &str = "canary";

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Discovery,
    WebFinger,
    Registration,
    Push,
    /// The person's browser.
    Authorization,
    Token,
    Jwks,
    Userinfo,
    EndSession,
    /// Nothing that this issuer serves.
    Elsewhere,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) to: To,
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Parameters of the body or, where there is none, of the query.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn proof(&self) -> Option<Value> {
        let part = self.header("dpop")?.split('.').nth(1)?;
        serde_json::from_slice(&base64url::decode(part)?).ok()
    }
}

/// Changes one message; an issuer without a fault changes nothing.
pub(crate) type Change = fn(&mut Value);

/// What is wrong with this issuer. The place that is `Some` is the fault.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) discovery: Option<Change>,
    /// The parameters of the authorization response, as an object.
    pub(crate) redirect: Option<Change>,
    pub(crate) tokens: Option<Change>,
    pub(crate) header: Option<Change>,
    pub(crate) claims: Option<Change>,
    /// The signature of the ID token is turned over, byte by byte.
    pub(crate) signature: bool,
    /// The claims of the ID token that comes with a refresh.
    pub(crate) refreshed: Option<Change>,
    pub(crate) userinfo: Option<Change>,
}

/// The issuer.
pub(crate) struct Issuer {
    pub(crate) url: String,
    /// Whom its tokens are for.
    pub(crate) audience: String,
    /// What its ID tokens are signed by.
    pub(crate) algorithm: &'static str,
    pub(crate) faults: Faults,
    /// Which keys it has: a rotation counts up.
    pub(crate) keys: u8,
    /// Whether its key set and its tokens name keys.
    pub(crate) names_keys: bool,
    /// How many keys of each kind it publishes.
    pub(crate) keys_of_a_kind: u8,
    /// Whether it changes its keys just before it signs.
    pub(crate) rotates_before_signing: bool,
    pub(crate) jwks_path: &'static str,
    pub(crate) binds: bool,
    pub(crate) wants_push: bool,
    /// Whether it asks for a nonce in proofs, and its resources too.
    pub(crate) nonces: bool,
    /// How it writes the scheme of a challenge.
    pub(crate) scheme: &'static str,
    pub(crate) signs_userinfo: bool,
    pub(crate) seen: Vec<Seen>,
    /// How many requests had come when the fault was given out.
    pub(crate) fault_at: Option<usize>,
    nonce: Option<String>,
    challenge: String,
    refreshes: u32,
}

impl Issuer {
    pub(crate) fn new(algorithm: &'static str) -> Self {
        Self {
            url: HOST.to_owned(),
            audience: CLIENT.to_owned(),
            algorithm,
            faults: Faults::default(),
            keys: 1,
            names_keys: true,
            keys_of_a_kind: 1,
            rotates_before_signing: false,
            jwks_path: "/jwks",
            binds: false,
            wants_push: false,
            nonces: false,
            scheme: "DPoP",
            signs_userinfo: false,
            seen: Vec::new(),
            fault_at: None,
            nonce: None,
            challenge: String::new(),
            refreshes: 0,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Gives the fault out, if it is this one.
    fn spoil(&mut self, change: Option<Change>, message: &mut Value) {
        if let Some(change) = change {
            change(message);
            self.fault_at = Some(self.seen.len());
        }
    }

    pub(crate) fn count(&self, to: To) -> usize {
        self.seen.iter().filter(|seen| seen.to == to).count()
    }

    pub(crate) fn last(&self, to: To) -> &Seen {
        let found = self.seen.iter().rev().find(|seen| seen.to == to);
        found.unwrap_or_else(|| panic!("nothing went to {to:?}"))
    }

    /// What was asked after the fault was given out; nothing, if only the keys were.
    pub(crate) fn after_the_fault(&self) -> &[Seen] {
        let from = self.fault_at.unwrap_or_else(|| panic!("the fault was never given out"));
        let rest = &self.seen[from..];
        if rest.iter().all(|seen| seen.to == To::Jwks) { &[] } else { rest }
    }

    /// Answers a request of the client's.
    pub(crate) fn answer(&mut self, request: &Request) -> Response {
        let body = request.body.as_ref().map_or("", |body| body.expose());
        let url = request.url.as_str().to_owned();
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let headers =
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.expose().clone()));
        let seen = Seen {
            to: self.whither(&url),
            method,
            parameters: if body.is_empty() { query_of(&url) } else { parameters(body) },
            url,
            headers: headers.collect(),
            body: body.to_owned(),
        };
        self.seen.push(seen.clone());
        match seen.to {
            To::Discovery => self.discovery(),
            To::WebFinger => self.webfinger(&seen),
            To::Registration => self.registration(&seen),
            To::Push => {
                self.nonce = seen.parameter("nonce").map(str::to_owned);
                json(
                    201,
                    json!({ "request_uri": "urn:ietf:params:oauth:request_uri:canary-1", "expires_in": 60 }),
                )
            }
            To::Token => self.token(&seen),
            To::Jwks => self.jwks(),
            To::Userinfo => self.userinfo(&seen),
            To::Authorization | To::EndSession | To::Elsewhere => Response::new(404, &|_| None, Vec::new()),
        }
    }

    /// The `WWW-Authenticate` header of the answer that came last; a `Response` of core does not keep it.
    pub(crate) fn challenge(&self) -> &str {
        &self.challenge
    }

    fn whither(&self, url: &str) -> To {
        let path = url.split('?').next().unwrap_or_default();
        if path == format!("{HOST}/.well-known/webfinger") {
            return To::WebFinger;
        }
        match path.strip_prefix(self.url.as_str()) {
            Some("/.well-known/openid-configuration") => To::Discovery,
            Some("/register") => To::Registration,
            Some("/par") => To::Push,
            Some("/authorize") => To::Authorization,
            Some("/token") => To::Token,
            Some("/userinfo") => To::Userinfo,
            Some("/logout") => To::EndSession,
            Some(path) if path == self.jwks_path => To::Jwks,
            _ => To::Elsewhere,
        }
    }

    fn discovery(&mut self) -> Response {
        let mut document = json!({
            "issuer": self.url,
            "authorization_endpoint": self.at("/authorize"),
            "token_endpoint": self.at("/token"),
            "userinfo_endpoint": self.at("/userinfo"),
            "registration_endpoint": self.at("/register"),
            "end_session_endpoint": self.at("/logout"),
            "check_session_iframe": self.at("/session"),
            "pushed_authorization_request_endpoint": self.at("/par"),
            "require_pushed_authorization_requests": self.wants_push,
            "jwks_uri": self.at(self.jwks_path),
            "id_token_signing_alg_values_supported": [self.algorithm],
            "authorization_response_iss_parameter_supported": true,
        });
        if self.binds {
            document["dpop_signing_alg_values_supported"] = json!(["ES256"]);
        }
        let change = self.faults.discovery;
        self.spoil(change, &mut document);
        json(200, document)
    }

    fn webfinger(&self, seen: &Seen) -> Response {
        let rel = "http://openid.net/specs/connect/1.0/issuer";
        assert_eq!(seen.parameter("rel"), Some(rel));
        json(
            200,
            json!({ "subject": seen.parameter("resource"), "links": [{ "rel": rel, "href": self.url }] }),
        )
    }

    fn registration(&mut self, seen: &Seen) -> Response {
        self.audience = "registered-client".to_owned();
        let mut document: Value = serde_json::from_str(&seen.body).expect("metadata is JSON");
        document["client_id"] = json!(self.audience);
        document["client_secret"] = json!(SECRET);
        json(201, document)
    }

    /// Writes down where the person's browser goes.
    pub(crate) fn visit(&mut self, url: &str) -> To {
        let to = self.whither(url);
        self.seen.push(Seen {
            to,
            method: "GET",
            url: url.to_owned(),
            headers: Vec::new(),
            parameters: query_of(url),
            body: String::new(),
        });
        to
    }

    /// Lets the person sign in: the parameters of the authorization response.
    pub(crate) fn authorize(&mut self, url: &str) -> Map<String, Value> {
        assert_eq!(self.visit(url), To::Authorization, "the person is sent to the authorization endpoint");
        // What was handed in before holds the state.
        let asked = self.last(if self.wants_push { To::Push } else { To::Authorization }).parameters.clone();
        self.nonce = asked.get("nonce").and_then(Value::as_str).map(str::to_owned);
        let mut answer = json!({ "code": CODE, "state": asked["state"], "iss": self.url });
        let change = self.faults.redirect;
        self.spoil(change, &mut answer);
        answer.as_object().cloned().expect("an object")
    }

    fn token(&mut self, seen: &Seen) -> Response {
        if self.nonces
            && let Some(challenge) = nonce_wanted(seen, 400)
        {
            return challenge;
        }
        let refresh = seen.parameter("grant_type") == Some("refresh_token");
        if refresh {
            self.refreshes += 1;
        }
        let id_token = self.id_token(refresh);
        let mut tokens = json!({
            "access_token": format!("canary-access-{}", self.refreshes),
            "token_type": if seen.header("dpop").is_some() { "DPoP" } else { "Bearer" },
            "expires_in": 3600,
            "refresh_token": format!("canary-refresh-{}", self.refreshes),
            "id_token": id_token,
        });
        if !refresh {
            let change = self.faults.tokens;
            self.spoil(change, &mut tokens);
        }
        json(200, tokens)
    }

    /// The access token that was given out last.
    pub(crate) fn access_token(&self) -> String {
        format!("canary-access-{}", self.refreshes)
    }

    fn id_token(&mut self, refresh: bool) -> String {
        if self.rotates_before_signing {
            self.keys += 1;
        }
        let half = |text: &str| base64url::encode(&Sha256::digest(text.as_bytes())[..16]);
        let mut claims = json!({
            "iss": self.url,
            "sub": SUBJECT,
            "aud": self.audience,
            "iat": NOW,
            "exp": NOW + 300,
            "auth_time": NOW,
            "nonce": self.nonce,
            "at_hash": half(&self.access_token()),
            "sid": "session-1",
        });
        if refresh {
            claims.as_object_mut().expect("an object").remove("nonce");
            let change = self.faults.refreshed;
            self.spoil(change, &mut claims);
        } else {
            let change = self.faults.claims;
            self.spoil(change, &mut claims);
        }
        self.sign(&claims, !refresh)
    }

    /// Signs claims by the key of the day; `fault` lets header and signature be wrong.
    pub(crate) fn sign(&mut self, claims: &Value, fault: bool) -> String {
        let mut header = json!({ "alg": self.algorithm });
        if self.names_keys {
            header["kid"] = json!(kid(self.algorithm, self.keys));
        }
        if fault {
            let change = self.faults.header;
            self.spoil(change, &mut header);
        }
        let input = signing_input(&header.to_string(), &claims.to_string());
        let algorithm = header["alg"].as_str().unwrap_or_default().to_owned();
        let mut signature = match algorithm.as_str() {
            "none" => Vec::new(),
            algorithm => signature(&public(algorithm, self.keys), input.as_bytes()),
        };
        if fault && self.faults.signature {
            signature.iter_mut().for_each(|byte| *byte ^= 0x5a);
            self.fault_at = Some(self.seen.len());
        }
        assemble(input, &signature)
    }

    fn jwks(&self) -> Response {
        let mut keys = Vec::new();
        for of_a_kind in 0..self.keys_of_a_kind {
            let number = self.keys + 10 * of_a_kind;
            for algorithm in ["RS256", "ES256", "ES256K", "EdDSA"] {
                let mut key = public(algorithm, number);
                if self.names_keys {
                    key["kid"] = json!(kid(algorithm, number));
                }
                keys.push(key);
            }
        }
        json(200, json!({ "keys": keys }))
    }

    fn userinfo(&mut self, seen: &Seen) -> Response {
        if self.nonces
            && let Some(challenge) = nonce_wanted(seen, 401)
        {
            self.challenge = format!("{} error=\"use_dpop_nonce\", algs=\"ES256\"", self.scheme);
            return challenge;
        }
        let mut claims = json!({
            "sub": SUBJECT,
            "email": "user@example.com",
            "email_verified": true,
            "name": "User One",
        });
        let change = self.faults.userinfo;
        self.spoil(change, &mut claims);
        if self.signs_userinfo {
            claims["iss"] = claims.get("iss").cloned().unwrap_or_else(|| json!(self.url));
            claims["aud"] = claims.get("aud").cloned().unwrap_or_else(|| json!(self.audience));
            let token = self.sign(&claims, self.faults.signature);
            let header = |name: &str| (name == "content-type").then(|| "application/jwt".to_owned());
            return Response::new(200, &header, token.into_bytes());
        }
        json(200, claims)
    }
}

/// The challenge, if a proof came without the nonce.
fn nonce_wanted(seen: &Seen, status: u16) -> Option<Response> {
    const NONCE: &str = "nonce-of-the-server";
    if seen.proof()?["nonce"] == NONCE {
        return None;
    }
    let header = |name: &str| match name {
        "content-type" => Some("application/json".to_owned()),
        "dpop-nonce" => Some(NONCE.to_owned()),
        _ => None,
    };
    Some(Response::new(status, &header, json!({ "error": "use_dpop_nonce" }).to_string().into_bytes()))
}

fn json(status: u16, document: Value) -> Response {
    let header = |name: &str| (name == "content-type").then(|| "application/json".to_owned());
    Response::new(status, &header, document.to_string().into_bytes())
}

fn query_of(url: &str) -> Map<String, Value> {
    url.split_once('?').map(|(_, query)| parameters(query)).unwrap_or_default()
}

/// The parameters of a form or a query; none, where it is no form.
pub(crate) fn parameters(form: &str) -> Map<String, Value> {
    if form.starts_with('{') {
        return Map::new();
    }
    let names = form.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let mut query = Query::parse(form, Message::AuthorizationResponse).expect("a form that core made");
    names.filter_map(|name| Some((name.to_owned(), json!(query.take(name)?.expose())))).collect()
}
