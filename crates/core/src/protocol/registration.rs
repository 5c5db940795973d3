//! Becoming a client of an issuer (RFC 7591 section 3, OpenID Connect Dynamic Client Registration 1.0 section 3).

use alloc::string::String;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::{Object, Writer};
use crate::name::ClientId;
use crate::protocol::client_metadata::ClientMetadata;
use crate::protocol::error_body;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::url::{Endpoint, RedirectUri};

const MESSAGE: Message = Message::RegistrationResponse;

/// A client that an issuer knows now.
#[derive(Debug)]
pub struct Registration {
    /// Its identifier.
    pub client_id: ClientId,
    /// When it was given.
    pub client_id_issued_at: Option<Timestamp>,
    /// Its secret, if it authenticates by one.
    pub client_secret: Option<Secret>,
    /// When the secret ends; `None` is never.
    pub client_secret_expires_at: Option<Timestamp>,
    /// How it authenticates, by the registered name: the issuer may have chosen otherwise.
    pub token_endpoint_auth_method: String,
    /// Where the registration can be changed or taken back, if that is possible.
    pub management: Option<Management>,
}

/// The registration's own address (RFC 7592 section 3).
#[derive(Debug)]
pub struct Management {
    /// Where it is.
    pub registration_client_uri: Endpoint,
    /// What opens it.
    pub registration_access_token: Secret,
}

/// Asks to become a client (RFC 7591 section 3.1). Some issuers want an initial access token for that.
pub fn request(
    registration_endpoint: &Endpoint,
    metadata: &ClientMetadata<'_>,
    initial_access_token: Option<&Secret>,
) -> Result<Request, Error> {
    let document = metadata.write(Writer::new())?.finish();
    let mut request = Request::post_json(registration_endpoint.clone(), document);
    if let Some(token) = initial_access_token {
        // RFC 6750 section 2.1: it will stand in a header.
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Configuration { field: Field::AccessToken });
        }
        request = request.with_access("Bearer", token);
    }
    Ok(request)
}

