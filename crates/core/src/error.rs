//! Everything that can go wrong, by who is at fault. No variant carries content: a field name is ours, and so is a port.
//!
//! The words for people live where people read them: in the terminal (`crates/cli/src/words.rs`) and in the facade
//! (`www/shared/errors.js`). Formatting them here would cost every page load (`fmt` is 2 to 14 KB of wasm).

use core::fmt;

use crate::field::{Field, Message, names};

/// Why something did not happen. As wide as a word, so that it is copied as one: that is 1 KB of the wasm.
#[repr(align(4))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    // ---- the caller
    /// A setting or argument that cannot work; `field` names it.
    Configuration {
        /// The setting's or the parameter's name.
        field: Field,
    },
    /// Nobody is signed in here.
    NotSignedIn,
    /// An authorization response that belongs to no login of ours: another `state` (RFC 6749 section 10.12).
    StateMismatch,
    /// The login took longer than its limit.
    LoginExpired,
    /// What was pasted is no whole callback address: a bare code, an address of something else.
    #[cfg(feature = "full")]
    NotTheCallback,
    /// The person does not want the account that was signed in.
    #[cfg(feature = "full")]
    Declined,
    /// No login waits under this handle: it ran out, somebody else finished it, or it never was.
    #[cfg(feature = "full")]
    NoSuchLogin,
    /// An address that may not have this session's token.
    #[cfg(feature = "full")]
    OtherOrigin,

    // ---- the server
    /// A message that cannot be read or trusted: which one, and which field of it.
    Malformed {
        /// The message: `token response`, `discovery`, `id token`.
        message: Message,
        /// The field, or what is wrong with the whole: `size`, `depth`, `json`.
        field: Field,
    },
    /// The `iss` of an authorization response, of metadata or of an ID token is another issuer's (RFC 9207 section 2.4).
    IssuerMismatch,
    /// An ID token whose signature does not verify, or whose algorithm or key is not to be trusted.
    BadSignature,
    /// A claim of an ID token is missing or wrong (OpenID Connect Core 1.0 section 3.1.3.7).
    BadClaim {
        /// The claim.
        claim: Field,
    },
    /// The server's answer is not bound to our key although the session is (RFC 9449 section 5).
    NotBound,
    /// The server does not offer what this login needs.
    Unsupported {
        /// What is missing.
        feature: Field,
    },
    /// An error response of the server (RFC 6749 sections 4.1.2.1 and 5.2).
    Refused(Refusal),
    /// The session is over: the server said `invalid_grant`, and looking again found nothing newer.
    SessionEnded,

    // ---- the world between
    /// The session is over: the answer to an earlier refresh was lost, and the issuer gives it only once.
    SessionLost,
    /// No answer, or none that means anything (5xx, 429). The session stays.
    Unreachable,
    /// Another process holds the session's lock for longer than we wait. Try again.
    Busy,
    /// The session moved while this was under way. Try again.
    Moved,

    /// The server's certificate is not signed by anybody this machine trusts, or is another host's. Nothing was sent.
    #[cfg(feature = "full")]
    Untrusted,

    // ---- this machine
    /// The store cannot be used at all: no keyring service, no folder, no IndexedDB.
    StoreUnavailable,
    /// The store exists and will not answer now: locked, or a prompt nobody answers.
    StoreLocked,
    /// What the store holds cannot be read: another version, a torn file, a wrong key.
    StoreCorrupt,
    /// The store refused to keep a new session; the tokens of a rotation may be lost with it.
    NotSaved,
    /// The key of a bound session is not there any more.
    KeyLost,
    /// The operating system gave no randomness.
    NoDice,
    /// The file that is to keep the session has another account's, or is no session at all.
    #[cfg(feature = "full")]
    StoreTaken,
    /// A folder that is to keep the session belongs to somebody else, or others can write in it.
    #[cfg(feature = "full")]
    StoreExposed,
    /// Every port that the login may listen on is taken by another program.
    #[cfg(feature = "full")]
    PortTaken {
        /// The first of them.
        port: u16,
    },
    /// The certificates that this machine is set to trust cannot be read, or there are none.
    #[cfg(feature = "full")]
    Certificates,
    /// A promise inside Gatepass does not hold; please report it.
    Bug,
}

names!(
    /// The error codes that servers send, by their registered names (RFC 6749, 8628, 9449 and OpenID Connect Core).
    ///
    /// `Other` is a code that is not registered; what it says is content, and stays out of errors.
    Refusal {
        AccessDenied = "access_denied",
        AccountSelectionRequired = "account_selection_required",
        AuthorizationPending = "authorization_pending",
        ConsentRequired = "consent_required",
        ExpiredToken = "expired_token",
        InteractionRequired = "interaction_required",
        InvalidClient = "invalid_client",
        InvalidDpopProof = "invalid_dpop_proof",
        InvalidGrant = "invalid_grant",
        InvalidRequest = "invalid_request",
        InvalidScope = "invalid_scope",
        InvalidTarget = "invalid_target",
        InvalidToken = "invalid_token",
        LoginRequired = "login_required",
        ServerError = "server_error",
        SlowDown = "slow_down",
        TemporarilyUnavailable = "temporarily_unavailable",
        UnauthorizedClient = "unauthorized_client",
        UnsupportedGrantType = "unsupported_grant_type",
        UnsupportedResponseType = "unsupported_response_type",
        UseDpopNonce = "use_dpop_nonce",
        Other = "other",
    }
    full {}
);

