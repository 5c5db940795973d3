//! `/activate`: the page where a person says whether a device may act for them (RFC 8628 section 3.3).
//!
//! Somebody else's code in one's own browser is how this grant is abused (section 5.4). So looking decides nothing, a
//! code out of an address is only written into the field, and the question says which device asks, from where and since
//! when. Whoever is not signed in learns nothing about codes, and each guess counts for an account.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::authorize::see_other;
use super::consent::in_words;
use super::device_code::CONTEXT;
use super::flow::Flow;
use super::page::{self, Problem};
use super::sign_in::{self, form, place};
use super::sign_in_link::ago;
use super::visitor::Visitor;
use super::{Note, membership, navigation};
use crate::app::App;
use crate::grant::client::Client;
use crate::grant::device::{Decision, DeviceCode};
use crate::grant::params::Params;
use crate::grant::short_code;
use crate::keys::base64url;
use crate::store::{GUESS_WINDOW, Session, Typed, Typist};

/// `GET /activate`: a field for the code.
pub(crate) async fn look(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let visitor = Visitor::read(&app, &headers).await?;
        let Some(session) = &visitor.session else {
            let flow = Flow::activation(&params, app.now());
            return sign_in::page(&app, &visitor, &flow.asker(&app)?, &flow, None);
        };
        let code = params.one("user_code")?.and_then(short_code::normal).unwrap_or_default();
        Ok(field(&app, &visitor, session, &code, None))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /activate`: the code was typed; the question follows.
pub(crate) async fn enter(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        let Some(session) = &visitor.session else {
            return Ok(see_other(&format!("{}/activate", app.base)));
        };
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        let typed = params.one("user_code")?.unwrap_or_default();
        let Some(code) = short_code::normal(typed) else {
            let words = "That is not a code of a device: it has eight letters, and no vowels.";
            return Ok(field(&app, &visitor, session, "", Some((StatusCode::BAD_REQUEST, words))));
        };
        let mac = short_code::mac(&app.keys.short_code, CONTEXT, &code);
        let here = place(peer.ip());
        let typist = Typist { user_id: &session.user_id, place: &here };
        let refusal = match app.store.type_device_code(&mac, &typist, app.now()).await? {
            Typed::Right(hash, device) => {
                return question(&app, &visitor, session, &hash, &device, &code, &here).await;
            }
            // One answer for never, for used and for too late: the difference helps only whoever guesses.
            Typed::Wrong => (
                StatusCode::BAD_REQUEST,
                "No device waits for this code. Please look again; a code is good for ten minutes.",
            ),
            Typed::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong codes were typed. Please wait ten minutes, then ask the device for a new code.",
            ),
        };
        Ok(field(&app, &visitor, session, "", Some(refusal)))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /activate/decision`: the answer.
pub(crate) async fn decide(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        // The token holds for one session: nobody agrees for an account that was not on the page.
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        navigation::by_person(&headers)?;
        let Some(session) = &visitor.session else {
            return Ok(see_other(&format!("{}/activate", app.base)));
        };
        let hash = Ticket::open(&app, params.required("ticket")?, session).ok_or_else(too_late)?;
        let device = app.store.device_code(&hash).await?.ok_or_else(too_late)?;
        let decision = Decision {
            allowed: params.one("decision")? == Some("allow"),
            user_id: session.user_id.clone(),
            sid: session.sid.clone(),
            auth_time: session.auth_time,
        };
        if decision.allowed {
            admit(&app, session, &device).await?;
        }
        if !app.store.decide_device_code(&hash, &decision, app.now()).await? {
            // Pressed twice, the same answer is no mistake.
            let said = app.store.device_code(&hash).await?.and_then(|device| device.decision);
            if said != Some(decision.clone()) {
                return Err(too_late());
            }
        }
        let client = client(&app, &device)?;
        let template = DonePage { path: &app.path, client: &client.name, allowed: decision.allowed };
        let reason = (!decision.allowed).then(|| "denied".to_owned());
        Ok(noted(page::show(StatusCode::OK, &template, None), client, reason))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// The page with the field, and what was wrong with the last code.
fn field(
    app: &App,
    visitor: &Visitor,
    session: &Session,
    code: &str,
    problem: Option<(StatusCode, &str)>,
) -> Response {
    let template = FieldPage {
        path: &app.path,
        email: &session.email,
        csrf: visitor.session_token(app),
        code,
        problem: problem.map(|(_, words)| words),
    };
    let status = problem.map_or(StatusCode::OK, |(status, _)| status);
    let mut response = page::show(status, &template, None);
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(GUESS_WINDOW.as_secs()));
    }
    visitor.name(app, response)
}

