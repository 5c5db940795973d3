//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2).

use alloc::string::String;
use core::time::Duration;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::Response;
use crate::json::{Object, whole};
use crate::kept::Kept;
use crate::name::Scopes;
use crate::protocol::error_body;
use crate::secret::Secret;

/// How long an access token is believed to live when the server does not say (RFC 6749 section 5.1 leaves it open).
pub const UNSAID_LIFETIME: Duration = Duration::from_secs(300);

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
pub fn parse(response: &Response, bound: bool) -> Result<Kept<TokenResponse>, Error> {
    let body = body(response)?;
    Ok(Kept::new(TokenResponse {
        token_type: token_type(&body, bound)?,
        expires_in: expires_in(&body)?,
        access_token: access_token(&body)?,
        // An empty one is none: some servers write the field out whether or not there is something to say.
        refresh_token: body.text(Field::RefreshToken)?.filter(|token| !token.is_empty()).map(Secret::from),
        id_token: body.secret(Field::IdToken)?,
        scope: scope(&body)?,
    }))
}

/// The body of a success. 201 is one too: some frameworks answer every POST with it.
pub(super) fn body(response: &Response) -> Result<Object, Error> {
    if !matches!(response.status, 200 | 201) {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    error_body::check(&body)?;
    Ok(body)
}

/// The type, which has to be the one that was asked for by the proof or its absence.
pub(super) fn token_type(body: &Object, bound: bool) -> Result<TokenType, Error> {
    let token_type =
        TokenType::parse(body.required(Field::TokenType)?).ok_or_else(|| body.blame(Field::TokenType))?;
    if bound && token_type != TokenType::Dpop {
        return Err(Error::NotBound);
    }
    if !bound && token_type == TokenType::Dpop {
        return Err(body.blame(Field::TokenType));
    }
    Ok(token_type)
}

/// The access token. It will stand in a header, so it is what RFC 6749 appendix A.12 allows, without the space that
/// RFC 6750 section 2.1 forbids.
pub(super) fn access_token(body: &Object) -> Result<Secret, Error> {
    let token = body.required(Field::AccessToken)?;
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(body.blame(Field::AccessToken));
    }
    Ok(Secret::from(token))
}

/// The lifetime. A number may be quoted, as servers in the field do. Zero, and what is no number of seconds, counts as
/// unsaid: a token is not refreshed over and over because its server means "for ever" by 0 or -1.
pub(super) fn expires_in(body: &Object) -> Result<Duration, Error> {
    let seconds = body.numeral(Field::ExpiresIn)?.and_then(whole).filter(|seconds| *seconds > 0);
    Ok(seconds.map_or(UNSAID_LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME))
}

/// What was granted, if the server says so: scopes in one text, or in a list as some servers have it.
pub(super) fn scope(body: &Object) -> Result<Option<Scopes>, Error> {
    if !body.has(Field::Scope) {
        return Ok(None);
    }
    let mut text = String::new();
    for scope in body.text_or_texts(Field::Scope)? {
        text.push_str(scope);
        text.push(' ');
    }
    Scopes::parse(&text).map(Some).map_err(|_| body.blame(Field::Scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    fn parsed(members: &str) -> Result<Kept<TokenResponse>, Error> {
        let body =
            [r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"bearer""#, members, "}"].concat();
        parse(&Response::new(200, &|_| None, body.into_bytes()), false)
    }

    #[test]
    fn lifetimes_of_the_field() {
        let unsaid = UNSAID_LIFETIME.as_secs();
        for (text, seconds) in [
            ("3600", 3600),
            ("\"3599\"", 3599),
            ("3599.9", 3599),
            ("1", 1),
            ("0", unsaid),
            ("-1", unsaid),
            ("\"\"", unsaid),
            ("\"1h\"", unsaid),
            ("1e300", unsaid),
            ("null", unsaid),
            ("9007199254740992", LONGEST_LIFETIME.as_secs()),
        ] {
            let tokens = parsed(&[",\"expires_in\":", text].concat()).unwrap();
            assert_eq!(tokens.expires_in.as_secs(), seconds, "{text}");
        }
        let blamed = Error::Malformed { message: MESSAGE, field: Field::ExpiresIn };
        assert_eq!(parsed(r#","expires_in":{"s":1}"#).err(), Some(blamed));
    }

    #[test]
    fn scopes_in_a_text_or_a_list() {
        let scope = |text: &str| {
            let tokens = parsed(&[",\"scope\":", text].concat())?;
            Ok::<_, Error>(tokens.scope.as_ref().map(|scopes| String::from(scopes.as_str())))
        };
        assert_eq!(scope("\"a b\"").unwrap().as_deref(), Some("a b"));
        assert_eq!(scope("[\"a\",\"b\"]").unwrap().as_deref(), Some("a b"));
        assert_eq!(scope("\"\"").unwrap().as_deref(), Some(""));
        assert_eq!(scope("null").unwrap(), None);
        let blamed = Error::Malformed { message: MESSAGE, field: Field::Scope };
        assert_eq!(scope("[1]"), Err(blamed));
    }

    #[test]
    fn an_empty_refresh_token_is_none() {
        assert!(parsed(r#","refresh_token":"""#).unwrap().refresh_token.is_none());
    }

    #[test]
    fn only_what_fits_a_header_is_an_access_token() {
        for bad in ["", "A T", "AT\\n", "\u{c4}T"] {
            let body = [r#"{"token_type":"bearer","access_token":""#, bad, "\"}"].concat();
            let read = parse(&Response::new(200, &|_| None, body.into_bytes()), false);
            let blamed = Error::Malformed { message: MESSAGE, field: Field::AccessToken };
            assert_eq!(read.err(), Some(blamed), "{bad}");
        }
    }
}
