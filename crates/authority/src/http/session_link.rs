//! `/session/link` and `/session/open`: a program signs its person's browser in, by a link that asks before it does.
//!
//! A link may reach somebody else's browser, where the person would act in a stranger's account without noticing. So the
//! page says whose account it is and who asked, looking consumes nothing, and only a press signs anybody in.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, Failure};
use super::authorize::see_other;
use super::page::{self, Problem};
use super::sign_in::form;
use super::sign_in_link::ago;
use super::visitor::Visitor;
use super::{Note, access, client_auth, navigation, proof};
use crate::app::App;
use crate::grant::params::Params;
use crate::grant::refused::Refused;
use crate::grant::session_link::{self, LIFE_SECONDS};
use crate::keys::sha256;
use crate::random;
use crate::store::SessionLink;

/// `POST /session/link`: a program asks.
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let response = match link(&app, &method, &uri, &headers, &body).await {
        Ok(link) => answer::json(StatusCode::CREATED, &link),
        Err(failure) => {
            let refused = failure.refused();
            let mut response = access::challenge(&headers, refused);
            if refused == Refused::LinkMany {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(LIFE_SECONDS));
            }
            response
        }
    };
    proof::offer_nonce(&app, response)
}

async fn link(
    app: &App,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Failure> {
    let access = access::check(app, method, "/session/link", headers).await?;
    let session = access.managing(app).ok_or(Refused::LinkMake)?;
    let client = app.clients.find(&session.family.client_id).ok_or(Refused::LinkMake)?;
    session_link::may_make(client, &session.family, session.bound)?;
    let params =
        if body.is_empty() { Params::default() } else { client_auth::parameters(uri, headers, body)? };
    params.refuse_repeated()?;
    let return_to = params.one("return_to")?;
    let return_to = return_to.map(|text| session_link::return_to(text, &app.web_origins)).transpose()?;
    let token = random::token()?;
    let (hash, life) = (sha256(token.expose()), Duration::from_secs(LIFE_SECONDS));
    if !app.store.add_session_link(&hash, &session.family.id, return_to, life, app.now()).await? {
        return Err(Refused::LinkMany.into());
    }
    Ok(json!({
        "url": format!("{}/session/open?token={}", app.base, token.expose()),
        "expires_in": LIFE_SECONDS,
    }))
}

/// `GET /session/open`: asks, and changes nothing.
pub(crate) async fn look(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let token = params.required("token")?;
        let visitor = Visitor::read(&app, &headers).await?;
        let link = app.store.session_link(&sha256(token), app.now()).await?.ok_or_else(too_late)?;
        let here = visitor.session.as_ref();
        let client = app.clients.find(&link.client_id).ok_or_else(too_late)?;
        let template = QuestionPage {
            path: &app.path,
            client: &client.name,
            asked: ago(app.now().since(link.created_at)),
            known: here.is_some_and(|session| session.user_id == link.user_id),
            other: here.filter(|session| session.user_id != link.user_id).map(|session| &*session.email),
            link: &link,
            csrf: visitor.session_token(&app),
            token,
        };
        let mut response = page::alone(page::ask(&template, link.return_to.as_deref()));
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason: None });
        Ok(visitor.name(&app, response))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /session/open`: the answer.
pub(crate) async fn open(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        navigation::by_person(&headers)?;
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        // The token holds for one session: no account is left that was not on the page.
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        let hash = sha256(params.required("token")?);
        let link = app.store.session_link(&hash, app.now()).await?.ok_or_else(too_late)?;
        if params.one("decision")? != Some("allow") {
            app.store.use_session_link(&hash, None, app.now()).await?;
            let template = CancelledPage { path: &app.path };
            return Ok(page::show(StatusCode::OK, &template, None));
        }
        let response = see_other(&landing(&app, link.return_to.as_deref()));
        let opened = match &visitor.session {
            // Its own sign-in may be younger, and is what it stays with.
            Some(session) if session.user_id == link.user_id => {
                app.store.use_session_link(&hash, None, app.now()).await?.then_some(response)
            }
            _ => visitor.sign_in_by_link(&app, &hash, response).await?,
        };
        opened.ok_or_else(too_late)
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Where the browser goes on. Our dashboard is told that it may sign in at once; what stands after `#` is read by no server.
fn landing(app: &App, return_to: Option<&str>) -> String {
    let built_in = format!("{}/dashboard", app.base);
    let known = app.clients.find("gatepass-dashboard").and_then(|client| client.redirect_uris.first());
    let own = known.and_then(|uri| uri.rsplit_once('/')).map_or(&*built_in, |(folder, _)| folder);
    match return_to {
        None => format!("{built_in}/#signed-in"),
        Some(page) if page.strip_suffix('/').unwrap_or(page) == own => format!("{own}/#signed-in"),
        Some(page) => page.to_owned(),
    }
}

fn too_late() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "This link was used already, or it is too old: it is good for a minute. Please ask the program for a new one.",
    )
}

#[derive(Template)]
#[template(path = "session_link.html")]
struct QuestionPage<'a> {
    path: &'a str,
    client: &'a str,
    asked: String,
    known: bool,
    other: Option<&'a str>,
    link: &'a SessionLink,
    csrf: String,
    token: &'a str,
}

#[derive(Template)]
#[template(path = "session_link_done.html")]
struct CancelledPage<'a> {
    path: &'a str,
}
