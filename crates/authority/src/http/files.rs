//! The dashboard and the web library, as `cargo xtask wasm` staged them.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Redirect, Response};
use axum::routing::get;
use tower_http::services::ServeDir;

use crate::app::App;

/// The dashboard runs our wasm, talks to us alone, and may hand a grant to a program on this machine.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self' http://127.0.0.1:*; frame-ancestors 'none'; \
     base-uri 'none'";

/// Serves three folders of `www`, and nothing beside them.
pub(crate) fn router(www: &Path) -> Router<Arc<App>> {
    let files = ServeDir::new(www).precompressed_gzip();
    Router::new()
        .route_service("/dashboard/", files.clone())
        .route_service("/dashboard/{*file}", files.clone())
        .route_service("/web/{*file}", files.clone())
        .route_service("/assets/{*file}", files)
        .layer(middleware::map_response(headers))
        .layer(middleware::from_fn(forever))
        .layer(middleware::map_request(page_of_name))
        .route("/dashboard", get(to_dashboard))
        .route("/", get(to_dashboard))
}

async fn to_dashboard(State(app): State<Arc<App>>) -> Redirect {
    Redirect::temporary(&format!("{}/dashboard/", app.path))
}

/// `/dashboard/cli` is the page `cli.html`: an address that people see says what it is, not how it is stored.
async fn page_of_name(mut request: Request) -> Request {
    if let Some(address) = page_address(request.uri()) {
        *request.uri_mut() = address;
    }
    request
}

fn page_address(uri: &Uri) -> Option<Uri> {
    let (_, name) = uri.path().split_once("/dashboard/")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}.html{query}", uri.path()).parse().ok()
}

async fn headers(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        *response.body_mut() = Body::from("there is nothing at this address\n");
    }
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-cache");
    // Of scripts too: a worker has the policy of its own file.
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_FRAME_OPTIONS, "DENY");
    response
}

/// `/assets/<digest>/..` never changes: another content has another digest.
async fn forever(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let digested = path.split_once("/assets/").is_some_and(|(_, rest)| rest.contains('/'));
    let mut response = next.run(request).await;
    // What a browser is told of an unchanged file replaces what it was told with the file.
    if digested && (response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED) {
        let value = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_pages_and_nothing_else_is() {
        let page = |path: &'static str| page_address(&Uri::from_static(path)).map(|uri| uri.to_string());
        assert_eq!(page("/dashboard/cli").as_deref(), Some("/dashboard/cli.html"));
        assert_eq!(page("/auth/dashboard/cli?a=b").as_deref(), Some("/auth/dashboard/cli.html?a=b"));
        for other in [
            "/dashboard/",
            "/dashboard/cli.html",
            "/dashboard/a/b",
            "/dashboard/cli/",
            "/dashboard/..",
            "/dashboard/%2e%2e",
            "/dashboard/%63li",
            "/web/LICENSE-MIT",
            "/assets/x",
        ] {
            assert_eq!(page(other), None, "{other}");
        }
    }
}
