//! What access tokens (RFC 9068) and ID tokens (OpenID Connect Core section 2) say.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::name::Scopes;
use gatepass_core::time::Timestamp;
use serde_json::{Value, json};

use super::client::Client;
use super::refresh::Family;
use crate::keys::{base64url, sha256};

/// Marks an access token that came of an exchange.
const EXCHANGED: &str = "gatepass_exchanged";

/// What every token of one issuance has in common.
#[derive(Clone, Copy)]
pub(crate) struct Issuance<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) family: &'a Family,
    /// What this access token is good for: the family's scope, or less.
    pub(crate) scope: &'a Scopes,
    /// Who takes this access token: the family's audience, or another one of the client's.
    pub(crate) audience: &'a str,
    pub(crate) client: &'a Client,
    pub(crate) now: Timestamp,
}

/// The claims of an access token (RFC 9068 section 2.2).
///
/// Its `jti` begins with the family, so that whoever must know whether it was revoked looks up one key.
pub(crate) fn access_token(issuance: Issuance<'_>, jkt: Option<&str>, unique: &str) -> Value {
    let Issuance { issuer, family, scope, audience, client, now } = issuance;
    let mut claims = json!({
        "iss": issuer,
        "sub": family.user_id,
        "aud": audience,
        "client_id": family.client_id,
        "scope": scope.as_str(),
        "iat": now.seconds(),
        "exp": now.seconds() + client.access_token_seconds,
        "jti": format!("{}.{unique}", base64url(family.id)),
        "auth_time": family.auth_time.seconds(),
        "sid": family.sid,
    });
    add_organization(&mut claims, family);
    if let Some(jkt) = jkt {
        // RFC 9449 section 6.1.
        claims["cnf"] = json!({"jkt": jkt});
    }
    claims
}

/// The claims of an access token that came of an exchange: shorter, and marked, so that it opens no way to more.
pub(crate) fn exchanged_token(issuance: Issuance<'_>, jkt: &str, unique: &str, seconds: u64) -> Value {
    let mut claims = access_token(issuance, Some(jkt), unique);
    claims["exp"] = (issuance.now.seconds() + seconds).into();
    claims[EXCHANGED] = true.into();
    claims
}

/// Whether an access token came of an exchange.
pub(crate) fn is_exchanged(claims: &Value) -> bool {
    claims.get(EXCHANGED).is_some()
}

/// The family that the `jti` of an access token names.
pub(crate) fn family_of(jti: &str) -> Option<[u8; 16]> {
    let (family, _) = jti.split_once('.')?;
    Base64UrlUnpadded::decode_vec(family).ok()?.try_into().ok()
}

/// The claims of an ID token. After a refresh there is no `nonce` (OpenID Connect Core section 12.2).
pub(crate) fn id_token(
    issuance: Issuance<'_>,
    email: &str,
    nonce: Option<&str>,
    access_token: &str,
) -> Value {
    let Issuance { issuer, family, scope, client, now, .. } = issuance;
    let mut claims = json!({
        "iss": issuer,
        "sub": family.user_id,
        "aud": family.client_id,
        "azp": family.client_id,
        "iat": now.seconds(),
        "exp": now.seconds() + client.access_token_seconds,
        "auth_time": family.auth_time.seconds(),
        "sid": family.sid,
        // Section 3.1.3.6: the left half of the hash; both algorithms here use SHA-256.
        "at_hash": base64url(&sha256(access_token)[..16]),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    add_organization(&mut claims, family);
    add_email(&mut claims, scope, email);
    claims
}

/// The answer of the userinfo endpoint (OpenID Connect Core section 5.3.2).
pub(crate) fn userinfo(subject: &str, scope: &Scopes, email: &str) -> Value {
    let mut claims = json!({"sub": subject});
    add_email(&mut claims, scope, email);
    claims
}

/// As the hosted service names it.
fn add_organization(claims: &mut Value, family: &Family) {
    if let Some(organization_id) = &family.organization_id {
        claims["org_id"] = organization_id.as_str().into();
    }
}

/// Every address here was proven by a letter.
fn add_email(claims: &mut Value, scope: &Scopes, email: &str) {
    if scope.contains("email") {
        claims["email"] = email.into();
        claims["email_verified"] = true.into();
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::native;
    use super::super::refresh::{Granted, Way};
    use super::*;

    #[test]
    fn an_organization_is_named_in_both_tokens_or_in_none() {
        let client = native();
        let (scope, now) = (Scopes::parse("openid").unwrap(), Timestamp::from_seconds(100));
        for organization_id in [None, Some("org_1".to_owned())] {
            let granted = Granted {
                user_id: "u".into(),
                sid: "s".into(),
                scope: "openid".into(),
                audience: "a".into(),
                organization_id: organization_id.clone(),
                auth_time: now,
                way: Way::Code,
                device: None,
            };
            let family = Family::begin([7; 16], &client, granted, true, None, now);
            let issuance =
                Issuance { issuer: "i", family: &family, scope: &scope, audience: "b", client: &client, now };
            let access = access_token(issuance, None, "x");
            let id = id_token(issuance, "u@example.com", None, "token");
            assert_eq!(access["aud"], "b");
            for claims in [access, id] {
                assert_eq!(claims.get("org_id").and_then(Value::as_str), organization_id.as_deref());
            }
        }
    }
}