/// Reads what became of it (RFC 7591 section 3.2.1). The issuer may have changed what was asked for, which is refused
/// where a login would not come back.
pub fn parse(response: &Response, metadata: &ClientMetadata<'_>) -> Result<Registration, Error> {
    // OpenID Connect Dynamic Client Registration 1.0 section 3.2 asks for 201; some issuers answer 200.
    if !matches!(response.status, 200 | 201) {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    error_body::check(&body)?;
    let registered = body.texts(Field::RedirectUris)?;
    let missing = |uri: &RedirectUri| !registered.contains(&uri.as_str());
    if body.has(Field::RedirectUris) && metadata.redirect_uris.iter().any(missing) {
        return Err(body.blame(Field::RedirectUris));
    }
    let client_secret = body.secret(Field::ClientSecret)?;
    // What is not said was taken as it was asked for.
    let method = body.text(Field::TokenEndpointAuthMethod)?.unwrap_or(metadata.authentication.as_str());
    if method.starts_with("client_secret_") && client_secret.is_none() {
        return Err(body.blame(Field::ClientSecret));
    }
    let time = |field| -> Result<Option<Timestamp>, Error> {
        Ok(body.seconds(field)?.filter(|seconds| *seconds > 0).map(Timestamp::from_seconds))
    };
    let uri = body.text(Field::RegistrationClientUri)?;
    // Section 3.2 there: both or neither. An address that nothing opens, or the other way round, is of no use.
    let management = match (uri, body.secret(Field::RegistrationAccessToken)?) {
        (Some(uri), Some(registration_access_token)) => Some(Management {
            registration_client_uri: Endpoint::new(uri, Field::RegistrationClientUri)
                .map_err(|_| body.blame(Field::RegistrationClientUri))?,
            registration_access_token,
        }),
        _ => None,
    };
    Ok(Registration {
        client_id: ClientId::new(body.required(Field::ClientId)?).map_err(|_| body.blame(Field::ClientId))?,
        client_id_issued_at: time(Field::ClientIdIssuedAt)?,
        client_secret,
        // RFC 7591 section 3.2.1: zero is never.
        client_secret_expires_at: time(Field::ClientSecretExpiresAt)?,
        token_endpoint_auth_method: String::from(method),
        management,
    })
}

#[cfg(test)]
mod tests {
    use crate::test;
    use alloc::format;

    use super::*;
    use crate::error::Refusal;
    use crate::http::Method;
    use crate::protocol::client_metadata::tests::native;

    fn answer(status: u16, body: &str) -> Response {
        Response::new(status, &|_| None, body.as_bytes().to_vec())
    }

    /// The example of RFC 7591 section 3.2.1, with the fields of RFC 7592 section 3.
    const EXAMPLE: &str = r#"{
        "client_id": "s6BhdRkqt3",
        "client_secret": "cf136dc3c1fc93f31185e5885805d",
        "client_id_issued_at": 2893256800,
        "client_secret_expires_at": 2893276800,
        "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
        "grant_types": ["authorization_code", "refresh_token"],
        "client_name": "My Example Client",
        "token_endpoint_auth_method": "client_secret_basic",
        "registration_access_token": "reg-23410913-abewfq.123483",
        "registration_client_uri": "https://server.example.com/register/s6BhdRkqt3"
    }"#;

    fn uris() -> [RedirectUri; 1] {
        [RedirectUri::new("https://client.example.org/callback").unwrap()]
    }

    #[test]
    fn asks_with_json() {
        let endpoint =
            Endpoint::new("https://server.example.com/register", Field::RegistrationEndpoint).unwrap();
        let uris = uris();
        let token = Secret::from("initial");
        let request = request(&endpoint, &native(&uris), Some(&token)).unwrap();
        assert_eq!((request.method, request.url.as_str()), (Method::Post, endpoint.as_str()));
        let headers: alloc::vec::Vec<_> =
            request.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose())).collect();
        let expected =
            ["accept: application/json", "content-type: application/json", "authorization: Bearer initial"];
        assert_eq!(headers, expected);
        let body = request.body.unwrap();
        assert!(body.expose().contains(r#""redirect_uris":["https://client.example.org/callback"]"#));
        assert!(!body.expose().contains("client_id\""));
    }

    #[test]
    fn reads_the_example_of_section_3_2_1() {
        let uris = uris();
        let found = parse(&answer(201, EXAMPLE), &native(&uris)).unwrap();
        assert_eq!(found.client_id.as_str(), "s6BhdRkqt3");
        assert!(found.client_secret == Some(Secret::from("cf136dc3c1fc93f31185e5885805d")));
        assert_eq!(found.client_id_issued_at, Some(Timestamp::from_seconds(2_893_256_800)));
        assert_eq!(found.client_secret_expires_at, Some(Timestamp::from_seconds(2_893_276_800)));
        assert_eq!(found.token_endpoint_auth_method, "client_secret_basic");
        let management = found.management.unwrap();
        assert_eq!(
            management.registration_client_uri.as_str(),
            "https://server.example.com/register/s6BhdRkqt3"
        );
        assert!(management.registration_access_token == Secret::from("reg-23410913-abewfq.123483"));
        let forever = parse(&answer(200, r#"{"client_id":"a","client_secret_expires_at":0}"#), &native(&[]));
        let forever = forever.unwrap();
        assert_eq!((forever.client_secret_expires_at, forever.management.is_none()), (None, true));
        assert_eq!(forever.token_endpoint_auth_method, "none", "as it was asked for");
    }

    #[test]
    fn refuses_what_would_not_work() {
        let blame = |field| Error::Malformed { message: MESSAGE, field };
        let uris = uris();
        for (status, body, expected) in [
            (201, "{}", blame(Field::ClientId)),
            (201, r#"{"client_id":"ä"}"#, blame(Field::ClientId)),
            (201, r#"{"client_id":"a","redirect_uris":["https://b.example/"]}"#, blame(Field::RedirectUris)),
            (
                201,
                r#"{"client_id":"a","token_endpoint_auth_method":"client_secret_post"}"#,
                blame(Field::ClientSecret),
            ),
            (
                201,
                r#"{"client_id":"a","registration_access_token":"t","registration_client_uri":"http://b.example"}"#,
                blame(Field::RegistrationClientUri),
            ),
            (400, r#"{"error":"invalid_redirect_uri"}"#, Error::Refused(Refusal::Other)),
            (401, r#"{"error":"invalid_token"}"#, Error::Refused(Refusal::InvalidToken)),
            (503, "", Error::Unreachable),
        ] {
            assert_eq!(parse(&answer(status, body), &native(&uris)).err(), Some(expected), "{body}");
        }
    }
}
