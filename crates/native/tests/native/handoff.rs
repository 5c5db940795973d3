//! Signing in by a dashboard: what its page sends, what strangers send, and what a person types.

use std::time::Duration;

use gatepass::{Confirm, Dashboard, Endpoint, Error, Field, Flow, LoginOptions, Refusal, Secret, Via, Way};
use gatepass_core::base64url;
use gatepass_core::field::Message;
use gatepass_core::form::{Form, Query};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeS, PskBundle, Serializable};

use crate::issuer::{State, at, browse, post, post_as};
use crate::rig::{Attempt, Heard, Rig};

/// Where the browser goes back to.
const PAGE: &str = "https://dashboard.example/cli";

fn delegating() -> Rig {
    Rig::new(State { delegates: true, binds: true, ..State::default() })
}

fn options(flow: Flow, moves: bool) -> LoginOptions {
    let page = Endpoint::new(PAGE, Field::Resource).unwrap();
    let via = Via::Dashboard(Dashboard { page, device: String::from("ada@thinkpad"), moves });
    LoginOptions { flow, via, limit: Duration::from_secs(3600), ..LoginOptions::default() }
}

/// A login whose browser comes back, and what its page was asked.
fn begun(rig: &Rig, moves: bool) -> (Attempt, Asked) {
    let attempt = rig.login(options(Flow::Pkce, moves));
    let asked = Asked::read(&attempt, true);
    rig.issuer.with(|state| state.nonce = asked.get("nonce"));
    (attempt, asked)
}

/// The request in the fragment.
struct Asked {
    fragment: String,
    words: String,
}

impl Asked {
    fn read(attempt: &Attempt, expected: bool) -> Self {
        match attempt.next() {
            Heard::Page(url, words, comes_back) => {
                assert_eq!(comes_back, expected);
                Self { fragment: url.strip_prefix(&format!("{PAGE}#")).unwrap().to_owned(), words }
            }
            other => panic!("{other:?}"),
        }
    }

    fn find(&self, name: &str) -> Option<String> {
        let mut query = Query::parse(&self.fragment, Message::AuthorizationResponse).unwrap();
        query.take(name).map(|value| value.expose().clone())
    }

    fn get(&self, name: &str) -> String {
        self.find(name).unwrap_or_else(|| panic!("{name} in {}", self.fragment))
    }

