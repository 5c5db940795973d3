//! What the live view is made of: values without a clock, a terminal or a thread. None of them ever holds a token.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;

pub(crate) use gatepass::Organization;
use gatepass::{Secret, Timestamp};

use crate::email::Email;
use crate::messages::Values;
use crate::output::distance;
use crate::words::Trouble;

/// One account of the program.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) profile: String,
    /// Its session; nobody is signed in otherwise, or it cannot be read.
    pub(crate) session: Result<Option<Session>, Trouble>,
    pub(crate) organization: Option<Organization>,
}

/// A session as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) bound: bool,
    pub(crate) refreshes: bool,
    pub(crate) signed_in_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) storage: &'static str,
}

/// What a person presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Up,
    Down,
    Enter,
    Escape,
    Backspace,
    Tab,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-U.
    Clear,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    Tick,
    Key(Key),
    Pasted(Secret),
    Loaded(Result<Vec<Row>, Trouble>),
    /// News of a sign-in, with its number.
    SignIn(u64, Progress),
    /// Whether the new token could be kept too.
    Refreshed(Result<bool, Trouble>),
    SignedOut(Result<SignedOut, Trouble>),
    Organizations(Result<Vec<Organization>, Trouble>),
    Chosen(Result<Option<Organization>, Trouble>),
}

/// How a sign-in goes.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The person has to sign in at this address.
    Open { address: String, words: Option<String>, opened: bool, until: Timestamp },
    /// Or there, with this code.
    Code(Code),
    /// Something came that belongs to another login.
    Stranger,
    /// What was pasted is not the address that this login waits for, or there is no device code. The wait goes on.
    Refused(Trouble),
    /// An answer has come.
    Finishing,
    /// Whether to keep a session of this account, which is perhaps not the person's.
    Confirm(String),
    /// It is over.
    Done(Result<(), Trouble>),
}

/// A code for another device.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) code: String,
    /// Where it is typed.
    pub(crate) address: String,
    /// The address with the code in it.
    pub(crate) whole: String,
    pub(crate) until: Timestamp,
}

/// Who was signed out, and what the issuer said to it.
#[derive(Debug)]
pub(crate) struct SignedOut {
    pub(crate) account: String,
    pub(crate) revoked: Result<(), Trouble>,
}

/// What is to be done. What comes of it is an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Load,
    SignIn {
        attempt: u64,
        profile: String,
        email: Option<Email>,
    },
    Paste(Secret),
    DeviceCode,
    /// The answer to [`Progress::Confirm`].
    Keep(bool),
    GiveUp,
    SignOut {
        profile: String,
    },
    Forget {
        profile: String,
    },
    Refresh {
        profile: String,
    },
    Organizations {
        profile: String,
    },
    Choose {
        profile: String,
        organization: Option<Organization>,
    },
    Suspend,
    Quit,
}

/// What is in front.
#[derive(Debug)]
pub(crate) enum Mode {
    Home,
    Help,
    Status,
    /// A command that is being typed, without its slash.
    Input(String),
    AskSignOut,
    /// The person's address, before they sign in to a profile.
    Email {
        profile: String,
        line: String,
    },
    Organizations {
        list: Vec<Organization>,
        at: usize,
    },
    SignIn(SignIn),
}

/// A sign-in under way.
#[derive(Debug)]
pub(crate) struct SignIn {
    pub(crate) address: Option<String>,
    /// To compare with the page, where that is a dashboard's. Its answer is the code that it shows, or the browser's.
    pub(crate) words: Option<String>,
    pub(crate) opened: bool,
    pub(crate) until: Option<Timestamp>,
    pub(crate) code: Option<Code>,
    pub(crate) finishing: bool,
    /// An account that is perhaps not the person's.
    pub(crate) confirm: Option<String>,
    /// What is typed of a pasted address: it holds a code, so it is counted and not shown.
    pub(crate) typed: Typed,
    /// Whether the address stands alone on the plain screen, to be copied.
    pub(crate) printed: bool,
}

/// Text that is not shown, and wiped.
pub(crate) struct Typed(String);

