//! Refresh tokens that nobody stores: family, generation, and a MAC over both and the client.
//!
//! One row per family holds the newest generation. A refresh moves it by one conditional statement. The replay of the
//! generation before returns the very same successor, which is derived again; any other replay ends the family.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;

use super::client::Client;
use super::refused::Refused;

/// What a refresh token starts with, so that scanners find lost ones.
pub(crate) const PREFIX: &str = "gpr_";

/// How long a bare public client may replay the generation before, in seconds. It proves nothing, so this is all the
/// room that a lost response or a second tab gets.
pub(crate) const BARE_REPLAY_SECONDS: u64 = 10;

const VERSION: u8 = 1;

/// All tokens that come from one sign-in of one client.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) id: [u8; 16],
    pub(crate) user_id: String,
    pub(crate) client_id: String,
    pub(crate) sid: String,
    pub(crate) scope: String,
    /// The audience of tokens that name none.
    pub(crate) audience: String,
    /// The organization that every token of it names.
    pub(crate) organization_id: Option<String>,
    /// The key to which a public client's refresh tokens are bound (RFC 9449 section 5).
    pub(crate) dpop_jkt: Option<String>,
    /// The newest generation that was issued.
    pub(crate) generation: u32,
    pub(crate) generation_at: Timestamp,
    pub(crate) auth_time: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) absolute_expires_at: Timestamp,
    pub(crate) revoked: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) way: Way,
    /// What the machine that asked calls itself, or which browser it was.
    pub(crate) device: Option<String>,
}

/// What a person granted, by whatever way.
pub(crate) struct Granted {
    pub(crate) user_id: String,
    pub(crate) sid: String,
    pub(crate) scope: String,
    pub(crate) audience: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) auth_time: Timestamp,
    pub(crate) way: Way,
    pub(crate) device: Option<String>,
}

/// How a grant was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a code that a browser brought.
    Code,
    /// By a device code: what asked for it may be anywhere (RFC 8628 section 5.4).
    Device,
    /// By a dashboard, for a terminal.
    Handoff,
}

impl Way {
    /// As it is stored and shown.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Device => "device",
            Self::Handoff => "handoff",
        }
    }

    /// Reads what was stored.
    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::Code, Self::Device, Self::Handoff].into_iter().find(|known| known.name() == name)
    }
}

impl Family {
    /// The family of a fresh grant. One that cannot be refreshed ends with its only access token.
    pub(crate) fn begin(
        id: [u8; 16],
        client: &Client,
        granted: Granted,
        refreshable: bool,
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let life = |seconds| {
            now.plus(Duration::from_secs(if refreshable { seconds } else { client.access_token_seconds }))
        };
        Self {
            id,
            user_id: granted.user_id,
            client_id: client.id.clone(),
            sid: granted.sid,
            scope: granted.scope,
            audience: granted.audience,
            organization_id: granted.organization_id,
            // RFC 9449 section 5: a public client's refresh tokens are bound, a confidential one has its secret.
            dpop_jkt: jkt.filter(|_| client.is_public()).map(str::to_owned),
            generation: 1,
            generation_at: now,
            auth_time: granted.auth_time,
            idle_expires_at: life(client.refresh_idle_seconds),
            absolute_expires_at: life(client.refresh_absolute_seconds),
            revoked: false,
            created_at: now,
            last_used_at: now,
            way: granted.way,
            device: granted.device,
        }
    }
}

/// A refresh token whose MAC is right: we issued it, to this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) family_id: [u8; 16],
    pub(crate) generation: u32,
}

/// Who presents it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    /// A confidential client that proved its secret.
    pub(crate) authenticated: bool,
    /// The thumbprint of the key whose proof came along.
    pub(crate) jkt: Option<&'a str>,
}

/// What to do about a token that did not move its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Issue the newest generation once more.
    Successor,
    /// Say no.
    Refuse(Refused),
    /// Say no and end the family: somebody holds what only one should.
    Revoke,
}

/// The token of a generation: always the same characters for the same arguments.
pub(crate) fn mint(key: &hmac::Key, client_id: &str, family_id: &[u8; 16], generation: u32) -> Secret {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(family_id);
    bytes.extend_from_slice(&generation.to_be_bytes());
    let tag = mac(key, &bytes, client_id);
    bytes.extend_from_slice(tag.as_ref());
    Secret::new(format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&bytes)))
}

/// Reads a token of this client, or nothing. No database is asked before this.
pub(crate) fn read(key: &hmac::Key, client_id: &str, token: &str) -> Option<Presented> {
    let bytes = Base64UrlUnpadded::decode_vec(token.strip_prefix(PREFIX)?).ok()?;
    let (signed, tag) = bytes.split_at_checked(21)?;
    hmac::verify(key, &message(signed, client_id), tag).ok()?;
    let (version, rest) = signed.split_first()?;
    let (family_id, generation) = rest.split_at_checked(16)?;
    (*version == VERSION).then_some(Presented {
        family_id: family_id.try_into().ok()?,
        generation: u32::from_be_bytes(generation.try_into().ok()?),
    })
}

