//! `/oauth/token`: codes, device codes, refresh tokens and access tokens become access tokens (RFC 6749 section 3.2).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use gatepass_core::name::Scopes;
use serde_json::{Value, json};

use super::answer::{self, Failure};
use super::{Note, client_auth, handoff_code, membership, proof, token_exchange};
use crate::app::App;
use crate::grant::authorize::audience_parameter;
use crate::grant::claims::{self, Issuance};
use crate::grant::client::{Client, GrantType};
use crate::grant::device::{self, Standing};
use crate::grant::dpop::Proof;
use crate::grant::params::Params;
use crate::grant::redeem::{self, Attempt};
use crate::grant::refresh::{self, Caller, Family, Granted, Verdict, Way};
use crate::grant::refused::Refused;
use crate::grant::short_code;
use crate::keys::sha256;
use crate::random;

/// `POST /oauth/token`.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let basic = headers.contains_key(header::AUTHORIZATION);
    let read = client_auth::parameters(&uri, &headers, &body).and_then(|params| {
        params.refuse_repeated()?;
        Ok((client_auth::client(&app, &headers, &params)?, params))
    });
    let response = match read {
        Err(refused) => answer::error(refused, None, basic),
        Ok((client, params)) => match exchange(&app, client, &method, &headers, &params).await {
            Ok(tokens) => {
                let mut response = answer::json(StatusCode::OK, &tokens);
                response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason: None });
                response
            }
            Err(failure) => answer::error(failure.refused(), Some(client.id.clone()), basic),
        },
    };
    proof::offer_nonce(&app, response)
}

