//! Handing in an authorization request before its person arrives (RFC 9126).

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::Form;
use crate::http::{Request, Response};
use crate::json::Object;
use crate::name::ClientId;
use crate::protocol::{authorize, error_body};
use crate::secret::Secret;
use crate::url::Endpoint;

const MESSAGE: Message = Message::PushedAuthorizationResponse;

/// Hands in the parameters of an authorization request (RFC 9126 section 2.1), as `authorize::Ask::form` gives them.
pub fn request(pushed_authorization_request_endpoint: &Endpoint, parameters: Form) -> Request {
    Request::post(pushed_authorization_request_endpoint.clone(), parameters)
}

/// Reads the name under which the server keeps them (RFC 9126 section 2.2). Whoever has it can open the login once,
/// so it is a secret. How long it lives is the server's business: it says so when it is too late.
pub fn parse(response: &Response) -> Result<Secret, Error> {
    // RFC 9126 section 2.2: 201; some servers say 200.
    if !matches!(response.status, 200 | 201) {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    error_body::check(&body)?;
    body.secret(Field::RequestUri)?.ok_or_else(|| body.blame(Field::RequestUri))
}

/// The address to open: the parameters by name only (RFC 9126 section 4).
pub fn url(authorization_endpoint: &Endpoint, client_id: &ClientId, request_uri: &Secret) -> Secret {
    let query = Form::new().with("client_id", client_id.as_str()).with("request_uri", request_uri.expose());
    authorize::url(authorization_endpoint, query)
}
