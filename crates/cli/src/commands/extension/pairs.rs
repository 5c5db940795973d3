//! Extensions that were let in, and those that ask to be.
//!
//! Two processes meet here: the host, which has no terminal, writes down who asks; `extension pair` shows it to a person
//! and writes down the answer.

use std::path::{Path, PathBuf};

use gatepass::Timestamp;
use serde::{Deserialize, Serialize};

use crate::private;
use crate::words::Trouble;

/// An extension that was let in.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Paired {
    /// As the browser names it.
    pub(super) origin: String,
    /// Of its key (RFC 7638).
    pub(super) thumbprint: String,
    /// What it calls itself.
    pub(super) name: String,
    /// Seconds since 1970.
    pub(super) paired_at: u64,
}

/// An extension that asks.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Asking {
    pub(super) origin: String,
    pub(super) thumbprint: String,
    pub(super) name: String,
    /// What it shows.
    pub(super) phrase: String,
    /// Seconds since 1970.
    pub(super) expires_at: u64,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Allowed,
    Denied,
    Open,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Book {
    #[serde(default)]
    paired: Vec<Paired>,
    #[serde(default)]
    asking: Vec<Asking>,
}

/// The book of them.
#[derive(Clone, Debug)]
pub(super) struct Pairs(PathBuf);

impl Pairs {
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.join("paired.json"))
    }

    /// Everybody who was let in.
    pub(super) fn list(&self) -> Result<Vec<Paired>, Trouble> {
        Ok(private::read::<Book>(&self.0)?.paired)
    }

    /// Whether this key of this extension was let in.
    pub(super) fn knows(&self, origin: &str, thumbprint: &str) -> Result<bool, Trouble> {
        Ok(self.list()?.iter().any(|one| one.origin == origin && one.thumbprint == thumbprint))
    }

    /// Writes down who asks; whoever asked under this key before asks anew.
    pub(super) fn ask(&self, asking: Asking) -> Result<(), Trouble> {
        private::change(&self.0, |book: &mut Book| {
            book.asking.retain(|one| one.thumbprint != asking.thumbprint);
            book.asking.push(asking);
        })
    }

    /// Who asks now, the last one last.
    pub(super) fn asking(&self, now: Timestamp) -> Result<Vec<Asking>, Trouble> {
        let mut asking = private::read::<Book>(&self.0)?.asking;
        asking.retain(|one| one.expires_at > now.seconds());
        Ok(asking)
    }

    /// What became of this question.
    pub(super) fn answer(&self, asking: &Asking) -> Result<Answer, Trouble> {
        let book = private::read::<Book>(&self.0)?;
        Ok(if book.asking.contains(asking) {
            Answer::Open
        } else if book
            .paired
            .iter()
            .any(|one| one.origin == asking.origin && one.thumbprint == asking.thumbprint)
        {
            Answer::Allowed
        } else {
            Answer::Denied
        })
    }

    /// Answers; `false` if nobody asks any more.
    pub(super) fn decide(&self, asking: &Asking, allowed: bool, now: Timestamp) -> Result<bool, Trouble> {
        private::change(&self.0, |book: &mut Book| {
            let before = book.asking.len();
            book.asking.retain(|one| one != asking);
            let open = book.asking.len() < before && asking.expires_at > now.seconds();
            if open && allowed {
                let Asking { origin, thumbprint, name, .. } = asking.clone();
                book.paired.retain(|one| one.thumbprint != thumbprint);
                book.paired.push(Paired { origin, thumbprint, name, paired_at: now.seconds() });
            }
            open
        })
    }

    /// Takes a question back.
    pub(super) fn withdraw(&self, asking: &Asking) -> Result<(), Trouble> {
        private::change(&self.0, |book: &mut Book| book.asking.retain(|one| one != asking))
    }

    /// Shuts out whoever is named so, has this id, or whose key begins so; gives who that was.
    pub(super) fn remove(&self, which: &str) -> Result<Vec<Paired>, Trouble> {
        private::change(&self.0, |book: &mut Book| {
            let (gone, kept) = book.paired.drain(..).partition(|one| {
                one.name == which || one.thumbprint.starts_with(which) || is_of(&one.origin, which)
            });
            book.paired = kept;
            gone
        })
    }
}

