//! What has to be true before a code becomes tokens (RFC 6749 section 4.1.3).

use gatepass_core::time::Timestamp;

use super::client::Client;
use super::pkce;
use super::refused::Refused;

/// How long a code lives, in seconds: it is on its way to a waiting program.
pub(crate) const CODE_SECONDS: u64 = 60;

/// How long a used code is remembered after its end, in seconds, so that its replay is noticed.
pub(crate) const TOMBSTONE_SECONDS: u64 = 600;

/// An authorization code as issued. The code itself is kept by nobody; its SHA-256 is the key of its row.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) user_id: String,
    pub(crate) sid: String,
    pub(crate) scope: String,
    pub(crate) audience: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) dpop_jkt: Option<String>,
    pub(crate) auth_time: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Of a code for a terminal by a dashboard, what its machine calls itself; of one for a page, which browser it is in.
    pub(crate) device: Option<String>,
    /// The family it became, once it is used.
    pub(crate) family_id: Option<[u8; 16]>,
}

/// What a token request says about its code.
pub(crate) struct Attempt<'a> {
    pub(crate) client: &'a Client,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: Option<&'a str>,
    /// The thumbprint of the key whose proof came along.
    pub(crate) jkt: Option<&'a str>,
}

/// Holds an attempt against its code. [`Refused::CodeReplayed`] comes last but one: only an attempt that would have
/// succeeded the first time is a replay; anybody else's must not be able to revoke (draft OAuth 2.1 section 7.5.3).
pub(crate) fn check(code: &Code, attempt: &Attempt<'_>, now: Timestamp) -> Result<(), Refused> {
    if code.client_id != attempt.client.id {
        return Err(Refused::CodeClient);
    }
    if code.redirect_uri != attempt.redirect_uri {
        return Err(Refused::CodeRedirect);
    }
    match (&code.challenge, attempt.verifier) {
        (Some(challenge), Some(verifier)) if pkce::verify(challenge, verifier) => {}
        (Some(_), Some(_)) => return Err(Refused::CodeVerifier),
        (Some(_), None) => return Err(Refused::CodeVerifierMissing),
        // RFC 9700 section 4.8.2: a verifier without a challenge is a downgrade.
        (None, Some(_)) => return Err(Refused::CodeVerifierUnexpected),
        (None, None) => {}
    }
    // RFC 9449 section 10.
    if code.dpop_jkt.is_some() && code.dpop_jkt.as_deref() != attempt.jkt {
        return Err(Refused::CodeKey);
    }
    if code.family_id.is_some() {
        return Err(Refused::CodeReplayed);
    }
    if code.expires_at <= now {
        return Err(Refused::CodeExpired);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::native;
    use super::*;
    use crate::keys::{base64url, sha256};

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn code() -> Code {
        Code {
            client_id: "cli".into(),
            redirect_uri: "http://127.0.0.1:9/callback".into(),
            user_id: "u".into(),
            sid: "s".into(),
            scope: "openid".into(),
            audience: "a".into(),
            organization_id: None,
            nonce: None,
            challenge: Some(base64url(sha256(VERIFIER))),
            dpop_jkt: Some("key".into()),
            auth_time: Timestamp::from_seconds(90),
            expires_at: Timestamp::from_seconds(160),
            device: None,
            family_id: None,
        }
    }

    #[test]
    fn every_wrong_thing_has_its_own_words() {
        let client = native();
        let other = Client { id: "other".into(), ..native() };
        let good = || Attempt {
            client: &client,
            redirect_uri: "http://127.0.0.1:9/callback",
            verifier: Some(VERIFIER),
            jkt: Some("key"),
        };
        let used = || Code { family_id: Some([1; 16]), ..code() };
        let no_challenge = Code { challenge: None, ..code() };
        let (at, late) = (Timestamp::from_seconds(100), Timestamp::from_seconds(160));
        assert_eq!(check(&code(), &good(), at), Ok(()));
        for (code, attempt, now, expected) in [
            (code(), Attempt { client: &other, ..good() }, at, Refused::CodeClient),
            (
                code(),
                Attempt { redirect_uri: "http://127.0.0.1:8/callback", ..good() },
                at,
                Refused::CodeRedirect,
            ),
            (code(), Attempt { verifier: Some(&VERIFIER[1..]), ..good() }, at, Refused::CodeVerifier),
            (code(), Attempt { verifier: None, ..good() }, at, Refused::CodeVerifierMissing),
            (no_challenge, good(), at, Refused::CodeVerifierUnexpected),
            (code(), Attempt { jkt: None, ..good() }, at, Refused::CodeKey),
            (code(), Attempt { jkt: Some("other"), ..good() }, at, Refused::CodeKey),
            (code(), good(), late, Refused::CodeExpired),
            (used(), good(), at, Refused::CodeReplayed),
            (used(), good(), late, Refused::CodeReplayed),
            (used(), Attempt { verifier: None, ..good() }, at, Refused::CodeVerifierMissing),
        ] {
            assert_eq!(check(&code, &attempt, now), Err(expected));
        }
    }
}
