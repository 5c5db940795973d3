//! Signing in on another device (RFC 8628): a code to type there, and polling here.

mod polling;

use alloc::string::String;
use core::time::Duration;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::Form;
use crate::http::{Request, Response};
use crate::json::Object;
use crate::name::{Audience, ClientId, Scopes};
use crate::protocol::error_body;
use crate::secret::Secret;
use crate::text::is_shown;
use crate::time::Timestamp;
use crate::url::Endpoint;

pub use self::polling::{Polled, Polling};
use self::polling::{interval, rounded_up};

const MESSAGE: Message = Message::DeviceAuthorization;

/// No code is waited for longer than this, whatever the server says.
const LONGEST_LIFETIME: u64 = 3600;

/// The longest codes that are taken, in bytes: one is read by a person, the other only kept.
const LONGEST_USER_CODE: usize = 1024;
const LONGEST_DEVICE_CODE: usize = 16 * 1024;

/// What the person is shown, and what waits for them.
#[derive(Debug)]
pub struct DeviceAuthorization {
    /// The code to type, as it came; it holds nothing that steers a terminal or turns text around.
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: Endpoint,
    /// The same with the code in it, for a QR code or a browser at hand. The code is still shown (section 3.3.1).
    pub verification_uri_complete: Option<Endpoint>,
    /// The waiting.
    pub polling: Polling,
}

/// Asks for a code (section 3.1).
pub fn request(
    device_authorization_endpoint: &Endpoint,
    client_id: &ClientId,
    scopes: &Scopes,
    audience: Option<&Audience>,
) -> Request {
    Request::post(device_authorization_endpoint.clone(), form(client_id, scopes, audience))
}

/// The parameters of that request.
pub fn form(client_id: &ClientId, scopes: &Scopes, audience: Option<&Audience>) -> Form {
    let scopes = (!scopes.is_empty()).then_some(scopes.as_str());
    Form::new().with("client_id", client_id.as_str()).with_some("scope", scopes).for_audience(audience)
}

