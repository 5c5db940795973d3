//! What a client says of itself (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2), and the
//! document that is its own `client_id` (draft-ietf-oauth-client-id-metadata-document).

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::field::Field;
use crate::json::{Writer, array, quote};
use crate::jwk::{Algorithm, PublicKey};
use crate::name::{ClientId, Scopes};
use crate::text::pieces;
use crate::url::{Endpoint, Parts, RedirectUri};

/// A client, before an issuer knows it.
#[derive(Debug)]
pub struct ClientMetadata<'a> {
    /// What people are shown when they are asked for consent.
    pub client_name: &'a str,
    /// Where they can read about it.
    pub client_uri: Option<&'a Endpoint>,
    /// What kind of program it is.
    pub application: Application,
    /// Where authorization responses come back; none means that it does not sign in by redirect. A loopback address is
    /// written without its port (RFC 8252 section 7.3).
    pub redirect_uris: &'a [RedirectUri],
    /// Where the issuer may send a person who signed out there.
    pub post_logout_redirect_uris: &'a [RedirectUri],
    /// Whether it signs in by a device code too (RFC 8628).
    pub device_code: bool,
    /// Whether it asks for refresh tokens.
    pub refreshes: bool,
    /// What it may ask for, if that is to be limited.
    pub scopes: Option<&'a Scopes>,
    /// How it proves at the token endpoint who it is.
    pub authentication: Authentication<'a>,
    /// The algorithm of its ID tokens; unsaid it is RS256.
    pub id_token_algorithm: Option<Algorithm>,
    /// Whether it takes only tokens that are bound to a key (RFC 9449 section 5.2).
    pub bound: bool,
}

/// What kind of program a client is (OpenID Connect Dynamic Client Registration 1.0 section 2, `application_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// A terminal, a desktop: redirects to this machine.
    Native,
    /// A page or a server: redirects to `https`.
    Web,
}

/// How a client proves who it is.
#[derive(Debug)]
pub enum Authentication<'a> {
    /// Not at all: it can keep no secret.
    None,
    /// By a secret in the `Authorization` header.
    SecretBasic,
    /// By a secret in the form.
    SecretPost,
    /// By an assertion that it signs (RFC 7523).
    PrivateKey {
        /// The public halves.
        keys: Keys<'a>,
        /// What it signs by.
        algorithm: Algorithm,
    },
}

impl Authentication<'_> {
    /// The registered name (RFC 7591 section 2, `token_endpoint_auth_method`).
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKey { .. } => "private_key_jwt",
        }
    }
}

