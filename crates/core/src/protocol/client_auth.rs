//! How a client shows that it is itself, at the endpoints that ask for it (RFC 6749 section 2.3, OpenID Connect Core 1.0
//! section 9).
//!
//! Requests come out of this core as a public client makes them, with `client_id` among the parameters; a shell whose
//! client has credentials passes each through [`ClientAuth::prepare`] before it is sent. So the credentials are in no
//! transaction and in no stored session, and a page, which can keep none, carries none of this.

use alloc::string::String;

use crate::base64url;
use crate::dice::{Dice, identifier};
use crate::error::Error;
use crate::form::{Form, encode};
use crate::http::Request;
use crate::json::Writer;
use crate::jwt::{assemble, signing_input};
use crate::name::ClientId;
use crate::secret::{Secret, SecretBytes};
use crate::text::pieces;
use crate::time::Timestamp;
use crate::url::Issuer;

/// How long an assertion is good for. It is used at once; the rest is for clocks that differ.
const ASSERTION_LIFETIME: core::time::Duration = core::time::Duration::from_secs(60);

/// A client's credentials.
#[derive(Debug, Default)]
pub enum ClientAuth {
    /// `none`: a public client. What it may do hangs on PKCE and on the key of its session.
    #[default]
    None,
    /// `client_secret_basic`: name and secret in the `Authorization` header.
    SecretBasic(Secret),
    /// `client_secret_post`: the secret among the parameters.
    SecretPost(Secret),
    /// `private_key_jwt`: an assertion signed by the client's own key (RFC 7523 section 2.2).
    PrivateKeyJwt(AssertionKey),
}

/// The key that signs a client's assertions, by ES256.
#[derive(Debug)]
pub struct AssertionKey {
    /// The name of the key in the client's key set (RFC 7517 section 4.5).
    pub kid: Option<String>,
    /// The key, as the shell's `sign` takes it: natively a P-256 key in PKCS#8 (DER).
    pub private: SecretBytes,
}

/// A request on its way to being sent.
#[derive(Debug)]
pub enum Prepared {
    /// It can be sent.
    Ready(Request),
    /// An assertion has to be signed first.
    Sign(Assertion),
}

impl ClientAuth {
    /// The registered name of the method (`token_endpoint_auth_method`, RFC 7591 section 2).
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic(_) => "client_secret_basic",
            Self::SecretPost(_) => "client_secret_post",
            Self::PrivateKeyJwt(_) => "private_key_jwt",
        }
    }

    /// Adds what this client shows to a request that wants to know whose it is; others pass unchanged.
    pub fn prepare(
        &self,
        client_id: &ClientId,
        issuer: &Issuer,
        request: Request,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Result<Prepared, Error> {
        if !request.by_client {
            return Ok(Prepared::Ready(request));
        }
        Ok(match self {
            Self::None => Prepared::Ready(request),
            Self::SecretBasic(secret) => Prepared::Ready(basic(request, client_id, secret)),
            Self::SecretPost(secret) => Prepared::Ready(add(request, "client_secret", secret.expose())),
            Self::PrivateKeyJwt(key) => {
                Prepared::Sign(Assertion::new(key, client_id, issuer, request, now, dice)?)
            }
        })
    }
}

/// RFC 6749 section 2.3.1: both are form-encoded before they are joined; and a client uses one method in a request, so
/// `client_id` leaves the parameters.
fn basic(mut request: Request, client_id: &ClientId, secret: &Secret) -> Request {
    let mut pair = String::with_capacity(client_id.as_str().len() + 3 * secret.expose().len() + 1);
    encode(&mut pair, client_id.as_str());
    pair.push(':');
    encode(&mut pair, secret.expose());
    let pair = Secret::new(pair);
    let mut header = String::with_capacity("Basic ".len() + pair.expose().len().div_ceil(3) * 4);
    header.push_str("Basic ");
    // RFC 7617 section 2 has the other base64, with padding. What was percent-encoded before has no byte by which the two
    // alphabets differ.
    header.push_str(&base64url::encode(pair.expose().as_bytes()));
    while !(header.len() - "Basic ".len()).is_multiple_of(4) {
        header.push('=');
    }
    request.headers.push(("authorization", Secret::new(header)));
    if let Some(body) = &request.body {
        let mut rest = String::with_capacity(body.expose().len());
        for parameter in pieces(body.expose(), b'&').filter(|piece| !piece.starts_with("client_id=")) {
            if !rest.is_empty() {
                rest.push('&');
            }
            rest.push_str(parameter);
        }
        request.body = Some(Secret::new(rest));
    }
    request
}

fn add(mut request: Request, name: &str, value: &str) -> Request {
    let form = Form::new().with(name, value).finish();
    let body = request.body.as_ref().map_or("", |body| body.expose());
    let mut longer = String::with_capacity(body.len() + 1 + form.expose().len());
    longer.push_str(body);
    longer.push('&');
    longer.push_str(form.expose());
    request.body = Some(Secret::new(longer));
    request
}

/// A request whose assertion waits for its signature.
#[derive(Debug)]
pub struct Assertion {
    request: Request,
    input: Secret,
}

