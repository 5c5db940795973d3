//! The body of a request by a client, and who that client is (RFC 6749 section 2.3).

use axum::http::{HeaderMap, Uri, header};
use base64ct::{Base64, Encoding};

use crate::app::App;
use crate::grant::client::{Client, Credentials};
use crate::grant::params::{self, Params};
use crate::grant::refused::Refused;

/// Reads the parameters of the body.
pub(crate) fn parameters(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Params, Refused> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Exactly this: with anything else a page could send it without asking first (a "simple" request).
    if kind == "application/json" {
        if uri.query().is_some_and(|query| !query.is_empty()) || headers.contains_key(header::AUTHORIZATION) {
            return Err(Refused::MixedAuthentication);
        }
        return Params::from_json(body);
    }
    let media_type = kind.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refused::UnsupportedMediaType);
    }
    let text = std::str::from_utf8(body).map_err(|_| Refused::Malformed("encoding"))?;
    Params::from_form(text)
}

/// Finds the client and lets it prove itself.
pub(crate) fn client<'a>(app: &'a App, headers: &HeaderMap, params: &Params) -> Result<&'a Client, Refused> {
    let credentials = credentials(headers, params)?;
    let client = app.clients.find(&credentials.client_id).ok_or(Refused::Client)?;
    client.authenticate(&credentials)?;
    Ok(client)
}

fn credentials(headers: &HeaderMap, params: &Params) -> Result<Credentials, Refused> {
    let (id, secret) = (params.one("client_id")?, params.one("client_secret")?);
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        let client_id = id.ok_or(Refused::Missing("client_id"))?.to_owned();
        return Ok(Credentials { client_id, secret: secret.map(str::to_owned) });
    };
    // RFC 6749 section 2.3: one method a request.
    if secret.is_some() {
        return Err(Refused::MixedAuthentication);
    }
    let basic = value.to_str().ok().and_then(basic).ok_or(Refused::Client)?;
    match id {
        Some(id) if id != basic.client_id => Err(Refused::Client),
        _ => Ok(basic),
    }
}

/// Reads HTTP Basic; both halves are form-encoded before they are joined (RFC 6749 section 2.3.1).
fn basic(value: &str) -> Option<Credentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(Base64::decode_vec(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let secret = params::decode(secret)?;
    Some(Credentials { client_id: params::decode(id)?, secret: (!secret.is_empty()).then_some(secret) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_halves_are_form_encoded() {
        let value = format!("basic {}", Base64::encode_string(b"a%3Ab:s%2Bc+d"));
        let expected = Credentials { client_id: "a:b".into(), secret: Some("s+c d".into()) };
        assert_eq!(basic(&value), Some(expected));
        for bad in ["Basic", "Basic !!", "Bearer YTpi", "Basic YWI="] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