    /// What an allowed request is answered with.
    fn answer(&self) -> String {
        form(&[("code", "the-code"), ("state", &self.get("state")), ("iss", &self.get("iss"))])
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let form = fields.iter().fold(Form::new(), |form, (name, value)| form.with(name, value));
    form.finish().expose().clone()
}

fn location(answer: &str) -> &str {
    answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or(answer)
}

#[test]
fn the_page_posts_a_code_and_is_told_how_it_ended() {
    let rig = delegating();
    let (attempt, asked) = begun(&rig, false);
    for (name, value) in
        [("v", "1"), ("client_id", "client"), ("response_type", "code"), ("device", "ada@thinkpad")]
    {
        assert_eq!(asked.get(name), value);
    }
    assert_eq!(asked.get("dpop_jkt").len(), 43);
    assert!(asked.find("hpke").is_none() && asked.find("prompt").is_none());
    let redirect_uri = asked.get("redirect_uri");
    let random = at(&redirect_uri).1.strip_prefix("gatepass/").unwrap().to_owned();
    assert_eq!(random.len(), 43);
    let answer = post(&redirect_uri, &asked.answer()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert_eq!(location(&answer), format!("{PAGE}#status=ok"));
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::Loopback);
    assert!(rig.signed_in());
    let sent = rig.issuer.with(|state| state.token_forms[0].clone());
    assert!(sent.contains("code=the-code") && sent.contains("redirect_uri=http"), "{sent}");
    assert_eq!(post(&redirect_uri, &asked.answer()), None, "nobody listens any more");
}

#[test]
fn the_words_are_those_of_the_whole_request() {
    let rig = delegating();
    let (_attempt, asked) = begun(&rig, false);
    let text = ["iss", "client_id", "redirect_uri", "state", "code_challenge", "dpop_jkt", "hpke"]
        .map(|name| asked.find(name).unwrap_or_default())
        .join("\n");
    let text = format!("gatepass-handoff-v1\n{text}");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let first: &[u8; 6] = hash.as_ref().first_chunk().unwrap();
    assert_eq!(asked.words, gatepass_core::phrase::of(first));
}

#[test]
fn a_get_with_the_same_fields_works_too() {
    let rig = delegating();
    let (attempt, asked) = begun(&rig, false);
    let answer = browse(&format!("{}?{}", asked.get("redirect_uri"), asked.answer())).unwrap();
    assert_eq!(location(&answer), format!("{PAGE}#status=ok"));
    attempt.next();
    attempt.end().unwrap();
}

#[test]
fn a_no_and_a_failure_are_told_apart() {
    let rig = delegating();
    let (attempt, asked) = begun(&rig, false);
    let no = form(&[("error", "access_denied"), ("state", &asked.get("state")), ("iss", &asked.get("iss"))]);
    let answer = post(&asked.get("redirect_uri"), &no).unwrap();
    assert_eq!(location(&answer), format!("{PAGE}#status=denied"));
    assert_eq!(attempt.end(), Err(Error::Refused(Refusal::AccessDenied)));

    let (attempt, asked) = begun(&rig, false);
    rig.issuer.with(|state| state.code = Some(String::from("another")));
    let answer = post(&asked.get("redirect_uri"), &asked.answer()).unwrap();
    assert_eq!(location(&answer), format!("{PAGE}#status=failed"));
    attempt.next();
    assert_eq!(attempt.end(), Err(Error::Refused(Refusal::InvalidGrant)));
    assert!(!rig.signed_in());
}

/// Whatever a stranger sends gets an answer, and the right one still signs in.
#[test]
fn strangers_change_nothing() {
    let rig = delegating();
    let (attempt, asked) = begun(&rig, false);
    let redirect_uri = asked.get("redirect_uri");
    let (host, path) = at(&redirect_uri);
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let right = asked.answer();
    let refused = |headers: &str, path: &str, form: &str, status: &str| {
        let answer = post_as(host, path, form, headers).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers} {path}: {answer}");
        assert!(!answer.contains("dashboard.example"), "a stranger is not told who waits");
    };
    let own = format!("Host: {host}\r\n{kind}");
    // A page whose name was pointed here (DNS rebinding), though it knows everything.
    refused(&format!("Host: evil.example\r\n{kind}"), path, &right, "421");
    refused(&format!("Host: localhost:{}\r\n{kind}", host.split(':').nth(1).unwrap()), path, &right, "421");
    // The port is known, the path is not.
    refused(&own, "gatepass/", &right, "404");
    refused(&own, "callback", &right, "404");
    // What another page fetches, frames, or sends as something else.
    refused(&format!("{own}Sec-Fetch-Mode: cors\r\n"), path, &right, "403");
    refused(&format!("{own}Sec-Fetch-Dest: iframe\r\n"), path, &right, "403");
    refused(&format!("Host: {host}\r\nContent-Type: text/plain\r\n"), path, &right, "415");
    refused(
        &format!("Host: {host}\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"),
        path,
        &right,
        "415",
    );
    refused(&format!("Host: {host}\r\n"), path, &right, "415");
    refused(&own, &format!("{path}?{right}"), &right, "400");
    refused(&own, path, &"x".repeat(64 * 1024 + 1), "413");
    let wrong = [
        form(&[("code", "the-code"), ("state", "wrong"), ("iss", &asked.get("iss"))]),
        form(&[("code", "the-code"), ("iss", &asked.get("iss"))]),
        form(&[("error", "access_denied")]),
        form(&[("error", "access_denied"), ("state", "wrong")]),
        format!("{right}&code=another"),
        String::from("enc=AQI&sealed=AwQ&state=wrong"),
        String::new(),
    ];
    for wrong in &wrong {
        refused(&own, path, wrong, "400");
        assert!(matches!(attempt.next(), Heard::Stranger(_)), "{wrong}");
    }
    let answer = post(&redirect_uri, &right).unwrap();
    assert_eq!(location(&answer), format!("{PAGE}#status=ok"));
    assert_eq!(attempt.next(), Heard::Finishing);
    attempt.end().unwrap();
    assert_eq!(rig.issuer.with(|state| state.granted.len()), 1, "one code was traded, once");
}

#[test]
fn an_answer_that_names_no_issuer_or_another_ends_it() {
    for iss in [None, Some("https://evil.example")] {
        let rig = delegating();
        let (attempt, asked) = begun(&rig, false);
        let (state, mut fields) = (asked.get("state"), vec![("code", "the-code")]);
        fields.push(("state", &state));
        fields.extend(iss.map(|iss| ("iss", iss)));
        let answer = post(&asked.get("redirect_uri"), &form(&fields)).unwrap();
        assert_eq!(location(&answer), format!("{PAGE}#status=failed"));
        assert_eq!(attempt.end(), Err(Error::IssuerMismatch));
        assert_eq!(rig.issuer.with(|state| state.asked), 0, "no code was sent anywhere");
    }
}

