//! Transactions in a world where anything may fail: who gets a token, what is sent, what is kept.

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::Field;
use gatepass_core::http::Response;
use gatepass_core::name::{Audience, Scopes};
use gatepass_core::session::access::{GetAccess, Handout, Wanted};
use gatepass_core::session::record::{Generation, Purpose};
use gatepass_core::session::save::SaveSession;
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::{Answer, Transaction};
use gatepass_core::testing::{Fault, ServerKind, World, advance, record, run};

use crate::test;

const HOUR: Duration = Duration::from_secs(3600);

fn access(world: &mut World) -> Result<Handout, Error> {
    let mut transaction = GetAccess::new(Wanted::default());
    run(world, &mut transaction, None);
    assert!(!world.locked, "the lock is released on every path: {:?}", world.trace);
    transaction.finish()
}

fn token(world: &mut World) -> Result<String, Error> {
    access(world).map(|handout| handout.access.token.expose().clone())
}

fn expired(kind: ServerKind) -> World {
    let mut world = World::signed_in(kind);
    world.now = world.now.plus(HOUR);
    world
}

#[test]
fn a_fresh_token_takes_no_lock() {
    let mut world = World::signed_in(ServerKind::Strict);
    assert_eq!(token(&mut world).as_deref(), Ok("access-0"));
    assert_eq!(world.trace, ["load"]);
}

#[test]
fn an_expired_token_is_refreshed_once_and_saved_before_it_is_handed_out() {
    let mut world = expired(ServerKind::Forgiving);
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
    assert_eq!(world.trace, ["load", "lock", "load", "sign", "send", "save", "unlock"]);
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
    assert_eq!(world.arrived, ["refresh-0"]);
}

#[test]
fn a_strict_issuer_gets_a_mark_ahead_of_the_request() {
    let mut world = expired(ServerKind::Strict);
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
    assert_eq!(world.trace, ["load", "lock", "load", "save", "send", "save", "unlock"]);
    let rest = world.store.load().unwrap().rest.unwrap();
    assert_eq!(rest.mark, None, "a saved answer clears the mark");
}

#[test]
fn a_crash_between_answer_and_save_costs_nothing_where_the_issuer_forgives() {
    let mut world = expired(ServerKind::Forgiving);
    let mut killed = GetAccess::new(Wanted::default());
    run(&mut world, &mut killed, Some(5));
    assert_eq!(world.trace.last(), Some(&"send"));
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"), "the replay got the same successor");
    assert_eq!(world.arrived, ["refresh-0", "refresh-0"]);
}

#[test]
fn every_crash_leaves_a_session_that_the_next_caller_can_use() {
    for stop in 1..=7 {
        let mut world = expired(ServerKind::Forgiving);
        run(&mut world, &mut GetAccess::new(Wanted::default()), Some(stop));
        assert_eq!(token(&mut world).as_deref(), Ok("access-1"), "killed after effect {stop}");
    }
}

#[test]
fn only_invalid_grant_ends_a_session_and_only_after_looking_again() {
    let mut world = expired(ServerKind::Strict);
    world.end_at_server();
    assert_eq!(token(&mut world), Err(Error::SessionEnded));
    assert!(world.store.load().is_none());
    assert_eq!(token(&mut world), Err(Error::NotSignedIn));
}

#[test]
fn the_loser_of_a_race_adopts_what_the_winner_saved() {
    let mut world = expired(ServerKind::Strict);
    // The lock times out where the issuer does not forgive: nothing is sent.
    world.faults.push(Fault::LockTimesOut);
    assert_eq!(token(&mut world), Err(Error::Busy));
    assert!(world.arrived.is_empty());
    // Somebody else refreshes between our look and our lock.
    world.refresh_elsewhere();
    assert_eq!(token(&mut world).as_deref(), Ok("elsewhere"));
    assert!(world.arrived.is_empty());
}

