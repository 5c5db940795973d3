//! Answers of the endpoints that programs call: JSON, never kept by anybody.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatepass_core::error::Error;
use serde_json::{Value, json};

use super::Note;
use crate::grant::refused::Refused;
use crate::talk;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By the rules.
    Refused(Refused),
    /// The database failed.
    Store(sqlx::Error),
}

impl Failure {
    /// As a refusal; a broken database is told to the operator, not to the caller.
    pub(crate) fn refused(self) -> Refused {
        match self {
            Self::Refused(refused) => refused,
            Self::Store(error) => {
                talk::say(&format!("the database failed: {error}"));
                Refused::Server
            }
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error.into())
    }
}

/// A JSON answer that must not be stored (RFC 6749 section 5.1).
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body.to_string()).into_response()
}

/// An error answer (RFC 6749 section 5.2).
pub(crate) fn error(refused: Refused, client: Option<String>, basic: bool) -> Response {
    let (code, words) = refused.wire();
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &json!({"error": code, "error_description": words}));
    // RFC 6749 section 5.2: whoever came with Basic is told so.
    if refused == Refused::Client && basic {
        let value = HeaderValue::from_static("Basic realm=\"gatepass\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response.extensions_mut().insert(Note { client, reason: Some(refused.reason()) });
    response
}
