//! A form that a browser posts, read whole before anybody looks at it.

use gatepass_core::secret::Secret;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Request, StatusCode};

use super::HEAD_LIMIT;

/// How large it may be. It may bring a session, with its tokens.
const LARGEST: usize = 64 * 1024;

/// Whether this is a form as browsers post it, with all of it in its body.
pub(super) fn is_form<T>(request: &Request<T>) -> Result<(), StatusCode> {
    let mut kinds = request.headers().get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    };
    if kind != "application/x-www-form-urlencoded" {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    if request.uri().query().is_some() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match length {
        None => Err(StatusCode::LENGTH_REQUIRED),
        Some(0..=LARGEST) => Ok(()),
        Some(_) => Err(StatusCode::PAYLOAD_TOO_LARGE),
    }
}

/// Its body.
pub(super) async fn read(request: Request<Incoming>) -> Result<Secret, StatusCode> {
    let body = Limited::new(request.into_body(), LARGEST).collect();
    let body = tokio::time::timeout(HEAD_LIMIT, body).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
    let body = body.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    std::str::from_utf8(&body).map(Secret::from).map_err(|_| StatusCode::BAD_REQUEST)
}
