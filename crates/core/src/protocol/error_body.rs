//! Error responses (RFC 6749 section 5.2).

use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::http::Response;
use crate::json::Object;

/// Reads a response that is not a success. Only what a server says in the registered form is a refusal; everything
/// else says nothing about the grant.
pub fn parse(response: &Response, message: Message) -> Error {
    if response.is_transient() {
        return Error::Unreachable;
    }
    // Not the content type but the body decides: many servers send their errors as text/html.
    let code = Object::parse(response.body.expose(), message)
        .and_then(|body| body.required(Field::Error).map(Refusal::parse));
    match code {
        Ok(refusal) => Error::Refused(refusal),
        Err(_) => Error::Malformed { message, field: Field::Status },
    }
}
