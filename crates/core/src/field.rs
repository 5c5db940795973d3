//! The names that an error may say: fields of messages and settings, and the messages themselves.
//!
//! They are numbers until somebody reads them: an [`Error`](crate::error::Error) that carried text would cost every
//! fallible call of the wasm.

/// Where each of these ends if they are written one behind the other, with a zero in front.
const fn ends<const N: usize, const M: usize>(names: &[&str; N]) -> [u16; M] {
    let mut ends = [0; M];
    let mut at = 0;
    while at < N {
        ends[at + 1] = ends[at] + names[at].len() as u16;
        at += 1;
    }
    ends
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each variant is the name that it stands for")]
        pub enum $type {
            $($variant,)*
        }

        impl $type {
            /// The name.
            pub fn as_str(self) -> &'static str {
                // One text and where each name ends in it: a table of slices would be four times as long.
                const TEXT: &str = concat!($($name),*);
                static ENDS: [u16; [$($name),*].len() + 1] = ends(&[$($name),*]);
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

names!(
    /// A field of a message, a claim, a setting, or what is wrong with a whole message (`size`, `depth`, `json`).
    Field {
        AccessToken = "access_token",
        AccessTokens = "access_tokens",
        Acr = "acr",
        Active = "active",
        Alg = "alg",
        AskedScope = "asked_scope",
        AtHash = "at_hash",
        Aud = "aud",
        Audience = "audience",
        AuthTime = "auth_time",
        AuthorizationEndpoint = "authorization_endpoint",
        AuthorizationResponseIssParameterSupported = "authorization_response_iss_parameter_supported",
        AuthorizationServers = "authorization_servers",
        Azp = "azp",
        BackchannelLogout = "http://schemas.openid.net/event/backchannel-logout",
        BearerMethodsSupported = "bearer_methods_supported",
        BegunAt = "begun_at",
        Bound = "bound",
        CHash = "c_hash",
        Claims = "claims",
        ClientId = "client_id",
        ClientIdIssuedAt = "client_id_issued_at",
        ClientIdMetadataDocumentSupported = "client_id_metadata_document_supported",
        ClientSecret = "client_secret",
        ClientSecretExpiresAt = "client_secret_expires_at",
        Cnf = "cnf",
        Code = "code",
        Crit = "crit",
        Crv = "crv",
        D = "d",
        Depth = "depth",
        DeviceAuthorizationEndpoint = "device_authorization_endpoint",
        DeviceCode = "device_code",
        Dpop = "dpop",
        DpopBinding = "DPoP",
        DpopBoundAccessTokensRequired = "dpop_bound_access_tokens_required",
        DpopSigningAlgValuesSupported = "dpop_signing_alg_values_supported",
        E = "e",
        Email = "email",
        EmailVerified = "email_verified",
        Encoding = "encoding",
        EndSessionEndpoint = "end_session_endpoint",
        Error = "error",
        Events = "events",
        Exp = "exp",
        ExpiresAt = "expires_at",
        ExpiresIn = "expires_in",
        ForgivesReplay = "forgives_replay",
        Gap = "gap",
        GatepassRefreshTokenReplay = "gatepass_refresh_token_replay",
        Generation = "generation",
        GrantTypesSupported = "grant_types_supported",
        Header = "header",
        Href = "href",
        Iat = "iat",
        IdToken = "id_token",
        IdTokenSignedResponseAlg = "id_token_signed_response_alg",
        IdTokenSigningAlgValuesSupported = "id_token_signing_alg_values_supported",
        Interval = "interval",
        IntrospectionEndpoint = "introspection_endpoint",
        Iss = "iss",
        IssuedTokenType = "issued_token_type",
        Issuer = "issuer",
        Jkt = "jkt",
        Jku = "jku",
        Json = "json",
        Jti = "jti",
        Jwk = "jwk",
        JwksUri = "jwks_uri",
        Key = "key",
        KeyOps = "key_ops",
        Keys = "keys",
        Kid = "kid",
        Kty = "kty",
        Links = "links",
        LogoutToken = "logout_token",
        LoopbackPort = "a port on 127.0.0.1",
        Mark = "mark",
        MaxAge = "max_age",
        N = "n",
        Name = "name",
        Nbf = "nbf",
        NextAt = "next_at",
        Nonce = "nonce",
        Parts = "parts",
        Polling = "polling",
        PrivateKey = "private_key",
        Profile = "profile",
        PushedAuthorizationRequestEndpoint = "pushed_authorization_request_endpoint",
        ReceivedAt = "received_at",
        RedirectUri = "redirect_uri",
        RedirectUris = "redirect_uris",
        RefreshToken = "refresh_token",
        Refreshes = "refreshes",
        RegistrationAccessToken = "registration_access_token",
        RegistrationClientUri = "registration_client_uri",
        RegistrationEndpoint = "registration_endpoint",
        Rel = "rel",
        RepeatedKey = "repeated key",
        RepeatedParameter = "repeated parameter",
        RequestUri = "request_uri",
        RequirePushedAuthorizationRequests = "require_pushed_authorization_requests",
        Resource = "resource",
        RevocationEndpoint = "revocation_endpoint",
        Scope = "scope",
        ScopesSupported = "scopes_supported",
        Session = "session",
        Sid = "sid",
        Signature = "signature",
        SignedInAt = "signed_in_at",
        Size = "size",
        State = "state",
        Status = "status",
        Sub = "sub",
        Subject = "subject",
        TokenEndpoint = "token_endpoint",
        TokenEndpointAuthMethod = "token_endpoint_auth_method",
        TokenEndpointAuthMethodsSupported = "token_endpoint_auth_methods_supported",
        TokenType = "token_type",
        Typ = "typ",
        Use = "use",
        UserCode = "user_code",
        UserinfoEndpoint = "userinfo_endpoint",
        V = "v",
        VerificationUri = "verification_uri",
        VerificationUriComplete = "verification_uri_complete",
        VerificationUrl = "verification_url",
        Verifier = "verifier",
        X = "x",
        X5c = "x5c",
        X5u = "x5u",
        Y = "y",
    }
);

names!(
    /// A message of a server, or something stored.
    Message {
        AuthorizationResponse = "authorization response",
        Challenge = "challenge",
        DeviceAuthorization = "device authorization",
        Discovery = "discovery",
        IdToken = "id token",
        IntrospectionResponse = "introspection response",
        Jwks = "jwks",
        LoginInitiation = "login initiation",
        LogoutResponse = "logout response",
        LogoutToken = "logout token",
        PendingLogin = "pending login",
        ProtectedResource = "protected resource metadata",
        PushedAuthorizationResponse = "pushed authorization response",
        Record = "record",
        RegistrationResponse = "registration response",
        RevocationResponse = "revocation response",
        TokenResponse = "token response",
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