#[test]
fn a_typed_code_is_tried_again_when_it_is_wrong() {
    let rig = delegating();
    let (attempt, asked) = begun(&rig, false);
    rig.issuer.with(|state| state.code = Some(String::from("BCDF-GHJK")));
    for (typed, error) in [
        ("BCDF-GHJL", Error::Refused(Refusal::InvalidGrant)),
        ("the-code", Error::NotTheCallback),
        ("BCDF", Error::NotTheCallback),
    ] {
        attempt.remote.paste(Secret::from(typed));
        assert_eq!(attempt.next(), Heard::BadPaste(error), "{typed}");
    }
    attempt.remote.paste(Secret::from(" bcdfghjk"));
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::TypedCode);
    assert_eq!(browse(&asked.get("redirect_uri")), None);
    assert!(rig.signed_in());
}

#[test]
fn who_typed_a_code_is_asked_whose_account_it_is() {
    let rig = delegating();
    let confirm = Confirm::new(|view, way| {
        assert_eq!((view.identity.email.as_deref(), way), (Some("ada@acme.example"), Way::TypedCode));
        false
    });
    let attempt = rig.login(LoginOptions { confirm: Some(confirm), ..options(Flow::Pkce, false) });
    let asked = Asked::read(&attempt, true);
    rig.issuer.with(|state| state.nonce = asked.get("nonce"));
    attempt.remote.paste(Secret::from("BCDF-GHJK"));
    attempt.next();
    assert_eq!(attempt.end(), Err(Error::Declined));
    assert_eq!(rig.issuer.with(|state| state.revoked), 1);
}

#[test]
fn two_processes_share_a_login_whose_code_is_typed() {
    let rig = delegating();
    rig.issuer.with(|state| state.code = Some(String::from("BCDF-GHJK")));
    let started = rig.gatepass.start(options(Flow::Auto, false)).wait().unwrap().unwrap();
    let fragment = started.url.as_ref().unwrap().expose().split_once('#').unwrap().1.to_owned();
    let asked = Asked { fragment, words: started.words.clone().unwrap() };
    assert!(asked.find("redirect_uri").is_none(), "nobody listens meanwhile");
    rig.issuer.with(|state| state.nonce = asked.get("nonce"));
    let finish = |typed: &str| {
        let options = gatepass::FinishOptions::default();
        rig.another().finish(&started.handle, Some(Secret::from(typed)), options, |_| {}).wait().unwrap()
    };
    assert_eq!(finish("the-code").err(), Some(Error::NotTheCallback));
    assert_eq!(finish("BCDF-GHJL").err(), Some(Error::Refused(Refusal::InvalidGrant)), "and it waits on");
    assert_eq!(finish("bcdf ghjk").unwrap().way, Way::TypedCode);
    let sent = rig.issuer.with(|state| state.token_forms.pop().unwrap());
    assert!(!sent.contains("redirect_uri"), "what was not in the request is not in this: {sent}");
    assert_eq!(finish("bcdf-ghjk").err(), Some(Error::NoSuchLogin));
}

#[test]
fn what_a_dashboard_cannot_do_is_said_before_anything_opens() {
    let begin = |rig: &Rig, options| rig.login(options).end().err();
    let rig = delegating();
    for (options, field) in [
        (LoginOptions { prompt: Some("login".into()), ..options(Flow::Pkce, false) }, Field::Prompt),
        (LoginOptions { login_hint: Some("ada".into()), ..options(Flow::Pkce, false) }, Field::LoginHint),
        (LoginOptions { max_age: Some(Duration::ZERO), ..options(Flow::Pkce, false) }, Field::MaxAge),
    ] {
        assert_eq!(begin(&rig, options), Some(Error::Configuration { field }));
    }
    // An issuer that makes no grants for a dashboard, and a program that takes no session of it.
    let unsupported = Some(Error::Unsupported { feature: Field::GatepassHandoffEndpoint });
    let rig = Rig::new(State::default());
    assert_eq!(begin(&rig, options(Flow::Pkce, false)), unsupported);
    let started = rig.gatepass.start(options(Flow::Auto, true)).wait().unwrap();
    assert_eq!(started.err(), unsupported, "a session is never typed");
    // An issuer whose grants need a key, and a program that has none.
    let rig = Rig::new(State { delegates: true, ..State::default() });
    let missing = Some(Error::Configuration { field: Field::Dpop });
    assert_eq!(begin(&rig, options(Flow::Pkce, false)), missing);
}

/// A page that gives its own session away.
struct Giver<'a> {
    asked: &'a Asked,
    issuer: String,
    client_id: &'static str,
    bound: bool,
    state: String,
}

