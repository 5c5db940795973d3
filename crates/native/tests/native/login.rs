//! Every way at once, and the first that ends wins.

use std::fs;
use std::time::Duration;

use gatepass::{Confirm, Error, Field, Flow, LoginOptions, Refusal, Secret, Way, WhyDevice};

use crate::issuer::{State, asked, browse};
use crate::rig::{Heard, Rig};

fn with_device() -> Rig {
    Rig::new(State { device: true, ..State::default() })
}

/// The browser's way alone, until somebody asks for another.
fn options() -> LoginOptions {
    // A limit that is never reached: what ends a login here is an answer.
    LoginOptions { limit: Duration::from_secs(3600), ..LoginOptions::default() }
}

fn shown(why: WhyDevice) -> Heard {
    Heard::Device(String::from("WDJB-MJHT"), why)
}

/// What a machine without a browser says first, and what one with a browser says when it is asked.
fn code_shown(attempt: &crate::rig::Attempt) {
    attempt.remote.device_code();
    let heard = attempt.next();
    assert!(heard == shown(WhyDevice::Asked) || heard == shown(WhyDevice::NoBrowser), "{heard:?}");
}

#[test]
fn the_browser_wins_and_the_code_is_dropped() {
    let rig = with_device();
    let attempt = rig.login(options());
    let url = attempt.url();
    code_shown(&attempt);
    let page = browse(&rig.issuer.answer(&url)).unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("You are signed in"), "{page}");
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::Loopback);
    // Whoever types the code now changes nothing: nobody asks for it any more.
    rig.issuer.with(|state| state.approved = true);
    assert_eq!(rig.issuer.with(|state| state.granted.clone()), ["authorization_code"]);
    assert!(rig.signed_in());
}

#[test]
fn the_code_wins_and_the_listener_goes() {
    let rig = with_device();
    let attempt = rig.login(options());
    let url = attempt.url();
    code_shown(&attempt);
    rig.issuer.until(|state| state.asked > 0);
    rig.issuer.with(|state| state.approved = true);
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::DeviceCode);
    assert_eq!(browse(&rig.issuer.answer(&url)), None, "nobody listens any more");
    assert_eq!(rig.issuer.with(|state| (state.granted.len(), state.codes)), (1, 1));
    assert!(rig.signed_in());
}

#[test]
fn a_login_that_is_given_up_waits_for_nothing() {
    let rig = with_device();
    let attempt = rig.login(options());
    let url = attempt.url();
    code_shown(&attempt);
    attempt.remote.give_up();
    assert_eq!(attempt.end(), Err(Error::LoginExpired));
    assert_eq!(browse(&rig.issuer.answer(&url)), None, "nobody listens any more");
    assert!(!rig.signed_in());
}

#[test]
fn a_paste_is_judged_like_the_browser() {
    let rig = with_device();
    let attempt = rig.login(LoginOptions { flow: Flow::Pkce, ..options() });
    let url = attempt.url();
    let answer = rig.issuer.answer(&url);
    let (_, state, _) = asked(&url);
    attempt.remote.device_code();
    for (paste, error) in [
        ("the-code".to_owned(), Error::NotTheCallback),
        (format!("the-code#{state}"), Error::NotTheCallback),
        (url.clone(), Error::NotTheCallback),
        (answer.replace(&state, "wrong"), Error::StateMismatch),
        (answer.replace("&state=", "&other="), Error::StateMismatch),
    ] {
        attempt.remote.paste(Secret::new(paste));
        assert_eq!(attempt.next(), Heard::BadPaste(error));
    }
    attempt.remote.paste(Secret::new(format!(" {answer}\n")));
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::Paste);
    assert_eq!(rig.issuer.with(|state| state.codes), 0, "the browser's way was forced");
    assert!(rig.signed_in());
}

#[test]
fn a_pasted_refusal_ends_the_login() {
    let rig = with_device();
    let attempt = rig.login(options());
    let (redirect_uri, state, _) = asked(&attempt.url());
    attempt.remote.paste(Secret::new(format!("{redirect_uri}?error=access_denied&state={state}")));
    assert_eq!(attempt.end(), Err(Error::Refused(Refusal::AccessDenied)));
}

#[test]
fn who_pasted_is_asked_and_may_decline() {
    for agrees in [true, false] {
        let rig = Rig::new(State::default());
        let confirm = Confirm::new(move |view, way| {
            assert_eq!((view.identity.email.as_deref(), way), (Some("ada@acme.example"), Way::Paste));
            agrees
        });
        let attempt = rig.login(LoginOptions { confirm: Some(confirm), flow: Flow::Pkce, ..options() });
        let answer = rig.issuer.answer(&attempt.url());
        attempt.remote.paste(Secret::new(answer));
        assert_eq!(attempt.end().err(), (!agrees).then_some(Error::Declined));
        assert_eq!(rig.signed_in(), agrees);
        assert_eq!(
            rig.issuer.with(|state| state.revoked),
            usize::from(!agrees),
            "what is not kept is given back"
        );
    }
}

