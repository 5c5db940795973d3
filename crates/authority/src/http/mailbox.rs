//! `/dev/mailbox`: where letters go while there is nobody to deliver them. Whoever sees it can sign in as anybody, so
//! it is there on loopback only: the listener, the issuer and the Host must all be this machine.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{answer, page};
use crate::app::App;
use crate::mail::Letter;

/// `GET /dev/mailbox`: for people.
pub(crate) async fn page(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match letters(&app, &headers) {
        Some(letters) => page::show(StatusCode::OK, &MailboxPage { path: &app.path, letters }, None),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /dev/mailbox.json`: for tests, newest first.
pub(crate) async fn json(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let letters = letters(&app, &headers).and_then(|letters| serde_json::to_value(letters).ok());
    match letters {
        Some(letters) => answer::json(StatusCode::OK, &letters),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn letters(app: &App, headers: &HeaderMap) -> Option<Vec<Letter>> {
    let mailbox = app.mailbox.as_ref()?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok())?;
    // A page elsewhere whose name resolves to this machine says its own name (DNS rebinding); a proxy says it is one.
    let local = ["127.0.0.1", "[::1]", "localhost"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    let proxied =
        ["forwarded", "x-forwarded-for", "x-forwarded-host"].iter().any(|name| headers.contains_key(*name));
    (local && !proxied).then(|| mailbox.letters())
}

#[derive(Template)]
#[template(path = "mailbox.html")]
struct MailboxPage<'a> {
    path: &'a str,
    letters: Vec<Letter>,
}
