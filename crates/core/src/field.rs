//! The names that an error may say: fields of messages and settings, and the messages themselves.
//!
//! They are numbers until somebody reads them: an [`Error`](crate::error::Error) that carried text would cost every
//! fallible call of the wasm. All names end up there, used or not, some twenty bytes each; so those of steps that no page
//! takes stand in lists of their own, which come with the feature `full`.

/// Where each of these ends if they are written one behind the other, with a zero in front.
pub(crate) const fn ends<const M: usize>(names: &[&str]) -> [u16; M] {
    let mut ends = [0; M];
    let mut at = 0;
    while at < names.len() {
        ends[at + 1] = ends[at] + names[at].len() as u16;
        at += 1;
    }
    ends
}

macro_rules! names {
    (
        $(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal,)* }
        full { $($other:ident = $other_name:literal,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each variant is the name that it stands for")]
        pub enum $type {
            $($variant,)*
            $(#[cfg(feature = "full")] $other,)*
        }

        impl $type {
            /// All that there are.
            pub const ALL: &[Self] = &[$(Self::$variant,)* $(#[cfg(feature = "full")] Self::$other,)*];

            /// The name.
            pub fn as_str(self) -> &'static str {
                // One text and where each name ends in it: a table of slices would be four times as long.
                #[cfg(not(feature = "full"))]
                const TEXT: &str = concat!($($name),*);
                #[cfg(feature = "full")]
                const TEXT: &str = concat!($($name,)* $($other_name),*);
                const NAMES: &[&str] = &[$($name,)* $(#[cfg(feature = "full")] $other_name,)*];
                static ENDS: [u16; NAMES.len() + 1] = $crate::field::ends(NAMES);
                let at = usize::from(self as u8);
                match (ENDS.get(at), ENDS.get(at + 1)) {
                    (Some(from), Some(to)) => {
                        TEXT.get(usize::from(*from)..usize::from(*to)).unwrap_or_default()
                    }
                    _ => "",
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use names;

names!(
    /// A field of a message, a claim, a setting, or what is wrong with a whole message (`size`, `depth`, `json`).
    Field {
        AccessToken = "access_token",
        AccessTokens = "access_tokens",
        Acr = "acr",
        Alg = "alg",
        AskedScope = "asked_scope",
        AtHash = "at_hash",
        Aud = "aud",
        Audience = "audience",
        AuthTime = "auth_time",
        AuthorizationEndpoint = "authorization_endpoint",
        AuthorizationResponseIssParameterSupported = "authorization_response_iss_parameter_supported",
        Azp = "azp",
        BegunAt = "begun_at",
        Bound = "bound",
        CHash = "c_hash",
        Claims = "claims",
        ClientId = "client_id",
        Code = "code",
        Crit = "crit",
        Crv = "crv",
        D = "d",
        Depth = "depth",
        Dpop = "dpop",
        DpopBinding = "DPoP",
        DpopSigningAlgValuesSupported = "dpop_signing_alg_values_supported",
        E = "e",
        Email = "email",
        Encoding = "encoding",
        Error = "error",
        Exp = "exp",
        ExpiresAt = "expires_at",
        ExpiresIn = "expires_in",
        ForgivesReplay = "forgives_replay",
        GatepassRefreshTokenReplay = "gatepass_refresh_token_replay",
        Generation = "generation",
        Header = "header",
        Iat = "iat",
        IdToken = "id_token",
        IdTokenSignedResponseAlg = "id_token_signed_response_alg",
        IdTokenSigningAlgValuesSupported = "id_token_signing_alg_values_supported",
        Iss = "iss",
        Issuer = "issuer",
        Jku = "jku",
        Json = "json",
        Jwk = "jwk",
        JwksUri = "jwks_uri",
        Key = "key",
        KeyOps = "key_ops",
        Keys = "keys",
        Kid = "kid",
        Kty = "kty",
        Mark = "mark",
        MaxAge = "max_age",
        N = "n",
        Name = "name",
        Nbf = "nbf",
        Nonce = "nonce",
        Parts = "parts",
        PrivateKey = "private_key",
        Profile = "profile",
        PushedAuthorizationRequestEndpoint = "pushed_authorization_request_endpoint",
        ReceivedAt = "received_at",
        RedirectUri = "redirect_uri",
        RefreshToken = "refresh_token",
        Refreshes = "refreshes",
        RepeatedKey = "repeated key",
        RepeatedParameter = "repeated parameter",
        RequestUri = "request_uri",
        RequirePushedAuthorizationRequests = "require_pushed_authorization_requests",
        Resource = "resource",
        RevocationEndpoint = "revocation_endpoint",
        Scope = "scope",
        Session = "session",
        Signature = "signature",
        SignedInAt = "signed_in_at",
        Size = "size",
        State = "state",
        Status = "status",
        Sub = "sub",
        TokenEndpoint = "token_endpoint",
        TokenType = "token_type",
        Typ = "typ",
        Use = "use",
        V = "v",
        Verifier = "verifier",
        X = "x",
        X5c = "x5c",
        X5u = "x5u",
        Y = "y",
    }
    full {
        Active = "active",
        AuthorizationServers = "authorization_servers",
        BackchannelLogout = "http://schemas.openid.net/event/backchannel-logout",
        BearerMethodsSupported = "bearer_methods_supported",
        ClientIdIssuedAt = "client_id_issued_at",
        ClientIdMetadataDocumentSupported = "client_id_metadata_document_supported",
        ClientSecret = "client_secret",
        ClientSecretExpiresAt = "client_secret_expires_at",
        Cnf = "cnf",
        Device = "device",
        DeviceAuthorizationEndpoint = "device_authorization_endpoint",
        DeviceCode = "device_code",
        DpopBoundAccessTokensRequired = "dpop_bound_access_tokens_required",
        EmailVerified = "email_verified",
        Enc = "enc",
        EndSessionEndpoint = "end_session_endpoint",
        Events = "events",
        Gap = "gap",
        GatepassHandoffEndpoint = "gatepass_handoff_endpoint",
        GatepassSessionLinkEndpoint = "gatepass_session_link_endpoint",
        GrantTypesSupported = "grant_types_supported",
        Href = "href",
        Interval = "interval",
        IntrospectionEndpoint = "introspection_endpoint",
        IssuedTokenType = "issued_token_type",
        Jkt = "jkt",
        Jti = "jti",
        Links = "links",
        LoginHint = "login_hint",
        LogoutToken = "logout_token",
        LoopbackPort = "a port on 127.0.0.1",
        NextAt = "next_at",
        Polling = "polling",
        Prompt = "prompt",
        RedirectUris = "redirect_uris",
        RegistrationAccessToken = "registration_access_token",
        RegistrationClientUri = "registration_client_uri",
        RegistrationEndpoint = "registration_endpoint",
        Rel = "rel",
        ScopesSupported = "scopes_supported",
        Sealed = "sealed",
        Sid = "sid",
        Subject = "subject",
        TokenEndpointAuthMethod = "token_endpoint_auth_method",
        TokenEndpointAuthMethodsSupported = "token_endpoint_auth_methods_supported",
        Url = "url",
        UserCode = "user_code",
        UserinfoEndpoint = "userinfo_endpoint",
        VerificationUri = "verification_uri",
        VerificationUriComplete = "verification_uri_complete",
        VerificationUrl = "verification_url",
    }
);

names!(
    /// A message of a server, or something stored.
    Message {
        AuthorizationResponse = "authorization response",
        Discovery = "discovery",
        IdToken = "id token",
        Jwks = "jwks",
        LogoutToken = "logout token",
        PendingLogin = "pending login",
        PushedAuthorizationResponse = "pushed authorization response",
        Record = "record",
        RevocationResponse = "revocation response",
        TokenResponse = "token response",
    }
    full {
        Challenge = "challenge",
        DeviceAuthorization = "device authorization",
        IntrospectionResponse = "introspection response",
        LoginInitiation = "login initiation",
        LogoutResponse = "logout response",
        PeerToken = "peer's token",
        ProtectedResource = "protected resource metadata",
        RegistrationResponse = "registration response",
        SessionLink = "session link",
        Userinfo = "userinfo",
        WebFinger = "webfinger",
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn each_variant_has_its_own_name() {
        assert_eq!((Field::AccessToken.as_str(), Field::Y.as_str()), ("access_token", "y"));
        assert_eq!(Field::TokenEndpoint.as_str(), "token_endpoint");
        assert_eq!(
            (Message::TokenResponse.as_str(), Message::Userinfo.as_str()),
            ("token response", "userinfo")
        );
    }
}
