//! What JavaScript gets to see: effects, results and a session without its tokens, each as one JSON text.
//!
//! Text is the cheapest thing to pass: the core has a writer, every engine a reader, and no name of a property is an
//! import. This is also the one file here that opens a [`Secret`].

use alloc::string::String;

use gatepass_core::base64url;
use gatepass_core::error::Error;
use gatepass_core::field::Message;
use gatepass_core::form::Query;
use gatepass_core::http::Request;
use gatepass_core::json::Writer;
use gatepass_core::kept::Text;
use gatepass_core::name::{Audience, Scopes};
use gatepass_core::protocol::id_token::Check;
use gatepass_core::protocol::pkce;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::Handout;
use gatepass_core::session::login::Pending;
use gatepass_core::session::record::{Generation, Part, Purpose, Record};
use gatepass_core::session::transaction::Effect;
use gatepass_core::text::{cut, utf8};
use gatepass_core::time::Timestamp;

/// A JSON text for JavaScript. It lies where it is until it was read, and is wiped then.
#[derive(Debug)]
pub struct View(Secret);

impl View {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.expose()
    }
}

impl From<Writer> for View {
    fn from(writer: Writer) -> Self {
        Self(Secret::new(writer.finish()))
    }
}

/// What is to be done is called the same in `www/shared/drive.js`.
pub fn need(name: &str) -> Writer {
    Writer::new().text("do", name)
}

/// Give what is stored, all of it or what shows who is signed in. Answer: `loaded`.
pub fn load(whole: bool) -> View {
    need("load").flag("whole", whole).into()
}

/// What a transaction of the core needs done.
pub fn effect(effect: &Effect) -> Result<View, Error> {
    Ok(match effect {
        Effect::Load(part) => load(*part == Part::Whole),
        Effect::Lock => need("lock").into(),
        Effect::Unlock => need("unlock").into(),
        // The private half never is in a record here: it lies beside it, and cannot be read.
        Effect::Sign { input, .. } => sign(input),
        Effect::Send(request) => send(request),
        Effect::Save { record, expect } => {
            let encoded = record.encode()?;
            expecting(need("save"), *expect)
                .number("generation", record.generation.number())
                .text("access", encoded.access.expose())
                .text("rest", encoded.rest.expose())
                .into()
        }
        Effect::Erase { expect } => expecting(need("erase"), Some(*expect)).into(),
    })
}

fn expecting(writer: Writer, expect: Option<Generation>) -> Writer {
    match expect {
        Some(generation) => writer.number("expect", generation.number()),
        None => writer,
    }
}

/// Sign this text by ES256. Answer: `signed`.
pub fn sign(input: &[u8]) -> View {
    // What is signed here are the two parts of a token: base64url and a dot.
    need("sign").text("input", utf8(input).unwrap_or_default()).into()
}

/// Send a request. Answer: `sent` or `lost`.
pub fn send(request: &Request) -> View {
    let mut headers = Writer::new();
    for (name, value) in request.headers.iter() {
        headers = headers.text(name, value.expose());
    }
    need("send")
        .text("method", request.method.as_str())
        .text("url", request.url.as_str())
        .raw("headers", &headers.finish())
        .some("body", request.body.as_ref().map(|body| body.expose().as_str()))
        .into()
}

/// Make a key that signs and cannot be read. Answer: `made`.
pub fn make() -> View {
    need("make").into()
}

/// Keep a login that waits for its redirect, with the key just made. Answer: `kept`.
pub fn keep(pending: &Pending) -> View {
    need("keep")
        .text("digest", &digest(pending.state()))
        .number("begunAt", pending.begun_at().seconds())
        .text("pending", pending.encode().expose())
        .into()
}

/// Give back, once, the login of this state, and take its key for the session's. Answer: `taken`.
pub fn take(state: &Secret) -> View {
    need("take").text("digest", &digest(state)).into()
}

/// Verify a signature. Answer: `judged`.
pub fn verify(check: &Check) -> View {
    need("verify")
        .text("alg", check.algorithm.as_str())
        .raw("key", &check.key.to_json())
        .text("signed", utf8(&check.signed).unwrap_or_default())
        .text("signature", &base64url::encode(&check.signature))
        .into()
}