/// Whether an extension is of this id, or the whole of what `list` shows: a Chromium browser names it by an address.
fn is_of(origin: &str, id: &str) -> bool {
    let named = origin.strip_prefix("chrome-extension://").and_then(|rest| rest.strip_suffix('/'));
    origin == id || named == Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn asking(thumbprint: &str) -> Asking {
        Asking {
            origin: "chrome-extension://a/".into(),
            thumbprint: thumbprint.into(),
            name: "Chromium".into(),
            phrase: "lusab-babad-gutih".into(),
            expires_at: 120,
        }
    }

    #[test]
    fn only_a_person_lets_in() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = Pairs::of(folder.path());
        let one = asking("t");
        pairs.ask(one.clone()).unwrap();
        assert_eq!(pairs.answer(&one).unwrap(), Answer::Open);
        assert!(!pairs.knows(&one.origin, "t").unwrap());
        assert_eq!(pairs.asking(at(119)).unwrap(), std::slice::from_ref(&one));
        assert!(pairs.decide(&one, true, at(119)).unwrap());
        assert_eq!(pairs.answer(&one).unwrap(), Answer::Allowed);
        assert!(pairs.knows(&one.origin, "t").unwrap());
        assert!(!pairs.knows("chrome-extension://b/", "t").unwrap(), "the same key in another extension");
        assert!(!pairs.decide(&one, true, at(119)).unwrap(), "it is answered");
        assert_eq!(pairs.remove("t").unwrap().len(), 1);
        assert!(!pairs.knows(&one.origin, "t").unwrap());
    }

    #[test]
    fn who_is_shut_out_is_named_in_three_ways() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = Pairs::of(folder.path());
        let (chromium, firefox) = ("abcdefghijklmnopabcdefghijklmnop", "extension@acme.example");
        for (origin, thumbprint) in
            [(format!("chrome-extension://{chromium}/"), "x1"), (firefox.into(), "y1")]
        {
            let one = Asking { origin, ..asking(thumbprint) };
            pairs.ask(one.clone()).unwrap();
            assert!(pairs.decide(&one, true, at(1)).unwrap());
        }
        for nobody in ["abcdefgh", "chrome-extension://", "extension@acme", "acme.example"] {
            assert_eq!(pairs.remove(nobody).unwrap(), [], "{nobody}");
        }
        assert_eq!(pairs.remove(chromium).unwrap()[0].thumbprint, "x1");
        assert_eq!(pairs.remove(firefox).unwrap()[0].thumbprint, "y1");
        assert_eq!(pairs.list().unwrap(), []);
    }

    #[test]
    fn a_question_that_was_denied_withdrawn_or_is_late_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = Pairs::of(folder.path());
        let one = asking("t");
        pairs.ask(one.clone()).unwrap();
        assert!(pairs.decide(&one, false, at(1)).unwrap());
        assert_eq!(pairs.answer(&one).unwrap(), Answer::Denied);
        pairs.ask(one.clone()).unwrap();
        assert!(!pairs.decide(&one, true, at(120)).unwrap(), "too late");
        pairs.ask(one.clone()).unwrap();
        pairs.withdraw(&one).unwrap();
        assert!(!pairs.decide(&one, true, at(1)).unwrap());
        // Another phrase is another question, whatever the person saw.
        pairs.ask(Asking { phrase: "babad-babad-babad".into(), ..one.clone() }).unwrap();
        assert!(!pairs.decide(&one, true, at(1)).unwrap());
        assert!(!pairs.knows(&one.origin, "t").unwrap());
    }
}
