//! The keyring, the kernel's, and the session that is kept by them.

use std::time::Duration;

use gatepass::doctor::Timed;
use gatepass::{Error, Keeping, Status, Timestamp};

use super::finding::Finding;
use super::troubled;
use crate::context::Context;
use crate::manifest::{Fallback, Place};
use crate::output::distance;

/// A healthy keyring takes a tenth of this for all three.
const SLOW: Duration = Duration::from_secs(1);

/// After this the store gives a keyring up (`native/store/keyring`).
const LIMIT: Duration = Duration::from_secs(3);

/// Whether a secret can be written, read back and removed.
pub(super) fn keyring(fallback: Fallback, proved: Option<Timed<Result<(), Error>>>) -> Finding {
    let Some(Timed { answer, took }) = proved else { return silent(LIMIT) };
    let finding = match answer {
        Ok(()) if took > SLOW => Finding::warning(
            "keyring",
            format!("writes, reads and removes, and took {} ms for it", took.as_millis()),
        ),
        Ok(()) => Finding::ok("keyring", format!("writes, reads and removes, in {} ms", took.as_millis())),
        Err(Error::StoreLocked) if took >= LIMIT => silent(took),
        Err(Error::StoreLocked) => Finding::wrong("keyring", "locked").mend("unlock it; sessions stay as they are"),
        Err(Error::StoreUnavailable) => match fallback {
            Fallback::Deny => Finding::wrong("keyring", "there is none").mend(
                "start one (gnome-keyring, kwallet), or allow another place: `storage.fallback` in the manifest",
            ),
            Fallback::File => Finding::warning("keyring", "there is none: a new session is kept in a plain file")
                .mend("start one (gnome-keyring, kwallet) and sign in again"),
            Fallback::Passphrase => {
                Finding::ok("keyring", "there is none: a new session is sealed by a passphrase")
            }
        },
        Err(_) => Finding::wrong("keyring", "refuses to keep a secret").mend("look at its own log"),
    };
    finding.took(took)
}

fn silent(took: Duration) -> Finding {
    let seen = format!("does not answer within {} seconds", took.as_secs());
    Finding::wrong("keyring", seen)
        .mend("is there an unanswered prompt? answer it, or end the keyring's daemon")
}

/// Whether the kernel keeps keys; only Linux does.
pub(super) fn kernel(kept: Option<Timed<bool>>) -> Option<Finding> {
    const CHECK: &str = "kernel keyring";
    let seen = match kept?.answer {
        true => "keeps keys of access tokens for as long as they live",
        false => "keeps no keys here: each token asks the keyring",
    };
    cfg!(target_os = "linux").then(|| Finding::ok(CHECK, seen))
}

/// The stored session: without a word about whose it is.
pub(super) fn session(
    context: &Context,
    stored: Option<Result<(Option<Status>, Timestamp), Error>>,
) -> Finding {
    let profile = format!("profile {}, {}", context.profile.name, context.profile.why.words());
    let (status, now) = match stored {
        None => return Finding::wrong("session", format!("{profile}: the store does not answer")),
        Some(Err(error)) => {
            let found = troubled(context, "session", error);
            return Finding { seen: format!("{profile}: {}", found.seen), ..found };
        }
        Some(Ok((None, _))) => {
            return Finding::warning("session", format!("{profile}: nobody is signed in"))
                .mend(format!("run `{}`", context.command("login")));
        }
        Some(Ok((Some(status), now))) => (status, now),
    };
    let Status { view, access_expires_at, keeping } = status;
    let bound = if view.bound { "bound to a key of this machine" } else { "not bound to a key" };
    let age = distance(view.signed_in_at, now);
    let token = match access_expires_at {
        Some(moment) if moment > now => format!("the token expires {}", distance(moment, now)),
        _ if view.refreshes => String::from("the token has expired, and the next use refreshes it"),
        _ => String::from("the token has expired"),
    };
    let seen = format!("{profile}: {}, {bound}, signed in {age}; {token}", keeping.as_str());
    if !view.refreshes && access_expires_at.is_none_or(|moment| moment <= now) {
        return Finding::warning("session", seen).mend(format!("run `{}`", context.command("login")));
    }
    if keeping == Keeping::Plain && context.app.storage.place != Place::File {
        return Finding::warning("session", format!("{seen}; any program of yours can read it"))
            .mend("start a keyring, sign out and sign in again");
    }
    Finding::ok("session", seen)
}
