//! The border: whatever takes several steps, stepped by `www/shared/drive.js`.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::http::Response;
use gatepass_core::kept::Kept;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Handout, Wanted};
use gatepass_core::session::freshness::MIN_TTL;
use gatepass_core::session::save::SaveSession;
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::{Answer as Plain, Step, Transaction as Steps};
use gatepass_core::text::utf8;
use gatepass_core::time::Timestamp;
use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error;
use crate::login::{Answer, Callback, Next, SignIn};
use crate::prove::Prove;
use crate::random::BrowserDice;
use crate::said;
use crate::view::{self, View};

/// The one of an instance: each transaction has a memory to itself. It is not zero at first and so lies before what is
/// given out, where `www/shared/instance.js` makes it what it was.
static TRANSACTION: Mutex<Transaction> = Mutex::new(Transaction::new());

/// [`Transaction::step`] of this instance's. Nobody steps one that is being stepped.
#[wasm_bindgen]
pub fn step(now: f64, said: u8, text: Vec<u8>, bytes: Vec<u8>, number: f64) -> f64 {
    TRANSACTION.try_lock().map_or(0.0, |mut transaction| transaction.step(now, said, text, bytes, number))
}

/// Something that takes several steps; which, the first of them says.
#[derive(Debug, Default)]
pub struct Transaction {
    machine: Machine,
    /// What was given last.
    view: Option<View>,
}

/// What there is.
#[derive(Debug, Default)]
enum Machine {
    /// Seeing who is signed in.
    Look,
    /// Leaving for the issuer.
    SignIn(Kept<SignIn>),
    /// Coming back; it goes on as [`Machine::Save`].
    Callback(Kept<Callback>),
    /// Keeping a new session.
    Save(Kept<SaveSession>),
    /// Giving out a token.
    Access(Kept<GetAccess>),
    /// Ending a session.
    Out(Kept<SignOut>),
    /// Making a proof for a request to an API.
    Prove(Kept<Prove>),
    /// Nothing yet, or nothing more. The last of them, because what is zero at first lies behind what is given out.
    #[default]
    Idle,
}

impl Transaction {
    /// Idle.
    pub const fn new() -> Self {
        Self { machine: Machine::Idle, view: None }
    }

    /// Takes what became of the last effect and gives where the text of the next lies (2^32 times its length and its
    /// address), `{do: "done", ..}` with the result, or `{do: "fail", ..}` with how it failed. `now` is in seconds, `text` is UTF-8, and what is `said` is a
    /// number (`said.rs`). First it is said what is wanted:
    ///
    /// | said | text | number | result |
    /// |---|---|---|---|
    /// | `LOOK` | | | the session, if there is one |
    /// | `SIGN_IN` | settings as a form | | `url` |
    /// | `CALLBACK` | address | | |
    /// | `ACCESS`, `REFRESH` | `audience`, `resource` and `scope` as a form | least time to live, if given | `value, type, expiresAt, refreshed` |
    /// | `SIGN_OUT` | | | `revoked` |
    /// | `PROVE` | `method`, `url`, `token` and `nonce` as a form | | `proof` |
    ///
    /// and then what became of it:
    ///
    /// | said | text | bytes | number |
    /// |---|---|---|---|
    /// | `LOADED`, with something if there is | two lines: access and, if asked for, rest | | |
    /// | `SIGNED`, `MADE` | | signature, public key | |
    /// | `SENT` | dpop-nonce | body | status |
    /// | `TAKEN`, with something if there is | pending | | |
    /// | `JUDGED` | | | 1 if it is good |
    /// | `FAILED` | code | | |
    ///
    /// `LOCKED`, `LATE` (the lock was not to be had), `LOST`, `SAVED`, `ERASED`, `MOVED`, `UNLOCKED` and `KEPT` bring
    /// nothing.
    pub fn step(&mut self, now: f64, said: u8, text: Vec<u8>, bytes: Vec<u8>, number: f64) -> f64 {
        let now = Timestamp::from_seconds(now as u64);
        let text = String::from(utf8(&text).unwrap_or_default());
        let next = match self.machine {
            Machine::Idle => self.begin(said, text, number, now),
            _ => self.advance(answer(said, Secret::new(text), bytes, number as u16), now),
        };
        let text = self.view.insert(next.unwrap_or_else(error::to_js)).as_str();
        text.len() as f64 * 4_294_967_296.0 + text.as_ptr().addr() as f64
    }

    /// What the last step gave.
    pub fn said(&self) -> &str {
        self.view.as_ref().map_or("", View::as_str)
    }

