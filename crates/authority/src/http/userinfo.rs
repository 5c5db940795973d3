//! `/userinfo` (OpenID Connect Core section 5.3): a resource like any other, by Bearer (RFC 6750) or DPoP (RFC 9449).

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use gatepass_core::name::Scopes;
use serde_json::Value;

use super::answer::{self, Failure};
use super::{Note, proof};
use crate::app::App;
use crate::grant::claims;
use crate::grant::refused::Refused;

/// `GET` and `POST /userinfo`.
pub(crate) async fn answer(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let response = match authorize(&app, &method, &headers).await {
        Ok(claims) => answer::json(StatusCode::OK, &claims),
        Err(failure) => challenge(&headers, failure.refused()),
    };
    proof::offer_nonce(&app, response)
}

async fn authorize(app: &App, method: &Method, headers: &HeaderMap) -> Result<Value, Failure> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Refused::TokenInvalid)?;
    let token = token.trim();
    let claims = app.es256.verify_own("at+jwt", token).ok_or(Refused::TokenInvalid)?;
    if claims["iss"] != app.issuer.as_str()
        || claims["exp"].as_u64().is_none_or(|exp| exp <= app.now().seconds())
    {
        return Err(Refused::TokenInvalid.into());
    }
    let jkt = claims["cnf"]["jkt"].as_str();
    let mut proof = None;
    if scheme.eq_ignore_ascii_case("dpop") {
        proof = proof::check(app, headers, method, "/userinfo", Some(token))?;
        let key = &proof.as_ref().ok_or(Refused::Proof("no header"))?.jkt;
        if jkt != Some(key) {
            return Err(Refused::TokenKey.into());
        }
    } else if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refused::TokenInvalid.into());
    } else if jkt.is_some() {
        // RFC 9449 section 7.2: a bound token is no bearer token.
        return Err(Refused::TokenScheme.into());
    }
    let scope = Scopes::parse(claims["scope"].as_str().unwrap_or_default())?;
    if !scope.contains("openid") {
        return Err(Refused::TokenScope.into());
    }
    let family = claims["jti"].as_str().and_then(claims::family_of).ok_or(Refused::TokenInvalid)?;
    let family =
        app.store.family(&family).await?.filter(|family| !family.revoked).ok_or(Refused::TokenRevoked)?;
    proof::once(app, proof.as_ref()).await?;
    let email = app.store.email(&family.user_id).await?.ok_or(Refused::TokenRevoked)?;
    Ok(claims::userinfo(&family.user_id, &scope, &email))
}

/// RFC 6750 section 3 and RFC 9449 section 7.1.
fn challenge(headers: &HeaderMap, refused: Refused) -> Response {
    let (code, words) = refused.wire();
    let mut response = answer::error(refused, None, false);
    let dpop = matches!(
        refused,
        Refused::Proof(_)
            | Refused::ProofReplayed
            | Refused::ProofNonce
            | Refused::TokenScheme
            | Refused::TokenKey
    );
    if dpop || refused.status() == 401 || refused.status() == 403 {
        // At resources, a bad proof is an authentication that failed.
        if dpop {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        // RFC 6750 section 3.1: whoever sent nothing is told nothing but the schemes.
        let detail = if headers.contains_key(header::AUTHORIZATION) {
            format!(" error=\"{code}\", error_description=\"{words}\"")
        } else {
            String::new()
        };
        let algorithms = if detail.is_empty() { " algs=\"ES256\"" } else { ", algs=\"ES256\"" };
        let lines = if dpop {
            vec![format!("DPoP{detail}{algorithms}")]
        } else {
            vec![format!("Bearer{detail}"), format!("DPoP{detail}{algorithms}")]
        };
        for line in lines {
            if let Ok(line) = HeaderValue::from_str(&line) {
                response.headers_mut().append(header::WWW_AUTHENTICATE, line);
            }
        }
    }
    response.extensions_mut().insert(Note { client: None, reason: Some(refused.reason()) });
    response
}
