//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2).

use core::time::Duration;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::Response;
use crate::json::Object;
use crate::name::Scopes;
use crate::protocol::error_body;
use crate::secret::Secret;

/// How long an access token is believed to live when the server does not say (RFC 6749 section 5.1 leaves it open).
const UNSAID_LIFETIME: Duration = Duration::from_secs(300);

/// No lifetime is believed beyond this; a hundred years are a mistake, and it keeps sums small.
const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How an access token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// By whoever has it (RFC 6750).
    Bearer,
    /// Together with a proof by the key it is bound to (RFC 9449).
    Dpop,
}

impl TokenType {
    /// Reads `token_type`, whose case does not matter (RFC 6749 section 7.1).
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer)
        } else if text.eq_ignore_ascii_case("dpop") {
            Some(Self::Dpop)
        } else {
            None
        }
    }

    /// The scheme of the `Authorization` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// A success response.
#[derive(Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// How it is presented.
    pub token_type: TokenType,
    /// How long it lives from the moment of receipt.
    pub expires_in: Duration,
    /// The next refresh token, if one came.
    pub refresh_token: Option<Secret>,
    /// The ID token, if one came.
    pub id_token: Option<Secret>,
    /// What was granted, if the server says so; otherwise it is what was asked for (RFC 6749 section 5.1).
    pub scope: Option<Scopes>,
}

const MESSAGE: Message = Message::TokenResponse;

/// Reads an answer. `bound` says that the request carried a proof: then an unbound answer is refused
/// (RFC 9449 section 5: a server that ignores the proof answers `Bearer`).
pub fn parse(response: &Response, bound: bool) -> Result<TokenResponse, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    error_body::check(&body)?;
    let token_type =
        TokenType::parse(body.required(Field::TokenType)?).ok_or_else(|| body.blame(Field::TokenType))?;
    if bound && token_type != TokenType::Dpop {
        return Err(Error::NotBound);
    }
    if !bound && token_type == TokenType::Dpop {
        return Err(body.blame(Field::TokenType));
    }
    let scope =
        body.text(Field::Scope)?.map(Scopes::parse).transpose().map_err(|_| body.blame(Field::Scope))?;
    let expires_in =
        body.seconds(Field::ExpiresIn)?.map_or(UNSAID_LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME);
    Ok(TokenResponse {
        access_token: body.secret(Field::AccessToken)?.ok_or_else(|| body.blame(Field::AccessToken))?,
        token_type,
        expires_in,
        refresh_token: body.secret(Field::RefreshToken)?,
        id_token: body.secret(Field::IdToken)?,
        scope,
    })
}
