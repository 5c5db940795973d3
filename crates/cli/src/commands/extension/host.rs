//! `extension host`: what a browser starts for the extension. stdin and stdout are the line to it and nothing else.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use gatepass::{Audience, Error, Gatepass, PeerKey, Refusal, Scopes, Share};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pairs::{Account, Answer, Asking, Pairs};
use super::{folder, frame};
use crate::commands::status::account;
use crate::context::Context;
use crate::exit::Exit;
use crate::messages::printable;
use crate::words::Trouble;

/// How long a person has to let an extension in.
const PAIRING: Duration = Duration::from_secs(120);

/// How often to look whether that has happened; the person's process is another one.
const LOOK: Duration = Duration::from_millis(250);

/// The type of what an extension signs.
const TYP: &str = "gatepass-link+jwt";

/// What a terminal asks of the extension.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    /// The key that the token is to be bound to.
    pub(super) jkt: String,
}

/// What reaches the host.
pub(super) enum Event {
    /// The extension says something.
    Browser(Value),
    /// A terminal asks something, and waits for the answer there.
    Terminal(Question, Sender<Value>),
    /// The browser has closed the line.
    End,
}

pub(super) fn run(context: &Context, words: &[String]) -> Result<Exit, Trouble> {
    let origin = origin(words).ok_or_else(|| {
        Trouble::Usage(String::from(
            "this is started by a browser, for an extension; `extension install` sees to it",
        ))
    })?;
    let folder = folder(context);
    let (tell, events) = mpsc::channel();
    #[cfg(unix)]
    let _line = super::line::open(&folder, tell.clone());
    thread::spawn(move || listen(&tell));
    let settings = context.settings(&context.profile.name)?;
    let host = Host {
        context,
        issuer: settings.client.issuer.as_str().to_owned(),
        gatepass: Gatepass::new(settings),
        pairs: Pairs::of(&folder),
        origin,
        challenge: gatepass::challenge()?.expose().clone(),
        peer: None,
        pairing: None,
        latest: 0,
        asked: 0,
        waiting: HashMap::new(),
    };
    host.run(&events).map_err(|error| Trouble::Usage(format!("the line to the browser broke: {error}")))?;
    Ok(Exit::Done)
}

/// The extension, as the browser names it: Chromium by its origin, Firefox by its id after the manifest's path.
fn origin(words: &[String]) -> Option<String> {
    let chromium = words.iter().find(|word| word.starts_with("chrome-extension://"));
    chromium.or_else(|| words.get(1)).filter(|word| word.len() <= 128).cloned()
}

fn listen(tell: &Sender<Event>) {
    let mut stdin = io::stdin().lock();
    while let Ok(Some(message)) = frame::read(&mut stdin) {
        if tell.send(Event::Browser(message)).is_err() {
            return;
        }
    }
    let _ = tell.send(Event::End);
}

/// The host of one extension for as long as the line is open.
struct Host<'a> {
    context: &'a Context,
    issuer: String,
    gatepass: Gatepass,
    pairs: Pairs,
    origin: String,
    /// In all that the extension signs here, so that it is good here alone.
    challenge: String,
    peer: Option<Peer>,
    /// The question to the person, and whose answer waits for it.
    pairing: Option<(u64, Asking)>,
    /// The number of the last request for a token: none is heard twice.
    latest: u64,
    /// How many questions went to the extension.
    asked: u64,
    waiting: HashMap<u64, Sender<Value>>,
}

/// Who says to be at the other end.
struct Peer {
    key: PeerKey,
    name: String,
}

