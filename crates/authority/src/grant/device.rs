//! Device codes (RFC 8628): what a poll is answered, by what the person has said so far.

use gatepass_core::time::Timestamp;

use super::refresh::{Granted, Way};
use super::refused::Refused;

/// How long a code lives, in seconds: a person finds a browser and signs in.
pub(crate) const LIFE_SECONDS: u64 = 600;

/// How long a device waits between two polls, in seconds, and by how much longer after each one that came too soon
/// (RFC 8628 sections 3.2 and 3.5).
pub(crate) const WAIT_SECONDS: u32 = 5;

/// A device code as issued. The code itself is kept by nobody; its SHA-256 is the key of its row.
#[derive(Clone, Debug)]
pub(crate) struct DeviceCode {
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) audience: String,
    pub(crate) organization_id: Option<String>,
    /// Where the device asked from.
    pub(crate) place: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) decision: Option<Decision>,
    /// The family it became, once the device has its tokens.
    pub(crate) family_id: Option<[u8; 16]>,
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    pub(crate) user_id: String,
    pub(crate) sid: String,
    pub(crate) auth_time: Timestamp,
}

/// Where a device code stands.
pub(crate) enum Standing {
    /// Nobody has decided.
    Pending,
    /// The device may have tokens for this.
    Allowed(Granted),
    /// It may not.
    Refuse(Refused),
    /// It had tokens: one of two who know the code should not.
    Replayed([u8; 16]),
}

/// Judges a poll by this client.
pub(crate) fn judge(code: DeviceCode, client_id: &str, now: Timestamp) -> Standing {
    // The client first: another one must neither learn nor end anything.
    if code.client_id != client_id {
        return Standing::Refuse(Refused::DeviceClient);
    }
    if let Some(family_id) = code.family_id {
        return Standing::Replayed(family_id);
    }
    if code.expires_at <= now {
        return Standing::Refuse(Refused::DeviceExpired);
    }
    match code.decision {
        None => Standing::Pending,
        Some(decision) if !decision.allowed => Standing::Refuse(Refused::Denied),
        Some(decision) => Standing::Allowed(Granted {
            user_id: decision.user_id,
            sid: decision.sid,
            scope: code.scope,
            audience: code.audience,
            organization_id: code.organization_id,
            auth_time: decision.auth_time,
            way: Way::Device,
            device: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_answer() {
        let decision = |allowed| Decision {
            allowed,
            user_id: "u".into(),
            sid: "s".into(),
            auth_time: Timestamp::from_seconds(90),
        };
        let code = |decision: Option<Decision>, family_id| DeviceCode {
            client_id: "cli".into(),
            scope: "openid".into(),
            audience: "a".into(),
            organization_id: None,
            place: "192.0.2.7".into(),
            created_at: Timestamp::from_seconds(100),
            expires_at: Timestamp::from_seconds(700),
            decision,
            family_id,
        };
        let (yes, no) = (|| Some(decision(true)), || Some(decision(false)));
        for (code, client_id, now, expected) in [
            (code(None, None), "cli", 699, "authorization_pending"),
            (code(None, None), "cli", 700, "expired_token"),
            (code(None, None), "other", 700, "invalid_grant"),
            (code(no(), None), "cli", 699, "access_denied"),
            (code(no(), None), "cli", 700, "expired_token"),
            (code(yes(), None), "cli", 699, "u openid"),
            (code(yes(), None), "cli", 700, "expired_token"),
            (code(yes(), None), "other", 699, "invalid_grant"),
            (code(yes(), Some([1; 16])), "cli", 699, "replayed"),
            (code(yes(), Some([1; 16])), "cli", 700, "replayed"),
            (code(yes(), Some([1; 16])), "other", 699, "invalid_grant"),
        ] {
            let answer = match judge(code, client_id, Timestamp::from_seconds(now)) {
                Standing::Pending => "authorization_pending".to_owned(),
                Standing::Allowed(granted) => format!("{} {}", granted.user_id, granted.scope),
                Standing::Refuse(refused) => refused.wire().0.to_owned(),
                Standing::Replayed(_) => "replayed".to_owned(),
            };
            assert_eq!(answer, expected, "{client_id} at {now}");
        }
    }
}