impl Refusal {
    /// Reads a code off the wire; an unregistered one is [`Refusal::Other`].
    pub fn parse(code: &str) -> Self {
        // GitHub's name for it.
        let code = if code == "bad_refresh_token" { "invalid_grant" } else { code };
        Self::ALL.iter().copied().find(|refusal| refusal.as_str() == code).unwrap_or(Self::Other)
    }

    /// The registered code; `other` for the rest.
    pub fn code(self) -> &'static str {
        self.as_str()
    }
}

/// Who can do something about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever called or configured Gatepass.
    Caller,
    /// The authorization server.
    Server,
    /// The network, or somebody else at the same session.
    World,
    /// This machine: its store, its key, its randomness.
    Machine,
    /// Gatepass itself.
    Gatepass,
}

impl Error {
    /// A stable name: part of `--json` and of the JavaScript API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Configuration { .. } => "configuration",
            Self::NotSignedIn => "not_signed_in",
            Self::StateMismatch => "state_mismatch",
            Self::LoginExpired => "login_expired",
            #[cfg(feature = "full")]
            Self::NotTheCallback => "not_the_callback",
            #[cfg(feature = "full")]
            Self::Declined => "declined",
            #[cfg(feature = "full")]
            Self::NoSuchLogin => "no_such_login",
            #[cfg(feature = "full")]
            Self::OtherOrigin => "other_origin",
            Self::Malformed { .. } => "malformed",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::BadSignature => "bad_signature",
            Self::BadClaim { .. } => "bad_claim",
            Self::NotBound => "not_bound",
            Self::Unsupported { .. } => "unsupported",
            Self::Refused(refusal) => refusal.code(),
            Self::SessionEnded => "session_ended",
            Self::SessionLost => "session_lost",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            #[cfg(feature = "full")]
            Self::Untrusted => "untrusted",
            Self::Moved => "moved",
            Self::StoreUnavailable => "store_unavailable",
            Self::StoreLocked => "store_locked",
            Self::StoreCorrupt => "store_corrupt",
            Self::NotSaved => "not_saved",
            Self::KeyLost => "key_lost",
            Self::NoDice => "no_dice",
            #[cfg(feature = "full")]
            Self::StoreTaken => "store_taken",
            #[cfg(feature = "full")]
            Self::StoreExposed => "store_exposed",
            #[cfg(feature = "full")]
            Self::PortTaken { .. } => "port_taken",
            #[cfg(feature = "full")]
            Self::Certificates => "certificates",
            Self::Bug => "bug",
        }
    }

    /// What in particular: a field, a claim, a feature. A name from a specification or from this code, never content.
    pub const fn detail(self) -> Option<Field> {
        match self {
            Self::Configuration { field }
            | Self::Malformed { field, .. }
            | Self::BadClaim { claim: field }
            | Self::Unsupported { feature: field } => Some(field),
            _ => None,
        }
    }

    /// Who can do something about it.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Configuration { .. } | Self::NotSignedIn | Self::StateMismatch | Self::LoginExpired => {
                Fault::Caller
            }
            #[cfg(feature = "full")]
            Self::NotTheCallback | Self::Declined | Self::NoSuchLogin | Self::OtherOrigin => Fault::Caller,
            Self::Malformed { .. }
            | Self::IssuerMismatch
            | Self::BadSignature
            | Self::BadClaim { .. }
            | Self::NotBound
            | Self::Unsupported { .. }
            | Self::Refused(_)
            | Self::SessionEnded => Fault::Server,
            Self::SessionLost | Self::Unreachable | Self::Busy | Self::Moved => Fault::World,
            Self::StoreUnavailable
            | Self::StoreLocked
            | Self::StoreCorrupt
            | Self::NotSaved
            | Self::KeyLost
            | Self::NoDice => Fault::Machine,
            #[cfg(feature = "full")]
            Self::Untrusted => Fault::World,
            #[cfg(feature = "full")]
            Self::StoreTaken | Self::StoreExposed | Self::PortTaken { .. } | Self::Certificates => {
                Fault::Machine
            }
            Self::Bug => Fault::Gatepass,
        }
    }

    /// Whether the same call may succeed a little later, with nothing changed by anybody.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Busy
                | Self::Moved
                | Self::StoreLocked
                | Self::Refused(Refusal::TemporarilyUnavailable | Refusal::ServerError)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn refusals_read_what_they_write() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::parse(refusal.code()), *refusal);
        }
        assert_eq!(Refusal::parse("bad_refresh_token"), Refusal::InvalidGrant);
        assert_eq!(Refusal::parse("made_up"), Refusal::Other);
    }
}
