//! Who calls a resource of ours: by an access token, as Bearer (RFC 6750) or bound to a key (RFC 9449), or by a
//! personal token as Bearer.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use gatepass_core::name::Scopes;
use serde_json::Value;

use super::answer::{self, Failure};
use super::{Note, proof};
use crate::app::App;
use crate::grant::claims;
use crate::grant::dpop::Proof;
use crate::grant::personal::{self, FRESH_SECONDS};
use crate::grant::refresh::Family;
use crate::grant::refused::Refused;

/// A caller who may ask for what is theirs.
pub(crate) struct Access {
    pub(crate) user_id: String,
    pub(crate) scope: Scopes,
    pub(crate) means: Means,
}

/// What the caller showed.
pub(crate) enum Means {
    /// An access token.
    Session(Box<SessionToken>),
    /// A personal token.
    Personal,
}

/// What an access token says beside its owner and scope.
pub(crate) struct SessionToken {
    pub(crate) family: Family,
    /// The caller proved the key to which it is bound.
    pub(crate) bound: bool,
    /// It came of an exchange: another program uses it, and for little.
    pub(crate) exchanged: bool,
}

impl Access {
    /// The session of a caller who manages what a person has: an application of the house, for its user. A personal token
    /// manages nothing, nor does a token that was lent, nor another company's application.
    pub(crate) fn managing(&self, app: &App) -> Option<&SessionToken> {
        let Means::Session(token) = &self.means else { return None };
        let of_house = app.clients.find(&token.family.client_id).is_some_and(|client| client.first_party);
        (of_house && !token.exchanged).then_some(token)
    }
}

/// Reads the token of a request to this endpoint. Every resource here tells who somebody is: `openid` is needed.
pub(crate) async fn check(
    app: &App,
    method: &Method,
    endpoint: &str,
    headers: &HeaderMap,
) -> Result<Access, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Refused::TokenInvalid)?;
    // RFC 6750 section 2: one method, one token.
    if values.next().is_some() {
        return Err(Refused::TokenInvalid.into());
    }
    let token = token.trim();
    if token.starts_with(personal::PREFIX) {
        return personal_access(app, scheme, token).await;
    }
    let claims = app.es256.verify_own("at+jwt", token).ok_or(Refused::TokenInvalid)?;
    if claims["iss"] != app.issuer.as_str()
        || claims["exp"].as_u64().is_none_or(|exp| exp <= app.now().seconds())
    {
        return Err(Refused::TokenInvalid.into());
    }
    let proof = proof_of_key(app, method, endpoint, headers, scheme, token, &claims)?;
    let scope = scope_of(claims["scope"].as_str().unwrap_or_default())?;
    // RFC 9068 section 4: a bare token for another server may be in that server's hands.
    if proof.is_none() && claims["aud"] != app.issuer.as_str() {
        return Err(Refused::TokenAudience.into());
    }
    let family = claims["jti"].as_str().and_then(claims::family_of).ok_or(Refused::TokenInvalid)?;
    let family = app.store.family(&family).await?;
    let living = |family: &Family| !family.revoked && family.absolute_expires_at > app.now();
    let family = family.filter(living).ok_or(Refused::TokenRevoked)?;
    proof::once(app, proof.as_ref()).await?;
    let user_id = family.user_id.clone();
    let token = SessionToken { family, bound: proof.is_some(), exchanged: claims::is_exchanged(&claims) };
    Ok(Access { user_id, scope, means: Means::Session(Box::new(token)) })
}

/// The proof that goes with a bound token (RFC 9449 section 7).
fn proof_of_key(
    app: &App,
    method: &Method,
    endpoint: &str,
    headers: &HeaderMap,
    scheme: &str,
    token: &str,
    claims: &Value,
) -> Result<Option<Proof>, Refused> {
    let jkt = claims["cnf"]["jkt"].as_str();
    if scheme.eq_ignore_ascii_case("dpop") {
        let proof = proof::check(app, headers, method, endpoint, Some(token))?;
        let proof = proof.ok_or(Refused::Proof("no header"))?;
        if jkt == Some(&proof.jkt) { Ok(Some(proof)) } else { Err(Refused::TokenKey) }
    } else if !scheme.eq_ignore_ascii_case("bearer") {
        Err(Refused::TokenInvalid)
    } else if jkt.is_some() {
        // Section 7.2: a bound token is no bearer token.
        Err(Refused::TokenScheme)
    } else {
        Ok(None)
    }
}

async fn personal_access(app: &App, scheme: &str, token: &str) -> Result<Access, Failure> {
    let hash = personal::read(token).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
    let hash = hash.ok_or(Refused::TokenInvalid)?;
    let token = app.store.use_personal_token(&hash, app.now()).await?.ok_or(Refused::TokenInvalid)?;
    Ok(Access { scope: scope_of(&token.scope)?, user_id: token.user_id, means: Means::Personal })
}

fn scope_of(text: &str) -> Result<Scopes, Refused> {
    let scope = Scopes::parse(text)?;
    if scope.contains("openid") { Ok(scope) } else { Err(Refused::TokenScope) }
}

/// The answer to a request that was refused (RFC 6750 section 3, RFC 9449 section 7.1).
pub(crate) fn challenge(headers: &HeaderMap, refused: Refused) -> Response {
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
        // RFC 9470 section 3: how fresh the sign-in has to be.
        let age = match refused {
            Refused::TokenStale => format!(", max_age=\"{FRESH_SECONDS}\""),
            _ => String::new(),
        };
        // RFC 6750 section 3.1: whoever sent nothing is told nothing but the schemes.
        let detail = if headers.contains_key(header::AUTHORIZATION) {
            format!(" error=\"{code}\", error_description=\"{words}\"{age}")
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