/// Where a client's keys are: in one place or the other, never in both (RFC 7591 section 2).
#[derive(Debug)]
pub enum Keys<'a> {
    /// In its metadata (`jwks`).
    Here(&'a KeySet),
    /// At an address (`jwks_uri`).
    At(&'a Endpoint),
}

/// Public keys with their names, no two of which are the same (RFC 7517 section 4.5).
#[derive(Debug)]
pub struct KeySet(String);

impl KeySet {
    /// Takes keys with what they are called and used for.
    pub fn new(keys: &[(&str, &PublicKey, Algorithm)]) -> Result<Self, Error> {
        let wrong = Error::Configuration { field: Field::Kid };
        let mut written: Vec<String> = Vec::new();
        for (at, (kid, key, algorithm)) in keys.iter().enumerate() {
            let repeated = keys.iter().take(at).any(|(known, ..)| known == kid);
            if kid.is_empty() || repeated || !key.fits(*algorithm) {
                return Err(wrong);
            }
            let mut jwk =
                Writer::new().text("kid", kid).text("use", "sig").text("alg", algorithm.as_str()).finish();
            // Both are objects: the first loses its end and the second its beginning.
            jwk.pop();
            jwk.push(',');
            jwk.push_str(key.to_json().strip_prefix('{').ok_or(Error::Bug)?);
            written.push(jwk);
        }
        Ok(Self(Writer::new().raw("keys", &array(written.iter().map(String::as_str))).finish()))
    }
}

impl ClientMetadata<'_> {
    /// The metadata, as fields behind those of `writer`.
    pub(super) fn write(&self, writer: Writer) -> Result<Writer, Error> {
        let wrong = |field| Err(Error::Configuration { field });
        let by_redirect = !self.redirect_uris.is_empty();
        if !by_redirect && !self.device_code {
            return wrong(Field::RedirectUri);
        }
        let native = self.application == Application::Native;
        for uri in self.redirect_uris.iter().chain(self.post_logout_redirect_uris) {
            let parts = Parts::split(uri.as_str(), Field::RedirectUri)?;
            // Section 2: what is not native redirects to https alone. RFC 8252 section 8.3: `localhost` is no literal.
            if !(parts.secure || native && parts.is_loopback_literal()) {
                return wrong(Field::RedirectUri);
            }
        }
        let grants = [
            (by_redirect, "authorization_code"),
            (self.device_code, "urn:ietf:params:oauth:grant-type:device_code"),
            (self.refreshes, "refresh_token"),
        ];
        let grants = grants.into_iter().filter_map(|(wanted, name)| wanted.then_some(name));
        let mut writer = writer
            .text("client_name", self.client_name)
            .some("client_uri", self.client_uri.map(Endpoint::as_str))
            .text("application_type", if native { "native" } else { "web" })
            .raw("grant_types", &texts(grants))
            // RFC 7591 section 2.1: a code comes by a redirect. Unsaid it would be asked for nevertheless.
            .raw("response_types", if by_redirect { "[\"code\"]" } else { "[]" })
            .some("scope", self.scopes.map(Scopes::as_str))
            .text("token_endpoint_auth_method", self.authentication.as_str())
            .some("id_token_signed_response_alg", self.id_token_algorithm.map(Algorithm::as_str))
            .flag("dpop_bound_access_tokens", self.bound);
        for (name, uris) in [
            ("redirect_uris", self.redirect_uris),
            ("post_logout_redirect_uris", self.post_logout_redirect_uris),
        ] {
            if !uris.is_empty() {
                writer = writer.raw(name, &texts(uris.iter().map(RedirectUri::as_str)));
            }
        }
        Ok(match &self.authentication {
            Authentication::PrivateKey { keys, algorithm } => {
                let writer = writer.text("token_endpoint_auth_signing_alg", algorithm.as_str());
                match keys {
                    Keys::Here(KeySet(keys)) => writer.raw("jwks", keys),
                    Keys::At(url) => writer.text("jwks_uri", url.as_str()),
                }
            }
            _ => writer,
        })
    }

    /// The document to serve at `client_id`, as `application/json` (draft section 4.1). Nobody shares a secret with
    /// everybody who can read it.
    pub fn document(&self, client_id: &DocumentUrl) -> Result<String, Error> {
        if matches!(self.authentication, Authentication::SecretBasic | Authentication::SecretPost) {
            return Err(Error::Configuration { field: Field::TokenEndpointAuthMethod });
        }
        Ok(self.write(Writer::new().text("client_id", client_id.0.as_str()))?.finish())
    }
}

/// A `client_id` that is the address of its own metadata. Only an issuer that says
/// `client_id_metadata_document_supported` takes one (draft section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentUrl(ClientId);

impl DocumentUrl {
    /// Takes what draft section 3 allows: `https`, a path, no dot segments, no fragment, no user. Stricter than it has to
    /// be: no query, which it advises against, and more of a path than a slash, which many issuers ask for.
    pub fn new(text: &str) -> Result<Self, Error> {
        let field = Field::ClientId;
        let parts = Parts::split(text, field)?;
        let dots = |segment: &str| {
            // A percent-encoded dot is a dot (RFC 3986 section 6.2.2.2).
            let segment = segment.replace("%2e", ".").replace("%2E", ".");
            segment == "." || segment == ".."
        };
        let named = pieces(parts.path, b'/').next().is_some();
        if !parts.secure || !named || parts.path.contains('?') || pieces(parts.path, b'/').any(dots) {
            return Err(Error::Configuration { field });
        }
        ClientId::new(text).map(Self)
    }

    /// The client's identifier.
    pub const fn client_id(&self) -> &ClientId {
        &self.0
    }
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = values
        .map(|value| {
            let mut text = String::new();
            quote(&mut text, value);
            text
        })
        .collect();
    array(quoted.iter().map(String::as_str))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::field::Message;
    use crate::json::Object;
    use crate::kept::Kept;
    use crate::test;

