//! Refresh token for tokens (RFC 6749 section 6).

use crate::form::Form;
use crate::http::Request;
use crate::name::ClientId;
use crate::secret::Secret;
use crate::url::Endpoint;

/// Presents the refresh token. The answer is read by `token_response`.
pub fn request(token_endpoint: &Endpoint, client_id: &ClientId, refresh_token: &Secret) -> Request {
    let form = Form::new()
        .with("grant_type", "refresh_token")
        .with("refresh_token", refresh_token.expose())
        .with("client_id", client_id.as_str());
    Request::post(token_endpoint.clone(), form)
}
