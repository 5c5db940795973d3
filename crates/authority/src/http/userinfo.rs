//! `/userinfo` (OpenID Connect Core section 5.3): a resource like any other.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::answer::{self, Failure};
use super::{access, proof};
use crate::app::App;
use crate::grant::claims;
use crate::grant::refused::Refused;

/// `GET` and `POST /userinfo`.
pub(crate) async fn answer(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let response = match claims(&app, &method, &headers).await {
        Ok(claims) => answer::json(StatusCode::OK, &claims),
        Err(failure) => access::challenge(&headers, failure.refused()),
    };
    proof::offer_nonce(&app, response)
}

async fn claims(app: &App, method: &Method, headers: &HeaderMap) -> Result<Value, Failure> {
    let access = access::check(app, method, "/userinfo", headers).await?;
    let email = app.store.email(&access.user_id).await?.ok_or(Refused::TokenRevoked)?;
    Ok(claims::userinfo(&access.user_id, &access.scope, &email))
}
