//! `/oauth/callback/{connection}`: people whose organization signs them in go there from the sign-in page, or past it,
//! and come back here.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use gatepass_core::error::Error;
use serde::{Deserialize, Serialize};

use super::authorize::{resume_address, see_other};
use super::flow::{Asker, Flow};
use super::page::{self, Problem};
use super::visitor::Visitor;
use super::{Note, sign_in};
use crate::app::App;
use crate::grant::params::Params;
use crate::grant::upstream::{Fault, WAIT_SECONDS};
use crate::keys::sha256;
use crate::random;
use crate::upstream::{Arrival, Departure, Person, Upstream};

/// What the way back is held against. It lies in the database, sealed: with the code, the verifier is a sign-in.
#[derive(Serialize, Deserialize)]
struct Waiting {
    connection: String,
    nonce: String,
    verifier: String,
    max_age: Option<u64>,
    flow: String,
}

const CONTEXT: &str = "upstream";

/// Sends a navigation there.
pub(crate) async fn redirect(
    app: &App,
    visitor: &Visitor,
    asker: &Asker,
    flow: &Flow,
    upstream: &Upstream,
) -> Result<Response, Problem> {
    match depart(app, visitor, asker, flow, upstream, asker.login_hint.as_deref()).await? {
        Ok(address) => Ok(visitor.name(app, see_other(&address))),
        Err(fault) => refuse(app, visitor, asker, flow, fault),
    }
}

/// Sends a form there: by a page that goes on by itself. Browsers hold `form-action` against every hop that follows a
/// form, and which hops a provider makes is not ours to list.
pub(crate) async fn page(
    app: &App,
    visitor: &Visitor,
    asker: &Asker,
    flow: &Flow,
    upstream: &Upstream,
    email: &str,
) -> Result<Response, Problem> {
    let address = match depart(app, visitor, asker, flow, upstream, Some(email)).await? {
        Ok(address) => address,
        Err(fault) => return refuse(app, visitor, asker, flow, fault),
    };
    let template = UpstreamPage { path: &app.path, name: &upstream.connection.name, address: &address };
    let mut response = page::show(StatusCode::OK, &template, None);
    // An address that was serialised as a URL is ASCII.
    if let Ok(value) = HeaderValue::from_str(&format!("0;url={address}")) {
        response.headers_mut().insert(header::REFRESH, value);
    }
    Ok(response)
}

/// `GET /oauth/callback/{connection}`: the way back (RFC 6749 section 4.1.2).
pub(crate) async fn callback(
    State(app): State<Arc<App>>,
    Path(connection): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let outcome = come_back(&app, &connection, &uri, &headers).await;
    outcome.unwrap_or_else(|problem: Problem| problem.page(&app))
}

async fn come_back(app: &App, connection: &str, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    let params = Params::from_form(uri.query().unwrap_or_default())?;
    let visitor = Visitor::read(app, headers).await?;
    // The state before anything else: without it, nothing of this was asked for (RFC 9700 section 4.7.1).
    let state = sha256(params.required("state")?);
    let sealed = app.store.take_upstream_login(&state, &visitor.browser_hash(), app.now()).await?;
    let waiting = sealed
        .and_then(|sealed| app.keys.flow.open(&sealed, CONTEXT))
        .and_then(|plain| serde_json::from_slice::<Waiting>(&plain).ok())
        .filter(|waiting| waiting.connection == connection)
        .ok_or_else(not_asked)?;
    let upstream = app.upstreams.find(&waiting.connection).ok_or_else(not_asked)?;
    let flow = Flow::open(app, &waiting.flow)?;
    let asker = flow.asker(app)?;
    let person = match arrive(app, upstream, &params, &waiting).await {
        Ok(person) => person,
        Err(fault) => return refuse(app, &visitor, &asker, &flow, fault),
    };
    let user_id = format!("usr_{}", random::identifier()?);
    let issuer = upstream.connection.issuer.as_str();
    if !app.store.identify(issuer, &person.subject, &person.email, &user_id, app.now()).await? {
        return refuse(app, &visitor, &asker, &flow, Fault::Taken);
    }
    visitor.sign_in(app, &person.email, see_other(&resume_address(app, &waiting.flow))).await
}

