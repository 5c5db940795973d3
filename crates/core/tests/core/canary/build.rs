//! Values with canaries in them.

use std::fmt::Debug;

use gatepass_core::field::Field;
use gatepass_core::http::{Request, Response};
use gatepass_core::jwk::PublicKey;
use gatepass_core::kept::Kept;
use gatepass_core::name::{ClientId, Scopes};
use gatepass_core::protocol::authorize::{self, Ask};
use gatepass_core::protocol::client_auth::{AssertionKey, ClientAuth, Prepared};
use gatepass_core::protocol::client_metadata::{Application, Authentication, ClientMetadata};
use gatepass_core::protocol::discovery::{self, Provider};
use gatepass_core::protocol::id_token::Expected;
use gatepass_core::protocol::token_exchange::{self, ACCESS_TOKEN, Presented};
use gatepass_core::protocol::{
    device as flow, end_session, handoff as handed, registration, revoke, token_response,
};
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Wanted};
use gatepass_core::session::client::Client;
use gatepass_core::session::login::{self, Authorization, Exchanged, Pending, Start};
use gatepass_core::session::record::{BoundKey, Generation, Record};
use gatepass_core::session::save::SaveSession;
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::session::transcript::TracedAccess;
use gatepass_core::session::{device, handoff};
use gatepass_core::testing::{self, SeededDice};
use gatepass_core::time::Timestamp;
use gatepass_core::url::{Endpoint, Issuer, RedirectUri};

use super::Shown;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn secret() -> Secret {
    Secret::from("canary")
}

fn key() -> BoundKey {
    BoundKey { public: public(), private: Some(Secret::new(b"canary".to_vec())) }
}

fn public() -> Kept<PublicKey> {
    Kept::new(PublicKey::P256 { x: [3; 32], y: [4; 32] })
}

fn ok(body: &str) -> Response {
    Response::new(200, &|_| None, body.as_bytes().to_vec())
}