/// The line that says what came of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
    pub(crate) bad: bool,
}

/// What the view is called, and the words of its program.
#[derive(Debug, Default)]
pub(crate) struct Wording {
    pub(crate) title: String,
    /// By whose word a given token is used instead of any session.
    pub(crate) given: Option<String>,
    /// Whether the program knows organizations.
    pub(crate) organizations: bool,
    /// Whether a sign-in begins with an e-mail address.
    pub(crate) email_first: bool,
    /// Whether it is the `gatepass` command itself.
    pub(crate) is_own: bool,
    /// A manifest's own words for what went wrong.
    pub(crate) errors: BTreeMap<String, Vec<String>>,
    pub(crate) values: Values,
}

impl Wording {
    /// What went wrong, in the manifest's words where it has some; commands are named as they are typed here.
    pub(crate) fn note(&self, trouble: &Trouble, signing_in: bool) -> Note {
        let hint = trouble.hint(&|words| format!("/{words}"), self.is_own, None);
        let code = trouble.code();
        let at_sign_in = signing_in.then(|| self.errors.get(&format!("login.{code}"))).flatten();
        match at_sign_in.or_else(|| self.errors.get(code)) {
            None => Note { text: trouble.message(), hint, bad: true },
            Some(lines) => {
                let values =
                    self.values.clone().with("reason", trouble.message()).maybe("hint", hint.as_deref());
                Note { text: values.fill(lines).replace('\n', " "), hint: None, bad: true }
            }
        }
    }
}

impl Session {
    /// What there is to know of the access token.
    pub(crate) fn token(&self, now: Timestamp) -> String {
        match self.expires_at {
            Some(moment) if moment > now => format!("{} left", left(moment, now)),
            _ if self.refreshes => String::from("expired; the next use refreshes it"),
            _ => String::from("expired; sign in again"),
        }
    }

    /// The same in one word.
    pub(crate) fn countdown(&self, now: Timestamp) -> String {
        match self.expires_at {
            Some(moment) if moment > now => left(moment, now),
            _ => String::from("expired"),
        }
    }

    /// Where the session is kept, aloud where nothing seals it.
    pub(crate) fn kept(&self) -> String {
        if self.storage == "file" {
            String::from("a plain file that only you can read")
        } else {
            self.storage.to_owned()
        }
    }

    /// What the session is worth.
    pub(crate) fn bond(&self, now: Timestamp) -> String {
        let bound = if self.bound { "bound to a key of this machine" } else { "not bound to a key" };
        format!("{bound}, signed in {}", distance(self.signed_in_at, now))
    }
}

/// `0:09`, `59:59`, `1:00:00`, `2 days`.
pub(crate) fn left(moment: Timestamp, now: Timestamp) -> String {
    let seconds = moment.since(now).as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{:02}", seconds % 60),
        (0, _) => format!("{hours}:{:02}:{:02}", minutes % 60, seconds % 60),
        (1, _) => String::from("1 day"),
        _ => format!("{days} days"),
    }
}

impl SignIn {
    pub(crate) fn new() -> Self {
        Self {
            address: None,
            words: None,
            opened: false,
            until: None,
            code: None,
            finishing: false,
            confirm: None,
            typed: Typed::new(),
            printed: false,
        }
    }
}

/// No address that a browser ends at is longer.
const MOST_TYPED: usize = 8 * 1024;

impl Typed {
    fn new() -> Self {
        // All at once: text that grows would leave copies behind.
        Self(String::with_capacity(MOST_TYPED))
    }

    pub(crate) fn push(&mut self, letter: char) {
        if self.0.len() + letter.len_utf8() <= MOST_TYPED {
            self.0.push(letter);
        }
    }

    pub(crate) fn clear(&mut self) {
        drop(self.take());
        *self = Self::new();
    }

    /// The text, if there is any.
    pub(crate) fn take(&mut self) -> Option<Secret> {
        let text = mem::take(&mut self.0);
        (!text.is_empty()).then(|| Secret::new(text))
    }

    /// How long it is: what is shown instead of it.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        // Wiped by what it becomes.
        drop(self.take());
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
