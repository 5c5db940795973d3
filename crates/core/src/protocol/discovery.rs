//! Where everything is (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).

use alloc::string::String;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::Object;
use crate::jwk::Algorithm;
use crate::protocol::error_body;
use crate::url::{Endpoint, Issuer, Parts};

const MESSAGE: Message = Message::Discovery;

/// An issuer and what a login by redirect needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The issuer, as configured.
    pub issuer: Issuer,
    /// Where the person signs in.
    pub authorization_endpoint: Endpoint,
    /// Where codes and refresh tokens become tokens.
    pub token_endpoint: Endpoint,
    /// Where the issuer's keys are.
    pub jwks_uri: Endpoint,
    /// Where grants are given back, if that is possible.
    pub revocation_endpoint: Option<Endpoint>,
    /// Where authorization requests are handed in (RFC 9126 section 5).
    pub pushed_authorization_request_endpoint: Option<Endpoint>,
    /// Whether no others are taken (`require_pushed_authorization_requests`, RFC 9126 section 5).
    pub requires_push: bool,
    /// Where the issuer's own session in the browser is ended (OpenID Connect RP-Initiated Logout 1.0 section 2.1). One
    /// that cannot be read is as good as none here: it is no reason not to sign in. No page goes there by itself.
    #[cfg(feature = "full")]
    pub end_session_endpoint: Option<Endpoint>,
    /// Whether every authorization response names its issuer (RFC 9207 section 3).
    pub names_itself: bool,
    /// Whether tokens can be bound to an ES256 key (RFC 9449 section 5.1).
    pub binds_keys: bool,
    /// Whether a refresh token that was already used answers with the same successor, so that a lost answer costs
    /// nothing (`gatepass_refresh_token_replay`, docs of `gatepass-authority`).
    pub forgives_replay: bool,
}

/// Asks for the metadata where OpenID Connect has it (Discovery 1.0 section 4.1: appended to the issuer).
pub fn request(issuer: &Issuer) -> Result<Request, Error> {
    let mut url = String::from(issuer.as_str().strip_suffix("/").unwrap_or(issuer.as_str()));
    url.push_str("/.well-known/openid-configuration");
    Ok(Request::get(Endpoint::new(&url, Field::Issuer)?))
}

/// All places to ask, in this order: the one of [`request`], and the one of RFC 8414. The next is asked only if
/// [`is_absent`] says so, and what the last answers is the answer.
pub fn requests(issuer: &Issuer) -> Result<[Request; 2], Error> {
    let path = Parts::split(issuer.as_str(), Field::Issuer)?.path;
    // RFC 8414 section 3.1: inserted between host and path, of which a terminating slash is dropped before.
    let mut url = String::from(issuer.as_str().strip_suffix(path).unwrap_or(issuer.as_str()));
    url.push_str("/.well-known/oauth-authorization-server");
    url.push_str(path.strip_suffix("/").unwrap_or(path));
    Ok([request(issuer)?, Request::get(Endpoint::new(&url, Field::Issuer)?)])
}

/// Whether an answer means that nothing is here: any 4xx, since some gateways forbid what they do not know. A
/// redirect, a server in trouble, or a document that is wrong is final: the other place could only hide it.
pub const fn is_absent(response: &Response) -> bool {
    matches!(response.status, 400..=499) && !response.is_transient()
}

/// Reads what a login by redirect needs, from either place.
pub fn parse(response: &Response, issuer: &Issuer) -> Result<Provider, Error> {
    read(response, issuer)?.provider()
}

/// Reads the metadata; the issuer in it must be the configured one, character by character (OpenID Connect
/// Discovery 1.0 section 4.3, RFC 8414 section 3.3).
pub fn read<'a>(response: &Response, issuer: &'a Issuer) -> Result<Metadata<'a>, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let document = Object::parse(response.body.expose(), MESSAGE)?;
    // A document without an issuer, or with something else in its place, is not this issuer's either.
    if document.text(Field::Issuer) != Ok(Some(issuer.as_str())) {
        return Err(Error::IssuerMismatch);
    }
    Ok(Metadata { issuer, document })
}

/// The metadata of the configured issuer. A field is judged when it is asked for: a broken one hurts only who needs it.
/// What is not asked for anywhere: `code_challenge_methods_supported` (S256 is always sent), `signed_metadata` and
/// `mtls_endpoint_aliases` (not supported), `response_types_supported` (often missing).
pub struct Metadata<'a> {
    issuer: &'a Issuer,
    document: Object,
}

