//! `/handoff`: the page where a person says whether a terminal may act for them, and the answer on its way there.
//!
//! What is asked came through a page that may be full of somebody else's script, on this very origin. So the page opens
//! in a whole window and in no other (`navigation`), keeps its opener away, and takes its answer with a ticket that lies
//! nowhere but in it, from a person who signed in lately.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::authorize::see_other;
use super::consent::in_words;
use super::flow::Flow;
use super::handoff::Pushed;
use super::page::{self, Problem};
use super::sign_in::{self, form};
use super::visitor::Visitor;
use super::{Note, handoff_code, membership, navigation};
use crate::app::App;
use crate::grant::authorize::{self, FLOW_SECONDS};
use crate::grant::client::Client;
use crate::grant::handoff::{FRESH_SECONDS, Handoff};
use crate::grant::params::Params;
use crate::grant::pushed::{PUSHED_SECONDS, URI_PREFIX};
use crate::grant::redeem::{CODE_SECONDS, Code};
use crate::keys::{base64url, sha256};
use crate::random;
use crate::store::Session;

/// `GET /handoff`: opens a request that a dashboard handed in, under an address of its own that outlives the minute; or
/// asks, under that address.
pub(crate) async fn look(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let visitor = Visitor::read(&app, &headers).await?;
        if let Some(flow) = params.one("flow")? {
            return ask(&app, &visitor, Flow::open(&app, flow)?).await;
        }
        let name = params.required("request_uri")?.strip_prefix(URI_PREFIX).ok_or_else(too_late)?;
        Pushed::open(&app, name).filter(|pushed| pushed.is_fresh(&app)).ok_or_else(too_late)?;
        let hash = sha256(name);
        if app.store.pushed_request_is_used(&hash).await? {
            return Err(too_late());
        }
        let flow = Flow::handoff(name, visitor.session.as_ref(), app.now()).opened_from(&hash)?;
        Ok(see_other(&address(&app, &flow.seal(&app)?)))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /handoff/decision`: the answer.
pub(crate) async fn decide(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        // The token holds for one session: nobody agrees for an account that was not on the page.
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        navigation::by_person(&headers)?;
        let ticket = Ticket::open(&app, &params, &visitor, QUESTION)?;
        let pushed = Pushed::open(&app, ticket.name()?).ok_or_else(too_late)?;
        let handoff = pushed.request(&app)?;
        let Some(session) = admit(&app, &visitor, &ticket.flow, &pushed, &handoff).await? else {
            return Ok(see_other(&address(&app, &ticket.flow.seal(&app)?)));
        };
        let allowed = params.one("decision")? == Some("allow");
        finish(&app, &ticket, allowed).await?;
        let response = if allowed {
            allow(&app, &visitor, session, &ticket, &pushed, &handoff).await?
        } else {
            let fields = [("error", "access_denied")];
            answer(&app, &visitor, None, &pushed, &handoff, &fields)
        };
        Ok(noted(response, handoff.client, (!allowed).then(|| "denied".to_owned())))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Where a handoff goes on after a sign-in.
pub(super) fn address(app: &App, flow: &str) -> String {
    format!("{}/handoff?flow={flow}", app.base)
}

/// For a request that was answered, or that waited too long to be opened.
pub(super) fn too_late() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "This was answered already, or it took too long. Please start again in the terminal.",
    )
}

/// The page that asks; or the sign-in before it; or, once it was allowed, what to do if the terminal heard nothing.
async fn ask(app: &App, visitor: &Visitor, flow: Flow) -> Result<Response, Problem> {
    let name = flow.handoff_name().ok_or_else(too_late)?.to_owned();
    let pushed = Pushed::open(app, &name).ok_or_else(too_late)?;
    let handoff = pushed.request(app)?;
    let Some(session) = admit(app, visitor, &flow, &pushed, &handoff).await? else {
        let mut asker = flow.asker(app)?;
        asker.login_hint = visitor.session.as_ref().map(|session| session.email.clone());
        return sign_in::page(app, visitor, &asker, &flow, None);
    };
    if let Some(opening) = app.store.pushed_request_opening(&sha256(&name)).await? {
        if opening != said(&flow, true) {
            return Err(too_late());
        }
        let ticket = Ticket { flow, sid: session.sid.clone(), at: app.now().seconds() };
        let sealed = handoff_code::later(app, &ticket).await?.ok_or_else(too_late)?;
        return Ok(answer(app, visitor, Some(sealed), &pushed, &handoff, &[]));
    }
    let template = QuestionPage {
        path: &app.path,
        client: &handoff.client.name,
        email: &session.email,
        phrase: &handoff.phrase,
        device: &handoff.device,
        port: handoff.way_back.as_ref().map(|back| back.port),
        organization: membership::name(app, &session.user_id, handoff.organization.as_deref()).await?,
        scopes: handoff.scope.iter().map(|scope| in_words(scope, handoff.client)).collect(),
        csrf: visitor.session_token(app),
        ticket: Ticket { flow, sid: session.sid.clone(), at: app.now().seconds() }.seal(app, QUESTION)?,
    };
    let response = page::alone(page::ask(&template, None));
    Ok(noted(visitor.name(app, response), handoff.client, None))
}

/// The session that may answer: of the account whose dashboard asked, and of a sign-in that is young or was made for
/// this very question. Without one, somebody has to sign in.
async fn admit<'a>(
    app: &App,
    visitor: &'a Visitor,
    flow: &Flow,
    pushed: &Pushed,
    handoff: &Handoff<'_>,
) -> Result<Option<&'a Session>, Problem> {
    if !pushed.is_live(app).await? {
        return Err(Problem::new(
            StatusCode::GONE,
            "The dashboard that asked is signed out. Please start again in the terminal.",
        ));
    }
    let Some(session) = &visitor.session else { return Ok(None) };
    if session.user_id != pushed.user_id {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "This browser is signed in with another account than the dashboard that asked. Nothing was granted.",
        ));
    }
    if !membership::admits(app, &session.user_id, handoff.organization.as_deref()).await? {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "The terminal asks to act for an organization, and this account is no member of it.",
        ));
    }
    let young = app.now().since(session.auth_time).as_secs() <= FRESH_SECONDS;
    Ok((young || flow.led_to(session)).then_some(session))
}

/// A request has one answer, in one window; a button that was pressed twice says it twice.
async fn finish(app: &App, ticket: &Ticket, allowed: bool) -> Result<(), Problem> {
    let forget_at = app.now().plus(Duration::from_secs(PUSHED_SECONDS + FLOW_SECONDS));
    let hash = sha256(ticket.name()?);
    if app.store.use_pushed_request(&hash, &said(&ticket.flow, allowed), forget_at).await? {
        Ok(())
    } else {
        Err(too_late())
    }
}

fn said(flow: &Flow, allowed: bool) -> String {
    format!("{} {}", flow.opening_id().unwrap_or_default(), if allowed { "allow" } else { "deny" })
}

async fn allow(
    app: &App,
    visitor: &Visitor,
    session: &Session,
    ticket: &Ticket,
    pushed: &Pushed,
    handoff: &Handoff<'_>,
) -> Result<Response, Problem> {
    let code = random::token()?;
    let row = Code {
        client_id: handoff.client.id.clone(),
        redirect_uri: handoff.way_back.as_ref().map(|back| back.redirect_uri.clone()).unwrap_or_default(),
        user_id: session.user_id.clone(),
        sid: session.sid.clone(),
        scope: handoff.scope.as_str().to_owned(),
        audience: handoff.audience.clone(),
        organization_id: handoff.organization.clone(),
        nonce: handoff.nonce.clone(),
        challenge: Some(handoff.challenge.clone()),
        dpop_jkt: Some(handoff.jkt.clone()),
        auth_time: session.auth_time,
        expires_at: app.now().plus(Duration::from_secs(CODE_SECONDS)),
        device: Some(handoff.device.clone()),
        family_id: None,
    };
    let hash = sha256(ticket.name()?);
    if !app.store.add_handoff_code(&hash, &sha256(code.expose()), &row).await? {
        return Err(too_late());
    }
    if handoff.way_back.is_none() {
        return handoff_code::show(app, &hash, handoff).await;
    }
    let later = Ticket { at: app.now().seconds(), flow: ticket.flow.clone(), sid: ticket.sid.clone() };
    let later = later.seal(app, ANSWER)?;
    Ok(answer(app, visitor, Some(later), pushed, handoff, &[("code", code.expose())]))
}

/// The page whose form goes to the terminal: with the code, with a refusal, or with nothing any more. `later` is the
/// ticket for a code to type.
fn answer(
    app: &App,
    visitor: &Visitor,
    later: Option<String>,
    pushed: &Pushed,
    handoff: &Handoff<'_>,
    members: &[(&str, &str)],
) -> Response {
    let issuer = app.issuer.as_str();
    let way_back = handoff.way_back.as_ref().filter(|_| !members.is_empty());
    let template = AnswerPage {
        path: &app.path,
        client: &handoff.client.name,
        allowed: later.is_some(),
        port: way_back.map(|back| back.port),
        redirect_uri: way_back.map(|back| back.redirect_uri.as_str()).unwrap_or_default(),
        link: way_back
            .map(|back| authorize::response(&back.redirect_uri, Some(&handoff.state), issuer, members)),
        fields: [members, &[("state", handoff.state.as_str()), ("iss", issuer)]].concat(),
        csrf: visitor.session_token(app),
        ticket: later.unwrap_or_default(),
    };
    // Chromium holds `form-action` against every hop: the terminal sends the browser back to the dashboard.
    let mut targets = Vec::new();
    if let Some(back) = way_back {
        targets.push(format!("http://127.0.0.1:{}", back.port));
        targets.extend(pushed.origin.clone());
    }
    page::alone(page::show_scripted(&template, &targets))
}

fn noted(mut response: Response, client: &Client, reason: Option<String>) -> Response {
    response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason });
    response
}

const QUESTION: &str = "handoff question";
pub(super) const ANSWER: &str = "handoff answer";

/// What a page carries to its form, sealed, for one session. It stands in no address: what does, a script of this origin
/// may find in the history of its window.
#[derive(Serialize, Deserialize)]
pub(super) struct Ticket {
    flow: Flow,
    sid: String,
    at: u64,
}

impl Ticket {
    pub(super) fn seal(&self, app: &App, context: &str) -> Result<String, gatepass_core::error::Error> {
        let plain = serde_json::to_vec(self).map_err(|_| gatepass_core::error::Error::Bug)?;
        Ok(base64url(app.keys.flow.seal(&plain, context)?))
    }

    /// The ticket of a form, if it was written for this session.
    pub(super) fn open(
        app: &App,
        params: &Params,
        visitor: &Visitor,
        context: &str,
    ) -> Result<Self, Problem> {
        let opened = Base64UrlUnpadded::decode_vec(params.required("ticket")?)
            .ok()
            .and_then(|sealed| app.keys.flow.open(&sealed, context))
            .and_then(|plain| serde_json::from_slice::<Self>(&plain).ok())
            .filter(|ticket| visitor.session.as_ref().is_some_and(|session| session.sid == ticket.sid))
            .filter(|ticket| app.now().seconds().saturating_sub(ticket.at) < FLOW_SECONDS);
        opened.ok_or_else(too_late)
    }

    /// The name of the request.
    pub(super) fn name(&self) -> Result<&str, Problem> {
        self.flow.handoff_name().ok_or_else(too_late)
    }

    /// When it was written, in seconds since 1970.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }
}

#[derive(Template)]
#[template(path = "handoff.html")]
struct QuestionPage<'a> {
    path: &'a str,
    client: &'a str,
    email: &'a str,
    phrase: &'a str,
    device: &'a str,
    port: Option<u16>,
    organization: Option<String>,
    scopes: Vec<String>,
    csrf: String,
    ticket: String,
}

#[derive(Template)]
#[template(path = "handoff_answer.html")]
struct AnswerPage<'a> {
    path: &'a str,
    client: &'a str,
    allowed: bool,
    port: Option<u16>,
    redirect_uri: &'a str,
    link: Option<String>,
    fields: Vec<(&'a str, &'a str)>,
    csrf: String,
    ticket: String,
}