/// Judges a token that did not move its family. The same questions as in the statement, now one by one.
pub(crate) fn judge(family: &Family, generation: u32, caller: Caller<'_>, now: Timestamp) -> Verdict {
    // The key first: without it, nobody learns more, and nobody revokes another's session.
    if family.dpop_jkt.is_some() && family.dpop_jkt.as_deref() != caller.jkt {
        return Verdict::Refuse(Refused::RefreshKey);
    }
    if family.revoked {
        return Verdict::Refuse(Refused::RefreshRevoked);
    }
    if family.idle_expires_at <= now || family.absolute_expires_at <= now {
        return Verdict::Refuse(Refused::RefreshExpired);
    }
    if generation >= family.generation {
        // From the future: the database was restored from an older copy.
        return Verdict::Refuse(Refused::RefreshUnknown);
    }
    // While the newest generation is the successor, the successor was not used yet: its use would have moved it.
    let previous = generation + 1 == family.generation;
    let proven = caller.authenticated || family.dpop_jkt.is_some();
    let in_time = now.since(family.generation_at).as_secs() <= BARE_REPLAY_SECONDS;
    if previous && (proven || in_time) { Verdict::Successor } else { Verdict::Revoke }
}

fn message(signed: &[u8], client_id: &str) -> Vec<u8> {
    [signed, client_id.as_bytes()].concat()
}

fn mac(key: &hmac::Key, signed: &[u8], client_id: &str) -> hmac::Tag {
    hmac::sign(key, &message(signed, client_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, text)
    }

    #[test]
    fn tokens_are_derived_and_bound_to_key_and_client() {
        let token = mint(&key(b"k"), "cli", &[7; 16], 3);
        assert_eq!(token, mint(&key(b"k"), "cli", &[7; 16], 3));
        let text = token.expose();
        assert_eq!(read(&key(b"k"), "cli", text), Some(Presented { family_id: [7; 16], generation: 3 }));
        assert_eq!(read(&key(b"other"), "cli", text), None);
        assert_eq!(read(&key(b"k"), "clj", text), None);
        assert_eq!(read(&key(b"k"), "cli", &text[4..]), None);
        for at in PREFIX.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&key(b"k"), "cli", &String::from_utf8(changed).unwrap()), None, "{at}");
        }
    }

    fn family() -> Family {
        Family {
            id: [7; 16],
            user_id: "u".into(),
            client_id: "cli".into(),
            sid: "s".into(),
            scope: "openid".into(),
            audience: "a".into(),
            organization_id: None,
            dpop_jkt: None,
            generation: 5,
            generation_at: Timestamp::from_seconds(1000),
            auth_time: Timestamp::from_seconds(900),
            idle_expires_at: Timestamp::from_seconds(2000),
            absolute_expires_at: Timestamp::from_seconds(3000),
            revoked: false,
            created_at: Timestamp::from_seconds(900),
            last_used_at: Timestamp::from_seconds(1000),
            way: Way::Code,
            device: None,
        }
    }

    #[test]
    fn verdicts() {
        let bare = Caller { authenticated: false, jkt: None };
        let keyed = Caller { authenticated: false, jkt: Some("k") };
        let secret = Caller { authenticated: true, jkt: None };
        let bound = || Family { dpop_jkt: Some("k".into()), ..family() };
        let revoked = Family { revoked: true, ..family() };
        for (family, generation, caller, now, expected) in [
            // A bare client has ten seconds, to the second.
            (family(), 4, bare, 1010, Verdict::Successor),
            (family(), 4, bare, 1011, Verdict::Revoke),
            // A key of one's own does not help where the family is not bound to it.
            (family(), 4, keyed, 1011, Verdict::Revoke),
            // Proof needs no clock.
            (bound(), 4, keyed, 1999, Verdict::Successor),
            (family(), 4, secret, 1999, Verdict::Successor),
            // Older than the previous one: somebody kept it.
            (bound(), 3, keyed, 1001, Verdict::Revoke),
            (family(), 3, secret, 1001, Verdict::Revoke),
            (family(), 3, bare, 1001, Verdict::Revoke),
            // Without the key, nothing happens to the family.
            (bound(), 3, bare, 1001, Verdict::Refuse(Refused::RefreshKey)),
            (bound(), 4, Caller { jkt: Some("x"), ..keyed }, 1001, Verdict::Refuse(Refused::RefreshKey)),
            (revoked, 4, bare, 1001, Verdict::Refuse(Refused::RefreshRevoked)),
            (family(), 4, secret, 2000, Verdict::Refuse(Refused::RefreshExpired)),
            (family(), 6, secret, 1001, Verdict::Refuse(Refused::RefreshUnknown)),
        ] {
            let verdict = judge(&family, generation, caller, Timestamp::from_seconds(now));
            assert_eq!(verdict, expected, "generation {generation} at {now}");
        }
    }
}
