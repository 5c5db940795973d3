//! Token exchange (RFC 8693): a program lends another one a little of what it may, for a short while.

use gatepass_core::name::Scopes;
use gatepass_core::time::Timestamp;
use serde_json::Value;

use super::authorize::{audience_parameter, dpop_jkt};
use super::claims;
use super::client::Client;
use super::dpop::Proof;
use super::params::Params;
use super::refresh::{Family, Way};
use super::refused::Refused;
use crate::keys::{base64url, sha256};

/// How long a token that came of an exchange may live, in seconds.
pub(crate) const LIFE_SECONDS: u64 = 300;

/// What is taken and what is given (RFC 8693 section 3).
pub(crate) const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What is asked for (section 2.1).
pub(crate) struct Wish<'a> {
    pub(crate) subject_token: &'a str,
    scope: Scopes,
    audience: Option<&'a str>,
    /// The key of the program that receives the token.
    pub(crate) receiver: String,
}

/// What the other program may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loan {
    pub(crate) scope: Scopes,
    pub(crate) audience: String,
    pub(crate) seconds: u64,
}

/// Reads the request.
pub(crate) fn read(params: &Params) -> Result<Wish<'_>, Refused> {
    let given = params.required("subject_token_type")?;
    let wanted = params.one("requested_token_type")?.unwrap_or(TOKEN_TYPE);
    // Nobody acts for somebody else here.
    let actor = params.one("actor_token")?.or(params.one("actor_token_type")?);
    if given != TOKEN_TYPE || wanted != TOKEN_TYPE || actor.is_some() {
        return Err(Refused::SubjectType);
    }
    // Required here, so that nobody lends everything by saying nothing.
    let scope = Scopes::parse(params.required("scope")?).map_err(|_| Refused::Scope)?;
    Ok(Wish {
        subject_token: params.required("subject_token")?,
        scope,
        audience: audience_parameter(params)?,
        receiver: dpop_jkt(params)?.ok_or(Refused::Missing("dpop_jkt"))?,
    })
}

/// Holds the subject token, whose signature is ours, against its caller: whose it is, and who has its key. Gives the
/// family that it is of.
pub(crate) fn subject(
    claims: &Value,
    token: &str,
    issuer: &str,
    client: &Client,
    proof: Option<&Proof>,
    now: Timestamp,
) -> Result<[u8; 16], Refused> {
    if claims["iss"] != issuer || expires_at(claims) <= now.seconds() {
        return Err(Refused::SubjectToken);
    }
    if claims["client_id"] != client.id.as_str() {
        return Err(Refused::SubjectClient);
    }
    let proof = proof.ok_or(Refused::Proof("no header"))?;
    if claims["cnf"]["jkt"] != proof.jkt.as_str() {
        return Err(Refused::SubjectKey);
    }
    // RFC 9449 section 5 asks for none at the token endpoint; one that is there has to be right.
    if proof.ath.as_ref().is_some_and(|ath| *ath != base64url(sha256(token))) {
        return Err(Refused::Proof("`ath`"));
    }
    // What was lent is not lent on: each time would be another five minutes.
    if claims::is_exchanged(claims) {
        return Err(Refused::SubjectKind);
    }
    claims["jti"].as_str().and_then(claims::family_of).ok_or(Refused::SubjectToken)
}

/// What the receiver may have of a subject token and its living family.
pub(crate) fn judge(
    wish: &Wish<'_>,
    claims: &Value,
    family: &Family,
    client: &Client,
    now: Timestamp,
) -> Result<Loan, Refused> {
    let end = family.idle_expires_at.min(family.absolute_expires_at).seconds();
    if family.revoked || end <= now.seconds() {
        return Err(Refused::SubjectToken);
    }
    if family.way == Way::Device {
        return Err(Refused::SubjectKind);
    }
    let own = Scopes::parse(claims["scope"].as_str().unwrap_or_default())?;
    if !own.contains_all(&wish.scope) {
        return Err(Refused::Scope);
    }
    // It is never refreshed, so it does not say that it is.
    let lent: Vec<&str> = wish.scope.iter().filter(|scope| *scope != "offline_access").collect();
    if lent.is_empty() {
        return Err(Refused::Scope);
    }
    let audience = match wish.audience {
        Some(asked) => client.audience(Some(asked))?,
        None => claims["aud"].as_str().ok_or(Refused::SubjectToken)?,
    };
    let left = expires_at(claims).min(end) - now.seconds();
    Ok(Loan {
        scope: Scopes::parse(&lent.join(" "))?,
        audience: audience.to_owned(),
        seconds: left.min(LIFE_SECONDS),
    })
}

