//! `/oauth/par`: takes an authorization request before its person arrives (RFC 9126).

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
use super::page::Problem;
use super::{Note, client_auth, proof};
use crate::app::App;
use crate::grant::client::Client;
use crate::grant::params::Params;
use crate::grant::pushed::{self, PUSHED_SECONDS, URI_PREFIX};
use crate::keys::{base64url, sha256};

/// `POST /oauth/par`.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let basic = headers.contains_key(header::AUTHORIZATION);
    let read = client_auth::parameters(&uri, &headers, &body).and_then(|params| {
        params.refuse_repeated()?;
        Ok((client_auth::client(&app, &headers, &params)?, params))
    });
    let response = match read {
        Err(refused) => answer::error(refused, None, basic),
        Ok((client, params)) => match push(&app, client, &method, &headers, params).await {
            Ok(name) => {
                // Section 2.2: created.
                let mut response = answer::json(StatusCode::CREATED, &name);
                response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason: None });
                response
            }
            Err(failure) => answer::error(failure.refused(), Some(client.id.clone()), basic),
        },
    };
    proof::offer_nonce(&app, response)
}

async fn push(
    app: &App,
    client: &Client,
    method: &Method,
    headers: &HeaderMap,
    params: Params,
) -> Result<Value, Failure> {
    // Not remembered: nobody has granted anything yet, and its replay hands in what anybody may hand in.
    let proof = proof::check(app, headers, method, "/oauth/par", None)?;
    let jkt = proof.as_ref().map(|proof| proof.jkt.as_str());
    let params = pushed::read(params, client, &app.clients, jkt)?;
    let request = Pushed { query: params.to_query(), expires: app.now().seconds() + PUSHED_SECONDS };
    let name = request.seal(app)?;
    Ok(json!({"request_uri": format!("{URI_PREFIX}{name}"), "expires_in": PUSHED_SECONDS}))
}

/// A request on its way to a browser. It travels in its own name: nobody reads it, nobody changes it, nobody makes one,
/// and nothing is kept of requests that nobody comes with.
#[derive(Serialize, Deserialize)]
struct Pushed {
    query: String,
    expires: u64,
}

impl Pushed {
    fn seal(&self, app: &App) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).map_err(|_| Error::Bug)?;
        Ok(base64url(app.keys.flow.seal(&plain, CONTEXT)?))
    }

    fn open(app: &App, name: &str) -> Option<Self> {
        let plain = app.keys.flow.open(&Base64UrlUnpadded::decode_vec(name).ok()?, CONTEXT)?;
        serde_json::from_slice(&plain).ok()
    }
}

const CONTEXT: &str = "pushed request";

/// The parameters of a request that may still be opened by this client.
pub(super) async fn parameters(app: &App, client_id: &str, name: &str) -> Result<Option<Params>, Problem> {
    let Some(request) = Pushed::open(app, name) else { return Ok(None) };
    if request.expires <= app.now().seconds() || app.store.pushed_request_is_used(&sha256(name)).await? {
        return Ok(None);
    }
    let params = Params::from_form(&request.query)?;
    // RFC 9126 section 2.2: bound to the client that handed it in.
    let own = params.one("client_id")? == Some(client_id);
    Ok(own.then_some(params))
}