async fn exchange(
    app: &App,
    client: &Client,
    method: &Method,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Value, Failure> {
    let grant_type = GrantType::read(params.required("grant_type")?)?;
    client.may_use(grant_type)?;
    let proof = proof::check(app, headers, method, "/oauth/token", None)?;
    match grant_type {
        GrantType::AuthorizationCode => redeem_code(app, client, params, proof.as_ref()).await,
        GrantType::RefreshToken => refresh(app, client, params, proof.as_ref()).await,
        GrantType::DeviceCode => poll(app, client, params, proof.as_ref()).await,
        GrantType::TokenExchange => token_exchange::exchange(app, client, params, proof.as_ref()).await,
    }
}

/// RFC 6749 section 4.1.3.
async fn redeem_code(
    app: &App,
    client: &Client,
    params: &Params,
    proof: Option<&Proof>,
) -> Result<Value, Failure> {
    let (presented, verifier) = (params.required("code")?, params.one("code_verifier")?);
    let now = app.now();
    let (hash, code, redirect_uri, jkt);
    if let Some(typed) = short_code::normal(presented) {
        // A terminal that no browser reaches names no address.
        redirect_uri = params.one("redirect_uri")?.unwrap_or_default();
        (hash, code) = handoff_code::find(app, &typed, verifier, proof).await?;
        jkt = proof.map(|proof| proof.jkt.as_str());
    } else {
        redirect_uri = params.required("redirect_uri")?;
        hash = sha256(presented).to_vec();
        code = app.store.code(&hash).await?.ok_or(Refused::CodeUnknown)?;
        // Before anything is made of the code: a request that was recorded must not even end its grant.
        jkt = proof::once(app, proof).await?;
    }
    let attempt = Attempt { client, redirect_uri, verifier, jkt };
    if let Err(refused) = redeem::check(&code, &attempt, now) {
        if let (Refused::CodeReplayed, Some(family)) = (refused, &code.family_id) {
            app.store.revoke(family, "code replayed", now).await?;
        }
        return Err(refused.into());
    }
    // RFC 8707 section 2.2: at most what was granted.
    if audience_parameter(params)?.is_some_and(|asked| asked != code.audience) {
        return Err(Refused::Target.into());
    }
    let scope = Scopes::parse(&code.scope)?;
    let refreshable = client.may_refresh(&scope);
    let granted = Granted {
        user_id: code.user_id,
        sid: code.sid,
        scope: code.scope,
        audience: code.audience,
        organization_id: code.organization_id,
        auth_time: code.auth_time,
        way: if client.native && code.device.is_some() { Way::Handoff } else { Way::Code },
        device: code.device,
    };
    let family = Family::begin(random::bytes()?, client, granted, refreshable, jkt, now);
    if !app.store.redeem_code(&hash, &family, now).await? {
        // Another request with the same code was first, a moment ago.
        if let Some(winner) = app.store.code(&hash).await?.and_then(|code| code.family_id) {
            app.store.revoke(&winner, "code replayed", now).await?;
        }
        return Err(Refused::CodeReplayed.into());
    }
    let issuance = issuance(app, client, &family, &scope);
    issue(app, issuance, jkt, code.nonce.as_deref(), refreshable).await
}

/// RFC 8628 section 3.4: a device asks whether its person has decided.
async fn poll(app: &App, client: &Client, params: &Params, proof: Option<&Proof>) -> Result<Value, Failure> {
    let hash = sha256(params.required("device_code")?);
    let now = app.now();
    let code = app.store.device_code(&hash).await?.ok_or(Refused::DeviceUnknown)?;
    let jkt = proof::once(app, proof).await?;
    let approval = match device::judge(code, &client.id, now) {
        Standing::Allowed(approval) => approval,
        Standing::Pending => {
            let hurried = app.store.note_poll(&hash, now).await?;
            return Err(if hurried { Refused::DeviceHurried } else { Refused::DevicePending }.into());
        }
        Standing::Refuse(refused) => return Err(refused.into()),
        Standing::Replayed(family) => {
            app.store.revoke(&family, "device code replayed", now).await?;
            return Err(Refused::DeviceReplayed.into());
        }
    };
    // Minutes may have passed since the person said yes.
    if !membership::admits(app, &approval.user_id, approval.organization_id.as_deref()).await? {
        return Err(Refused::Denied.into());
    }
    let scope = Scopes::parse(&approval.scope)?;
    let refreshable = client.may_refresh(&scope);
    let family = Family::begin(random::bytes()?, client, approval, refreshable, jkt, now);
    if !app.store.redeem_device_code(&hash, &family, now).await? {
        // Another request with the same code was first, a moment ago.
        if let Some(winner) = app.store.device_code(&hash).await?.and_then(|code| code.family_id) {
            app.store.revoke(&winner, "device code replayed", now).await?;
        }
        return Err(Refused::DeviceReplayed.into());
    }
    issue(app, issuance(app, client, &family, &scope), jkt, None, refreshable).await
}

/// RFC 6749 section 6: one conditional statement moves the family, or the rules say why not.
async fn refresh(
    app: &App,
    client: &Client,
    params: &Params,
    proof: Option<&Proof>,
) -> Result<Value, Failure> {
    let token = params.required("refresh_token")?;
    let presented = refresh::read(&app.keys.refresh, &client.id, token).ok_or(Refused::RefreshUnknown)?;
    let jkt = proof::once(app, proof).await?;
    let now = app.now();
    let narrowed = narrow(app, &presented.family_id, params).await?;
    // RFC 8707 section 2.2: each refresh may name another audience, one of those that the client is registered for.
    let audience = audience_parameter(params)?.map(|asked| client.audience(Some(asked))).transpose()?;
    let idle = Duration::from_secs(client.refresh_idle_seconds);
    let family = match app.store.advance(presented, jkt, idle, now).await? {
        Some(family) => family,
        None => {
            let family = app.store.family(&presented.family_id).await?.ok_or(Refused::RefreshUnknown)?;
            let caller = Caller { authenticated: !client.is_public(), jkt };
            match refresh::judge(&family, presented.generation, caller, now) {
                Verdict::Successor => family,
                Verdict::Refuse(refused) => return Err(refused.into()),
                Verdict::Revoke => {
                    app.store.revoke(&family.id, "refresh token replayed", now).await?;
                    return Err(Refused::RefreshReplayed.into());
                }
            }
        }
    };
    if !membership::admits(app, &family.user_id, family.organization_id.as_deref()).await? {
        app.store.revoke(&family.id, "no member of the organization any more", now).await?;
        return Err(Refused::RefreshOrganization.into());
    }
    let scope = match narrowed {
        Some(scope) => scope,
        None => Scopes::parse(&family.scope)?,
    };
    let mut issuance = issuance(app, client, &family, &scope);
    issuance.audience = audience.unwrap_or(issuance.audience);
    issue(app, issuance, jkt, None, true).await
}

/// The scope that a refresh asks for, if it does: at most what it has (RFC 6749 section 6). Looked at before the family
/// moves, so that a mistake costs nothing; without the parameter, nothing is looked up.
async fn narrow(app: &App, family_id: &[u8; 16], params: &Params) -> Result<Option<Scopes>, Failure> {
    let Some(scope) = params.one("scope")? else { return Ok(None) };
    let family = app.store.family(family_id).await?.ok_or(Refused::RefreshUnknown)?;
    let asked = Scopes::parse(scope).map_err(|_| Refused::Scope)?;
    if Scopes::parse(&family.scope)?.contains_all(&asked) {
        Ok(Some(asked))
    } else {
        Err(Refused::Scope.into())
    }
}

/// What the tokens of a family have in common, if nothing else is asked for.
fn issuance<'a>(app: &'a App, client: &'a Client, family: &'a Family, scope: &'a Scopes) -> Issuance<'a> {
    let (issuer, audience) = (app.issuer.as_str(), family.audience.as_str());
    Issuance { issuer, family, scope, audience, client, now: app.now() }
}

/// The answer (RFC 6749 section 5.1).
async fn issue(
    app: &App,
    issuance: Issuance<'_>,
    jkt: Option<&str>,
    nonce: Option<&str>,
    refreshable: bool,
) -> Result<Value, Failure> {
    let Issuance { family, scope, client, .. } = issuance;
    let unique = random::identifier()?;
    let access_token = app.es256.sign("at+jwt", &claims::access_token(issuance, jkt, &unique))?;
    let mut tokens = json!({
        "token_type": if jkt.is_some() { "DPoP" } else { "Bearer" },
        "expires_in": client.access_token_seconds,
        "scope": scope.as_str(),
    });
    if refreshable {
        let token = refresh::mint(&app.keys.refresh, &client.id, &family.id, family.generation);
        tokens["refresh_token"] = token.expose().as_str().into();
    }
    if scope.contains("openid") {
        let email = app.store.email(&family.user_id).await?.ok_or(Refused::Server)?;
        let claims = claims::id_token(issuance, &email, nonce, &access_token);
        tokens["id_token"] = app.id_token_key(client).sign("JWT", &claims)?.into();
    }
    tokens["access_token"] = access_token.into();
    Ok(tokens)
}