/// Reads the answer (section 3.2). What can be shown or opened is made safe for that here, once for every front.
pub fn parse(response: &Response, now: Timestamp) -> Result<DeviceAuthorization, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    error_body::check(&body)?;
    let device_code = body.required(Field::DeviceCode)?;
    let user_code: String =
        body.required(Field::UserCode)?.chars().filter(|character| is_shown(*character)).collect();
    if device_code.len() > LONGEST_DEVICE_CODE {
        return Err(body.blame(Field::DeviceCode));
    }
    if user_code.is_empty() || user_code.len() > LONGEST_USER_CODE {
        return Err(body.blame(Field::UserCode));
    }
    // The draft's name for it, still in use; the registered name wins.
    let verification_uri = match body.text(Field::VerificationUri)? {
        Some(uri) => uri,
        None => body.text(Field::VerificationUrl)?.unwrap_or_default(),
    };
    // Section 5.4: the person trusts what we show. Only an address that every reader takes for the same one is shown.
    let verification_uri = Endpoint::new(verification_uri, Field::VerificationUri)
        .map_err(|_| body.blame(Field::VerificationUri))?;
    // It only saves typing: a bad one is left out.
    let verification_uri_complete = body
        .text(Field::VerificationUriComplete)
        .ok()
        .flatten()
        .and_then(|uri| Endpoint::new(uri, Field::VerificationUriComplete).ok());
    let expires_in = body.numeral(Field::ExpiresIn)?.and_then(rounded_up);
    let expires_in = match expires_in.ok_or_else(|| body.blame(Field::ExpiresIn))? {
        0 => return Err(Error::LoginExpired),
        seconds => Duration::from_secs(seconds.min(LONGEST_LIFETIME)),
    };
    let polling = Polling::new(Secret::from(device_code), interval(&body)?, now, now.plus(expires_in));
    Ok(DeviceAuthorization { user_code, verification_uri, verification_uri_complete, polling })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Audience;
    use crate::test;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn answer(status: u16, body: &str) -> Response {
        Response::new(status, &|_| None, body.into())
    }

    /// The example of section 3.2.
    const EXAMPLE: &str = r#"{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "user_code":"WDJB-MJHT","verification_uri":"https://example.com/device",
        "verification_uri_complete":"https://example.com/device?user_code=WDJB-MJHT",
        "expires_in":1800,"interval":5}"#;

    fn begun() -> Polling {
        parse(&answer(200, EXAMPLE), NOW).unwrap().polling
    }

    #[test]
    fn asks_as_in_section_3_1_and_3_4() {
        let endpoint = Endpoint::new("https://server.example.com/device_authorization", Field::X).unwrap();
        let client_id = ClientId::new("1406020730").unwrap();
        let scopes = Scopes::parse("example_scope").unwrap();
        let asked = request(&endpoint, &client_id, &scopes, None);
        assert_eq!(asked.body.unwrap().expose(), "client_id=1406020730&scope=example_scope");
        let audience = Audience::named("https://api.example").unwrap();
        let asked = request(&endpoint, &client_id, &Scopes::default(), Some(&audience));
        assert_eq!(asked.body.unwrap().expose(), "client_id=1406020730&audience=https%3A%2F%2Fapi.example");
        assert_eq!(
            begun().request(&endpoint, &client_id).body.unwrap().expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
             &device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS&client_id=1406020730"
        );
    }

    #[test]
    fn reads_the_example_of_section_3_2() {
        let read = parse(&answer(200, EXAMPLE), NOW).unwrap();
        assert_eq!(read.user_code, "WDJB-MJHT");
        assert_eq!(read.verification_uri.as_str(), "https://example.com/device");
        assert_eq!(
            read.verification_uri_complete.unwrap().as_str(),
            "https://example.com/device?user_code=WDJB-MJHT"
        );
        assert_eq!(read.polling.expires_at(), NOW.plus(Duration::from_secs(1800)));
        assert_eq!(read.polling.wait(NOW), Ok(Duration::from_secs(5)));
        assert_eq!(read.polling.due(NOW.plus(Duration::from_secs(5))), Ok(true));
    }

    #[test]
    fn shows_nothing_that_misleads() {
        let with = |from: &str, to: &str| parse(&answer(200, &EXAMPLE.replace(from, to)), NOW);
        assert_eq!(with("WDJB-MJHT\",", "\\u202eWD\\u001b[1m\\u200bJB\",").unwrap().user_code, "WD[1mJB");
        let blamed = |field| Some(Error::Malformed { message: MESSAGE, field });
        assert_eq!(with("WDJB-MJHT\",", "\\u0007\",").err(), blamed(Field::UserCode));
        for bad in [
            "http://example.com/",
            "javascript:alert(1)",
            "https://a@example.com/",
            "https://ex\\u0430mple.com/",
        ] {
            assert_eq!(
                with("https://example.com/device\"", &[bad, "\""].concat()).err(),
                blamed(Field::VerificationUri),
                "{bad}"
            );
        }
        let without = with("https://example.com/device?", "http://example.com/device?").unwrap();
        assert_eq!(without.verification_uri_complete, None);
    }

    #[test]
    fn lifetimes_and_intervals_have_bounds() {
        let with = |from: &str, to: &str| parse(&answer(200, &EXAMPLE.replace(from, to)), NOW);
        for (text, seconds) in [
            ("\"7\"", 7),
            ("1.5", 2),
            ("0", 5),
            ("-1", 5),
            ("null", 5),
            ("\"soon\"", 5),
            ("18446744073709551616", 300),
        ] {
            let read = with("\"interval\":5", &["\"interval\":", text].concat()).unwrap();
            assert_eq!(read.polling.wait(NOW), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, seconds) in [("\"900\"", 900), ("1000000000000", 3600)] {
            let read = with("1800", text).unwrap();
            assert_eq!(read.polling.expires_at().since(NOW), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(with("1800", "0").err(), Some(Error::LoginExpired));
        for bad in ["-1", "null", "\"soon\"", "{}"] {
            let blamed = Error::Malformed { message: MESSAGE, field: Field::ExpiresIn };
            assert_eq!(with("1800", bad).err(), Some(blamed), "{bad}");
        }
    }
}
