//! `/logout`: ends the browser's session, after a question (OpenID Connect RP-Initiated Logout section 2).

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::page::{self, Problem};
use super::sign_in::form;
use super::visitor::Visitor;
use crate::app::App;

/// `GET /logout`: asks. A link must not be able to sign anybody out.
pub(crate) async fn look(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let outcome = async {
        let visitor = Visitor::read(&app, &headers).await?;
        let template = LogoutPage {
            path: &app.path,
            email: visitor.session.as_ref().map(|session| session.email.as_str()),
            csrf: visitor.session_token(&app),
        };
        Ok(visitor.name(&app, page::show(StatusCode::OK, &template, None)))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /logout`.
pub(crate) async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        let template = LogoutPage { path: &app.path, email: None, csrf: String::new() };
        visitor.sign_out(&app, page::show(StatusCode::OK, &template, None)).await
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage<'a> {
    path: &'a str,
    email: Option<&'a str>,
    csrf: String,
}