/// It is over, and there is nothing to tell.
pub fn done() -> Writer {
    need("done")
}

/// It is over: go there.
pub fn go(url: &Secret) -> View {
    done().text("url", url.expose()).into()
}

/// It is over: a token for its caller. The one door by which an access token leaves.
pub fn token(handout: &Handout) -> View {
    let access = &handout.access;
    done()
        .text("value", access.token.expose())
        .text("type", access.token_type.as_str())
        .number("expiresAt", milliseconds(access.expires_at))
        .flag("refreshed", handout.refreshed)
        .into()
}

/// It is over: a proof for its caller; one request presents it, once.
pub fn proof(proof: &Secret) -> View {
    done().text("proof", proof.expose()).into()
}

/// It is over: a session without its secrets; `scope` is the list as one text.
pub fn session(record: &Record) -> View {
    let view = &record.view;
    let identity = &view.identity;
    let subject = identity.subject.as_str();
    let claims = Writer::new()
        .text("sub", subject)
        .some("email", identity.email.as_deref())
        .some("name", identity.name.as_deref())
        .finish();
    let writer = done()
        .number("generation", record.generation.number())
        .text("issuer", view.issuer.as_str())
        .text("subject", subject)
        .raw("claims", &claims)
        .text("scope", view.scopes.as_str())
        .flag("bound", view.bound)
        .number("signedInAt", milliseconds(view.signed_in_at));
    match record.find(&Purpose::default()) {
        Some(access) => writer.number("accessExpiresAt", milliseconds(access.expires_at)),
        None => writer,
    }
    .into()
}

/// Moments as JavaScript counts them.
const fn milliseconds(moment: Timestamp) -> u64 {
    moment.seconds() * 1000
}

/// Settings and wishes, as one form (`URLSearchParams`): the core has a reader for it.
pub struct Settings(Query);

impl Settings {
    /// Reads the form.
    pub fn read(form: &str) -> Result<Self, Error> {
        Query::parse(form, Message::AuthorizationResponse).map(Self)
    }

    /// A setting; what is not there is empty, which no setting may be.
    pub fn take(&mut self, name: &str) -> Text {
        self.wish(name).unwrap_or_default()
    }

    /// Something that may be absent.
    pub fn wish(&mut self, name: &str) -> Option<Text> {
        self.secret(name).map(|value| Text::from(value.expose().as_str()))
    }

    /// The same, where nobody shall read it.
    pub fn secret(&mut self, name: &str) -> Option<Secret> {
        self.0.take(name)
    }
}

/// Reads what a token is wanted for.
pub fn purpose(form: &str) -> Result<Purpose, Error> {
    let mut form = Settings::read(form)?;
    let audience = match form.wish("audience") {
        Some(name) => Some(Audience::named(&name)?),
        None => form.wish("resource").map(|url| Audience::resource(&url)).transpose()?,
    };
    Ok(Purpose { audience, scopes: form.wish("scope").map(|scopes| Scopes::parse(&scopes)).transpose()? })
}

/// Reads what a store holds, if it holds something: both parts, or the first alone.
pub fn record(text: &Secret) -> Result<Option<Record>, Error> {
    let Some(text) = line(text) else { return Ok(None) };
    let (access, rest) = cut(text, b'\n');
    Record::decode(access.as_bytes(), rest.map(str::as_bytes)).map(Some)
}

/// A text that may be absent, which is said by an empty one.
pub fn line(text: &Secret) -> Option<&str> {
    Some(text.expose().as_str()).filter(|text| !text.is_empty())
}

/// Reads a login that waited for its redirect.
pub fn pending(text: &Secret) -> Result<Pending, Error> {
    Pending::decode(text.expose().as_bytes())
}

/// The query of a callback's address.
pub fn query(url: &Secret) -> &str {
    let (url, _fragment) = cut(url.expose(), b'#');
    cut(url, b'?').1.unwrap_or_default()
}

/// What names a pending login in the store: its SHA-256, as in PKCE, so that a store that is read does not give the
/// state away.
fn digest(state: &Secret) -> String {
    pkce::challenge(state)
}