impl Host<'_> {
    fn run(mut self, events: &Receiver<Event>) -> io::Result<()> {
        loop {
            let event = match self.pairing {
                Some(_) => events.recv_timeout(LOOK),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Browser(message)) => self.heard(&message)?,
                Ok(Event::Terminal(question, reply)) => self.pass_on(&question, reply)?,
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look()?;
        }
        if let Some((_, asking)) = &self.pairing {
            let _ = self.pairs.withdraw(asking);
        }
        Ok(())
    }

    fn heard(&mut self, message: &Value) -> io::Result<()> {
        let Some(id) = message["id"].as_u64() else { return refuse(0, "malformed") };
        match message["type"].as_str() {
            Some("hello") => self.hello(id, message),
            Some("pair") => self.pair(id),
            // An answer to a question of ours.
            Some("token") if message.get("access_token").is_some() => self.answered(id, message),
            Some("error") => self.answered(id, message),
            Some("token") => match self.share(id, message) {
                Ok(answer) => say(&answer),
                Err(code) => refuse(id, code),
            },
            _ => refuse(id, "malformed"),
        }
    }

    fn hello(&mut self, id: u64, message: &Value) -> io::Result<()> {
        if message["version"] != 1 {
            return refuse(id, "unsupported");
        }
        let Ok(key) = PeerKey::read(&message["key"].to_string()) else { return refuse(id, "malformed") };
        let name: String =
            printable(message["name"].as_str().unwrap_or("a browser")).chars().take(64).collect();
        self.peer = Some(Peer { key, name });
        let program = self.context.app.program();
        // Where it cannot be seen now who is signed in, nobody is shut out; each request looks again.
        let paired = !matches!(self.peer(), Err("not_paired"));
        let challenge = &self.challenge;
        say(
            &json!({ "id": id, "type": "hello", "version": 1, "program": program, "paired": paired, "challenge": challenge }),
        )
    }

    fn pair(&mut self, id: u64) -> io::Result<()> {
        let Some(Peer { key, name }) = &self.peer else { return refuse(id, "malformed") };
        if self.pairing.is_some() {
            return refuse(id, "busy");
        }
        let Ok(account) = self.account() else { return refuse(id, "unreachable") };
        let phrase = key.phrase(&self.origin, &self.challenge);
        let asking = Asking {
            origin: self.origin.clone(),
            thumbprint: key.thumbprint(),
            name: name.clone(),
            account: Some(account),
            phrase: phrase.clone(),
            expires_at: self.gatepass.now().plus(PAIRING).seconds(),
        };
        if self.pairs.ask(asking.clone()).is_err() {
            return refuse(id, "unsupported");
        }
        self.pairing = Some((id, asking));
        say(&json!({ "id": id, "type": "pairing", "phrase": phrase, "expires_in": PAIRING.as_secs() }))
    }

    /// Whether the person has answered.
    fn look(&mut self) -> io::Result<()> {
        let Some((id, asking)) = &self.pairing else { return Ok(()) };
        let id = *id;
        let late = asking.expires_at <= self.gatepass.now().seconds();
        let answer = self.pairs.answer(asking).unwrap_or(Answer::Denied);
        if answer == Answer::Open && !late {
            return Ok(());
        }
        if answer == Answer::Open {
            let _ = self.pairs.withdraw(asking);
        }
        self.pairing = None;
        match answer {
            Answer::Allowed => say(&json!({ "id": id, "type": "paired" })),
            Answer::Denied => refuse(id, "pairing_denied"),
            Answer::Open => refuse(id, "pairing_expired"),
        }
    }

    /// Who is at the other end, if a person let them in for the account that is signed in; looked up each time, as they
    /// may have been shut out, and the account may be another.
    fn peer(&self) -> Result<&Peer, &'static str> {
        let peer = self.peer.as_ref().ok_or("not_paired")?;
        match self.pairs.knows(&self.origin, &peer.key.thumbprint(), || self.account()) {
            Ok(true) => Ok(peer),
            Err(Trouble::Core(_)) => Err("unreachable"),
            _ => Err("not_paired"),
        }
    }

    /// Whose tokens there are to ask for now.
    fn account(&self) -> Result<Account, Trouble> {
        let status = self.gatepass.status()?;
        let view = status.as_ref().map(|status| &status.view);
        Ok(Account {
            profile: self.context.profile.name.clone(),
            issuer: self.issuer.clone(),
            subject: view.map(|view| view.identity.subject.as_str().to_owned()),
            name: view.map(|view| account(view).to_owned()),
        })
    }

    /// A token for the extension's key; otherwise the code of the error.
    fn share(&mut self, id: u64, message: &Value) -> Result<Value, &'static str> {
        let peer = self.peer()?;
        let proof = message["proof"].as_str().ok_or("malformed")?;
        let claims = peer.key.claims(proof, TYP).map_err(|_| "denied")?;
        let claims: Value = serde_json::from_str(&claims).map_err(|_| "malformed")?;
        // What was signed is this request, on this line, once.
        let same =
            ["id", "type", "scope", "audience", "jkt"].iter().all(|name| claims[name] == message[name]);
        if !same || claims["challenge"] != self.challenge.as_str() || id <= self.latest {
            return Err("denied");
        }
        self.latest = id;
        let text = |name: &str| message[name].as_str();
        let audience = match &message["audience"] {
            Value::Null => None,
            audience => {
                let audience = audience.as_str().and_then(|name| Audience::named(name).ok());
                Some(audience.ok_or("malformed")?)
            }
        };
        let share = Share {
            scopes: text("scope").and_then(|scope| Scopes::parse(scope).ok()).ok_or("malformed")?,
            audience,
            thumbprint: text("jkt").filter(|jkt| is_thumbprint(jkt)).ok_or("malformed")?.to_owned(),
        };
        let shared = self.gatepass.share(share).wait().and_then(|shared| shared).map_err(code)?;
        // Of whoever signed in while that took its time nobody was asked.
        self.peer()?;
        Ok(json!({
            "id": id,
            "type": "token",
            "access_token": shared.token.expose(),
            "token_type": "DPoP",
            "expires_in": shared.expires_in.as_secs(),
            "scope": shared.scopes.as_str(),
        }))
    }

    /// A terminal's question goes to the extension.
    fn pass_on(&mut self, question: &Question, reply: Sender<Value>) -> io::Result<()> {
        if let Err(code) = self.peer() {
            let _ = reply.send(error(0, code));
            return Ok(());
        }
        self.asked += 1;
        self.waiting.insert(self.asked, reply);
        let mut message = json!(question);
        message["id"] = self.asked.into();
        message["type"] = "token".into();
        say(&message)
    }

    fn answered(&mut self, id: u64, message: &Value) -> io::Result<()> {
        // Nobody waits for an answer to a question that was not asked.
        if let Some(reply) = self.waiting.remove(&id) {
            let _ = reply.send(message.clone());
        }
        Ok(())
    }
}

