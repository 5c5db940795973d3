//! `/session/heartbeat`: an application says that its session is in use.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::access::{self, Means};
use super::answer::{self, Failure};
use super::proof;
use crate::app::App;
use crate::grant::refresh::Way;
use crate::grant::refused::Refused;

/// `POST /session/heartbeat`.
pub(crate) async fn post(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let response = match keep_alive(&app, &method, &headers).await {
        Ok(ends) => answer::json(StatusCode::OK, &ends),
        Err(failure) => access::challenge(&headers, failure.refused()),
    };
    proof::offer_nonce(&app, response)
}

async fn keep_alive(app: &App, method: &Method, headers: &HeaderMap) -> Result<Value, Failure> {
    let access = access::check(app, method, "/session/heartbeat", headers).await?;
    let token = match &access.means {
        Means::Session(token) if !token.exchanged => token,
        _ => return Err(Refused::SessionNeeded.into()),
    };
    let client = app.clients.find(&token.family.client_id).ok_or(Refused::TokenRevoked)?;
    let now = app.now();
    let idle = Duration::from_secs(client.refresh_idle_seconds);
    let family = app.store.keep_alive(&token.family.id, idle, now).await?.ok_or(Refused::TokenRevoked)?;
    // A page is used in the browser that was signed in; a program only once came by it. Another company's server says
    // what it likes, and must not keep the person signed in here by it.
    if client.first_party && !client.native && family.way == Way::Code {
        app.store.see_session(&family.sid, now).await?;
    }
    Ok(json!({
        "expires_at": family.absolute_expires_at.seconds(),
        "idle_expires_at": family.idle_expires_at.seconds(),
    }))
}