impl<'a> Giver<'a> {
    fn of(asked: &'a Asked) -> Self {
        Self { asked, issuer: asked.get("iss"), client_id: "client", bound: false, state: asked.get("state") }
    }

    fn form(&self) -> String {
        let now = gatepass::testing::now().seconds();
        let record = serde_json::json!({
            "v": 2, "generation": 7, "issuer": self.issuer, "client_id": self.client_id, "sub": "ada",
            "email": "ada@acme.example", "scope": "openid", "signed_in_at": now, "bound": self.bound,
            "refreshes": true,
            "access_tokens": [{ "access_token": "access-moved", "token_type": "Bearer", "received_at": now, "expires_at": now + 600 }],
        });
        let rest = serde_json::json!({
            "v": 2, "generation": 7, "refresh_token": "refresh", "token_endpoint": "https://evil.example/token",
            "forgives_replay": false,
        });
        let text = ["iss", "client_id", "redirect_uri", "state", "code_challenge", "dpop_jkt", "hpke"]
            .map(|name| self.asked.find(name).unwrap_or_default())
            .join("\n");
        let info = format!("gatepass-handoff-v1\n{text}");
        let psk = base64url::decode(&self.state).unwrap();
        let point = base64url::decode(&self.asked.get("hpke")).unwrap();
        let receiver = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&point).unwrap();
        let mode = OpModeS::Psk(PskBundle::new(&psk, b"gatepass-handoff-v1").unwrap());
        let (enc, mut sealer) =
            hpke::setup_sender::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(&mode, &receiver, info.as_bytes())
                .unwrap();
        let plain = format!("{record}\n{rest}");
        let sealed = sealer.seal(plain.as_bytes(), self.asked.get("redirect_uri").as_bytes()).unwrap();
        form(&[
            ("enc", &base64url::encode(&enc.to_bytes())),
            ("sealed", &base64url::encode(&sealed)),
            ("state", &self.asked.get("state")),
            ("iss", &self.asked.get("iss")),
        ])
    }
}

#[test]
fn a_session_moves_here_and_is_refreshed_where_the_issuer_says() {
    let rig = Rig::new(State::default());
    let (attempt, asked) = begun(&rig, true);
    let answer = post(&asked.get("redirect_uri"), &Giver::of(&asked).form()).unwrap();
    assert_eq!(location(&answer), format!("{PAGE}#status=ok"));
    assert_eq!(attempt.next(), Heard::Finishing);
    assert_eq!(attempt.end().unwrap().way, Way::Moved);
    let access = |force| {
        let wanted = gatepass::Wanted { force, ..gatepass::Wanted::default() };
        rig.another().access(wanted).wait().unwrap().unwrap().access.token.expose().clone()
    };
    assert_eq!(access(false), "access-moved");
    assert_eq!(access(true), "access-1", "the page's word about the endpoint does not count");
}

#[test]
fn a_session_that_is_not_ours_is_not_kept() {
    let malformed = |message, field| Error::Malformed { message, field };
    let sealed = malformed(Message::AuthorizationResponse, Field::Sealed);
    type Change = fn(&mut Giver<'_>);
    let rows: [(Change, Error); 4] = [
        (|giver| giver.issuer = String::from("https://evil.example"), Error::IssuerMismatch),
        (|giver| giver.client_id = "dashboard", malformed(Message::Record, Field::ClientId)),
        (|giver| giver.bound = true, malformed(Message::Record, Field::Bound)),
        // An attacker's session by somebody who does not know the one-time secret.
        (|giver| giver.state = base64url::encode(&[7; 32]), sealed),
    ];
    for (change, error) in rows {
        let rig = Rig::new(State::default());
        let (attempt, asked) = begun(&rig, true);
        let mut giver = Giver::of(&asked);
        change(&mut giver);
        let answer = post(&asked.get("redirect_uri"), &giver.form()).unwrap();
        assert_eq!(location(&answer), format!("{PAGE}#status=failed"));
        assert_eq!(attempt.end(), Err(error));
        assert!(!rig.signed_in());
    }
}

#[test]
fn a_session_is_never_taken_from_an_address_or_where_grants_are_made() {
    let rig = Rig::new(State::default());
    let (attempt, asked) = begun(&rig, true);
    let form = Giver::of(&asked).form();
    let answer = browse(&format!("{}?{form}", asked.get("redirect_uri"))).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(matches!(attempt.next(), Heard::Stranger(_)));
    attempt.remote.give_up();
    assert_eq!(attempt.end(), Err(Error::LoginExpired));
    let rig = delegating();
    let (_attempt, asked) = begun(&rig, true);
    assert!(asked.find("hpke").is_none());
}
