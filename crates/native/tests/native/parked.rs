//! A login in two processes.

use std::time::Duration;

use gatepass::{Confirm, Error, FinishOptions, Flow, Gatepass, LoggedIn, LoginOptions, Refusal, Secret, Way};

use crate::issuer::{State, asked};
use crate::rig::Rig;

fn finish(gatepass: &Gatepass, handle: &str, answer: Option<&str>) -> Result<LoggedIn, Error> {
    gatepass.finish(handle, answer.map(Secret::from), FinishOptions::default(), |_| {}).wait().unwrap()
}

#[test]
fn another_process_finishes_what_one_started() {
    let rig = Rig::new(State { binds: true, ..State::default() });
    let started = rig.gatepass.start(LoginOptions::default()).wait().unwrap().unwrap();
    assert!(started.device.is_none() && started.expires_at > rig.gatepass.now());
    let url = started.url.unwrap();
    assert!(asked(url.expose()).0.starts_with("http://127.0.0.1:"));
    let answer = rig.issuer.answer(url.expose());

    // What does not fit leaves it there.
    let other = rig.another();
    assert_eq!(finish(&other, "bcdf-ghjk", Some(&answer)), Err(Error::NoSuchLogin));
    assert_eq!(finish(&other, "../../x", Some(&answer)), Err(Error::NoSuchLogin));
    for (paste, error) in [
        (Some("the-code"), Error::NotTheCallback),
        (Some(&*format!("{answer}x")), Error::StateMismatch),
        (None, Error::NotTheCallback),
    ] {
        assert_eq!(finish(&other, &started.handle, paste), Err(error), "{paste:?}");
    }
    assert_eq!(rig.issuer.with(|state| state.asked), 0, "and nobody asked for tokens");

    let ended = finish(&other, &started.handle.to_uppercase(), Some(&answer)).unwrap();
    assert_eq!(ended.way, Way::Paste);
    assert!(rig.another().status().unwrap().unwrap().view.bound, "with the key that was made at the start");
    assert_eq!(finish(&rig.another(), &started.handle, Some(&answer)), Err(Error::NoSuchLogin), "once");
}

#[test]
fn of_many_finishers_one_wins() {
    let rig = Rig::new(State::default());
    let started = rig.gatepass.start(LoginOptions::default()).wait().unwrap().unwrap();
    let answer = rig.issuer.answer(started.url.as_ref().unwrap().expose());
    let finishers: Vec<_> = (0..8).map(|_| rig.another()).collect();
    let waiting: Vec<_> = finishers
        .iter()
        .map(|gatepass| {
            let answer = Some(Secret::from(answer.as_str()));
            gatepass.finish(&started.handle, answer, FinishOptions::default(), |_| {})
        })
        .collect();
    let results: Vec<_> = waiting.into_iter().map(|waiting| waiting.wait().unwrap()).collect();
    let won = results.iter().filter(|result| result.is_ok()).count();
    let late = results.iter().filter(|result| **result == Err(Error::NoSuchLogin)).count();
    assert_eq!((won, late), (1, 7), "{results:?}");
    assert_eq!(rig.issuer.with(|state| state.asked), 1);
}

#[test]
fn an_exchange_that_fails_leaves_nothing_half_done() {
    let rig = Rig::new(State::default());
    let started = rig.gatepass.start(LoginOptions::default()).wait().unwrap().unwrap();
    let answer = rig.issuer.answer(started.url.as_ref().unwrap().expose());
    rig.issuer.with(|state| state.cut = true);
    assert_eq!(finish(&rig.gatepass, &started.handle, Some(&answer)), Err(Error::Unreachable));
    assert!(!rig.signed_in());
    // The code may have been used: whoever tries again is told to begin anew, and not that the server refuses.
    assert_eq!(finish(&rig.gatepass, &started.handle, Some(&answer)), Err(Error::NoSuchLogin));
}

#[test]
fn a_refusal_ends_it() {
    let rig = Rig::new(State::default());
    let started = rig.gatepass.start(LoginOptions::default()).wait().unwrap().unwrap();
    let (redirect_uri, state, _) = asked(started.url.as_ref().unwrap().expose());
    let refused = format!("{redirect_uri}?error=access_denied&state={state}");
    let denied = Err(Error::Refused(Refusal::AccessDenied));
    assert_eq!(finish(&rig.gatepass, &started.handle, Some(&refused)), denied);
    assert_eq!(finish(&rig.gatepass, &started.handle, Some(&refused)), Err(Error::NoSuchLogin));
}

#[test]
fn who_finishes_is_asked() {
    let rig = Rig::new(State::default());
    let started = rig.gatepass.start(LoginOptions::default()).wait().unwrap().unwrap();
    let answer = rig.issuer.answer(started.url.as_ref().unwrap().expose());
    let options = FinishOptions { confirm: Some(Confirm::new(|_, _| false)), ..FinishOptions::default() };
    let answer = Some(Secret::from(answer.as_str()));
    let ended = rig.gatepass.finish(&started.handle, answer, options, |_| {}).wait().unwrap();
    assert_eq!((ended, rig.signed_in()), (Err(Error::Declined), false));
}

#[test]
fn a_device_code_waits_from_process_to_process() {
    let rig = Rig::new(State { device: true, binds: true, ..State::default() });
    let options = LoginOptions { flow: Flow::DeviceCode, ..LoginOptions::default() };
    let started = rig.gatepass.start(options).wait().unwrap().unwrap();
    assert_eq!((started.device.unwrap().user_code.as_str(), started.url), ("WDJB-MJHT", None));
    // Nobody has typed it yet: the next may ask.
    for _ in 0..2 {
        let options = FinishOptions { limit: Duration::ZERO, ..FinishOptions::default() };
        let waited = rig.another().finish(&started.handle, None, options, |_| {}).wait().unwrap();
        assert_eq!(waited, Err(Error::Refused(Refusal::AuthorizationPending)));
    }
    let wrong = finish(&rig.gatepass, &started.handle, Some("http://127.0.0.1:1/callback?code=c&state=s"));
    assert_eq!(wrong, Err(Error::NotTheCallback));
    rig.issuer.with(|state| state.approved = true);
    assert_eq!(finish(&rig.gatepass, &started.handle, None).unwrap().way, Way::DeviceCode);
    assert_eq!(finish(&rig.gatepass, &started.handle, None), Err(Error::NoSuchLogin));
    assert!(rig.signed_in());
}