#[test]
fn what_could_not_be_kept_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = folder.path().join("sessions");
    let mut rig = Rig::new(State::default());
    rig.set(|settings| settings.folder.clone_from(&sessions));
    let refused = || {
        let attempt = rig.login(LoginOptions { flow: Flow::Pkce, ..options() });
        (rig.issuer.answer(&attempt.url()), attempt)
    };
    let (answer, attempt) = refused();
    // A file where the folder was: nothing can be kept there any more.
    fs::remove_dir_all(&sessions).unwrap();
    fs::write(&sessions, "").unwrap();
    assert!(!browse(&answer).unwrap().contains("You are signed in"));
    attempt.end().unwrap_err();
    assert_eq!(rig.issuer.with(|state| (state.granted.len(), state.revoked)), (1, 1));

    // A session that is still kept might be ended with it, where the issuer does not tell them apart.
    fs::remove_file(&sessions).unwrap();
    rig.sign_in();
    let (answer, attempt) = refused();
    let files = fs::read_dir(&sessions).unwrap().map(|entry| entry.unwrap().path());
    let session = files.into_iter().find(|path| path.extension() == Some("session".as_ref())).unwrap();
    fs::create_dir(session.with_extension("session.new")).unwrap();
    browse(&answer).unwrap();
    assert_eq!(attempt.end(), Err(Error::NotSaved));
    assert_eq!(rig.issuer.with(|state| (state.granted.len(), state.revoked)), (3, 1));
    assert!(rig.gatepass.status().unwrap().is_some());
}

#[test]
fn what_proves_nobody_is_given_back() {
    let refused = |rig: &Rig| {
        let attempt = rig.login(LoginOptions { flow: Flow::Pkce, ..options() });
        let answer = rig.issuer.answer(&attempt.url());
        rig.issuer.with(|state| state.nonce = String::from("of another login"));
        assert!(!browse(&answer).unwrap().contains("You are signed in"));
        assert_eq!(attempt.end(), Err(Error::BadClaim { claim: Field::Nonce }));
        rig.issuer.with(|state| (state.granted.len(), state.revoked))
    };
    let rig = Rig::new(State::default());
    assert_eq!(refused(&rig), (1, 1));
    assert!(!rig.signed_in());
    // A session that is kept might be ended with it, where the issuer does not tell them apart.
    rig.sign_in();
    assert_eq!(refused(&rig), (3, 1));
    assert!(rig.signed_in());
}

#[test]
fn another_account_than_expected_is_not_kept_unasked() {
    for (expected, kept) in [("ADA@acme.example", true), ("eve@acme.example", false)] {
        let rig = Rig::new(State::default());
        let expected_email = Some(String::from(expected));
        let attempt = rig.login(LoginOptions { expected_email, flow: Flow::Pkce, ..options() });
        let page = browse(&rig.issuer.answer(&attempt.url())).unwrap();
        assert_eq!(page.contains("You are signed in"), kept);
        assert_eq!(attempt.end().err(), (!kept).then_some(Error::Declined));
        assert_eq!(rig.signed_in(), kept);
    }
}

#[test]
fn a_code_joins_when_the_browser_has_had_its_time() {
    let rig = with_device();
    let device_after = Some(Duration::ZERO);
    let attempt = rig.login(LoginOptions { device_after, ..options() });
    let url = attempt.url();
    let heard = attempt.next();
    assert!(heard == shown(WhyDevice::TimeLimit) || heard == shown(WhyDevice::NoBrowser), "{heard:?}");
    browse(&rig.issuer.answer(&url)).unwrap();
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::Loopback, "the browser's way stayed open");
}

#[test]
fn a_code_is_tried_before_the_browser_is_given_up() {
    let rig = with_device();
    let later = Some(Duration::from_secs(7200));
    let limit = Duration::from_millis(200);
    let attempt = rig.login(LoginOptions { device_after: later, limit, ..options() });
    attempt.url();
    let heard = attempt.next();
    assert!(heard == shown(WhyDevice::TimeLimit) || heard == shown(WhyDevice::NoBrowser), "{heard:?}");
    // And then that has its time, and no more.
    assert_eq!(attempt.end(), Err(Error::LoginExpired));
}

#[test]
fn without_an_endpoint_there_is_no_code() {
    let rig = Rig::new(State::default());
    let missing = Error::Unsupported { feature: Field::DeviceAuthorizationEndpoint };
    let forced = rig.login(LoginOptions { flow: Flow::DeviceCode, ..options() });
    assert_eq!(forced.end(), Err(missing));
    let attempt = rig.login(options());
    let url = attempt.url();
    attempt.remote.device_code();
    assert_eq!(attempt.next(), Heard::NoDevice(missing));
    browse(&rig.issuer.answer(&url)).unwrap();
    assert_eq!(attempt.next(), Heard::Finishing);
    attempt.end().unwrap();
}

#[test]
fn a_lost_answer_does_not_end_the_wait_for_a_code() {
    let rig = with_device();
    let extra = vec![(String::from("organization"), String::from("acme"))];
    let attempt = rig.login(LoginOptions { flow: Flow::DeviceCode, extra, ..options() });
    rig.issuer.with(|state| state.cut = true);
    assert_eq!(attempt.next(), shown(WhyDevice::Forced));
    rig.issuer.until(|state| state.asked > 0);
    rig.issuer.with(|state| state.approved = true);
    assert_eq!(attempt.end().unwrap().way, Way::DeviceCode);
    assert!(rig.issuer.with(|state| state.device_form.ends_with("&organization=acme")));
}

#[test]
fn strangers_do_not_stop_it() {
    let rig = Rig::new(State::default());
    let attempt = rig.login(LoginOptions { flow: Flow::Pkce, ..options() });
    let answer = rig.issuer.answer(&attempt.url());
    let (_, state) = answer.split_once("state=").unwrap();
    for _ in 0..50 {
        assert!(browse(&answer.replace(state, "wrong")).unwrap().starts_with("HTTP/1.1 400"));
        assert_eq!(attempt.next(), Heard::Stranger(Error::StateMismatch));
    }
    assert!(browse(&answer).unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(attempt.next(), Heard::Finishing);
    attempt.end().unwrap();
}
