//! `/oauth/handoff`: a dashboard hands in what a terminal asks for, and gets the address of the page that asks its person.
//! The dashboard decides nothing: a script in it has a session, and must not be able to make another one of it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{self, Failure};
use super::{Note, access, membership, proof};
use crate::app::App;
use crate::grant::handoff::{self, Handoff, LONGEST};
use crate::grant::params::Params;
use crate::grant::pushed::{PUSHED_SECONDS, URI_PREFIX};
use crate::grant::refused::Refused;
use crate::keys::base64url;

pub(super) const ENDPOINT: &str = "/oauth/handoff";

/// `POST /oauth/handoff`.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let response = match hand_in(&app, &method, &uri, &headers, &body).await {
        Ok((client, name)) => {
            let mut response = answer::json(StatusCode::CREATED, &name);
            response.extensions_mut().insert(Note { client: Some(client), reason: None });
            response
        }
        Err(failure) => access::challenge(&headers, failure.refused()),
    };
    proof::offer_nonce(&app, response)
}

async fn hand_in(
    app: &App,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(String, Value), Failure> {
    let access = access::check(app, method, ENDPOINT, headers).await?;
    let session = access.managing(app).ok_or(Refused::HandoffCaller)?;
    let family = &session.family;
    let dashboard = app.clients.find(&family.client_id).ok_or(Refused::HandoffCaller)?;
    handoff::may_ask(dashboard, family.way)?;
    let params = parameters(uri, headers, body)?;
    let handoff = handoff::read(&params, app.issuer.as_str(), &app.clients)?;
    handoff.within(&access.scope)?;
    if !membership::admits(app, &access.user_id, handoff.organization.as_deref()).await? {
        return Err(Refused::Organization.into());
    }
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let pushed = Pushed {
        query: params.to_query(),
        user_id: access.user_id.clone(),
        family: base64url(family.id),
        origin: origin
            .filter(|origin| app.web_origins.iter().any(|known| known == origin))
            .map(str::to_owned),
        expires: app.now().seconds() + PUSHED_SECONDS,
    };
    let name = format!("{URI_PREFIX}{}", pushed.seal(app)?);
    let mut query = String::new();
    crate::grant::params::push(&mut query, "request_uri", &name);
    let address = format!("{}/handoff?{query}", app.base);
    let answer = json!({"request_uri": name, "expires_in": PUSHED_SECONDS, "handoff_uri": address});
    Ok((handoff.client.id.clone(), answer))
}

/// The fields of the fragment as they came.
fn parameters(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Params, Refused> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let media_type = kind.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refused::UnsupportedMediaType);
    }
    if body.len() > LONGEST || uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Refused::TooLong);
    }
    Params::from_form(std::str::from_utf8(body).map_err(|_| Refused::Malformed("encoding"))?)
}

/// A request on its way to the page that asks. As one of `/oauth/par`, it travels in its own name.
#[derive(Serialize, Deserialize)]
pub(super) struct Pushed {
    query: String,
    /// For whom: the account of the dashboard that handed it in, as long as its session lives.
    pub(super) user_id: String,
    family: String,
    /// The page of the dashboard: the terminal sends the browser back to it.
    pub(super) origin: Option<String>,
    expires: u64,
}

const CONTEXT: &str = "handoff";

impl Pushed {
    fn seal(&self, app: &App) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).map_err(|_| Error::Bug)?;
        Ok(base64url(app.keys.flow.seal(&plain, CONTEXT)?))
    }

    /// Opens a name, whatever its age.
    pub(super) fn open(app: &App, name: &str) -> Option<Self> {
        let plain = app.keys.flow.open(&Base64UrlUnpadded::decode_vec(name).ok()?, CONTEXT)?;
        serde_json::from_slice(&plain).ok()
    }

    /// Whether a window may still begin with it.
    pub(super) fn is_fresh(&self, app: &App) -> bool {
        app.now().seconds() < self.expires
    }

    /// The request; it was good when it was sealed.
    pub(super) fn request<'a>(&self, app: &'a App) -> Result<Handoff<'a>, Refused> {
        handoff::read(&Params::from_form(&self.query)?, app.issuer.as_str(), &app.clients)
    }

    /// Whether the dashboard's session lives that handed it in.
    pub(super) async fn is_live(&self, app: &App) -> Result<bool, Failure> {
        let id = Base64UrlUnpadded::decode_vec(&self.family).ok().and_then(|id| id.try_into().ok());
        let Some(id) = id else { return Ok(false) };
        Ok(app.store.family(&id).await?.is_some_and(|family| !family.revoked))
    }
}
