//! `/authorize`: the request comes in, the person is asked what has to be asked, the code goes out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use gatepass_core::name::Scopes;

use super::Note;
use super::consent;
use super::flow::{self, Asker, Flow};
use super::membership;
use super::page::Problem;
use super::par;
use super::sign_in;
use super::upstream;
use super::visitor::Visitor;
use crate::app::App;
use crate::grant::authorize::{self, Login, Refusal, Request, Step};
use crate::grant::params::Params;
use crate::grant::pushed::URI_PREFIX;
use crate::grant::redeem::{CODE_SECONDS, Code};
use crate::grant::refused::Refused;
use crate::keys::sha256;
use crate::random;
use crate::store::Session;

/// `GET /authorize` (RFC 6749 section 3.1).
pub(crate) async fn get(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let visitor = Visitor::read(&app, &headers).await?;
        let session = visitor.session.as_ref();
        if let Some(name) = params.one("request_uri")?.and_then(|uri| uri.strip_prefix(URI_PREFIX)) {
            return open_pushed(&app, session, params.required("client_id")?, name).await;
        }
        let flow = Flow::begin(&params, session, app.now());
        run(&app, &visitor, &flow).await
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Opens a request that was handed in first (RFC 9126 section 4). What else stands in the address does not count. It goes
/// on under an address of its own, so that the page can be loaded again after the minute has passed.
async fn open_pushed(
    app: &App,
    session: Option<&Session>,
    client_id: &str,
    name: &str,
) -> Result<Response, Problem> {
    let params = par::parameters(app, client_id, name).await?.ok_or_else(flow::too_late)?;
    let flow = Flow::begin(&params, session, app.now()).opened_from(&sha256(name))?;
    Ok(see_other(&resume_address(app, &flow.seal(app)?)))
}

/// `POST /authorize`: a form from another site comes without our cookies (SameSite=Lax), a navigation with them.
pub(crate) async fn post(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let params =
        std::str::from_utf8(&body).map_err(|_| Refused::Malformed("encoding")).and_then(Params::from_form);
    match params {
        Ok(params) => see_other(&format!("{}/authorize?{}", app.base, params.to_query())),
        Err(refused) => Problem::from(refused).page(&app),
    }
}

/// `GET /authorize/resume`: after a sign-in, the request goes on where it waited.
pub(crate) async fn resume(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let sealed = params.required("flow")?;
        let flow = Flow::open(&app, sealed)?;
        if let Some(address) = flow.page_address(&app, sealed) {
            return Ok(see_other(&address));
        }
        let visitor = Visitor::read(&app, &headers).await?;
        run(&app, &visitor, &flow).await
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Where a request goes on after a sign-in.
pub(crate) fn resume_address(app: &App, flow: &str) -> String {
    format!("{}/authorize/resume?flow={flow}", app.base)
}

async fn run(app: &App, visitor: &Visitor, flow: &Flow) -> Result<Response, Problem> {
    let params = flow.params()?;
    let request = match authorize::read(&params, &app.clients) {
        Ok(request) => request,
        Err(Refusal::Page(words)) => {
            return Err(
                Problem::new(StatusCode::BAD_REQUEST, words).because(unknown(&params, app), asked(&params))
            );
        }
        Err(Refusal::Redirect { redirect_uri, state, refused }) => {
            return Ok(refuse(app, &redirect_uri, state.as_deref(), refused, None));
        }
    };
    let (step, session) = decide(app, visitor, &request, flow).await?;
    match (step, session) {
        (Step::Refuse(refused), _) => Ok(refuse_request(app, &request, refused)),
        (Step::Consent, Some(session)) => consent::page(app, visitor, session, &request, flow),
        (Step::Grant, Some(session)) => grant(app, visitor, session, &request, flow).await,
        (Step::SignIn, _) | (_, None) => {
            let asker = Asker::from(&request);
            match request.domain().and_then(|it| app.upstreams.of_domain(it)) {
                Some(upstream) => upstream::redirect(app, visitor, &asker, flow, upstream).await,
                None => sign_in::page(app, visitor, &asker, flow, None),
            }
        }
    }
}

/// What the log says of a request whose redirect URI is not proven: it is the operator who can mend that.
fn unknown(params: &Params, app: &App) -> String {
    // Neither is a secret, but anybody may write anything there: it is escaped and cut. What an application adds to its
    // own address may be one.
    let shown =
        |text: &str| text.split(['?', '#']).next().unwrap_or_default().chars().take(100).collect::<String>();
    match (params.one("client_id"), params.one("redirect_uri")) {
        (Ok(Some(id)), Ok(_)) if app.clients.find(id).is_none() => format!("UnknownClient({:?})", shown(id)),
        (Ok(Some(id)), Ok(Some(uri))) => {
            format!("UnknownRedirectUri({:?}) of {:?}", shown(uri), shown(id))
        }
        (Ok(Some(id)), Ok(None)) => format!("NoRedirectUri of {:?}", shown(id)),
        _ => String::from("NoClientOrRedirectUri"),
    }
}

/// The same for a page, where it may be shown: all of it, as it is the asker's own.
fn asked(params: &Params) -> Vec<(&'static str, String)> {
    const LONGEST: usize = 500;
    let shown = |name| Some((name, params.one(name).ok()??.chars().take(LONGEST).collect()));
    shown("client_id")
        .map(|id| [Some(id), shown("redirect_uri")].into_iter().flatten().collect())
        .unwrap_or_default()
}

/// What comes next in this browser.
pub(crate) async fn decide<'a>(
    app: &App,
    visitor: &'a Visitor,
    request: &Request<'_>,
    flow: &Flow,
) -> Result<(Step, Option<&'a Session>), Problem> {
    let session = visitor.session.as_ref();
    let consented = match session {
        Some(session) => {
            let given = app.store.consent(&session.user_id, &request.client.id).await?;
            given
                .and_then(|given| Scopes::parse(&given).ok())
                .is_some_and(|given| given.contains_all(&request.scope))
        }
        None => false,
    };
    let login = session.map(|session| Login { at: session.auth_time, during: flow.led_to(session) });
    let step = authorize::decide(request, login, consented, app.now());
    if let (Step::Consent | Step::Grant, Some(session)) = (step, session)
        && !membership::admits(app, &session.user_id, request.organization.as_deref()).await?
    {
        return Ok((Step::Refuse(Refused::Organization), Some(session)));
    }
    Ok((step, session))
}

/// Issues a code and sends it home.
pub(crate) async fn grant(
    app: &App,
    visitor: &Visitor,
    session: &Session,
    request: &Request<'_>,
    flow: &Flow,
) -> Result<Response, Problem> {
    flow.finish(app).await?;
    let code = random::token()?;
    let row = Code {
        client_id: request.client.id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        user_id: session.user_id.clone(),
        sid: session.sid.clone(),
        scope: request.scope.as_str().to_owned(),
        audience: request.audience.clone(),
        organization_id: request.organization.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.clone(),
        dpop_jkt: request.dpop_jkt.clone(),
        auth_time: session.auth_time,
        expires_at: app.now().plus(Duration::from_secs(CODE_SECONDS)),
        // A page's tokens stay in the browser that asks; a terminal's leave it.
        device: (!request.client.native).then(|| visitor.described.clone()),
        family_id: None,
    };
    app.store.add_code(&sha256(code.expose()), &row).await?;
    let members = [("code", code.expose().as_str())];
    let address =
        authorize::response(&request.redirect_uri, request.state.as_deref(), app.issuer.as_str(), &members);
    Ok(noted(see_other(&address), request, None))
}

/// Sends a refusal home.
pub(crate) fn refuse_request(app: &App, request: &Request<'_>, refused: Refused) -> Response {
    let client = Some(request.client.id.clone());
    refuse(app, &request.redirect_uri, request.state.as_deref(), refused, client)
}

fn refuse(
    app: &App,
    redirect_uri: &str,
    state: Option<&str>,
    refused: Refused,
    client: Option<String>,
) -> Response {
    let (code, words) = refused.wire();
    let members = [("error", code), ("error_description", &words)];
    let mut response = see_other(&authorize::response(redirect_uri, state, app.issuer.as_str(), &members));
    response.extensions_mut().insert(Note { client, reason: Some(refused.reason()) });
    response
}

/// 303, never 307: the browser must not send the form on (RFC 9700 section 4.12).
pub(crate) fn see_other(address: &str) -> Response {
    let headers = [
        (axum::http::header::LOCATION, address),
        (axum::http::header::CACHE_CONTROL, "no-store"),
        (axum::http::header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn noted(mut response: Response, request: &Request<'_>, reason: Option<String>) -> Response {
    response.extensions_mut().insert(Note { client: Some(request.client.id.clone()), reason });
    response
}
