//! Refresh token for tokens (RFC 6749 section 6).

use crate::form::Form;
use crate::http::Request;
use crate::name::{Audience, ClientId, Scopes};
use crate::secret::Secret;
use crate::url::Endpoint;

/// Presents the refresh token, for the same access as before or for less of it (RFC 6749 section 6), at whom it is
/// meant for (RFC 8707 section 2.2). The answer is read by `token_response`.
pub fn request(
    token_endpoint: &Endpoint,
    client_id: &ClientId,
    refresh_token: &Secret,
    audience: Option<&Audience>,
    scopes: Option<&Scopes>,
) -> Request {
    let form = Form::new()
        .with("grant_type", "refresh_token")
        .with("refresh_token", refresh_token.expose())
        .with("client_id", client_id.as_str())
        .with_some("scope", scopes.map(Scopes::as_str))
        .for_audience(audience);
    Request::post(token_endpoint.clone(), form)
}
