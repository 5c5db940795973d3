//! Giving a grant back (RFC 7009 section 2).

use crate::error::Error;
use crate::field::Message;
use crate::form::Form;
use crate::http::{Request, Response};
use crate::name::ClientId;
use crate::protocol::error_body;
use crate::secret::Secret;
use crate::url::Endpoint;

/// Asks the server to revoke the refresh token, and with it the whole grant (RFC 7009 section 2.1).
pub fn request(revocation_endpoint: &Endpoint, client_id: &ClientId, refresh_token: &Secret) -> Request {
    let form = Form::new()
        .with("token", refresh_token.expose())
        .with("token_type_hint", "refresh_token")
        .with("client_id", client_id.as_str());
    Request::post(revocation_endpoint.clone(), form)
}

/// 200 means revoked, or never known (RFC 7009 section 2.2).
pub fn parse(response: &Response) -> Result<(), Error> {
    match response.status {
        200 | 204 => Ok(()),
        _ => Err(error_body::parse(response, Message::RevocationResponse)),
    }
}