    fn begin(&mut self, said: u8, text: String, number: f64, now: Timestamp) -> Result<View, Error> {
        self.machine = match said {
            said::LOOK => Machine::Look,
            said::SIGN_IN => Machine::SignIn(Kept::new(SignIn::new(&text)?)),
            said::CALLBACK => Machine::Callback(Kept::new(Callback::new(Secret::new(text)))),
            said::ACCESS | said::REFRESH => {
                let min_ttl = if number.is_nan() { MIN_TTL } else { Duration::from_secs(number as u64) };
                let purpose = view::purpose(&text)?;
                Machine::Access(Kept::new(GetAccess::new(Wanted {
                    purpose,
                    min_ttl,
                    force: said == said::REFRESH,
                })))
            }
            said::SIGN_OUT => Machine::Out(Kept::new(SignOut::new())),
            said::PROVE => Machine::Prove(Kept::new(Prove::new(&text)?)),
            _ => return Err(Error::Bug),
        };
        self.advance(Answer::Plain(Plain::Begin), now)
    }

    fn advance(&mut self, mut answer: Answer, now: Timestamp) -> Result<View, Error> {
        if let Machine::Callback(callback) = &mut self.machine {
            match callback.step(answer, now)? {
                Next::Need(view) => return Ok(view),
                Next::Save(record) => {
                    self.machine = Machine::Save(Kept::new(SaveSession::new(record)));
                    answer = Answer::Plain(Plain::Begin);
                }
            }
        }
        if let Machine::SignIn(sign_in) = &mut self.machine {
            return sign_in.step(answer, now);
        }
        let Answer::Plain(answer) = answer else { return Err(Error::Bug) };
        let steps: &mut dyn Steps = match &mut self.machine {
            Machine::Look => return look(answer),
            Machine::Prove(prove) => return prove.step(answer, now),
            Machine::Save(save) => &mut **save,
            Machine::Access(access) => &mut **access,
            Machine::Out(out) => &mut **out,
            _ => return Err(Error::Bug),
        };
        match steps.step(answer, now, &mut BrowserDice) {
            Step::Need(effect) => view::effect(&effect),
            Step::Done => finish(mem::take(&mut self.machine)),
        }
    }
}

/// No network, no lock, no token.
fn look(answer: Plain) -> Result<View, Error> {
    match answer {
        Plain::Begin => Ok(view::load(false)),
        Plain::Loaded(Some(record)) => Ok(view::session(&record)),
        Plain::Loaded(None) => Ok(view::done().into()),
        Plain::Failed(error) => Err(error),
        _ => Err(Error::Bug),
    }
}

fn finish(machine: Machine) -> Result<View, Error> {
    match machine {
        Machine::Save(save) => save.into_inner().finish().map(|()| view::done().into()),
        Machine::Access(access) => match access.into_inner().finish()? {
            // A page has no way to warn beside its answer.
            Handout { saved: false, .. } => Err(Error::NotSaved),
            handout => Ok(view::token(&handout)),
        },
        Machine::Out(out) => match out.into_inner().finish() {
            Ok(out) => Ok(view::done().flag("revoked", out.revoked.is_ok()).into()),
            // Nobody has to be told.
            Err(Error::NotSignedIn) => Ok(view::done().flag("revoked", true).into()),
            Err(error) => Err(error),
        },
        _ => Err(Error::Bug),
    }
}

fn answer(said: u8, text: Secret, bytes: Vec<u8>, status: u16) -> Answer {
    Answer::Plain(match said {
        said::LOADED => view::record(&text).map_or_else(Plain::Failed, Plain::Loaded),
        said::LOCKED => Plain::Locked,
        said::LATE => Plain::LockTimedOut,
        said::SIGNED => Plain::Signed(bytes),
        said::SENT => {
            let nonce = |name: &str| view::line(&text).filter(|_| name == "dpop-nonce").map(String::from);
            Plain::Sent(Response::new(status, &nonce, bytes))
        }
        said::LOST => Plain::Lost,
        said::SAVED => Plain::Saved,
        said::ERASED => Plain::Erased,
        said::MOVED => Plain::Moved,
        said::UNLOCKED => Plain::Unlocked,
        said::MADE => return Answer::Made(bytes),
        said::KEPT => return Answer::Kept,
        said::TAKEN => return Answer::Taken(view::line(&text).is_some().then_some(text)),
        said::JUDGED => return Answer::Judged(status == 1),
        _ => Plain::Failed(error::from_js(view::line(&text).unwrap_or_default())),
    })
}
