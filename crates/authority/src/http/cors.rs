//! Which pages may call which endpoints (RFC 9700 section 2.6). Never with credentials: no cookie counts there.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// Pages of registered web clients.
pub(crate) async fn registered_origins(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| app.web_origins.iter().any(|known| origin == known.as_str()));
    let mut response = respond(request, next).await;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        allow(response.headers_mut(), origin);
    }
    response
}

/// Every page: what is public is public.
pub(crate) async fn any_origin(request: Request, next: Next) -> Response {
    let mut response = respond(request, next).await;
    allow(response.headers_mut(), HeaderValue::from_static("*"));
    response
}

async fn respond(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await }
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, dpop"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "DPoP-Nonce, WWW-Authenticate, Date"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
