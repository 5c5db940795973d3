//! `/oauth/revoke` (RFC 7009): ends the family of a refresh or an access token.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::answer::{self, Failure};
use super::{Note, client_auth};
use crate::app::App;
use crate::grant::claims;
use crate::grant::client::Client;
use crate::grant::params::Params;
use crate::grant::refresh;
use crate::grant::refused::Refused;

/// `POST /oauth/revoke`.
pub(crate) async fn post(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let basic = headers.contains_key(header::AUTHORIZATION);
    let read = client_auth::parameters(&uri, &headers, &body).and_then(|params| {
        params.refuse_repeated()?;
        Ok((client_auth::client(&app, &headers, &params)?, params))
    });
    let (client, params) = match read {
        Ok(read) => read,
        Err(refused) => return answer::error(refused, None, basic),
    };
    match revoke(&app, client, &params).await {
        Ok(()) => {
            let mut response = (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response();
            response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason: None });
            response
        }
        Err(failure) => answer::error(failure.refused(), Some(client.id.clone()), basic),
    }
}

async fn revoke(app: &App, client: &Client, params: &Params) -> Result<(), Failure> {
    let token = params.required("token")?;
    let family = match refresh::read(&app.keys.refresh, &client.id, token) {
        Some(presented) => Some(presented.family_id),
        None => family_of_access_token(app, client, token)?,
    };
    // RFC 7009 section 2.2: a token that is not known here is as good as revoked.
    if let Some(family) = family {
        app.store.revoke(&family, "revoked by the client", app.now()).await?;
    }
    Ok(())
}

fn family_of_access_token(app: &App, client: &Client, token: &str) -> Result<Option<[u8; 16]>, Refused> {
    let claims = app.es256.verify_own("at+jwt", token);
    // RFC 7009 section 2.1: only the client to which it was issued.
    let Some(claims) = claims.filter(|claims| claims["client_id"] == client.id.as_str()) else {
        return Ok(None);
    };
    // Whoever was lent a token must not end the lender's session.
    if claims::is_exchanged(&claims) {
        return Err(Refused::TokenExchanged);
    }
    Ok(claims["jti"].as_str().and_then(claims::family_of))
}
