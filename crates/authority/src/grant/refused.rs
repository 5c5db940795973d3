//! Every refusal, and the one match that gives each its registered code and its words.

use std::borrow::Cow;

/// Why a request is refused. The name of the variant is the reason in the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    // ---- the request itself
    Repeated,
    TooMany,
    TooLong,
    Unknown,
    Missing(&'static str),
    Malformed(&'static str),
    MixedAuthentication,
    UnsupportedMediaType,
    PkceRequired,
    PkceMethod,
    RequestObject,
    RequestUri,
    RequestUriPushed,
    ResponseType,
    ResponseMode,
    GrantType,
    GrantNotAllowed,
    Scope,
    Target,
    Organization,

    // ---- the client
    Client,

    // ---- the person
    Denied,
    LoginRequired,
    ConsentRequired,

    // ---- the code
    CodeUnknown,
    CodeExpired,
    CodeReplayed,
    CodeClient,
    CodeRedirect,
    CodeVerifier,
    CodeVerifierMissing,
    CodeVerifierUnexpected,
    CodeKey,
    CodeTyped,

    // ---- the handoff
    HandoffCaller,
    HandoffClient,
    HandoffIssuer,

    // ---- the device code
    DeviceUnknown,
    DevicePending,
    DeviceHurried,
    DeviceExpired,
    DeviceReplayed,
    DeviceClient,
    DeviceMany,

    // ---- the refresh token
    RefreshUnknown,
    RefreshExpired,
    RefreshRevoked,
    RefreshReplayed,
    RefreshKey,
    RefreshOrganization,

    // ---- the token to be exchanged
    SubjectType,
    SubjectToken,
    SubjectClient,
    SubjectKey,
    SubjectKind,
    SubjectOrganization,

    // ---- the proof
    Proof(&'static str),
    ProofReplayed,
    ProofNonce,

    // ---- the access token
    TokenInvalid,
    TokenRevoked,
    TokenScheme,
    TokenKey,
    TokenScope,
    TokenAudience,
    TokenStale,
    TokenExchanged,

    // ---- personal tokens
    PersonalManage,
    PersonalDevice,
    PersonalMany,
    PersonalUnknown,

    // ---- grants
    GrantManage,
    GrantUnknown,
    SessionNeeded,
    LinkMake,
    LinkMany,

    // ---- us
    Server,
}

impl Refused {
    /// The registered code and a description in words; neither ever holds what the caller sent.
    pub(crate) fn wire(self) -> (&'static str, Cow<'static, str>) {
        let (code, words) = match self {
            Self::Repeated => ("invalid_request", "a parameter is given more than once"),
            Self::TooMany => ("invalid_request", "there are more than 64 parameters"),
            Self::TooLong => ("invalid_request", "the request is too long"),
            Self::Unknown => ("invalid_request", "there is a parameter that is not known here"),
            Self::Missing(name) => {
                return ("invalid_request", Cow::Owned(format!("parameter `{name}` is missing")));
            }
            Self::Malformed(name) => {
                return ("invalid_request", Cow::Owned(format!("`{name}` cannot be read")));
            }
            Self::MixedAuthentication => ("invalid_request", "the client authenticates in more than one way"),
            Self::UnsupportedMediaType => {
                ("invalid_request", "the body is neither a form nor a json object of strings")
            }
            Self::PkceRequired => ("invalid_request", "`code_challenge` is required (rfc 7636)"),
            Self::PkceMethod => ("invalid_request", "`code_challenge_method` must be `S256`"),
            // OpenID Connect Core section 3.1.2.6 names both.
            Self::RequestObject => ("request_not_supported", "`request` is not supported"),
            Self::RequestUri => ("request_uri_not_supported", "`request_uri` is not supported"),
            // RFC 9126 section 2.1.
            Self::RequestUriPushed => ("invalid_request", "`request_uri` cannot be handed in"),
            Self::ResponseType => ("unsupported_response_type", "`response_type` must be `code`"),
            Self::ResponseMode => ("invalid_request", "`response_mode` must be `query`"),
            Self::GrantType => ("unsupported_grant_type", "this `grant_type` is not supported"),
            Self::GrantNotAllowed => ("unauthorized_client", "this client may not use this grant"),
            Self::Scope => ("invalid_scope", "the scope asks for more than was granted or is not known"),
            Self::Target => ("invalid_target", "this client may not ask for tokens for that audience"),
            Self::Organization => ("invalid_request", "the person is no member of that `organization`"),

            // One answer for an unknown client and a wrong secret: the difference is nobody's business.
            Self::Client => ("invalid_client", "the client is not known or its secret is wrong"),

            Self::Denied => ("access_denied", "the person said no"),
            Self::LoginRequired => ("login_required", "nobody is signed in, or not recently enough"),
            Self::ConsentRequired => ("consent_required", "the person has to agree first"),

            Self::CodeUnknown => ("invalid_grant", "the code is not known"),
            Self::CodeExpired => ("invalid_grant", "the code has expired"),
            Self::CodeReplayed => {
                ("invalid_grant", "the code was used before; what was issued for it is revoked")
            }
            Self::CodeClient => ("invalid_grant", "the code was issued to another client"),
            Self::CodeRedirect => {
                ("invalid_grant", "`redirect_uri` differs from the one in the authorization request")
            }
            Self::CodeVerifier => ("invalid_grant", "`code_verifier` does not match the challenge"),
            Self::CodeVerifierMissing => ("invalid_grant", "`code_verifier` is missing"),
            Self::CodeVerifierUnexpected => {
                ("invalid_grant", "`code_verifier` is given although the request had no challenge")
            }
            Self::CodeKey => ("invalid_grant", "the code is bound to another key (`dpop_jkt`)"),

            Self::CodeTyped => {
                ("invalid_grant", "that code does not wait here: it has five tries and ten minutes")
            }

            Self::HandoffCaller => {
                ("unauthorized_client", "a terminal is signed in by a page of the house, for its user")
            }
            Self::HandoffClient => ("unauthorized_client", "`client_id` is no program of people's machines"),
            Self::HandoffIssuer => ("invalid_request", "`iss` is another server"),

            Self::DeviceUnknown => ("invalid_grant", "the device code is not known"),
            // RFC 8628 section 3.5.
            Self::DevicePending => ("authorization_pending", "the person has not decided yet"),
            Self::DeviceHurried => {
                ("slow_down", "that was too soon: wait five seconds longer from now on, every time")
            }
            Self::DeviceExpired => ("expired_token", "the device code has expired"),
            Self::DeviceReplayed => {
                ("invalid_grant", "the device code was used before; what was issued for it is revoked")
            }
            Self::DeviceClient => ("invalid_grant", "the device code was issued to another client"),

            Self::DeviceMany => {
                ("temporarily_unavailable", "too many devices asked from this place; wait ten minutes")
            }

            Self::RefreshUnknown => ("invalid_grant", "the refresh token is not known"),
            Self::RefreshExpired => ("invalid_grant", "the refresh token has expired"),
            Self::RefreshRevoked => ("invalid_grant", "the refresh token was revoked"),
            Self::RefreshReplayed => {
                ("invalid_grant", "the refresh token was used before; its session is revoked")
            }
            Self::RefreshKey => ("invalid_grant", "the refresh token is bound to another key"),
            Self::RefreshOrganization => {
                ("invalid_grant", "the person is no member of the organization any more")
            }

            // RFC 8693 section 2.2.2 has one code for all of them.
            Self::SubjectType => {
                ("invalid_request", "only an access token is exchanged, for an access token (rfc 8693)")
            }
            Self::SubjectToken => {
                ("invalid_request", "the subject token is not valid, has expired or was revoked")
            }
            Self::SubjectClient => ("invalid_request", "the subject token was issued to another client"),
            Self::SubjectKey => ("invalid_request", "the subject token is not bound to the key of the proof"),
            Self::SubjectKind => {
                ("invalid_request", "a token that came of an exchange or of a device code is not exchanged")
            }
            Self::SubjectOrganization => {
                ("invalid_request", "the person is no member of the organization any more")
            }

            Self::Proof(field) => {
                return ("invalid_dpop_proof", Cow::Owned(format!("the proof is not acceptable: {field}")));
            }
            Self::ProofReplayed => ("invalid_dpop_proof", "the proof was used before (`jti`)"),
            Self::ProofNonce => ("use_dpop_nonce", "the proof needs the nonce of this response"),

            Self::TokenInvalid => ("invalid_token", "the access token is not valid or has expired"),
            Self::TokenRevoked => ("invalid_token", "the access token was revoked"),
            Self::TokenScheme => ("invalid_token", "the access token is bound to a key: use the dpop scheme"),
            Self::TokenKey => ("invalid_token", "the access token is bound to another key"),
            Self::TokenScope => ("insufficient_scope", "the scope `openid` is missing"),

            Self::TokenAudience => ("invalid_token", "the access token is for another audience"),
            // RFC 9470 section 3.
            Self::TokenStale => ("insufficient_user_authentication", "the sign-in is too long ago for this"),

            // RFC 7009 section 2.2.1.
            Self::TokenExchanged => (
                "unsupported_token_type",
                "a token that came of an exchange ends by itself; the session that it came of is its owner's",
            ),

            Self::PersonalManage => (
                "insufficient_scope",
                "personal tokens are managed by an application of the house, for its user",
            ),
            Self::PersonalDevice => (
                "insufficient_scope",
                "a session that began with a device code makes no personal tokens: sign in with a browser",
            ),
            Self::PersonalMany => ("invalid_request", "there are as many tokens as one person may have"),
            Self::PersonalUnknown => ("not_found", "there is no token of that id"),

            Self::GrantManage => (
                "insufficient_scope",
                "grants are managed by an application of the house, in a session that began in a browser",
            ),
            Self::GrantUnknown => ("not_found", "there is no grant of that id"),
            Self::SessionNeeded => ("insufficient_scope", "that is for a session's own access token"),

            Self::LinkMake => (
                "insufficient_scope",
                "browsers are signed in by a program of the house that proves its key, in a session that began in a browser",
            ),
            Self::LinkMany => {
                ("temporarily_unavailable", "this session asked for too many links; wait a minute")
            }

            Self::Server => ("server_error", "something failed here; nothing was granted"),
        };
        (code, Cow::Borrowed(words))
    }

    /// The status at the token endpoint and its kin (RFC 6749 section 5.2) and at resources (RFC 6750 section 3.1).
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Client | Self::TokenInvalid | Self::TokenRevoked | Self::TokenScheme | Self::TokenKey => {
                401
            }
            Self::TokenAudience | Self::TokenStale => 401,
            Self::TokenScope
            | Self::PersonalManage
            | Self::PersonalDevice
            | Self::GrantManage
            | Self::SessionNeeded
            | Self::LinkMake => 403,
            Self::PersonalUnknown | Self::GrantUnknown => 404,
            Self::UnsupportedMediaType => 415,
            Self::DeviceMany | Self::LinkMany => 429,
            Self::Server => 500,
            _ => 400,
        }
    }

    /// The reason for the log: the variant's name.
    pub(crate) fn reason(self) -> String {
        format!("{self:?}")
    }
}

impl From<gatepass_core::error::Error> for Refused {
    /// Inside the authority, an error of the words layer is never the caller's doing.
    fn from(_: gatepass_core::error::Error) -> Self {
        Self::Server
    }
}
