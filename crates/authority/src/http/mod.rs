//! The endpoints, one file each, all under the issuer's path.

mod access;
mod activate;
mod agent;
mod answer;
mod authorize;
mod client_auth;
mod consent;
mod cors;
mod device_code;
mod files;
mod flow;
mod forwarded;
mod grants;
mod handoff;
mod handoff_code;
mod handoff_page;
mod heartbeat;
mod logout;
mod mailbox;
mod membership;
mod metadata;
mod navigation;
mod organizations;
mod page;
mod par;
mod proof;
mod revoke;
mod session_link;
mod sign_in;
mod sign_in_link;
mod token;
mod token_exchange;
mod tokens;
mod upstream;
mod userinfo;
mod visitor;
mod wait;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};

use self::page::Problem;
use crate::app::App;
use crate::talk;

/// No request here has more to say.
const BODY_LIMIT: usize = 64 * 1024;

/// No request here may take longer.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// All endpoints of this authority.
pub(crate) fn router(app: Arc<App>, www: Option<&Path>) -> Router {
    let called_by_pages = Router::new()
        .route("/oauth/token", post(token::post))
        .route("/oauth/par", post(par::post))
        .route(handoff::ENDPOINT, post(handoff::post))
        .route("/oauth/revoke", post(revoke::post))
        .route("/userinfo", get(userinfo::answer).post(userinfo::answer))
        .route("/orgs", get(organizations::list))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::remove))
        .route("/grants", get(grants::list).delete(grants::end_all))
        .route("/grants/{id}", delete(grants::end))
        .route("/session", delete(grants::end_browser))
        .route("/session/heartbeat", post(heartbeat::post))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), cors::registered_origins));
    let public = Router::new()
        .route("/.well-known/openid-configuration", get(metadata::openid))
        .route("/.well-known/oauth-authorization-server", get(metadata::openid))
        .route("/.well-known/jwks.json", get(metadata::jwks))
        .layer(middleware::from_fn(cors::any_origin));
    // No CORS on anything that follows (RFC 9700 section 2.6).
    let pages = Router::new()
        .route("/authorize", get(authorize::get).post(authorize::post))
        .route("/authorize/resume", get(authorize::resume))
        .route("/login/email", post(sign_in::email))
        .route("/login/code", post(sign_in::code))
        .route("/login/link", get(sign_in_link::look).post(sign_in_link::open))
        .route("/login/go-on", get(wait::go_on))
        .route("/login/go-back", get(wait::go_back))
        .route("/oauth/callback/{connection}", get(upstream::callback))
        .route("/consent", post(consent::post))
        .route("/activate", get(activate::look).post(activate::enter))
        .route("/activate/decision", post(activate::decide))
        .route("/handoff", get(handoff_page::look))
        .route("/handoff/decision", post(handoff_page::decide))
        .route("/handoff/code", post(handoff_code::post))
        .route("/session/open", get(session_link::look).post(session_link::open))
        .route("/logout", get(logout::look).post(logout::post))
        .layer(middleware::from_fn(navigation::whole_window));
    let mut below = Router::new()
        .route("/oauth/device/code", post(device_code::post))
        .route("/session/link", post(session_link::make))
        .route("/login/wait", get(wait::ask))
        .route("/dev/mailbox", get(mailbox::page))
        .route("/dev/mailbox.json", get(mailbox::json))
        .route("/assets/authority.css", get(page::stylesheet))
        .route("/assets/handoff.js", get(page::handoff_script))
        .route("/assets/steady.js", get(page::steady_script))
        .route("/assets/wait.js", get(page::wait_script))
        .route("/healthz", get(healthz))
        .merge(pages)
        .merge(called_by_pages)
        .merge(public);
    if let Some(www) = www {
        below = below.merge(files::router(www));
    }
    let router = if app.path.is_empty() {
        below
    } else {
        // RFC 8414 section 3: for an issuer with a path, the well-known part comes first.
        let inserted = format!("/.well-known/oauth-authorization-server{}", app.path);
        let inserted = Router::new()
            .route(&inserted, get(metadata::openid))
            .layer(middleware::from_fn(cors::any_origin));
        Router::new().nest(&app.path, below).merge(inserted)
    };
    let router = if app.trusted_proxies.is_empty() {
        router
    } else {
        router.layer(middleware::from_fn_with_state(Arc::clone(&app), forwarded::people))
    };
    router
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(navigation::no_service_worker))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), watch))
        .with_state(app)
}

/// Who asked and why it failed, for the log; put into a response's extensions by its handler.
#[derive(Clone, Default)]
pub(crate) struct Note {
    pub(crate) client: Option<String>,
    pub(crate) reason: Option<String>,
}

/// What a page asks again and again is no news for the log; put into a response's extensions by its handler.
#[derive(Clone, Copy)]
pub(crate) struct Unlogged;

async fn healthz(State(app): State<Arc<App>>) -> Response {
    if app.store.answers().await {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
    }
}

async fn nothing(State(app): State<Arc<App>>) -> Response {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.").page(&app)
}

/// Ends what takes too long, and writes the log: endpoint, status, client, reason. Never a query, never a body; of a
/// client or a redirect URI that nobody registered, its name.
async fn watch(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let outcome = tokio::time::timeout(TIME_LIMIT, next.run(request)).await;
    let mut response = outcome.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    // The time that tokens and proofs are held against: clients whose clock is wrong learn it here (RFC 9110 section 6.6.1).
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(app.now().seconds()));
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    if app.log && response.extensions().get::<Unlogged>().is_none() {
        let note = response.extensions().get::<Note>().cloned().unwrap_or_default();
        let path = path.as_deref().unwrap_or("(no endpoint)");
        let client = note.client.as_deref().unwrap_or("-");
        let reason = note.reason.as_deref().unwrap_or("-");
        talk::say(&format!("{method} {path} {} client={client} reason={reason}", response.status().as_u16()));
    }
    response
}
