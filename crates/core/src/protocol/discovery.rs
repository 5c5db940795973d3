//! Where everything is (OpenID Connect Discovery 1.0 section 4).

use alloc::string::String;

use crate::error::Error;
use crate::http::{Request, Response};
use crate::json::{Object, Writer};
use crate::jwk::Algorithm;
use crate::protocol::error_body;
use crate::url::{Endpoint, Issuer};

const MESSAGE: &str = "discovery";

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
    let mut url = String::from(issuer.as_str().trim_end_matches('/'));
    url.push_str("/.well-known/openid-configuration");
    Ok(Request::get(Endpoint::new(&url, "issuer")?))
}

/// Reads the metadata; the issuer in it must be the configured one, character by character (section 4.3).
pub fn parse(response: &Response, issuer: &Issuer) -> Result<Provider, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    read(&Object::parse(response.body.expose(), MESSAGE)?, issuer)
}

fn read(metadata: &Object, issuer: &Issuer) -> Result<Provider, Error> {
    if metadata.required("issuer")? != issuer.as_str() {
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
        authorization_endpoint: required("authorization_endpoint")?,
        token_endpoint: required("token_endpoint")?,
        jwks_uri: required("jwks_uri")?,
        revocation_endpoint: endpoint("revocation_endpoint")?,
        names_itself: metadata.flag("authorization_response_iss_parameter_supported")?,
        binds_keys: metadata.texts("dpop_signing_alg_values_supported")?.contains(&es256),
        forgives_replay: metadata.text("gatepass_refresh_token_replay")? == Some("successor"),
    })
}

impl Provider {
    /// The provider as metadata again, to be kept with a login that is under way.
    pub(crate) fn to_json(&self) -> String {
        let replay = self.forgives_replay.then_some("successor");
        let writer = Writer::new()
            .text("issuer", self.issuer.as_str())
            .text("authorization_endpoint", self.authorization_endpoint.as_str())
            .text("token_endpoint", self.token_endpoint.as_str())
            .text("jwks_uri", self.jwks_uri.as_str())
            .some("revocation_endpoint", self.revocation_endpoint.as_ref().map(Endpoint::as_str))
            .flag("authorization_response_iss_parameter_supported", self.names_itself)
            .some("gatepass_refresh_token_replay", replay);
        if self.binds_keys { writer.raw("dpop_signing_alg_values_supported", "[\"ES256\"]") } else { writer }
            .finish()
    }

    /// Reads what [`Provider::to_json`] wrote.
    pub(crate) fn from_json(metadata: &Object) -> Result<Self, Error> {
        let issuer = Issuer::new(metadata.required("issuer")?)?;
        read(metadata, &issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn issuer_is_compared_exactly_and_the_rest_survives_storage() {
        let issuer = Issuer::new(ISSUER).unwrap();
        let provider = parse(&metadata(ISSUER), &issuer).unwrap();
        assert!(provider.binds_keys && !provider.names_itself && !provider.forgives_replay);
        let stored = provider.to_json();
        assert_eq!(Provider::from_json(&Object::parse(stored.as_bytes(), "x").unwrap()), Ok(provider));
        assert_eq!(parse(&metadata("https://issuer.example/tenant"), &issuer), Err(Error::IssuerMismatch));
    }
}