/// Whether this is a hash of 256 bits.
fn is_thumbprint(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

const fn code(error: Error) -> &'static str {
    match error {
        Error::NotSignedIn | Error::SessionEnded | Error::SessionLost | Error::KeyLost => "not_signed_in",
        Error::Refused(Refusal::InvalidScope | Refusal::InvalidTarget | Refusal::AccessDenied) => "denied",
        // The session is bound to no key, or its issuer knows no such exchange.
        Error::NotBound | Error::Refused(_) | Error::Unsupported { .. } => "unsupported",
        // The issuer gave something else than was asked for.
        Error::Malformed { .. } => "malformed",
        _ => "unreachable",
    }
}

fn say(message: &Value) -> io::Result<()> {
    frame::write(&mut io::stdout().lock(), message)
}

fn refuse(id: u64, code: &str) -> io::Result<()> {
    say(&error(id, code))
}

/// What an error says, both ways.
pub(super) fn error(id: u64, code: &str) -> Value {
    json!({ "id": id, "type": "error", "code": code, "message": words(code) })
}

/// What a code means.
pub(super) fn words(code: &str) -> &'static str {
    match code {
        "not_paired" => "the extension has not been let in",
        "pairing_denied" => "the person at the terminal said no",
        "pairing_expired" => "nobody answered at the terminal in time",
        "not_signed_in" => "nobody is signed in at the other end",
        "denied" => "the other end does not give such a token",
        "unsupported" => "the other end cannot do that",
        "busy" => "the other end is asking a person already",
        "unreachable" => "the other end could not reach its server",
        _ => "the other end did not understand",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_name_the_extension() {
        let named = |words: &[&str]| origin(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let chromium = "chrome-extension://abcdefghijklmnopabcdefghijklmnop/";
        assert_eq!(named(&[chromium, "--parent-window=0"]).as_deref(), Some(chromium));
        assert_eq!(
            named(&["/x/host.json", "gatepass@acme.example"]).as_deref(),
            Some("gatepass@acme.example")
        );
        assert_eq!(named(&[]), None);
    }
}
