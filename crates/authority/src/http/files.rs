//! The dashboard and the web library, as `cargo xtask wasm` staged them.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{Redirect, Response};
use axum::routing::get;
use tower_http::services::ServeDir;

use crate::app::App;

/// The dashboard runs our wasm, talks to us alone, and may hand a grant to a program on this machine.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self' http://127.0.0.1:*; frame-ancestors 'none'";

/// Serves three folders of `www`, and nothing beside them.
pub(crate) fn router(www: &Path) -> Router<Arc<App>> {
    let files = ServeDir::new(www);
    Router::new()
        .route_service("/dashboard/", files.clone())
        .route_service("/dashboard/{*file}", files.clone())
        .route_service("/web/{*file}", files.clone())
        .route_service("/assets/{*file}", files)
        .layer(middleware::map_response(headers))
        .layer(middleware::from_fn(forever))
        .route("/dashboard", get(to_dashboard))
        .route("/", get(to_dashboard))
}

async fn to_dashboard(State(app): State<Arc<App>>) -> Redirect {
    Redirect::temporary(&format!("{}/dashboard/", app.path))
}

async fn headers(mut response: Response) -> Response {
    let html = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-cache");
    if html {
        set(header::CONTENT_SECURITY_POLICY, DASHBOARD_POLICY);
        set(header::X_FRAME_OPTIONS, "DENY");
    }
    response
}

/// `/assets/<digest>/..` never changes: another content has another digest.
async fn forever(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let digested = path.split_once("/assets/").is_some_and(|(_, rest)| rest.contains('/'));
    let mut response = next.run(request).await;
    if digested && response.status().is_success() {
        let value = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}
