//! The clients, and how one proves to be itself.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gatepass_core::name::Scopes;
use serde::Deserialize;

use super::redirect;
use super::refused::Refused;
use crate::jose::Algorithm;
use crate::keys::sha256;

/// A way to tokens (RFC 6749 section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum GrantType {
    /// A code that a browser brought.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// Going on without the person.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// A code that a person types on another device (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// A shorter and narrower access token for another program (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// All of them.
    pub(crate) const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::DeviceCode, Self::TokenExchange];

    /// As it is registered.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// Reads the `grant_type` of a token request (RFC 6749 section 4.5).
    pub(crate) fn read(name: &str) -> Result<Self, Refused> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or(Refused::GrantType)
    }
}

/// A registered client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Runs on a person's machine: anybody can use its id (RFC 8252 section 8.6).
    pub(crate) native: bool,
    /// Belongs to the same company as the authority: no consent page, unless it is native.
    pub(crate) first_party: bool,
    pub(crate) redirect_uris: Vec<String>,
    /// Where a browser may go after a sign-out.
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// What it may come with.
    pub(crate) grant_types: Vec<GrantType>,
    /// SHA-256 of the secret; without one the client is public.
    pub(crate) secret: Option<[u8; 32]>,
    pub(crate) id_token_alg: Algorithm,
    pub(crate) access_token_seconds: u64,
    pub(crate) refresh_idle_seconds: u64,
    pub(crate) refresh_absolute_seconds: u64,
    /// Gets refresh tokens without asking for `offline_access`.
    pub(crate) always_refresh: bool,
    /// The first is the default.
    pub(crate) audiences: Vec<String>,
}

impl Client {
    /// Whether it cannot keep a secret (RFC 6749 section 2.1).
    pub(crate) const fn is_public(&self) -> bool {
        self.secret.is_none()
    }

    /// Whether authorization responses may go there.
    pub(crate) fn accepts(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|known| redirect::matches(known, redirect_uri, self.native))
    }

    /// Refuses a grant that this client is not registered for (RFC 6749 section 5.2, `unauthorized_client`).
    pub(crate) fn may_use(&self, grant_type: GrantType) -> Result<(), Refused> {
        if self.grant_types.contains(&grant_type) { Ok(()) } else { Err(Refused::GrantNotAllowed) }
    }

    /// Whether what was granted with this scope may be refreshed.
    pub(crate) fn may_refresh(&self, scope: &Scopes) -> bool {
        self.may_use(GrantType::RefreshToken).is_ok()
            && (self.always_refresh || scope.contains("offline_access"))
    }

    /// The one audience of a token: the asked one if it is on the list, the first if none is asked.
    pub(crate) fn audience(&self, asked: Option<&str>) -> Result<&str, Refused> {
        match asked {
            None => self.audiences.first().map(String::as_str).ok_or(Refused::Target),
            Some(asked) => {
                self.audiences.iter().map(String::as_str).find(|known| *known == asked).ok_or(Refused::Target)
            }
        }
    }

    /// Holds the credentials against this client (RFC 6749 section 2.3).
    pub(crate) fn authenticate(&self, credentials: &Credentials) -> Result<(), Refused> {
        match (&self.secret, &credentials.secret) {
            (None, None) => Ok(()),
            (Some(known), Some(given)) => {
                verify_slices_are_equal(known, &sha256(given)).map_err(|_| Refused::Client)
            }
            // A secret sent for a public client is a mistake that must not look like a success.
            (None, Some(_)) | (Some(_), None) => Err(Refused::Client),
        }
    }
}

/// All clients.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    pub(crate) const fn new(clients: Vec<Client>) -> Self {
        Self(clients)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Client> {
        self.0.iter().find(|client| client.id == id)
    }

    /// The origins of web clients' redirect URIs: the pages that may call the token endpoint (RFC 9700 section 2.6).
    pub(crate) fn web_origins(&self) -> Vec<String> {
        let web = self.0.iter().filter(|client| !client.native);
        let mut origins: Vec<String> =
            web.flat_map(|client| &client.redirect_uris).filter_map(|uri| origin(uri)).collect();
        origins.sort();
        origins.dedup();
        origins
    }
}

/// What a client sent about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) secret: Option<String>,
}

/// Scheme, host and port of an http address.
fn origin(uri: &str) -> Option<String> {
    let start = uri.find("://")? + 3;
    let end = uri[start..].find(['/', '?']).map_or(uri.len(), |at| start + at);
    Some(uri[..end].to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A public native client for the tests of the other rules.
    pub(crate) fn native() -> Client {
        Client {
            id: "cli".into(),
            name: "The CLI".into(),
            native: true,
            first_party: true,
            redirect_uris: vec!["http://127.0.0.1/callback".into()],
            post_logout_redirect_uris: Vec::new(),
            grant_types: GrantType::ALL.to_vec(),
            secret: None,
            id_token_alg: Algorithm::ES256,
            access_token_seconds: 3600,
            refresh_idle_seconds: 1000,
            refresh_absolute_seconds: 10_000,
            always_refresh: true,
            audiences: vec!["https://api.example".into(), "https://other.example".into()],
        }
    }

    #[test]
    fn secrets_are_compared_whole() {
        let credentials =
            |secret: Option<&str>| Credentials { client_id: "cli".into(), secret: secret.map(str::to_owned) };
        let public = native();
        let confidential = Client { secret: Some(sha256("s3cret")), ..native() };
        assert_eq!(public.authenticate(&credentials(None)), Ok(()));
        assert_eq!(public.authenticate(&credentials(Some("x"))), Err(Refused::Client));
        assert_eq!(confidential.authenticate(&credentials(Some("s3cret"))), Ok(()));
        assert_eq!(confidential.authenticate(&credentials(Some("s3cre"))), Err(Refused::Client));
        assert_eq!(confidential.authenticate(&credentials(None)), Err(Refused::Client));
    }

    #[test]
    fn audiences_come_from_the_list() {
        let client = native();
        assert_eq!(client.audience(None), Ok("https://api.example"));
        assert_eq!(client.audience(Some("https://other.example")), Ok("https://other.example"));
        assert_eq!(client.audience(Some("https://api.example/")), Err(Refused::Target));
    }

    #[test]
    fn grants_are_those_of_the_registration() {
        let scope = |text| Scopes::parse(text).unwrap();
        let shy = Client { always_refresh: false, ..native() };
        assert!(native().may_refresh(&scope("openid")) && !shy.may_refresh(&scope("openid")));
        assert!(shy.may_refresh(&scope("offline_access")));
        let once = Client { grant_types: vec![GrantType::DeviceCode], ..native() };
        assert!(!once.may_refresh(&scope("offline_access")));
        assert_eq!(once.may_use(GrantType::AuthorizationCode), Err(Refused::GrantNotAllowed));
        assert_eq!(once.may_use(GrantType::DeviceCode), Ok(()));
        for known in GrantType::ALL {
            assert_eq!(GrantType::read(known.name()), Ok(known));
        }
        assert_eq!(GrantType::read("password"), Err(Refused::GrantType));
    }

    #[test]
    fn only_web_clients_give_origins() {
        let web = Client {
            native: false,
            redirect_uris: vec!["https://a.example:8443/cb".into(), "https://a.example:8443/other".into()],
            ..native()
        };
        assert_eq!(Clients::new(vec![native(), web]).web_origins(), ["https://a.example:8443"]);
    }
}
