//! `/orgs`: where the caller belongs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, Failure};
use super::{access, proof};
use crate::app::App;

/// `GET /orgs`.
pub(crate) async fn list(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let response = match memberships(&app, &method, &headers).await {
        Ok(body) => answer::json(StatusCode::OK, &body),
        Err(failure) => access::challenge(&headers, failure.refused()),
    };
    proof::offer_nonce(&app, response)
}

async fn memberships(app: &App, method: &Method, headers: &HeaderMap) -> Result<Value, Failure> {
    let access = access::check(app, method, "/orgs", headers).await?;
    let memberships = app.store.memberships(&access.user_id).await?;
    // The default is for a program in which nobody has chosen yet: where the person has belonged longest.
    let list: Vec<Value> = memberships
        .iter()
        .enumerate()
        .map(|(at, one)| json!({"id": one.id, "name": one.name, "role": one.role, "default": at == 0}))
        .collect();
    Ok(json!({"organizations": list}))
}
