//! How a resource asks for a token, or for another one: `WWW-Authenticate` (RFC 9110 section 11.6.1, RFC 6750 section 3,
//! RFC 9449 section 7.1, RFC 9728 section 5.1).

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::name::Scopes;
use crate::protocol::token_response::TokenType;
use crate::text::cut;
use crate::url::Endpoint;

const MALFORMED: Error = Error::Malformed { message: Message::Challenge, field: Field::Header };

/// How a resource asks for a token, or for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// How it wants the token presented.
    pub token_type: TokenType,
    /// Where its metadata is (RFC 9728 section 5.1).
    pub resource_metadata: Option<Endpoint>,
    /// What was wrong with the token that was presented, if one was.
    pub error: Option<Complaint>,
    /// What the token has to hold (RFC 6750 section 3).
    pub scope: Option<Scopes>,
}

/// What is wrong with a token (RFC 6750 section 3.1, RFC 9449 section 7.1 and 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It is expired, revoked or no token: get another one.
    InvalidToken,
    /// It does not hold enough: ask for more.
    InsufficientScope,
    /// The proof lacks the resource's nonce: send the request once more with it.
    UseDpopNonce,
    /// Something that no new token mends.
    Other,
}

/// Reads a `WWW-Authenticate` header; several lines of it are joined by commas before (RFC 9110 section 5.3). Schemes
/// that present no access token are left out.
pub fn parse(header: &str) -> Result<Vec<Challenge>, Error> {
    let mut rest = header;
    let mut read: Vec<(&str, Vec<(&str, String)>)> = Vec::new();
    while let Some(behind) = skip_list(rest) {
        let (name, behind) = token(behind).ok_or(MALFORMED)?;
        match (parameter(behind), read.last_mut()) {
            (Some((value, behind)), Some((_, parameters))) => {
                // RFC 9110 section 11.2: each name once. Two readers could take two values for one.
                if parameters.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    return Err(MALFORMED);
                }
                parameters.push((name, value));
                rest = behind;
            }
            (Some(_), None) => return Err(MALFORMED),
            (None, _) => {
                read.push((name, Vec::new()));
                rest = after_scheme(behind).ok_or(MALFORMED)?;
            }
        }
    }
    read.into_iter().filter_map(|(scheme, parameters)| understand(scheme, &parameters).transpose()).collect()
}

fn understand(scheme: &str, parameters: &[(&str, String)]) -> Result<Option<Challenge>, Error> {
    // RFC 9110 section 11.1: the case of a scheme does not matter, nor that of a parameter's name.
    let Some(token_type) = TokenType::parse(scheme) else { return Ok(None) };
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let metadata = parameter("resource_metadata").map(|url| Endpoint::new(url, Field::Resource));
    Ok(Some(Challenge {
        token_type,
        resource_metadata: metadata.transpose().map_err(|_| MALFORMED)?,
        error: parameter("error").map(|error| match error {
            "invalid_token" => Complaint::InvalidToken,
            "insufficient_scope" => Complaint::InsufficientScope,
            "use_dpop_nonce" => Complaint::UseDpopNonce,
            _ => Complaint::Other,
        }),
        scope: parameter("scope").map(Scopes::parse).transpose().map_err(|_| MALFORMED)?,
    }))
}

fn trim(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// What follows the commas and spaces between two elements, or nothing at the end.
fn skip_list(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches([' ', '\t', ',']);
    (!rest.is_empty()).then_some(rest)
}

/// A token (RFC 9110 section 5.6.2), and what follows.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(token, _)| !token.is_empty())
}

/// `= value`, with the value as a token or quoted, and what follows, which is a comma or the end.
fn parameter(text: &str) -> Option<(String, &str)> {
    let text = trim(trim(text).strip_prefix('=')?);
    let (value, rest) = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => token(text).map(|(value, rest)| (String::from(value), rest))?,
    };
    let rest = trim(rest);
    (rest.is_empty() || rest.starts_with(',')).then_some((value, rest))
}

/// The rest of a quoted string (RFC 9110 section 5.6.4), and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
        if value.ends_with(char::is_control) {
            return None;
        }
    }
    None
}

/// What follows a scheme: nothing, parameters, or one token68 that is skipped (RFC 9110 section 11.2).
fn after_scheme(text: &str) -> Option<&str> {
    let rest = trim(text);
    if rest.is_empty() || rest.starts_with(',') {
        return Some(rest);
    }
    // Between a scheme and what belongs to it stands a space.
    if rest.len() == text.len() {
        return None;
    }
    let element = cut(rest, b',').0.trim_end_matches([' ', '\t']);
    let core = element.trim_end_matches('=');
    let is_token68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if core.bytes().all(is_token68) {
        return rest.get(element.len()..);
    }
    token(rest).and_then(|(_, behind)| parameter(behind)).map(|_| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn reads_challenges() {
        // RFC 9728 section 5.1.
        let header =
            r#"Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource""#;
        let [challenge] = parse(header).unwrap().try_into().unwrap();
        let url = challenge.resource_metadata.unwrap();
        assert_eq!(url.as_str(), "https://resource.example.com/.well-known/oauth-protected-resource");
        assert_eq!((challenge.token_type, challenge.error), (TokenType::Bearer, None));
        // RFC 6750 section 3.1 and RFC 9449 section 9, their schemes and names in another case, among others.
        let header = concat!(
            r#"Negotiate, basic YTpi==, Newauth realm="a, \"b\"", type=1,, dPOP ERROR="use_dpop_nonce","#,
            r#" error_description="Resource server requires nonce in DPoP proof" , BEARER scope="a b" ,error=insufficient_scope"#
        );
        let found = parse(header).unwrap();
        let seen: Vec<_> = found.iter().map(|challenge| (challenge.token_type, challenge.error)).collect();
        let expected = [
            (TokenType::Dpop, Some(Complaint::UseDpopNonce)),
            (TokenType::Bearer, Some(Complaint::InsufficientScope)),
        ];
        assert_eq!(seen, expected);
        assert_eq!(found[1].scope, Some(Scopes::parse("a b").unwrap()));
        assert_eq!(parse(""), Ok(Vec::new()));
        assert_eq!(parse("DPoP algs=\"ES256\"").unwrap().len(), 1);
    }

    #[test]
    fn refuses_challenges_that_two_readers_would_read_differently() {
        for bad in [
            "error=\"invalid_token\"",
            "Bearer error=\"a",
            "Bearer error=\"a\" scope=\"b\"",
            "Bearer error=a, error=b",
            "Bearer error=a, ERROR=b",
            "Bearer error=\"a\u{7}\"",
            "Bearer error=\"a\\",
            "Bearer \"error\"=a",
            "DPoP Bearer error=a",
            "Bearer resource_metadata=\"http://a.example/\"",
            "Bearer resource_metadata=\"javascript:alert(1)\"",
            "Bearer scope=\"\\\"\"",
            "Bearer/error=a",
            "\u{e4}",
        ] {
            assert_eq!(parse(bad), Err(MALFORMED), "{bad}");
        }
    }
}
