//! Where everything is (OpenID Connect Discovery 1.0 section 4).

use alloc::string::String;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::Object;
use crate::jwk::Algorithm;
use crate::protocol::error_body;
use crate::url::{Endpoint, Issuer};

const MESSAGE: Message = Message::Discovery;

/// An issuer and what it offers, as far as it matters here.
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
    /// Whether every authorization response names its issuer (RFC 9207 section 3).
    pub names_itself: bool,
    /// Whether tokens can be bound to an ES256 key (RFC 9449 section 5.1).
    pub binds_keys: bool,
    /// Whether a refresh token that was already used answers with the same successor, so that a lost answer costs
    /// nothing (`gatepass_refresh_token_replay`, docs of `gatepass-authority`).
    pub forgives_replay: bool,
}

/// Asks for the metadata (OpenID Connect Discovery 1.0 section 4.1: the path is appended).
pub fn request(issuer: &Issuer) -> Result<Request, Error> {
    let mut url = String::from(issuer.as_str().strip_suffix("/").unwrap_or(issuer.as_str()));
    url.push_str("/.well-known/openid-configuration");
    Ok(Request::get(Endpoint::new(&url, Field::Issuer)?))
}

/// Reads the metadata; the issuer in it must be the configured one, character by character (section 4.3).
pub fn parse(response: &Response, issuer: &Issuer) -> Result<Provider, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let metadata = Object::parse(response.body.expose(), MESSAGE)?;
    if metadata.required(Field::Issuer)? != issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    let endpoint = |field| -> Result<Option<Endpoint>, Error> {
        metadata
            .text(field)?
            .map(|url| Endpoint::new(url, field).map_err(|_| metadata.blame(field)))
            .transpose()
    };
    let required = |field| endpoint(field)?.ok_or_else(|| metadata.blame(field));
    let es256 = Algorithm::Es256.as_str();
    Ok(Provider {
        issuer: issuer.clone(),
        authorization_endpoint: required(Field::AuthorizationEndpoint)?,
        token_endpoint: required(Field::TokenEndpoint)?,
        jwks_uri: required(Field::JwksUri)?,
        revocation_endpoint: endpoint(Field::RevocationEndpoint)?,
        pushed_authorization_request_endpoint: endpoint(Field::PushedAuthorizationRequestEndpoint)?,
        requires_push: metadata.flag(Field::RequirePushedAuthorizationRequests)?,
        names_itself: metadata.flag(Field::AuthorizationResponseIssParameterSupported)?,
        binds_keys: metadata.texts(Field::DpopSigningAlgValuesSupported)?.contains(&es256),
        forgives_replay: metadata.text(Field::GatepassRefreshTokenReplay)? == Some("successor"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Writer;

    const ISSUER: &str = "https://issuer.example/tenant/";

    fn metadata(issuer: &str) -> Response {
        let text = Writer::new()
            .text("issuer", issuer)
            .text("authorization_endpoint", "https://issuer.example/authorize")
            .text("token_endpoint", "https://issuer.example/token")
            .text("jwks_uri", "https://issuer.example/jwks")
            .raw("dpop_signing_alg_values_supported", "[\"RS256\",\"ES256\"]")
            .finish();
        Response::new(200, &|_| None, text.into_bytes())
    }

    #[test]
    fn path_is_appended() {
        let request = request(&Issuer::new(ISSUER).unwrap()).unwrap();
        assert_eq!(request.url.as_str(), "https://issuer.example/tenant/.well-known/openid-configuration");
    }

    #[test]
    fn issuer_is_compared_exactly() {
        let issuer = Issuer::new(ISSUER).unwrap();
        let provider = parse(&metadata(ISSUER), &issuer).unwrap();
        assert!(provider.binds_keys && !provider.names_itself && !provider.forgives_replay);
        assert_eq!(parse(&metadata("https://issuer.example/tenant"), &issuer), Err(Error::IssuerMismatch));
    }
}
