//! Between the letter and its link: the page that waits, and where a browser goes on in whose other tab the link was pressed.
//!
//! | the answer of the sign-in goes to | the letter's tab | the tab that waits |
//! |---|---|---|
//! | an address that every tab can open | goes on | says so |
//! | an address that one window alone can follow | sends its person back | goes on |

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::authorize::{resume_address, see_other};
use super::flow::{Asker, Flow};
use super::page::{self, Problem};
use super::visitor::Visitor;
use super::{Unlogged, answer, navigation};
use crate::app::App;
use crate::grant::params::Params;
use crate::grant::redirect;

/// The page that waits.
pub(super) fn page(
    app: &App,
    visitor: &Visitor,
    asker: &Asker,
    flow: &Flow,
    problem: Option<&str>,
) -> Result<Response, Problem> {
    let sealed = flow.seal(app)?;
    let template = WaitPage {
        path: &app.path,
        client: &asker.client,
        csrf: visitor.form_token(app),
        resume: resume_address(app, &sealed),
        flow: sealed,
        mailbox: app.mailbox.is_some(),
        problem,
    };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(visitor.name(app, page::show_asking(status, &template, asker.redirect_uri.as_deref())))
}

/// `GET /login/wait`: the page that waits asks whether its link was pressed. Nobody is seen by that: a page that lies open
/// keeps no session alive.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    // Another origin of the same site has the cookies too.
    if !navigation::is_own_script(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let outcome = async {
        let (flow, _) = flow_of(&app, query)?;
        is_signed_in(&app, &headers, &flow).await
    };
    match outcome.await {
        Ok(signed_in) => {
            let mut response = answer::json(StatusCode::OK, &json!({ "signed_in": signed_in }));
            response.extensions_mut().insert(Unlogged);
            response
        }
        Err(problem) => answer::json(problem.status, &json!({ "signed_in": false })),
    }
}

/// `GET /login/go-on`: from the page that waits, by its script or by its button.
pub(crate) async fn go_on(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let (flow, sealed) = flow_of(&app, query)?;
        let asker = flow.asker(&app)?;
        if !is_signed_in(&app, &headers, &flow).await? {
            let visitor = Visitor::read(&app, &headers).await?;
            let words = "The link was not pressed in this browser yet.";
            return page(&app, &visitor, &asker, &flow, Some(words));
        }
        let resume = resume_address(&app, &sealed);
        if one_window(&asker) {
            return Ok(see_other(&resume));
        }
        // The letter's tab went on by itself: a second answer to the same request would be an error there.
        Ok(signed_in(&app, &asker, true, &resume))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `GET /login/go-back`: the letter's tab, where another window has to go on.
pub(crate) async fn go_back(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let (flow, sealed) = flow_of(&app, query)?;
        let resume = resume_address(&app, &sealed);
        if !is_signed_in(&app, &headers, &flow).await? {
            return Ok(see_other(&resume));
        }
        Ok(signed_in(&app, &flow.asker(&app)?, false, &resume))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Where the letter's tab goes on when its link was pressed.
pub(super) fn after_link(app: &App, sealed: &str) -> Result<String, Problem> {
    let asker = Flow::open(app, sealed)?.asker(app)?;
    Ok(if one_window(&asker) {
        format!("{}/login/go-back?flow={sealed}", app.base)
    } else {
        resume_address(app, sealed)
    })
}

/// Whether somebody signed in in this browser since the request came.
async fn is_signed_in(app: &App, headers: &HeaderMap, flow: &Flow) -> Result<bool, Problem> {
    let session = Visitor::session_unseen(app, headers).await?;
    Ok(session.is_some_and(|session| flow.led_to(&session)))
}

fn one_window(asker: &Asker) -> bool {
    asker.redirect_uri.as_deref().is_some_and(redirect::one_window)
}

fn flow_of(app: &App, query: Option<String>) -> Result<(Flow, String), Problem> {
    let params = Params::from_form(&query.unwrap_or_default())?;
    let sealed = params.required("flow")?;
    Ok((Flow::open(app, sealed)?, sealed.to_owned()))
}

fn signed_in(app: &App, asker: &Asker, elsewhere: bool, resume: &str) -> Response {
    let template = SignedInPage { path: &app.path, client: &asker.client, elsewhere, resume };
    page::show(StatusCode::OK, &template, None)
}

#[derive(Template)]
#[template(path = "wait.html")]
struct WaitPage<'a> {
    path: &'a str,
    client: &'a str,
    csrf: String,
    flow: String,
    resume: String,
    mailbox: bool,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInPage<'a> {
    path: &'a str,
    client: &'a str,
    /// Whether the letter's tab went on.
    elsewhere: bool,
    resume: &'a str,
}