/// Writes down what the way back is held against, and gives the address of the way there.
async fn depart(
    app: &App,
    visitor: &Visitor,
    asker: &Asker,
    flow: &Flow,
    upstream: &Upstream,
    login_hint: Option<&str>,
) -> Result<Result<String, Fault>, Problem> {
    let (state, nonce, verifier) = (random::token()?, random::token()?, random::token()?);
    let max_age = asker.max_age;
    let departure = Departure {
        state: state.expose(),
        nonce: nonce.expose(),
        verifier: verifier.expose(),
        login_hint,
        prompt: asker.prompt,
        max_age,
    };
    let address = match app.upstreams.address(upstream, &departure, app.now()).await {
        Ok(address) => address,
        Err(fault) => return Ok(Err(fault)),
    };
    let waiting = Waiting {
        connection: upstream.connection.id.clone(),
        nonce: nonce.expose().clone(),
        verifier: verifier.expose().clone(),
        max_age,
        flow: flow.seal(app)?,
    };
    let plain = serde_json::to_vec(&waiting).map_err(|_| Error::Bug)?;
    let sealed = app.keys.flow.seal(&plain, CONTEXT)?;
    let expires_at = app.now().plus(Duration::from_secs(WAIT_SECONDS));
    let (state, browser) = (sha256(state.expose()), visitor.browser_hash());
    app.store.add_upstream_login(&state, &browser, &sealed, expires_at).await?;
    Ok(Ok(address))
}

/// Judges the response: whose it is, whether it says yes, and what comes for its code.
async fn arrive(app: &App, upstream: &Upstream, params: &Params, waiting: &Waiting) -> Result<Person, Fault> {
    let one = |name| params.one(name).map_err(|_| Fault::Answer("repeated"));
    let now = app.now();
    app.upstreams.check_issuer(upstream, one("iss")?, now).await?;
    match one("error")? {
        None => {}
        Some("server_error" | "temporarily_unavailable") => return Err(Fault::Unreachable),
        Some(_) => return Err(Fault::Denied),
    }
    let arrival = Arrival {
        code: one("code")?.ok_or(Fault::Answer("no code"))?,
        nonce: &waiting.nonce,
        verifier: &waiting.verifier,
        max_age: waiting.max_age,
    };
    app.upstreams.person(upstream, &arrival, now).await
}

/// The sign-in page with what happened: whoever meant another address can give it. No letter takes the provider's place.
fn refuse(
    app: &App,
    visitor: &Visitor,
    asker: &Asker,
    flow: &Flow,
    fault: Fault,
) -> Result<Response, Problem> {
    let words = match fault {
        Fault::Unreachable => "Your organization's sign-in does not answer. Please try again in a while.",
        Fault::Denied => "Your organization's sign-in said no, or you did.",
        Fault::Answer(_) => {
            "Your organization's sign-in gave an answer that cannot be trusted. Please tell your administrator."
        }
        Fault::Unverified => {
            "Your organization has not confirmed your e-mail address. Please tell your administrator."
        }
        Fault::Domain => {
            "Your organization signed in an address of another domain. Please choose another account there."
        }
        Fault::Taken => {
            "This e-mail address belongs to another account of your organization. Please tell your administrator."
        }
    };
    let mut response = sign_in::page(app, visitor, asker, flow, Some(words))?;
    let note = Note { client: asker.client_id.clone(), reason: Some(format!("Upstream{fault:?}")) };
    response.extensions_mut().insert(note);
    Ok(response)
}

fn not_asked() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "This sign-in was not asked for in this browser, or it is over. Please go back to the application and start again.",
    )
}

#[derive(Template)]
#[template(path = "upstream.html")]
struct UpstreamPage<'a> {
    path: &'a str,
    name: &'a str,
    address: &'a str,
}
