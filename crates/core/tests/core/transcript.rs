//! A transcript says enough to play it again, and nothing of what it was about.

use std::time::Duration;

use gatepass_core::name::{Audience, Scopes};
use gatepass_core::session::access::Wanted;
use gatepass_core::session::record::Purpose;
use gatepass_core::session::transcript::TracedAccess;
use gatepass_core::testing::{Divergence, Fault, ServerKind, World, advance, replay, run};

use crate::test;

const KINDS: [ServerKind; 4] =
    [ServerKind::Forgiving, ServerKind::Window, ServerKind::Strict, ServerKind::StrictBound];

const FAULTS: [Fault; 8] = [
    Fault::NotSent,
    Fault::AnswerLost,
    Fault::Status(503),
    Fault::Status(400),
    Fault::WantsNonce,
    Fault::SomebodyElse,
    Fault::SaveFails,
    Fault::LockTimesOut,
];

fn expired(kind: ServerKind) -> World {
    let mut world = World::signed_in(kind);
    world.now = world.now.plus(Duration::from_secs(3600));
    world
}

fn transcript(world: &mut World, wanted: Wanted) -> String {
    let mut transaction = TracedAccess::new(wanted);
    run(world, &mut transaction, None);
    transaction.finish().1.to_string()
}

fn plays(text: &str) {
    assert_eq!(replay(text), Ok(()), "{text}");
}

#[test]
fn reads_as_a_story() {
    let mut world = expired(ServerKind::Forgiving);
    world.faults = vec![Fault::WantsNonce];
    let text = transcript(&mut world, Wanted::default());
    let story = "gatepass transcript 1
0s access min_ttl=30s
0s > load access
0s < loaded g0 refreshes token=Bearer received=-3600s expires=0s whole refresh_token key forgives
0s > lock
0s < locked
0s > load whole
0s < loaded g0 refreshes token=Bearer received=-3600s expires=0s whole refresh_token key forgives
0s > sign
0s < signed
0s > send token_endpoint proof
0s < sent 400 nonce=n0 use_dpop_nonce
0s > sign
0s < signed
0s > send token_endpoint proof
0s < sent 200 token=DPoP lives=3600s refresh_token
0s > save g0+1 over g0
0s < saved
0s > unlock
0s < unlocked
0s = token=DPoP expires=3600s refreshed saved";
    assert_eq!(text, story);
}

#[test]
fn whatever_goes_wrong_can_be_played_again() {
    let mut stories = std::collections::BTreeSet::new();
    for kind in KINDS {
        for faults in pairs() {
            for ended in [false, true] {
                let mut world = expired(kind);
                if ended {
                    world.end_at_server();
                }
                world.faults = faults.clone();
                let text = transcript(&mut world, Wanted::default());
                plays(&text);
                for content in ["refresh-", "access-", "private", "user", "example", "client", "\u{7}"] {
                    assert!(!text.contains(content), "{content} in {text}");
                }
                stories.insert(text);
            }
        }
    }
    assert!(stories.len() > 60, "{} different stories", stories.len());
}

/// No fault, each alone, and each two.
fn pairs() -> Vec<Vec<Fault>> {
    let mut all = vec![Vec::new()];
    for first in FAULTS {
        all.push(vec![first]);
        all.extend(FAULTS.map(|second| vec![first, second]));
    }
    all
}

#[test]
fn what_was_wanted_counts() {
    let purpose = |audience: Option<&str>, scopes: Option<&str>| Purpose {
        audience: audience.map(|name| Audience::named(name).unwrap()),
        scopes: scopes.map(|scopes| Scopes::parse(scopes).unwrap()),
    };
    for purpose in [
        purpose(Some("https://reports"), None),
        purpose(None, Some("openid")),
        purpose(None, Some("unheard-of")),
        purpose(Some("reports"), Some("openid offline_access")),
    ] {
        for force in [false, true] {
            let wanted = Wanted { purpose: purpose.clone(), min_ttl: Duration::from_secs(90), force };
            let text = transcript(&mut World::signed_in(ServerKind::Window), wanted);
            assert!(!text.contains("reports") && !text.contains("openid") && !text.contains("unheard"));
            plays(&text);
        }
    }
}

#[test]
fn somebody_else_at_the_same_session_is_told_by_generations() {
    let mut world = expired(ServerKind::Strict);
    let mut transaction = TracedAccess::new(Wanted::default());
    // Look, lock, look again: then another process is faster.
    let answer = advance(&mut world, &mut transaction, gatepass_core::session::transaction::Answer::Begin, 3);
    world.refresh_elsewhere();
    assert!(advance(&mut world, &mut transaction, answer.unwrap(), usize::MAX).is_none());
    let text = transaction.finish().1.to_string();
    assert!(text.contains("\n0s < moved\n") && text.contains("< loaded g0+1 "), "{text}");
    plays(&text);
}

#[test]
fn one_that_was_cut_short_is_played_as_far_as_it_goes() {
    let mut world = expired(ServerKind::Forgiving);
    let mut transaction = TracedAccess::new(Wanted::default());
    advance(&mut world, &mut transaction, gatepass_core::session::transaction::Answer::Begin, 5);
    assert!(transaction.so_far().ends_with("> send token_endpoint proof"), "{}", transaction.so_far());
    plays(transaction.so_far());
}

#[test]
fn a_machine_that_does_something_else_is_found_out() {
    let text = transcript(&mut expired(ServerKind::Strict), Wanted::default());
    let without_a_mark = text.replace("> save g0+1 over g0 mark", "> send token_endpoint");
    assert_ne!(without_a_mark, text);
    let differs = Divergence::Differs {
        then: "0s > send token_endpoint".into(),
        now: "0s > save g0+1 over g0 mark".into(),
    };
    assert_eq!(replay(&without_a_mark), Err(differs));
    let kept = text.replace(" = token", " = error session_ended # token");
    assert!(matches!(replay(&kept), Err(Divergence::Differs { .. })), "{kept}");
    assert_eq!(replay("hello"), Err(Divergence::NoTranscript));
    let strange = text.replace("< locked", "< unheard_of");
    assert_eq!(replay(&strange), Err(Divergence::Unreadable("0s < unheard_of".into())));
}