fn tokens() -> Response {
    ok(r#"{"access_token":"canary","refresh_token":"canary","id_token":"canary","token_type":"DPoP"}"#)
}

fn endpoint() -> Endpoint {
    Endpoint::new("https://issuer.example/e", Field::X).unwrap()
}

fn client() -> Client {
    Client::new("https://issuer.example", "c", "openid", "ES256", "required").unwrap()
}

fn provider(pushes: bool) -> Provider {
    let text = concat!(
        r#"{"issuer":"https://issuer.example","authorization_endpoint":"https://issuer.example/a","#,
        r#""token_endpoint":"https://issuer.example/t","jwks_uri":"https://issuer.example/j","#,
        r#""pushed_authorization_request_endpoint":"https://issuer.example/p","#,
        r#""dpop_signing_alg_values_supported":["ES256"],"require_pushed_authorization_requests":PUSHES}"#
    );
    discovery::parse(&ok(&text.replace("PUSHES", if pushes { "true" } else { "false" })), &client().issuer)
        .unwrap()
}

/// The values of single steps.
pub(super) fn protocol(shown: &mut Shown) {
    let secret = secret();
    let client_id = ClientId::new("c").unwrap();
    let (scopes, issuer) = (Scopes::parse("openid").unwrap(), Issuer::new("https://issuer.example").unwrap());
    let redirect_uri = RedirectUri::loopback(1, "/");
    shown.show(&secret);
    assert_eq!(format!("{secret}"), "[redacted]");
    shown.show(&Ask {
        client_id: &client_id,
        redirect_uri: &redirect_uri,
        scopes: &scopes,
        audience: None,
        state: &secret,
        nonce: &secret,
        verifier: &secret,
        thumbprint: None,
        prompt: None,
        login_hint: None,
        max_age: None,
    });
    let expected = Expected::new(&issuer, &client_id, &secret);
    shown.show(&Expected { nonce: Some(&secret), code: Some(&secret), ..expected });
    shown.show(&end_session::Ask {
        client_id: &client_id,
        id_token_hint: Some(&secret),
        logout_hint: None,
        back_to: Some((&redirect_uri, &secret)),
    });
    shown.show(&*token_response::parse(&tokens(), true).unwrap());
    registered(shown);
    exchanged_for_another(shown);
    for auth in [
        ClientAuth::SecretBasic(secret.duplicate()),
        ClientAuth::SecretPost(secret.duplicate()),
        ClientAuth::PrivateKeyJwt(assertion_key()),
    ] {
        shown.show(&auth);
        let request = || revoke::request(&endpoint(), &client_id, &secret);
        let prepare =
            |request: Request| auth.prepare(&client_id, &issuer, request, NOW, &mut SeededDice::new(1));
        shown.show(&prepare(request()).unwrap());
        if let Prepared::Sign(assertion) = prepare(request()).unwrap() {
            shown.show(&assertion);
            shown.show(&assertion.signed(&[7; 64]).unwrap());
        }
    }
    shown.show(&assertion_key());
}

fn assertion_key() -> AssertionKey {
    AssertionKey { kid: None, private: Secret::new(b"canary".to_vec()) }
}

fn registered(shown: &mut Shown) {
    let metadata = ClientMetadata {
        client_name: "c",
        client_uri: None,
        application: Application::Native,
        redirect_uris: &[],
        post_logout_redirect_uris: &[],
        device_code: true,
        refreshes: true,
        scopes: None,
        authentication: Authentication::SecretBasic,
        id_token_algorithm: None,
        bound: true,
    };
    shown.show(&registration::request(&endpoint(), &metadata, Some(&secret())).unwrap());
    let body = concat!(
        r#"{"client_id":"c","client_secret":"canary","registration_access_token":"canary","#,
        r#""registration_client_uri":"https://issuer.example/r"}"#
    );
    let registration = registration::parse(&ok(body), &metadata).unwrap();
    shown.show(&registration);
    shown.show(registration.management.as_ref().unwrap());
}

fn exchanged_for_another(shown: &mut Shown) {
    let secret = secret();
    let presented = Presented { token: &secret, kind: ACCESS_TOKEN };
    shown.show(&presented);
    shown.show(&token_exchange::Ask {
        subject: presented,
        actor: Some(presented),
        audiences: &[],
        scopes: &Scopes::default(),
        requested_kind: None,
        thumbprint: None,
    });
    let body = r#"{"access_token":"canary","issued_token_type":"x","token_type":"N_A"}"#;
    shown.show(&token_exchange::parse(&ok(body), false).unwrap());
}

/// The values of a login, each before the next consumes it.
pub(super) fn login(shown: &mut Shown) {
    for pushes in [false, true] {
        let start = Start {
            redirect_uri: RedirectUri::loopback(1, "/"),
            key: Some(key()),
            prompt: None,
            login_hint: None,
            max_age: None,
        };
        shown.show(&start);
        let (authorization, _) =
            login::begin(&client(), &provider(pushes), start, NOW, &mut SeededDice::new(1)).unwrap();
        shown.show(&authorization);
        if let Authorization::Push(mut pushing) = authorization {
            shown.show(&pushing);
            shown.show(&pushing.request().unwrap());
            shown.show(&pushing.pushed(&ok(r#"{"request_uri":"canary"}"#)).unwrap());
        }
    }
    shown.show(&key());
    shown.show(&pending());
    let stranger = authorize::parse("code=canary&state=other-canary").unwrap();
    shown.show(&stranger);
    shown.show(&pending().redirected(stranger).unwrap_err());
    let exchange = || pending().redirected(authorize::parse("code=canary&state=canary").unwrap()).unwrap();
    shown.show(&exchange());
    shown.show(&exchange().request(Some(secret())));
    shown.show(&tokens());
    let nonce = |name: &str| (name == "dpop-nonce").then(|| "n".to_owned());
    let wants_nonce = Response::new(400, &nonce, br#"{"error":"use_dpop_nonce"}"#.to_vec());
    shown.show(&exchange().parse(&wants_nonce, NOW).unwrap());
    let exchanged = exchange().parse(&tokens(), NOW).unwrap();
    shown.show(&exchanged);
    let Exchanged::Tokens(unproven) = exchanged else { panic!("tokens") };
    shown.show(&unproven);
}

/// The same for a login by a dashboard.
pub(super) fn handoff(shown: &mut Shown) {
    let (client, secret) = (client(), secret());
    shown.show(&handed::Ask {
        issuer: &client.issuer,
        client_id: &client.client_id,
        redirect_uri: None,
        scopes: &client.scopes,
        audience: None,
        organization: None,
        state: &secret,
        nonce: &secret,
        verifier: &secret,
        thumbprint: None,
        device: "ada@thinkpad",
        receiver: None,
    });
    let moved =
        || handed::parse("enc=AQI&sealed=AwQ&state=canary&iss=https://issuer.example").unwrap().unwrap();
    shown.show(&moved());
    shown.show(&pending().moved(moved()).unwrap());
    let start = || handoff::Start {
        redirect_uri: None,
        key: Some(key()),
        device: String::from("ada@thinkpad"),
        organization: None,
    };
    shown.show(&start());
    let dice = &mut SeededDice::new(1);
    shown.show(&handoff::begin(&client, &provider(false), start(), None, NOW, dice).unwrap());
    let typed = || pending().typed(secret.duplicate());
    shown.show(&typed());
    let refused =
        |error: &str| Response::new(400, &|_| None, format!(r#"{{"error":"{error}"}}"#).into_bytes());
    shown.show(&typed().parse(&refused("invalid_grant"), NOW).unwrap());
    shown.show(&typed().parse(&tokens(), NOW).unwrap());
    let nonce = |name: &str| (name == "dpop-nonce").then(|| "n".to_owned());
    let wants_nonce = Response::new(400, &nonce, br#"{"error":"use_dpop_nonce"}"#.to_vec());
    shown.show(&typed().parse(&wants_nonce, NOW).unwrap());
}

fn pending() -> Pending {
    let text = concat!(
        r#"{"v":1,"issuer":"https://issuer.example","client_id":"c","scope":"openid","#,
        r#""id_token_signed_response_alg":"ES256","redirect_uri":"http://127.0.0.1:1/","#,
        r#""jwks_uri":"https://issuer.example/j","state":"canary","nonce":"canary","verifier":"canary","#,
        r#""begun_at":1,"session":{"token_endpoint":"https://issuer.example/t","key":KEY,"private_key":"Y2FuYXJ5"}}"#
    );
    Pending::decode(text.replace("KEY", &public().to_json()).as_bytes()).unwrap()
}

/// The same for a login by a device code.
pub(super) fn device(shown: &mut Shown) {
    // The code that is typed is not in it: people are shown that one.
    let body = concat!(
        r#"{"device_code":"canary","user_code":"W","verification_uri":"https://issuer.example/d","#,
        r#""expires_in":600}"#
    );
    let authorization = flow::parse(&ok(body), NOW).unwrap();
    shown.show(&authorization);
    shown.show(&authorization.polling);
    let pending = Response::new(400, &|_| None, br#"{"error":"authorization_pending"}"#.to_vec());
    let polled = authorization.polling.answered(Some(&pending), true, NOW);
    shown.show(&polled);
    let flow::Polled::Again(polling) = polled else { panic!("pending") };
    shown.show(&polling.answered(Some(&tokens()), true, NOW));

    let (request, asking) =
        device::begin(&client(), &provider(false), &endpoint(), Some(key()), &[], NOW).unwrap();
    shown.show(&request);
    shown.show(&asking);
    let (_, waiting) = asking.parse(&ok(body), NOW).unwrap();
    shown.show(&waiting);
    shown.show(&waiting.request(Some(secret())));
    shown.show(&waiting.encode());
    let polled = waiting.parse(Some(&pending), NOW).unwrap();
    shown.show(&polled);
    let device::Polled::Again(waiting) = polled else { panic!("pending") };
    let polled = waiting.parse(Some(&tokens()), NOW).unwrap();
    shown.show(&polled);
    let device::Polled::Tokens(unproven) = polled else { panic!("tokens") };
    shown.show(&unproven);
}

/// A stored session whose every secret is a canary; its token lives for this long.
fn record(generation: u64, life: u64) -> Record {
    let mut record = testing::record(NOW, true, Generation::from_number(generation));
    for access in record.access.iter_mut() {
        access.token = secret();
        access.received_at = Timestamp::from_seconds(NOW.seconds() - 3600);
        access.expires_at = Timestamp::from_seconds(NOW.seconds() + life);
    }
    if let Some(rest) = &mut record.rest {
        rest.refresh_token = Some(secret());
        rest.key = Some(key());
    }
    record
}

/// Drives a transaction whose store and server hold canaries; everything that passes by is printed.
fn drive<T: Transaction + Debug>(shown: &mut Shown, mut transaction: T, life: u64) -> T {
    let mut dice = SeededDice::new(1);
    let mut answer = Answer::Begin;
    loop {
        shown.show(&answer);
        let step = transaction.step(answer, NOW, &mut dice);
        shown.show(&step);
        shown.show(&transaction);
        let Step::Need(effect) = step else { return transaction };
        shown.show(&effect);
        answer = match effect {
            Effect::Load(_) => Answer::Loaded(Some(record(100, life))),
            Effect::Lock => Answer::Locked,
            Effect::Sign { .. } => Answer::Signed([7; 64].to_vec()),
            Effect::Send(_) => {
                Answer::Sent(ok(r#"{"access_token":"canary","refresh_token":"canary","token_type":"DPoP"}"#))
            }
            Effect::Save { .. } => Answer::Saved,
            Effect::Erase { .. } => Answer::Erased,
            Effect::Unlock => Answer::Unlocked,
        };
    }
}

/// A session, and the transactions on it.
pub(super) fn session(shown: &mut Shown) {
    let whole = record(100, 3600);
    shown.show(&whole);
    shown.show(whole.access.first().unwrap());
    shown.show(whole.rest.as_deref().unwrap());
    shown.show(&whole.encode().unwrap());
    drive(shown, SaveSession::new(record(900, 3600)), 3600);
    drive(shown, SignOut::new(), 3600);
    // Too little to be handed out at once: it is kept for the case that a refresh fails.
    drive(shown, GetAccess::new(Wanted::default()), 10);
    // What it writes down is part of what it prints.
    drive(shown, TracedAccess::new(Wanted::default()), 10);
    let handed_out = drive(shown, GetAccess::new(Wanted::default()), 3600);
    shown.show(&handed_out.finish().unwrap());
}