fn expires_at(claims: &Value) -> u64 {
    claims["exp"].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::client::tests::native;
    use super::super::refresh::Granted;
    use super::*;

    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn form(more: &str) -> String {
        format!("subject_token=t&subject_token_type={TOKEN_TYPE}&scope=openid&dpop_jkt={JKT}{more}")
    }

    #[test]
    fn requests_are_read_strictly() {
        let read_text = |text: &str| {
            let params = Params::from_form(text).unwrap();
            read(&params).map(|wish| wish.receiver)
        };
        assert_eq!(read_text(&form("")).as_deref(), Ok(JKT));
        assert!(read_text(&form(&format!("&requested_token_type={TOKEN_TYPE}"))).is_ok());
        let id_token = "urn:ietf:params:oauth:token-type:id_token";
        for (text, refused) in [
            (form("").replace(TOKEN_TYPE, id_token), Refused::SubjectType),
            (form(&format!("&requested_token_type={id_token}")), Refused::SubjectType),
            (form("&actor_token=x"), Refused::SubjectType),
            (form("").replace("subject_token_type", "x"), Refused::Missing("subject_token_type")),
            (form("").replace("subject_token=t&", ""), Refused::Missing("subject_token")),
            (form("").replace("scope=openid", "scope="), Refused::Missing("scope")),
            (form("").replace("dpop_jkt", "x"), Refused::Missing("dpop_jkt")),
            (form("").replace(JKT, &JKT[1..]), Refused::Malformed("dpop_jkt")),
            (form("&audience=a&resource=b"), Refused::Target),
        ] {
            assert_eq!(read_text(&text), Err(refused), "{text}");
        }
    }

    fn family(way: Way, client: &Client) -> Family {
        let granted = Granted {
            user_id: "u".into(),
            sid: "s".into(),
            scope: "openid email offline_access".into(),
            audience: "https://api.example".into(),
            organization_id: None,
            auth_time: Timestamp::from_seconds(1),
            way,
            device: None,
        };
        Family::begin([7; 16], client, granted, true, Some("key"), Timestamp::from_seconds(0))
    }

    #[test]
    fn a_loan_is_narrower_and_ends_first() {
        // Idle after 1000 seconds, over after 10,000.
        let client = native();
        let judge_at = |scope: &str, more: &str, exp: u64, now: u64, family: &Family| {
            let text = form(more).replace("scope=openid", &format!("scope={scope}"));
            let params = Params::from_form(&text).unwrap();
            let claims =
                json!({"scope": "openid email offline_access", "aud": "https://other.example", "exp": exp});
            judge(&read(&params).unwrap(), &claims, family, &client, Timestamp::from_seconds(now))
        };
        let whole = family(Way::Code, &client);
        for (exp, now, seconds) in [(900, 100, 300), (900, 700, 200), (3600, 990, 10)] {
            assert_eq!(judge_at("openid", "", exp, now, &whole).unwrap().seconds, seconds, "{exp} {now}");
        }
        let loan = judge_at("email+offline_access", "", 900, 100, &whole).unwrap();
        assert_eq!((loan.scope.as_str(), &*loan.audience), ("email", "https://other.example"));
        let loan = judge_at("email", "&audience=https://api.example", 900, 100, &whole).unwrap();
        assert_eq!(loan.audience, "https://api.example");
        let revoked = Family { revoked: true, ..family(Way::Handoff, &client) };
        for (scope, more, now, family, refused) in [
            ("openid+profile", "", 100, &whole, Refused::Scope),
            ("offline_access", "", 100, &whole, Refused::Scope),
            ("openid", "&audience=https://evil.example", 100, &whole, Refused::Target),
            ("openid", "", 1000, &whole, Refused::SubjectToken),
            ("openid", "", 100, &revoked, Refused::SubjectToken),
            ("openid", "", 100, &family(Way::Device, &client), Refused::SubjectKind),
        ] {
            assert_eq!(judge_at(scope, more, 3600, now, family), Err(refused), "{scope} {more}");
        }
    }
}