/// The page that asks.
async fn question(
    app: &App,
    visitor: &Visitor,
    session: &Session,
    hash: &[u8],
    device: &DeviceCode,
    code: &str,
    here: &str,
) -> Result<Response, Problem> {
    admit(app, session, device).await?;
    let client = client(app, device)?;
    let template = QuestionPage {
        path: &app.path,
        client: &client.name,
        email: &session.email,
        code,
        device,
        elsewhere: (device.place != here).then_some(here),
        organization: membership::name(app, &session.user_id, device.organization_id.as_deref()).await?,
        asked: ago(app.now().since(device.created_at)),
        scopes: device
            .scope
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(|scope| in_words(scope, client))
            .collect(),
        csrf: visitor.session_token(app),
        ticket: Ticket::seal(app, hash, session)?,
    };
    Ok(noted(page::alone(page::ask(&template, None)), client, None))
}

async fn admit(app: &App, session: &Session, device: &DeviceCode) -> Result<(), Problem> {
    if membership::admits(app, &session.user_id, device.organization_id.as_deref()).await? {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "The device asks to act for an organization, and this account is no member of it. Sign in with another \
         account, or start again on the device.",
    ))
}

fn client<'a>(app: &'a App, device: &DeviceCode) -> Result<&'a Client, Problem> {
    // It was known when the device asked; only the configuration can have changed.
    app.clients.find(&device.client_id).ok_or_else(too_late)
}

fn too_late() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "This code was used already, or it is too old. Please start again on the device.",
    )
}

fn noted(mut response: Response, client: &Client, reason: Option<String>) -> Response {
    response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason });
    response
}

/// What the question carries to its answer, sealed: without it, a form could try codes past the count.
#[derive(Serialize, Deserialize)]
struct Ticket {
    device: String,
    user_id: String,
}

impl Ticket {
    fn seal(app: &App, hash: &[u8], session: &Session) -> Result<String, gatepass_core::error::Error> {
        let ticket = Self { device: base64url(hash), user_id: session.user_id.clone() };
        let plain = serde_json::to_vec(&ticket).map_err(|_| gatepass_core::error::Error::Bug)?;
        Ok(base64url(app.keys.flow.seal(&plain, "device")?))
    }

    /// The hash that names the row, if the question was put to this account.
    fn open(app: &App, sealed: &str, session: &Session) -> Option<Vec<u8>> {
        let plain = app.keys.flow.open(&Base64UrlUnpadded::decode_vec(sealed).ok()?, "device")?;
        let ticket: Self = serde_json::from_slice(&plain).ok()?;
        if ticket.user_id != session.user_id {
            return None;
        }
        Base64UrlUnpadded::decode_vec(&ticket.device).ok()
    }
}

#[derive(Template)]
#[template(path = "activate.html")]
struct FieldPage<'a> {
    path: &'a str,
    email: &'a str,
    csrf: String,
    code: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "device.html")]
struct QuestionPage<'a> {
    path: &'a str,
    client: &'a str,
    email: &'a str,
    code: &'a str,
    device: &'a DeviceCode,
    elsewhere: Option<&'a str>,
    organization: Option<String>,
    asked: String,
    scopes: Vec<String>,
    csrf: String,
    ticket: String,
}

#[derive(Template)]
#[template(path = "device_done.html")]
struct DonePage<'a> {
    path: &'a str,
    client: &'a str,
    allowed: bool,
}
