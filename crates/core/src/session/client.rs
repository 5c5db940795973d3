//! What a platform configures once: who we are to which issuer.

use crate::error::Error;
use crate::field::Field;
use crate::jwk::Algorithm;
use crate::name::{Audience, ClientId, Scopes};
use crate::url::Issuer;

/// Whether a session is bound to a key (RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dpop {
    /// No login without.
    Required,
    /// Wherever the issuer supports it.
    Preferred,
    /// Never.
    Off,
}

impl Dpop {
    /// Reads the setting.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "required" => Ok(Self::Required),
            "preferred" => Ok(Self::Preferred),
            "off" => Ok(Self::Off),
            _ => Err(Error::Configuration { field: Field::Dpop }),
        }
    }
}

/// A client as it is registered at its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The issuer.
    pub issuer: Issuer,
    /// The client's identifier there.
    pub client_id: ClientId,
    /// What is asked for at sign-in; it has to hold `openid`.
    pub scopes: Scopes,
    /// For whom access tokens are meant, unless a caller says otherwise; `None` leaves it to the issuer.
    pub audience: Option<Audience>,
    /// The algorithm of ID tokens (`id_token_signed_response_alg`, OpenID Connect Dynamic Registration 1.0 section 2,
    /// whose default is RS256).
    pub id_token_algorithm: Algorithm,
    /// Whether sessions are bound to a key.
    pub dpop: Dpop,
}

impl Client {
    /// Reads the five settings that every client has, as people write them.
    pub fn new(
        issuer: &str,
        client_id: &str,
        scopes: &str,
        algorithm: &str,
        dpop: &str,
    ) -> Result<Self, Error> {
        let scopes = Scopes::parse(scopes)?;
        if !scopes.contains("openid") {
            return Err(Error::Configuration { field: Field::Scope });
        }
        Ok(Self {
            issuer: Issuer::new(issuer)?,
            client_id: ClientId::new(client_id)?,
            scopes,
            audience: None,
            id_token_algorithm: Algorithm::parse(algorithm)
                .ok_or(Error::Configuration { field: Field::IdTokenSignedResponseAlg })?,
            dpop: Dpop::parse(dpop)?,
        })
    }
}