#[test]
fn trouble_on_the_way_never_signs_anybody_out() {
    for fault in
        [Fault::NotSent, Fault::AnswerLost, Fault::Status(500), Fault::Status(429), Fault::Status(403)]
    {
        let mut world = expired(ServerKind::Forgiving);
        // A request without an answer is sent twice.
        world.faults.extend([fault, fault]);
        assert!(token(&mut world).is_err(), "{fault:?}");
        world.faults.clear();
        assert_eq!(token(&mut world).as_deref(), Ok("access-1"), "{fault:?}");
    }
}

#[test]
fn what_still_lives_is_handed_out_when_the_server_is_away() {
    let mut world = World::signed_in(ServerKind::Forgiving);
    world.now = world.now.plus(HOUR - Duration::from_secs(10));
    world.faults.extend([Fault::NotSent; 2]);
    assert_eq!(token(&mut world).as_deref(), Ok("access-0"));
}

#[test]
fn a_nonce_is_asked_for_once_and_remembered() {
    let mut world = expired(ServerKind::Forgiving);
    world.faults.push(Fault::WantsNonce);
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
    assert_eq!(world.trace, ["load", "lock", "load", "sign", "send", "sign", "send", "save", "unlock"]);
    assert_eq!(world.store.load().unwrap().rest.unwrap().nonce.as_deref(), Some("nonce-1"));

    let mut world = expired(ServerKind::Forgiving);
    world.faults.extend([Fault::WantsNonce, Fault::WantsNonce]);
    assert_eq!(token(&mut world), Err(Error::Refused(Refusal::UseDpopNonce)), "twice is once too often");
}

#[test]
fn a_save_that_fails_is_never_silent() {
    for kind in [ServerKind::Forgiving, ServerKind::Strict] {
        let mut world = expired(kind);
        let mut transaction = GetAccess::new(Wanted::default());
        let until_the_answer = 5;
        let owed = advance(&mut world, &mut transaction, Answer::Begin, until_the_answer).unwrap();
        assert_eq!(world.trace.last(), Some(&"send"));
        world.faults.push(Fault::SaveFails);
        assert!(advance(&mut world, &mut transaction, owed, usize::MAX).is_none());
        let handout = transaction.finish().unwrap();
        assert!(!handout.saved && handout.refreshed && !world.locked);
        assert_eq!(handout.access.token.expose(), "access-1", "what came is used");
        let rest = world.store.load().unwrap().rest.unwrap();
        assert_eq!(rest.refresh_token.as_ref().unwrap().expose(), "refresh-0", "what was kept is whole");
    }
}

#[test]
fn a_lost_answer_is_asked_for_once_more_and_soon() {
    let mut world = expired(ServerKind::Forgiving);
    world.faults.push(Fault::AnswerLost);
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
    assert_eq!(world.arrived, ["refresh-0", "refresh-0"]);

    let mut world = expired(ServerKind::Strict);
    world.faults.push(Fault::NotSent);
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"), "the request had not arrived at all");

    // Where the answer is given only once, it is said why the session is over.
    let mut world = expired(ServerKind::Strict);
    world.faults.push(Fault::AnswerLost);
    assert_eq!(token(&mut world), Err(Error::SessionLost));

    // After a long silence nobody else is kept waiting; the session stays.
    let mut world = expired(ServerKind::Strict);
    world.faults.push(Fault::AnswerLost);
    let mut transaction = GetAccess::new(Wanted::default());
    let owed = advance(&mut world, &mut transaction, Answer::Begin, 5).unwrap();
    assert!(matches!(owed, Answer::Lost));
    world.now = world.now.plus(Duration::from_secs(20));
    assert!(advance(&mut world, &mut transaction, owed, usize::MAX).is_none());
    assert_eq!(transaction.finish().err(), Some(Error::Unreachable));
    assert_eq!(world.arrived.len(), 1);
    assert!(world.store.load().unwrap().rest.unwrap().mark.is_some());
}

