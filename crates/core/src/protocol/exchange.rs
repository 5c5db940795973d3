//! Code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

use crate::form::Form;
use crate::http::Request;
use crate::name::ClientId;
use crate::secret::Secret;
use crate::url::{Endpoint, RedirectUri};

/// Presents the code together with everything that it is tied to. The answer is read by `token_response`.
pub fn request(
    token_endpoint: &Endpoint,
    client_id: &ClientId,
    redirect_uri: Option<&RedirectUri>,
    code: &Secret,
    verifier: &Secret,
) -> Request {
    let form = Form::new()
        .with("grant_type", "authorization_code")
        .with("code", code.expose())
        // RFC 6749 section 4.1.3: as in the request, or in neither.
        .with_some("redirect_uri", redirect_uri.map(RedirectUri::as_str))
        .with("client_id", client_id.as_str())
        .with("code_verifier", verifier.expose());
    Request::post(token_endpoint.clone(), form)
}