    pub(in crate::protocol) fn native(redirect_uris: &[RedirectUri]) -> ClientMetadata<'_> {
        ClientMetadata {
            client_name: "Gatepass \"Demo\"",
            client_uri: None,
            application: Application::Native,
            redirect_uris,
            post_logout_redirect_uris: &[],
            device_code: true,
            refreshes: true,
            scopes: None,
            authentication: Authentication::None,
            id_token_algorithm: Some(Algorithm::Es256),
            bound: true,
        }
    }

    fn uris<const N: usize>(texts: [&str; N]) -> [RedirectUri; N] {
        texts.map(|text| RedirectUri::new(text).unwrap())
    }

    #[test]
    fn writes_the_document_of_a_terminal() {
        let url = DocumentUrl::new("https://client.example/oauth/gatepass.json").unwrap();
        let uris = uris(["http://127.0.0.1/callback", "http://[::1]/callback"]);
        let expected = concat!(
            r#"{"client_id":"https://client.example/oauth/gatepass.json","client_name":"Gatepass \"Demo\"","#,
            r#""application_type":"native","#,
            r#""grant_types":["authorization_code","urn:ietf:params:oauth:grant-type:device_code","refresh_token"],"#,
            r#""response_types":["code"],"token_endpoint_auth_method":"none","#,
            r#""id_token_signed_response_alg":"ES256","dpop_bound_access_tokens":true,"#,
            r#""redirect_uris":["http://127.0.0.1/callback","http://[::1]/callback"]}"#,
        );
        assert_eq!(native(&uris).document(&url).unwrap(), expected);
    }

    #[test]
    fn a_document_url_is_what_everybody_reads_as_the_same_url() {
        for good in ["https://c.example/a", "https://c.example:8443/a/.b/c..d", "https://c.example/a/"] {
            assert_eq!(DocumentUrl::new(good).unwrap().client_id().as_str(), good);
        }
        for bad in [
            "http://127.0.0.1/a",
            "https://c.example",
            "https://c.example/",
            "https://c.example//",
            "https://c.example/a?b",
            "https://c.example?a",
            "https://c.example/a#b",
            "https://u@c.example/a",
            "https://c.example/./a",
            "https://c.example/a/..",
            "https://c.example/a/%2e%2E/b",
            "https://c.example/a/.%2e",
            "client.json",
        ] {
            assert_eq!(DocumentUrl::new(bad), Err(Error::Configuration { field: Field::ClientId }), "{bad}");
        }
    }

    #[test]
    fn a_document_shares_no_secret() {
        let url = DocumentUrl::new("https://client.example/id").unwrap();
        for authentication in [Authentication::SecretBasic, Authentication::SecretPost] {
            let client = ClientMetadata { authentication, ..native(&[]) };
            let wrong = Error::Configuration { field: Field::TokenEndpointAuthMethod };
            assert_eq!(client.document(&url), Err(wrong));
        }
    }

    #[test]
    fn redirects_fit_the_kind_of_program() {
        let answer = |application, uri, device_code| {
            let uris = uris([uri]);
            let uris = if uri == "https://none.example/" { &[][..] } else { &uris[..] };
            let client = ClientMetadata { application, device_code, ..native(uris) };
            client.write(Writer::new()).map(drop).map_err(Error::detail)
        };
        let wrong = Err(Some(Field::RedirectUri));
        for (application, uri, expected) in [
            (Application::Native, "http://127.0.0.1/", Ok(())),
            (Application::Native, "https://a.example/", Ok(())),
            (Application::Native, "http://localhost/", wrong),
            (Application::Web, "https://a.example/", Ok(())),
            (Application::Web, "http://127.0.0.1/", wrong),
        ] {
            assert_eq!(answer(application, uri, false), expected, "{uri}");
        }
        assert_eq!(answer(Application::Native, "https://none.example/", true), Ok(()));
        assert_eq!(answer(Application::Native, "https://none.example/", false), wrong);
    }

    #[test]
    fn keys_are_in_one_place_and_told_apart() {
        let (p256, rsa) = (
            PublicKey::P256 { x: [1; 32], y: [2; 32] },
            PublicKey::Rsa { n: [3; 256].into(), e: [1].into() },
        );
        let keys = KeySet::new(&[("a", &p256, Algorithm::Es256), ("b", &rsa, Algorithm::Rs256)]).unwrap();
        let at = Endpoint::new("https://client.example/jwks", Field::JwksUri).unwrap();
        for (keys, here) in [(Keys::Here(&keys), true), (Keys::At(&at), false)] {
            let authentication = Authentication::PrivateKey { keys, algorithm: Algorithm::Es256 };
            let client = ClientMetadata { authentication, ..native(&[]) };
            let text = client.write(Writer::new()).unwrap().finish();
            assert_eq!((text.contains("\"jwks\""), text.contains("\"jwks_uri\"")), (here, !here));
            Object::parse(text.as_bytes(), Message::Record).unwrap();
        }
        let set = Object::parse(keys.0.as_bytes(), Message::Jwks).unwrap();
        let read: Vec<_> = set
            .objects(Field::Keys)
            .unwrap()
            .iter()
            .map(|jwk| {
                (jwk.required(Field::Kid).unwrap(), PublicKey::read(jwk).unwrap().map(Kept::into_inner))
            })
            .collect();
        assert_eq!(read, [("a", Some(p256.clone())), ("b", Some(rsa))]);
        let wrong = Some(Error::Configuration { field: Field::Kid });
        let (same, unnamed) = (("a", &p256, Algorithm::Es256), ("", &p256, Algorithm::Es256));
        assert_eq!(KeySet::new(&[same, same]).err(), wrong);
        assert_eq!(KeySet::new(&[unnamed]).err(), wrong);
        assert_eq!(KeySet::new(&[("a", &p256, Algorithm::Rs256)]).err(), wrong);
    }
}
