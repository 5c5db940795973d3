//! What clients are told in advance (RFC 8414, OpenID Connect Discovery 1.0).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::handoff;
use crate::app::App;
use crate::grant::authorize::SCOPES;
use crate::grant::client::GrantType;

/// `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn openid(State(app): State<Arc<App>>) -> Response {
    let base = &app.base;
    let authentication = ["none", "client_secret_basic", "client_secret_post"];
    public(&json!({
        "issuer": app.issuer.as_str(),
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "device_authorization_endpoint": format!("{base}/oauth/device/code"),
        "pushed_authorization_request_endpoint": format!("{base}/oauth/par"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "userinfo_endpoint": format!("{base}/userinfo"),
        "end_session_endpoint": format!("{base}/logout"),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL.map(GrantType::name),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "claims_supported":
            ["iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "email", "email_verified", "org_id"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
        // Ours: what a person has granted, a session that is in use, and a browser that a program signs in.
        "gatepass_grants_endpoint": format!("{base}/grants"),
        "gatepass_heartbeat_endpoint": format!("{base}/session/heartbeat"),
        "gatepass_session_link_endpoint": format!("{base}/session/link"),
        // Ours: where a dashboard hands in what a terminal asks for.
        "gatepass_handoff_endpoint": format!("{base}{}", handoff::ENDPOINT),
        // Ours: a replay of the previous refresh token returns the same successor. Without limit of time for clients
        // that prove themselves, by the session's key or by a secret; a bare public client has 10 s
        // (`BARE_REPLAY_SECONDS`), too short to sleep over, and must not build on this member.
        "gatepass_refresh_token_replay": "successor",
    }))
}

/// `/.well-known/jwks.json`.
pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Response {
    public(&app.jwks())
}

fn public(body: &Value) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, body.to_string()).into_response()
}