#[test]
fn a_refused_token_that_was_replaced_in_the_meantime_is_followed_by_its_successor() {
    let mut world = expired(ServerKind::Forgiving);
    // The refusal is on its way when somebody else, without the lock, saves a token that is soon spent too.
    let mut refresh = GetAccess::new(Wanted::default());
    assert!(advance(&mut world, &mut refresh, Answer::Begin, 4).is_some());
    world.refresh_elsewhere();
    world.now = world.now.plus(HOUR);
    let refused = Response::new(400, &|_| None, br#"{"error":"invalid_grant"}"#.to_vec());
    assert!(advance(&mut world, &mut refresh, Answer::Sent(refused), usize::MAX).is_none());
    let handout = refresh.finish().unwrap();
    assert!(handout.refreshed && !world.locked);
    assert_eq!(world.arrived, ["refresh-1"]);
}

#[test]
fn a_short_life_does_not_mean_a_refresh_for_each_call() {
    let mut world = World::signed_in(ServerKind::Strict);
    let wanted = || Wanted { min_ttl: 2 * HOUR, ..Wanted::default() };
    for _ in 0..20 {
        access_for(&mut world, wanted()).unwrap();
        world.now = world.now.plus(Duration::from_secs(180));
    }
    assert_eq!(world.arrived.len(), 1, "an hour has one half that is not fresh");
}

#[test]
fn signing_out_erases_here_and_revokes_there() {
    let mut world = World::signed_in(ServerKind::Strict);
    let mut transaction = SignOut::new();
    run(&mut world, &mut transaction, None);
    assert_eq!(transaction.finish().unwrap().revoked, Ok(()));
    assert!(world.revoked && world.store.load().is_none() && !world.locked);

    let mut world = World::signed_in(ServerKind::Strict);
    world.faults.push(Fault::NotSent);
    let mut transaction = SignOut::new();
    run(&mut world, &mut transaction, None);
    assert_eq!(transaction.finish().unwrap().revoked, Err(Error::Unreachable));
    assert!(world.store.load().is_none(), "signed out here even without a network");
}

#[test]
fn a_new_session_replaces_and_revokes_the_old_one() {
    let mut world = World::signed_in(ServerKind::Forgiving);
    let next = record(world.now, true, Generation::from_number(900));
    let mut transaction = SaveSession::new(next);
    run(&mut world, &mut transaction, None);
    assert_eq!(transaction.finish(), Ok(()));
    assert!(world.revoked);
    assert_eq!(world.store.load().unwrap().generation, Generation::from_number(900));
}

#[test]
fn a_refresh_that_ends_after_a_sign_out_does_not_bring_the_session_back() {
    let mut world = expired(ServerKind::Forgiving);
    // Without the lock, so that the person can sign out between the request and its answer.
    world.faults.push(Fault::LockTimesOut);
    let mut refresh = GetAccess::new(Wanted::default());
    let owed = advance(&mut world, &mut refresh, Answer::Begin, 5).expect("the refresh is under way");
    assert_eq!(world.trace.last(), Some(&"send"));
    run(&mut world, &mut SignOut::new(), None);
    assert!(advance(&mut world, &mut refresh, owed, usize::MAX).is_none());
    assert_eq!(refresh.finish().err(), Some(Error::NotSignedIn));
    assert!(world.store.load().is_none());
}

#[test]
fn a_sign_out_takes_the_successor_of_a_refresh_under_way() {
    let mut world = expired(ServerKind::Forgiving);
    let mut sign_out = SignOut::new();
    world.faults.push(Fault::LockTimesOut);
    let owed = advance(&mut world, &mut sign_out, Answer::Begin, 2).expect("the sign-out has looked");
    world.refresh_elsewhere();
    assert!(advance(&mut world, &mut sign_out, owed, usize::MAX).is_none());
    assert_eq!(sign_out.finish().unwrap().revoked, Ok(()));
    assert!(world.store.load().is_none() && world.revoked);
}

#[test]
fn each_refresh_uses_the_token_of_the_one_before() {
    for kind in [ServerKind::Forgiving, ServerKind::Strict, ServerKind::StrictBound] {
        let mut world = expired(kind);
        assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
        world.now = world.now.plus(HOUR);
        assert_eq!(token(&mut world).as_deref(), Ok("access-2"));
        assert_eq!(world.arrived, ["refresh-0", "refresh-1"], "{kind:?}");
    }
}

#[test]
fn a_key_alone_is_no_promise_that_a_replay_is_forgiven() {
    let mut world = expired(ServerKind::StrictBound);
    world.faults.push(Fault::LockTimesOut);
    assert_eq!(token(&mut world), Err(Error::Busy));
    assert!(world.arrived.is_empty(), "nothing is sent without the lock");
    assert_eq!(token(&mut world).as_deref(), Ok("access-1"));
    assert_eq!(world.trace[3..], ["load", "lock", "load", "save", "sign", "send", "save", "unlock"]);
}

#[test]
fn where_an_answer_is_given_once_a_crash_is_told_apart_from_a_revocation() {
    for (kind, killed_after) in [(ServerKind::Strict, 5), (ServerKind::StrictBound, 6)] {
        let mut world = expired(kind);
        run(&mut world, &mut GetAccess::new(Wanted::default()), Some(killed_after));
        assert_eq!(world.trace.last(), Some(&"send"));
        assert_eq!(token(&mut world), Err(Error::SessionLost), "{kind:?}");
    }
}

#[test]
fn an_answer_about_somebody_else_is_not_adopted() {
    let mut world = expired(ServerKind::Forgiving);
    world.faults.push(Fault::SomebodyElse);
    assert_eq!(token(&mut world), Err(Error::BadClaim { claim: Field::Sub }));
    assert_eq!(world.store.load().unwrap().access[0].token.expose(), "access-0");
}

/// Lets a transaction do `effects` effects and gives it `Moved` for the last one, which was done all the same: the
/// answer of a store whose connection broke at the wrong moment.
fn answer_of_the_last_is_lost(world: &mut World, transaction: &mut dyn Transaction, effects: usize) {
    let owed = advance(world, transaction, Answer::Begin, effects);
    assert!(matches!(owed, Some(Answer::Saved | Answer::Erased)), "{owed:?}");
    assert!(advance(world, transaction, Answer::Moved, usize::MAX).is_none());
}

#[test]
fn a_new_session_does_not_revoke_itself_when_its_save_was_not_confirmed() {
    let mut world = World::new(ServerKind::Forgiving);
    let mut save = SaveSession::new(record(world.now, true, Generation::from_number(900)));
    answer_of_the_last_is_lost(&mut world, &mut save, 3);
    assert_eq!(save.finish(), Ok(()));
    assert!(!world.revoked && world.store.load().is_some());
}

#[test]
fn a_new_session_that_was_refreshed_before_its_save_was_confirmed_is_not_overwritten() {
    let mut world = World::new(ServerKind::Forgiving);
    let mut save = SaveSession::new(record(world.now, true, Generation::from_number(900)));
    assert!(matches!(advance(&mut world, &mut save, Answer::Begin, 3), Some(Answer::Saved)));
    world.refresh_elsewhere();
    assert!(advance(&mut world, &mut save, Answer::Moved, usize::MAX).is_none());
    assert_eq!(save.finish(), Ok(()));
    assert!(!world.revoked, "its own grant is not given back");
    assert_eq!(world.store.load().unwrap().access[0].token.expose(), "elsewhere");
}

#[test]
fn a_new_session_that_was_signed_out_before_its_save_was_confirmed_is_not_saved_again() {
    let mut world = World::new(ServerKind::Forgiving);
    world.faults.push(Fault::LockTimesOut);
    let mut save = SaveSession::new(record(world.now, true, Generation::from_number(900)));
    assert!(matches!(advance(&mut world, &mut save, Answer::Begin, 3), Some(Answer::Saved)));
    run(&mut world, &mut SignOut::new(), None);
    assert!(advance(&mut world, &mut save, Answer::Moved, usize::MAX).is_none());
    assert_eq!(save.finish(), Err(Error::Moved));
    assert!(world.revoked && world.store.load().is_none());
}

#[test]
fn a_sign_out_tells_the_server_even_when_its_erasure_was_not_confirmed() {
    let mut world = World::signed_in(ServerKind::Forgiving);
    let mut sign_out = SignOut::new();
    answer_of_the_last_is_lost(&mut world, &mut sign_out, 3);
    assert_eq!(sign_out.finish().unwrap().revoked, Ok(()));
    assert!(world.revoked && world.store.load().is_none());
}

#[test]
fn a_new_session_is_kept_although_a_refresh_was_faster() {
    let mut world = World::signed_in(ServerKind::Strict);
    world.faults.push(Fault::LockTimesOut);
    let mut save = SaveSession::new(record(world.now, true, Generation::from_number(900)));
    let owed = advance(&mut world, &mut save, Answer::Begin, 2).expect("it has looked");
    world.refresh_elsewhere();
    assert!(advance(&mut world, &mut save, owed, usize::MAX).is_none());
    assert_eq!(save.finish(), Ok(()));
    assert_eq!(world.store.load().unwrap().generation, Generation::from_number(900));
}

fn wanted(audience: Option<&str>, scopes: Option<&str>) -> Wanted {
    let purpose = Purpose {
        audience: audience.map(|name| Audience::named(name).unwrap()),
        scopes: scopes.map(|scopes| Scopes::parse(scopes).unwrap()),
    };
    Wanted { purpose, ..Wanted::default() }
}

fn access_for(world: &mut World, wanted: Wanted) -> Result<Handout, Error> {
    let mut transaction = GetAccess::new(wanted);
    run(world, &mut transaction, None);
    transaction.finish()
}

#[test]
fn each_audience_and_each_set_of_scopes_has_a_token_of_its_own() {
    let mut world = World::signed_in(ServerKind::Strict);
    let api = access_for(&mut world, wanted(Some("api"), None)).unwrap();
    let narrow = access_for(&mut world, wanted(None, Some("openid"))).unwrap();
    assert!(api.refreshed && narrow.refreshed && api.access.token != narrow.access.token);
    assert_eq!(narrow.scopes().as_str(), "openid");
    assert_eq!(api.scopes().as_str(), "openid offline_access");
    assert_eq!(world.asked, ["refresh_token audience=api", "refresh_token scope=openid"]);
    // Both are kept, and so is the first one, which nobody asked to replace.
    assert!(access_for(&mut world, wanted(Some("api"), None)).unwrap().access.token == api.access.token);
    assert!(
        access_for(&mut world, wanted(None, Some("openid"))).unwrap().access.token == narrow.access.token
    );
    assert_eq!(token(&mut world).as_deref(), Ok("access-0"));
    assert_eq!(world.arrived.len(), 2);
}

#[test]
fn a_refresh_asks_for_no_scope_that_was_not_granted() {
    let mut world = World::signed_in(ServerKind::Strict);
    let error = access_for(&mut world, wanted(None, Some("openid admin"))).err();
    assert_eq!(error, Some(Error::Configuration { field: Field::Scope }));
    assert!(world.arrived.is_empty());
}

#[test]
fn a_narrow_token_does_not_narrow_the_session() {
    let mut world = World::signed_in(ServerKind::Strict);
    drop(access_for(&mut world, wanted(None, Some("openid"))));
    assert_eq!(world.store.load().unwrap().view.scopes.as_str(), "openid offline_access");
}

#[test]
fn what_ended_while_we_waited_is_not_handed_out() {
    let mut world = World::signed_in(ServerKind::Strict);
    world.now = world.now.plus(HOUR - Duration::from_secs(10));
    world.faults.push(Fault::LockTimesOut);
    let mut transaction = GetAccess::new(Wanted::default());
    let owed = advance(&mut world, &mut transaction, Answer::Begin, 2).expect("it waits for the lock");
    world.now = world.now.plus(Duration::from_secs(60));
    assert!(advance(&mut world, &mut transaction, owed, usize::MAX).is_none());
    assert_eq!(transaction.finish().err(), Some(Error::Busy));
}

#[test]
fn one_audience_that_is_refused_ends_no_session() {
    let mut world = World::signed_in(ServerKind::Strict);
    world.end_at_server();
    let error = access_for(&mut world, wanted(Some("api"), None)).err();
    assert_eq!(error, Some(Error::Refused(Refusal::InvalidGrant)));
    assert!(world.store.load().is_some(), "whoever asks as at sign-in finds out");
    world.now = world.now.plus(HOUR);
    assert!(token(&mut world).is_err() && world.store.load().is_none());
}

#[test]
fn a_server_that_wants_another_nonce_each_time_is_not_asked_for_ever() {
    let mut world = expired(ServerKind::Forgiving);
    let mut refresh = GetAccess::new(Wanted::default());
    let mut answer = advance(&mut world, &mut refresh, Answer::Begin, 4).expect("the proof is signed");
    for number in 0..2 {
        let owed = advance(&mut world, &mut refresh, answer, 1).expect("it was sent");
        assert!(matches!(owed, Answer::Sent(_)));
        let nonce = format!("nonce-{number}");
        let header = |name: &str| (name == "dpop-nonce").then(|| nonce.clone());
        let wants = Response::new(400, &header, br#"{"error":"use_dpop_nonce"}"#.to_vec());
        answer = match advance(&mut world, &mut refresh, Answer::Sent(wants), 1) {
            Some(signed @ Answer::Signed(_)) if number == 0 => signed,
            Some(Answer::Unlocked) if number == 1 => break,
            other => panic!("after the nonce of number {number}: {other:?}"),
        };
    }
    assert!(advance(&mut world, &mut refresh, Answer::Unlocked, 1).is_none());
    assert_eq!(refresh.finish().err(), Some(Error::Refused(Refusal::UseDpopNonce)));
}

#[test]
fn a_forced_refresh_that_fails_hands_out_nothing_old() {
    let mut world = World::signed_in(ServerKind::Forgiving);
    world.faults.push(Fault::Status(503));
    let wanted = Wanted { force: true, ..Wanted::default() };
    assert_eq!(access_for(&mut world, wanted).err(), Some(Error::Unreachable));
}

#[test]
fn a_token_seen_before_the_lock_is_not_handed_out_after_it() {
    let mut world = World::signed_in(ServerKind::Strict);
    world.now = world.now.plus(HOUR - Duration::from_secs(10));
    let mut refresh = GetAccess::new(Wanted::default());
    let owed = advance(&mut world, &mut refresh, Answer::Begin, 2).expect("it has looked and has the lock");
    // In the meantime, another session without such a token has taken the place of the first.
    let mut other = record(world.now, false, Generation::from_number(700));
    other.access.clear();
    assert!(world.store.save(&other, Some(Generation::from_number(100))));
    world.faults.push(Fault::Status(503));
    assert!(advance(&mut world, &mut refresh, owed, usize::MAX).is_none());
    assert_eq!(refresh.finish().err(), Some(Error::Unreachable));
}

#[test]
fn a_store_that_moves_with_each_refusal_is_not_followed_for_ever() {
    let mut world = expired(ServerKind::Strict);
    world.end_at_server();
    let mut refresh = GetAccess::new(Wanted::default());
    let mut answer = Answer::Begin;
    let mut sent = 0;
    for _ in 0..40 {
        let Some(next) = advance(&mut world, &mut refresh, answer, 1) else {
            assert_eq!((refresh.finish().err(), sent), (Some(Error::Moved), 2));
            return;
        };
        if matches!(next, Answer::Sent(_)) {
            sent += 1;
            // Somebody else saves what is spent already.
            let mut moved = world.store.load().expect("nobody signed out");
            let expect = Some(moved.generation);
            moved.generation = moved.generation.next();
            assert!(world.store.save(&moved, expect));
        }
        answer = next;
    }
    panic!("it goes on for ever");
}

#[test]
fn who_signs_in_again_keeps_the_new_session_where_a_revocation_may_end_both() {
    let mut world = World::signed_in(ServerKind::Strict);
    let again = record(world.now, true, Generation::from_number(900));
    run(&mut world, &mut SaveSession::new(again), None);
    assert!(!world.revoked, "RFC 7009 section 2.1: the server may end the new one with the old one");
    // Somebody else takes the place: nothing of theirs hangs on it.
    let mut other = record(world.now, true, Generation::from_number(9_000_000));
    other.view.identity.subject = gatepass_core::name::Subject::new("user-9").unwrap();
    run(&mut world, &mut SaveSession::new(other), None);
    assert!(world.revoked);
}
