//! `/grants` and `/session`: all that acts for a person, listed and ended by that person in an application of the house.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::access::{self, Access, SessionToken};
use super::answer::{self, Failure};
use super::proof;
use crate::app::App;
use crate::grant::refresh::{Family, Way};
use crate::grant::refused::Refused;
use crate::keys::base64url;

/// `GET /grants`.
pub(crate) async fn list(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, "/grants", &headers).await?;
        let own = may_manage(&app, &access)?.family.id;
        let grants = app.store.grants(&access.user_id, app.now()).await?;
        let list: Vec<Value> = grants.iter().map(|family| shown(&app, family, &own)).collect();
        Ok(answer::json(StatusCode::OK, &json!({"grants": list})))
    };
    answered(&app, &headers, outcome.await)
}

/// `DELETE /grants/{id}`.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, &format!("/grants/{id}"), &headers).await?;
        may_manage(&app, &access)?;
        let id = Base64UrlUnpadded::decode_vec(&id).ok().and_then(|id| id.try_into().ok());
        let id: [u8; 16] = id.ok_or(Refused::GrantUnknown)?;
        // Another person's grant is as unknown as one that never was.
        if app.store.end_grant(&access.user_id, &id, app.now()).await? {
            Ok(ended())
        } else {
            Err(Refused::GrantUnknown.into())
        }
    };
    answered(&app, &headers, outcome.await)
}

/// `DELETE /grants`: every grant and every browser, the caller's own too.
pub(crate) async fn end_all(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, "/grants", &headers).await?;
        may_manage(&app, &access)?;
        app.store.end_everything(&access.user_id, app.now()).await?;
        Ok(ended())
    };
    answered(&app, &headers, outcome.await)
}

/// `DELETE /session`: the browser in which the caller was signed in, whose next sign-in would ask nothing. Grants that came
/// of it stay.
pub(crate) async fn end_browser(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, "/session", &headers).await?;
        app.store.end_browser(&may_manage(&app, &access)?.family.sid).await?;
        Ok(ended())
    };
    answered(&app, &headers, outcome.await)
}

/// A device that its person was talked into (RFC 8628 section 5.4) neither looks around nor shuts the owner out.
fn may_manage<'a>(app: &App, access: &'a Access) -> Result<&'a SessionToken, Refused> {
    access.managing(app).filter(|token| token.family.way != Way::Device).ok_or(Refused::GrantManage)
}

fn ended() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

fn answered(app: &App, headers: &HeaderMap, outcome: Result<Response, Failure>) -> Response {
    let response = outcome.unwrap_or_else(|failure| access::challenge(headers, failure.refused()));
    proof::offer_nonce(app, response)
}

/// What its owner sees of a grant. Moments are seconds since 1970.
fn shown(app: &App, family: &Family, own: &[u8; 16]) -> Value {
    // A client may have left the configuration; its grants live on until they end.
    let client = app.clients.find(&family.client_id);
    json!({
        "id": base64url(family.id),
        "client_id": family.client_id,
        "client_name": client.map_or(family.client_id.as_str(), |client| client.name.as_str()),
        "type": if client.is_some_and(|client| client.native) { "native" } else { "web" },
        "way": family.way.name(),
        "device": family.device,
        "scopes": family.scope.split(' ').filter(|scope| !scope.is_empty()).collect::<Vec<_>>(),
        "audience": family.audience,
        "organization_id": family.organization_id,
        "bound": family.dpop_jkt.is_some(),
        "created_at": family.created_at.seconds(),
        "last_used_at": family.last_used_at.seconds(),
        "expires_at": family.absolute_expires_at.seconds(),
        "idle_expires_at": family.idle_expires_at.seconds(),
        "current": family.id == *own,
    })
}
