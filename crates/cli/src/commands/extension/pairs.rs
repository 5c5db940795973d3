//! Extensions that were let in, and those that ask to be.
//!
//! Two processes meet here: the host, which has no terminal, writes down who asks; `extension pair` shows it to a person
//! and writes down the answer.

use std::path::{Path, PathBuf};

use gatepass::Timestamp;
use serde::{Deserialize, Serialize};

use crate::private;
use crate::words::Trouble;

/// Whose tokens there are to ask for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Under which name of ours.
    pub(super) profile: String,
    pub(super) issuer: String,
    /// The issuer's name for who is signed in; `None` is nobody.
    pub(super) subject: Option<String>,
    /// The one by which people know them.
    pub(super) name: Option<String>,
}

impl Account {
    /// Whether a yes that was said of this account is one for `now`. While nobody is signed in there is nothing to give,
    /// and the yes waits.
    fn covers(&self, now: &Self) -> bool {
        (&self.profile, &self.issuer) == (&now.profile, &now.issuer)
            && (now.subject.is_none() || now.subject == self.subject)
    }
}

/// An extension that was let in.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Paired {
    /// As the browser names it.
    pub(super) origin: String,
    /// Of its key (RFC 7638).
    pub(super) thumbprint: String,
    /// What it calls itself.
    pub(super) name: String,
    /// For whom. A book from before this was written says nothing: that is nobody.
    #[serde(default)]
    pub(super) account: Option<Account>,
    /// Seconds since 1970.
    pub(super) paired_at: u64,
}

/// An extension that asks.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Asking {
    pub(super) origin: String,
    pub(super) thumbprint: String,
    pub(super) name: String,
    /// For whom, as in [`Paired`].
    #[serde(default)]
    pub(super) account: Option<Account>,
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

    /// Whether this key of this extension was let in, for the account that there is now. A stranger's key does not make
    /// anybody look who that is: a keyring may be locked.
    pub(super) fn knows(
        &self,
        origin: &str,
        thumbprint: &str,
        now: impl FnOnce() -> Result<Account, Trouble>,
    ) -> Result<bool, Trouble> {
        let mut paired = self.list()?;
        paired.retain(|one| one.origin == origin && one.thumbprint == thumbprint);
        if paired.is_empty() {
            return Ok(false);
        }
        let now = now()?;
        Ok(paired.iter().filter_map(|one| one.account.as_ref()).any(|account| account.covers(&now)))
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
        asking.retain(|one| one.expires_at > now.seconds() && one.account.is_some());
        Ok(asking)
    }

    /// What became of this question.
    pub(super) fn answer(&self, asking: &Asking) -> Result<Answer, Trouble> {
        let book = private::read::<Book>(&self.0)?;
        Ok(if book.asking.contains(asking) {
            Answer::Open
        } else if book.paired.iter().any(|one| {
            one.origin == asking.origin
                && one.thumbprint == asking.thumbprint
                && one.account == asking.account
        }) {
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
                let Asking { origin, thumbprint, name, account, .. } = asking.clone();
                book.paired.retain(|one| one.thumbprint != thumbprint);
                book.paired.push(Paired { origin, thumbprint, name, account, paired_at: now.seconds() });
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

    fn account(profile: &str, issuer: &str, subject: Option<&str>) -> Account {
        let subject = subject.map(String::from);
        Account { profile: profile.into(), issuer: issuer.into(), name: subject.clone(), subject }
    }

    fn alice() -> Account {
        account("default", "https://id.example", Some("alice"))
    }

    /// Whether the key `t` is let in for this account.
    fn knows(pairs: &Pairs, account: Account) -> bool {
        pairs.knows("chrome-extension://a/", "t", || Ok(account)).unwrap()
    }

    fn asking(thumbprint: &str) -> Asking {
        Asking {
            origin: "chrome-extension://a/".into(),
            thumbprint: thumbprint.into(),
            name: "Chromium".into(),
            account: Some(alice()),
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
        assert!(!knows(&pairs, alice()));
        assert_eq!(pairs.asking(at(119)).unwrap(), std::slice::from_ref(&one));
        assert!(pairs.decide(&one, true, at(119)).unwrap());
        assert_eq!(pairs.answer(&one).unwrap(), Answer::Allowed);
        assert!(knows(&pairs, alice()));
        let other = pairs.knows("chrome-extension://b/", "t", || Ok(alice())).unwrap();
        assert!(!other, "the same key in another extension");
        assert!(!pairs.decide(&one, true, at(119)).unwrap(), "it is answered");
        assert_eq!(pairs.remove("t").unwrap().len(), 1);
        assert!(!knows(&pairs, alice()));
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
        assert!(!knows(&pairs, alice()));
    }

    #[test]
    fn a_yes_is_for_the_account_that_it_was_said_of() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = Pairs::of(folder.path());
        let lets_in = |account: Account| {
            let one = Asking { account: Some(account), ..asking("t") };
            pairs.ask(one.clone()).unwrap();
            assert!(pairs.decide(&one, true, at(1)).unwrap());
        };
        let issuer = "https://id.example";
        let nobody = || account("default", issuer, None);
        let bob = || account("default", issuer, Some("bob"));
        lets_in(alice());
        // What people call her may change, and while she is signed out she is waited for.
        assert!(knows(&pairs, Account { name: None, ..alice() }) && knows(&pairs, nobody()));
        for other in [
            bob(),
            account("work", issuer, Some("alice")),
            account("work", issuer, None),
            account("default", "https://other.example", Some("alice")),
            account("default", "https://other.example", None),
        ] {
            assert!(!knows(&pairs, other.clone()), "{other:?}");
        }
        // Said of nobody it is for no one who comes later; and of two accounts the last one counts.
        lets_in(nobody());
        assert!(knows(&pairs, nobody()) && !knows(&pairs, alice()));
        lets_in(bob());
        assert!(knows(&pairs, bob()) && !knows(&pairs, alice()));
        assert_eq!(pairs.list().unwrap().len(), 1);
    }

    #[test]
    fn a_book_without_accounts_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let old = r#"{"paired":[{"origin":"chrome-extension://a/","thumbprint":"t","name":"Chromium","paired_at":1}],
            "asking":[{"origin":"chrome-extension://a/","thumbprint":"u","name":"Chromium","phrase":"x","expires_at":9}]}"#;
        std::fs::write(folder.path().join("paired.json"), old).unwrap();
        let pairs = Pairs::of(folder.path());
        assert_eq!(pairs.list().unwrap().len(), 1, "it is shown, and can be shut out");
        assert_eq!(pairs.asking(at(1)).unwrap(), [], "a yes would be said of nobody");
        for account in [alice(), account("default", "https://id.example", None)] {
            assert!(!knows(&pairs, account));
        }
        let unknown = pairs.knows("chrome-extension://a/", "v", || Err(Trouble::Usage(String::new())));
        assert!(!unknown.unwrap(), "nobody looks who is signed in for a key that is not in the book");
    }
}
