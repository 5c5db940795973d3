//! Letters leave by an [`Outbox`]. Today there is one: the development mailbox, in memory, shown on loopback only.

use std::collections::VecDeque;
use std::sync::Mutex;

use gatepass_core::time::Timestamp;
use serde::Serialize;

/// How many letters the development mailbox keeps.
const KEPT: usize = 50;

/// A letter with one link in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) link: String,
    /// Seconds since 1970.
    pub(crate) at: u64,
}

/// Takes letters. It must return at once: whoever waits for delivery tells an observer which addresses are known.
pub(crate) trait Outbox: Send + Sync {
    /// Accepts the letter, or drops it and says so to the operator.
    fn post(&self, letter: Letter);
}

/// The development mailbox: the last letters, in memory and nowhere else.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<VecDeque<Letter>>);

impl Mailbox {
    /// What is there, newest first.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.0.lock().map(|letters| letters.iter().cloned().collect()).unwrap_or_default()
    }
}

impl Outbox for Mailbox {
    fn post(&self, letter: Letter) {
        if let Ok(mut letters) = self.0.lock() {
            letters.push_front(letter);
            letters.truncate(KEPT);
        }
    }
}

/// The letter with a sign-in link.
pub(crate) fn sign_in_letter(to: &str, client: &str, link: &str, place: &str, now: Timestamp) -> Letter {
    Letter {
        to: to.to_owned(),
        subject: format!("Sign in to {client}"),
        text: format!(
            "Somebody, we hope you, asked to sign in to {client} from {place}.\n\n\
             Open this link within ten minutes:\n\n{link}\n\n\
             If it was not you, do nothing: without the link nobody gets in.\n"
        ),
        link: link.to_owned(),
        at: now.seconds(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_fifty() {
        let mailbox = Mailbox::default();
        for at in 0..60 {
            mailbox.post(sign_in_letter("a@b.example", "x", "link", "here", Timestamp::from_seconds(at)));
        }
        let letters = mailbox.letters();
        assert_eq!((letters.len(), letters[0].at, letters[49].at), (50, 59, 10));
    }
}
