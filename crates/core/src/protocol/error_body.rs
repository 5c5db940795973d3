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
    code(response, message).map_or(Error::Malformed { message, field: Field::Status }, Error::Refused)
}

/// The error code, if the body has one. Not the content type but the body decides: many servers send their errors as
/// text/html.
pub fn code(response: &Response, message: Message) -> Option<Refusal> {
    let body = Object::parse(response.body.expose(), message).ok()?;
    body.required(Field::Error).ok().map(Refusal::parse)
}

/// Refuses a body that says `error` although its status is a success, as some servers send their refusals.
pub fn check(body: &Object) -> Result<(), Error> {
    if !body.has(Field::Error) {
        return Ok(());
    }
    Err(body
        .required(Field::Error)
        .map_or_else(|_| body.blame(Field::Error), |code| Error::Refused(Refusal::parse(code))))
}