impl Assertion {
    fn new(
        key: &AssertionKey,
        client_id: &ClientId,
        issuer: &Issuer,
        request: Request,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Result<Self, Error> {
        let header =
            Writer::new().text("typ", "JWT").text("alg", "ES256").some("kid", key.kid.as_deref()).finish();
        // RFC 7523 section 3 and OpenID Connect Core 1.0 section 9. The audience is the issuer and nothing else: an
        // endpoint's address could be another server's, who would then hold an assertion for this one.
        let claims = Writer::new()
            .text("iss", client_id.as_str())
            .text("sub", client_id.as_str())
            .text("aud", issuer.as_str())
            .text("jti", &identifier(dice)?)
            .number("iat", now.seconds())
            .number("exp", now.plus(ASSERTION_LIFETIME).seconds())
            .finish();
        Ok(Self { request, input: Secret::new(signing_input(&header, &claims)) })
    }

    /// What the client's key has to sign, by ES256.
    pub fn signing_input(&self) -> &[u8] {
        self.input.expose().as_bytes()
    }

    /// The request with the assertion (RFC 7523 section 2.2), given the 64 bytes r || s.
    pub fn signed(self, signature: &[u8]) -> Result<Request, Error> {
        if signature.len() != 64 {
            return Err(Error::Bug);
        }
        let assertion = Secret::new(assemble(self.input.expose().clone(), signature));
        let request = add(
            self.request,
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        );
        Ok(add(request, "client_assertion", assertion.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Field, Message};
    use crate::form::Query;
    use crate::json::Object;
    use crate::test;
    use crate::testing::SeededDice;
    use crate::url::Endpoint;

    fn prepare(auth: &ClientAuth, client_id: &str) -> Prepared {
        let endpoint = Endpoint::new("https://issuer.example/token", Field::TokenEndpoint).unwrap();
        let form = Form::new()
            .with("grant_type", "refresh_token")
            .with("client_id", client_id)
            .with("scope", "client_id=x");
        auth.prepare(
            &ClientId::new(client_id).unwrap(),
            &Issuer::new("https://issuer.example").unwrap(),
            Request::post(endpoint, form),
            Timestamp::from_seconds(1000),
            &mut SeededDice::new(1),
        )
        .unwrap()
    }

    fn ready(auth: &ClientAuth, client_id: &str) -> Request {
        let Prepared::Ready(request) = prepare(auth, client_id) else { panic!("nothing is to be signed") };
        request
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose().as_str())
    }

    #[test]
    fn the_basic_header_of_rfc_6749_section_2_3_1() {
        let request = ready(&ClientAuth::SecretBasic(Secret::from("7Fjfp0ZBr1KtDRbnfVdmIw")), "s6BhdRkqt3");
        let expected = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
        assert_eq!(header(&request, "authorization"), Some(expected));
        let body = request.body.unwrap();
        assert_eq!(
            body.expose(),
            "grant_type=refresh_token&scope=client_id%3Dx",
            "named once, by the header"
        );
    }

    #[test]
    fn name_and_secret_are_encoded_before_they_are_joined() {
        let request = ready(&ClientAuth::SecretBasic(Secret::from("p:ss w\u{f6}rd%")), "a:b");
        // a%3Ab:p%3Ass+w%C3%B6rd%25
        let expected = "Basic YSUzQWI6cCUzQXNzK3clQzMlQjZyZCUyNQ==";
        assert_eq!(header(&request, "authorization"), Some(expected));
    }

    #[test]
    fn a_posted_secret_stands_beside_the_name() {
        let request = ready(&ClientAuth::SecretPost(Secret::from("s&c")), "client");
        let body = request.body.as_ref().unwrap();
        assert!(body.expose().ends_with("client_id=client&scope=client_id%3Dx&client_secret=s%26c"));
        assert_eq!(header(&request, "authorization"), None);
    }

    #[test]
    fn a_public_client_and_a_request_of_nobody_pass_unchanged() {
        let request = ready(&ClientAuth::None, "client");
        assert!(request.body.unwrap().expose().contains("client_id=client"));
        let endpoint = Endpoint::new("https://issuer.example/jwks", Field::JwksUri).unwrap();
        let prepared = ClientAuth::SecretBasic(Secret::from("s")).prepare(
            &ClientId::new("client").unwrap(),
            &Issuer::new("https://issuer.example").unwrap(),
            Request::get(endpoint),
            Timestamp::from_seconds(1000),
            &mut SeededDice::new(1),
        );
        let Ok(Prepared::Ready(request)) = prepared else { panic!("nothing is to be signed") };
        assert_eq!(header(&request, "authorization"), None);
    }

    #[test]
    fn an_assertion_names_the_issuer_and_is_used_once() {
        let auth = ClientAuth::PrivateKeyJwt(AssertionKey {
            kid: Some(String::from("key-1")),
            private: Secret::new(alloc::vec![1]),
        });
        let Prepared::Sign(assertion) = prepare(&auth, "client") else { panic!("it has to be signed") };
        assert!(assertion.signing_input().starts_with(b"eyJ"));
        let request = assertion.signed(&[7; 64]).unwrap();
        let body = request.body.unwrap();
        let mut query = Query::parse(body.expose(), Message::TokenResponse).unwrap();
        // RFC 7523 section 2.2.
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert!(query.take("client_assertion_type") == Some(Secret::from(kind)));
        let assertion = query.take("client_assertion").unwrap();
        let mut parts = assertion.expose().split('.').map(|part| base64url::decode(part).unwrap());
        let header = parts.next().unwrap();
        assert_eq!(header, br#"{"typ":"JWT","alg":"ES256","kid":"key-1"}"#);
        let claims = Object::parse(&parts.next().unwrap(), Message::IdToken).unwrap();
        for (field, expected) in
            [(Field::Iss, "client"), (Field::Sub, "client"), (Field::Aud, "https://issuer.example")]
        {
            assert_eq!(claims.text(field).unwrap(), Some(expected), "{field}");
        }
        assert_eq!(claims.seconds(Field::Exp).unwrap(), Some(1060));
    }
}
