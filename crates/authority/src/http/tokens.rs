//! `/tokens`: personal access tokens, made, listed and removed by their owner in an application of the house.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{self, Access, SessionToken};
use super::answer::{self, Failure};
use super::proof;
use crate::app::App;
use crate::grant::personal::{self, FRESH_SECONDS, PersonalToken};
use crate::grant::refresh::Way;
use crate::grant::refused::Refused;
use crate::keys::sha256;
use crate::random;

/// What is asked for. An unknown member is a mistake: it might have been meant as a limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// `POST /tokens`: the one answer that ever shows the token.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, "/tokens", &headers).await?;
        may_make(&app, may_manage(&app, &access)?)?;
        make(&app, &access, wish(&headers, &body)?).await
    };
    answered(&app, &headers, outcome.await.map(|body| answer::json(StatusCode::CREATED, &body)))
}

/// `GET /tokens`.
pub(crate) async fn list(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, "/tokens", &headers).await?;
        may_manage(&app, &access)?;
        let tokens = app.store.personal_tokens(&access.user_id, app.now()).await?;
        let list: Vec<Value> = tokens.iter().map(shown).collect();
        Ok(json!({"tokens": list}))
    };
    answered(&app, &headers, outcome.await.map(|body| answer::json(StatusCode::OK, &body)))
}

/// `DELETE /tokens/{id}`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let access = access::check(&app, &method, &format!("/tokens/{id}"), &headers).await?;
        may_manage(&app, &access)?;
        // Another person's token is as unknown as one that never was.
        if app.store.remove_personal_token(&access.user_id, &id).await? {
            Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
        } else {
            Err(Refused::PersonalUnknown.into())
        }
    };
    answered(&app, &headers, outcome.await)
}

fn answered(app: &App, headers: &HeaderMap, outcome: Result<Response, Failure>) -> Response {
    let response = outcome.unwrap_or_else(|failure| access::challenge(headers, failure.refused()));
    proof::offer_nonce(app, response)
}

/// A personal token makes no others.
fn may_manage<'a>(app: &App, access: &'a Access) -> Result<&'a SessionToken, Refused> {
    access.managing(app).ok_or(Refused::PersonalManage)
}

/// What was stolen on its way, or a script that runs in a page, must not become a token that lasts: the sign-in is young,
/// or a program proves the key to which it is bound. A page's key says nothing of who asks: every script in it uses it.
/// That a bare token is for this server alone was seen when it was read.
fn may_make(app: &App, session: &SessionToken) -> Result<(), Refused> {
    let family = &session.family;
    // A device that its person was talked into (RFC 8628 section 5.4) ends with its session, and leaves nothing.
    if family.way == Way::Device {
        return Err(Refused::PersonalDevice);
    }
    let native = app.clients.find(&family.client_id).is_some_and(|client| client.native);
    let young = app.now().since(family.auth_time).as_secs() <= FRESH_SECONDS;
    if young || (native && session.bound) { Ok(()) } else { Err(Refused::TokenStale) }
}

fn wish(headers: &HeaderMap, body: &[u8]) -> Result<Wish, Refused> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Err(Refused::UnsupportedMediaType);
    }
    serde_json::from_slice(body).map_err(|_| Refused::Malformed("json"))
}

async fn make(app: &App, access: &Access, wish: Wish) -> Result<Value, Failure> {
    let now = app.now();
    let name = personal::name(&wish.name).ok_or(Refused::Malformed("name"))?;
    let life = personal::life(wish.expires_in).ok_or(Refused::Malformed("expires_in"))?;
    let secret = personal::mint(&random::bytes()?);
    let token = PersonalToken {
        id: random::identifier()?,
        user_id: access.user_id.clone(),
        name: name.to_owned(),
        scope: personal::scope(&access.scope),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(life)),
        last_used_at: None,
    };
    if !app.store.add_personal_token(&sha256(secret.expose()), &token).await? {
        return Err(Refused::PersonalMany.into());
    }
    let mut body = shown(&token);
    body["token"] = secret.expose().as_str().into();
    Ok(body)
}

/// What its owner sees of a token. Moments are seconds since 1970.
fn shown(token: &PersonalToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "created_at": token.created_at.seconds(),
        "expires_at": token.expires_at.seconds(),
        "last_used_at": token.last_used_at.map(|used| used.seconds()),
    })
}
