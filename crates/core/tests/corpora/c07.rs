//! 07, the modules of the OpenID Foundation's conformance suite for clients: each is a test of its name, and all of them
//! are one line.
//!
//! The fault of a module is built into an issuer of paper (`issuer.rs`), and a client walks its story there (`story.rs`).
//! Where a module expects the client to stop, no request may follow the fault, but the one for the issuer's keys: these
//! are asked for once the token is there. A module that has no place in this client's profile runs too, and shows that
//! nothing comes of it; [`CHOICES`] says why, and how it has to end.
//!
//! These lines have no norm: what is counted is their `kind`. So no line here is a MUST, and that a MUST is no choice is
//! not what keeps choices few; what may be chosen is what stands in that table, by name.

mod fapi;
mod logout;
mod oidc;

use gatepass_core::error::Error;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::frame::{Judgement, Tally, Verdict, lines, text};
use crate::issuer::{CANARY, Change, To};
use crate::story::Story;

const NAME: &str = "07-conformance-rp-modules";

/// What is not built, how the story of the module ends here instead, and why.
const CHOICES: [(&str, Ending, &str); 8] = [
    (
        "aggregated-claims",
        Ending::Done,
        "claims signed by others are left where they are: nobody here trusts their keys",
    ),
    ("distributed-claims", Ending::Done, "a request to a host that is named in data alone is never sent"),
    (
        "form-post-error",
        Ending::Stopped,
        "a page and an extension can read a query, and no form that is posted to them",
    ),
    (
        "mtls-endpoint-aliases",
        Ending::Done,
        "no TLS client certificates: sessions are bound by DPoP, in browsers too",
    ),
    (
        "request-uri-signed-none",
        Ending::Done,
        "requests are handed in at the issuer (RFC 9126), not hosted by the client",
    ),
    (
        "request-uri-signed-rs256",
        Ending::Done,
        "requests are handed in at the issuer (RFC 9126), not hosted by the client",
    ),
    (
        "session-management",
        Ending::Done,
        "a frame of the issuer's sees no cookies of its own in today's browsers",
    ),
    ("userinfo-bearer-body", Ending::Done, "access tokens travel in the header alone (RFC 6750 section 2.1)"),
];

/// How a story ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// All went well.
    Done,
    /// At the fault, and nothing was asked of the issuer after it.
    Stopped,
    /// What came was no proof of anything, and that was no trouble.
    Shrugged,
}

type Told = Result<Ending, String>;

/// One trial for each module, and the line of the file.
pub(crate) fn trials() -> Vec<Trial> {
    let modules = lines(NAME).unwrap_or_default();
    let each = modules.clone().into_iter().map(|line| {
        let name = text(&line, "module").to_owned();
        Trial::test(name, move || judge(&line).map(drop).map_err(Failed::from))
    });
    let mut trials: Vec<Trial> = each.collect();
    if !modules.is_empty() {
        trials.push(Trial::test(NAME, move || {
            let mut tally = Tally::default();
            for line in &modules {
                tally.count(text(line, "module"), text(line, "kind"), judge(line));
            }
            tally.finish(NAME)
        }));
    }
    trials
}

fn judge(line: &Value) -> Judgement {
    let module = text(line, "module");
    let (told, short) = if let Some(short) = module.strip_prefix("fapi2-security-profile-final-client-test-")
    {
        (fapi::tell(short), short)
    } else {
        let short = module.strip_prefix("oidcc-client-test").unwrap_or(module).trim_start_matches('-');
        (oidc::tell(short).or_else(|| logout::tell(short)), short)
    };
    let ending = told.ok_or_else(|| format!("no story for {module}"))??;
    let choice = CHOICES.iter().find(|(name, ..)| *name == short && module.starts_with("oidcc"));
    match choice {
        Some((_, as_chosen, why)) if ending == *as_chosen => return Ok(Verdict::Chosen(why)),
        Some((_, as_chosen, _)) => return Err(format!("ended {ending:?}, and {as_chosen:?} was chosen")),
        None => {}
    }
    // The suite calls these two negative because what comes is wrong; the client goes on.
    let handled = text(line, "client_must").starts_with("handle the redirect");
    match (text(line, "kind"), ending) {
        ("positive", Ending::Done) | ("either", Ending::Done | Ending::Stopped) => Ok(Verdict::Right),
        ("negative", Ending::Stopped) if !handled => Ok(Verdict::Right),
        ("negative", Ending::Shrugged) if handled => Ok(Verdict::Right),
        (kind, ending) => Err(format!("{kind} ended {ending:?}: {}", text(line, "client_must"))),
    }
}

/// A story that is told to its end: signed in, and the person's claims read.
fn done(mut story: Story) -> Told {
    story.tell().map_err(|error| format!("stopped: {error:?}"))?;
    if story.issuer.count(To::Elsewhere) > 0 {
        return Err(format!("asked elsewhere: {}", story.issuer.last(To::Elsewhere).url));
    }
    Ok(Ending::Done)
}

/// A story that ends at the fault.
fn stopped(mut story: Story, expected: Error) -> Told {
    let ended = story.tell().map(drop);
    ends(&story, ended, expected)
}

/// Judges how a story ended that had to stop.
fn ends(story: &Story, ended: Result<(), Error>, expected: Error) -> Told {
    let error = ended.err().ok_or("went on")?;
    let said = format!("{error:?} {error}");
    if said.contains(CANARY) {
        return Err(format!("the error carries content: {said}"));
    }
    if error != expected {
        return Err(format!("{error:?} instead of {expected:?}"));
    }
    match story.issuer.after_the_fault() {
        [] => Ok(Ending::Stopped),
        further => {
            Err(format!("further requests: {:?}", further.iter().map(|seen| seen.to).collect::<Vec<_>>()))
        }
    }
}

/// Both have to end alike.
fn both(one: Told, other: Told) -> Told {
    let (one, other) = (one?, other?);
    if one == other { Ok(one) } else { Err(format!("{one:?} and {other:?}")) }
}

/// A story whose ID token has a wrong claim.
fn claim(mut story: Story, change: Change, expected: Error) -> Told {
    story.issuer.faults.claims = Some(change);
    stopped(story, expected)
}

fn remove(message: &mut Value, name: &str) {
    let removed = message.as_object_mut().and_then(|members| members.remove(name));
    assert!(removed.is_some(), "{name} was not there");
}

fn append(message: &mut Value, name: &str, more: &str) {
    let text = message[name].as_str().unwrap_or_else(|| panic!("{name} is no text")).to_owned();
    message[name] = Value::from(text + more);
}

fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}