impl Metadata<'_> {
    /// What a login by redirect needs.
    pub fn provider(&self) -> Result<Provider, Error> {
        let Self { issuer, document } = self;
        let es256 = Algorithm::Es256.as_str();
        // RFC 8725 section 3.1: an issuer that signs by nothing that is understood is told apart before anybody is
        // asked for a password. `none` is not understood.
        const ALGORITHMS: Field = Field::IdTokenSigningAlgValuesSupported;
        let algorithms = document.texts(ALGORITHMS)?;
        if document.has(ALGORITHMS) && !algorithms.iter().any(|name| Algorithm::parse(name).is_some()) {
            return Err(Error::Unsupported { feature: ALGORITHMS });
        }
        const PUSH: Field = Field::PushedAuthorizationRequestEndpoint;
        let requires_push = document.flag(Field::RequirePushedAuthorizationRequests)?;
        if requires_push && !document.has(PUSH) {
            return Err(document.blame(PUSH));
        }
        Ok(Provider {
            requires_push,
            names_itself: document.flag(Field::AuthorizationResponseIssParameterSupported)?,
            binds_keys: document.texts(Field::DpopSigningAlgValuesSupported)?.contains(&es256),
            forgives_replay: document.text(Field::GatepassRefreshTokenReplay)? == Some("successor"),
            authorization_endpoint: self.required(Field::AuthorizationEndpoint)?,
            token_endpoint: self.required(Field::TokenEndpoint)?,
            jwks_uri: self.required(Field::JwksUri)?,
            revocation_endpoint: self.endpoint(Field::RevocationEndpoint)?,
            pushed_authorization_request_endpoint: self.endpoint(PUSH)?,
            #[cfg(feature = "full")]
            end_session_endpoint: self.endpoint(Field::EndSessionEndpoint).unwrap_or(None),
            issuer: (*issuer).clone(),
        })
    }

    /// An endpoint that may be absent. It may be on any host: who may say where tokens go is the issuer, and its
    /// certificate is what is trusted. Plain `http` is for an issuer on this machine alone (RFC 8414 section 2).
    pub fn endpoint(&self, field: Field) -> Result<Option<Endpoint>, Error> {
        let Some(url) = self.document.text(field)? else { return Ok(None) };
        let secure = |url: &str| url.starts_with("https:");
        if secure(self.issuer.as_str()) && !secure(url) {
            return Err(self.document.blame(field));
        }
        Endpoint::new(url, field).map(Some).map_err(|_| self.document.blame(field))
    }

    /// An endpoint that must be there.
    pub fn required(&self, field: Field) -> Result<Endpoint, Error> {
        self.endpoint(field)?.ok_or_else(|| self.document.blame(field))
    }

    /// A flag; absent means `false`.
    pub fn flag(&self, field: Field) -> Result<bool, Error> {
        self.document.flag(field)
    }

    /// Whether a list holds `value`; a list that is not there is what its specification says then
    /// (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3).
    #[cfg(feature = "full")]
    pub fn lists(&self, field: Field, value: &str) -> Result<bool, Error> {
        if self.document.has(field) {
            return Ok(self.document.texts(field)?.contains(&value));
        }
        let unsaid: &[&str] = match field {
            Field::GrantTypesSupported => &["authorization_code", "implicit"],
            Field::IdTokenSigningAlgValuesSupported => &["RS256"],
            Field::TokenEndpointAuthMethodsSupported => &["client_secret_basic"],
            _ => &[],
        };
        Ok(unsaid.contains(&value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Writer;
    use crate::test;

    const ISSUER: &str = "https://issuer.example/tenant/";

    fn issuer(text: &str) -> Issuer {
        Issuer::new(text).unwrap()
    }

    fn answer(status: u16, writer: Writer) -> Response {
        Response::new(status, &|_| None, writer.finish().into_bytes())
    }

    /// What every document here has, after `issuer`.
    fn endpoints(issuer: &str) -> Writer {
        Writer::new()
            .text("issuer", issuer)
            .text("authorization_endpoint", "https://issuer.example/authorize")
            .text("token_endpoint", "https://issuer.example/token")
            .text("jwks_uri", "https://issuer.example/jwks")
    }

    fn metadata(issuer: &str) -> Response {
        answer(200, endpoints(issuer).raw("dpop_signing_alg_values_supported", "[\"RS256\",\"ES256\"]"))
    }

    #[test]
    fn both_places() {
        // RFC 8414 section 3.1 has the second of each pair.
        for (text, appended, inserted) in [
            (
                "https://example.com",
                "https://example.com/.well-known/openid-configuration",
                "https://example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://example.com/",
                "https://example.com/.well-known/openid-configuration",
                "https://example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://example.com/issuer1",
                "https://example.com/issuer1/.well-known/openid-configuration",
                "https://example.com/.well-known/oauth-authorization-server/issuer1",
            ),
            (
                "http://127.0.0.1:9400/a/b/",
                "http://127.0.0.1:9400/a/b/.well-known/openid-configuration",
                "http://127.0.0.1:9400/.well-known/oauth-authorization-server/a/b",
            ),
        ] {
            let found = requests(&issuer(text)).unwrap().map(|request| String::from(request.url.as_str()));
            assert_eq!(found, [appended, inserted]);
            assert_eq!(request(&issuer(text)).unwrap().url.as_str(), appended);
        }
    }

    #[test]
    fn only_nothing_is_absent() {
        for (status, absent) in
            [(404, true), (403, true), (400, true), (429, false), (408, false), (302, false), (500, false)]
        {
            assert_eq!(is_absent(&answer(status, Writer::new())), absent, "{status}");
        }
        assert!(!is_absent(&metadata("https://another.example")));
    }

    #[test]
    fn issuer_is_compared_exactly() {
        let issuer = issuer(ISSUER);
        let provider = parse(&metadata(ISSUER), &issuer).unwrap();
        assert!(provider.binds_keys && !provider.names_itself && !provider.forgives_replay);
        assert_eq!(parse(&metadata("https://issuer.example/tenant"), &issuer), Err(Error::IssuerMismatch));
        assert_eq!(parse(&answer(200, Writer::new()), &issuer), Err(Error::IssuerMismatch));
    }

    #[test]
    fn an_issuer_elsewhere_names_no_plain_http() {
        let local = "http://127.0.0.1:9400";
        let blame = Error::Malformed { message: MESSAGE, field: Field::RegistrationEndpoint };
        for (named, expected) in [(ISSUER, Err(blame)), (local, Ok(Some(local)))] {
            let response = answer(200, endpoints(named).text("registration_endpoint", local));
            let issuer = issuer(named);
            let found = read(&response, &issuer).unwrap().endpoint(Field::RegistrationEndpoint);
            assert_eq!(
                found.as_ref().map(|url| url.as_ref().map(Endpoint::as_str)),
                expected.as_ref().copied()
            );
        }
    }

    #[test]
    fn a_broken_field_hurts_only_who_needs_it() {
        let issuer = issuer(ISSUER);
        let response = answer(
            200,
            endpoints(ISSUER)
                .number("end_session_endpoint", 12)
                .number("token_endpoint_auth_methods_supported", 1),
        );
        let metadata = read(&response, &issuer).unwrap();
        assert_eq!(metadata.provider().unwrap().end_session_endpoint, None);
        for (field, result) in [
            (Field::EndSessionEndpoint, metadata.endpoint(Field::EndSessionEndpoint).err()),
            (Field::UserinfoEndpoint, metadata.required(Field::UserinfoEndpoint).err()),
            (
                Field::TokenEndpointAuthMethodsSupported,
                metadata.lists(Field::TokenEndpointAuthMethodsSupported, "none").err(),
            ),
        ] {
            assert_eq!(result, Some(Error::Malformed { message: MESSAGE, field }));
        }
    }

    #[test]
    fn a_list_that_is_not_there_has_its_default() {
        let issuer = issuer(ISSUER);
        let (unsaid, said) =
            (metadata(ISSUER), answer(200, endpoints(ISSUER).raw("grant_types_supported", "[\"implicit\"]")));
        for (response, field, value, expected) in [
            (&unsaid, Field::GrantTypesSupported, "authorization_code", true),
            (&said, Field::GrantTypesSupported, "authorization_code", false),
            (&unsaid, Field::TokenEndpointAuthMethodsSupported, "client_secret_basic", true),
            (&unsaid, Field::TokenEndpointAuthMethodsSupported, "none", false),
            (&unsaid, Field::IdTokenSigningAlgValuesSupported, "RS256", true),
            (&unsaid, Field::ScopesSupported, "openid", false),
        ] {
            assert_eq!(read(response, &issuer).unwrap().lists(field, value), Ok(expected), "{field} {value}");
        }
    }

    #[test]
    fn an_issuer_signs_by_something_that_is_understood() {
        for (list, expected) in [
            ("[\"none\"]", Some(Error::Unsupported { feature: Field::IdTokenSigningAlgValuesSupported })),
            ("[\"none\",\"ES256\"]", None),
        ] {
            let response = answer(200, endpoints(ISSUER).raw("id_token_signing_alg_values_supported", list));
            assert_eq!(parse(&response, &issuer(ISSUER)).err(), expected);
        }
    }
}
