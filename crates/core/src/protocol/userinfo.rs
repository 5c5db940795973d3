//! What the issuer tells about the person (OpenID Connect Core 1.0 section 5.3).

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::Object;
use crate::jwk::Algorithm;
use crate::jwt::Compact;
use crate::kept::Text;
use crate::name::{ClientId, Subject};
use crate::protocol::error_body;
use crate::protocol::id_token::{self, Check, Vouched, printable};
use crate::protocol::jwks::Jwks;
use crate::protocol::token_response::TokenType;
use crate::secret::Secret;
use crate::url::{Endpoint, Issuer};

const MESSAGE: Message = Message::Userinfo;

/// What is shown of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Userinfo {
    /// Their e-mail address, if it is told.
    pub email: Option<Text>,
    /// Whether the issuer has seen them read mail there.
    pub email_verified: bool,
    /// Their name, if it is told.
    pub name: Option<Text>,
}

/// Asks about the person (section 5.3.1), with the access token in the header and nowhere else (RFC 6750 section 2.1);
/// a bound token comes with its proof (RFC 9449 section 7.1).
pub fn request(
    userinfo_endpoint: &Endpoint,
    token_type: TokenType,
    access_token: &Secret,
    proof: Option<Secret>,
) -> Request {
    Request::get(userinfo_endpoint.clone()).with_access(token_type.as_str(), access_token).with_proof(proof)
}

/// Reads the answer. `subject` is whom the ID token spoke of: claims about somebody else are not to be used
/// (section 5.3.2). Claims that lie elsewhere (section 5.6.2, aggregated and distributed) are left where they are.
pub fn parse(response: &Response, subject: &Subject) -> Result<Userinfo, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    read(&Object::parse(response.body.expose(), MESSAGE)?, subject)
}

/// The answer to a client that is registered for signed ones (section 5.3.2, `userinfo_signed_response_alg`).
pub fn signed(response: &Response) -> Result<Secret, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let token = str::from_utf8(response.body.expose());
    token.map(Secret::from).map_err(|_| Error::Malformed { message: MESSAGE, field: Field::Encoding })
}

/// Finds the key for it.
pub fn check(signed: &Secret, jwks: &Jwks, algorithm: Algorithm) -> Result<Check, Error> {
    id_token::check_typed(signed, jwks, algorithm, None, MESSAGE)
}

/// Reads it once its signature was verified. It names its issuer and its reader (section 5.3.2), so that no answer to
/// another client can be shown here.
pub fn prove(
    signed: &Secret,
    vouched: &Vouched,
    issuer: &Issuer,
    client_id: &ClientId,
    subject: &Subject,
) -> Result<Userinfo, Error> {
    let token = Compact::split(signed.expose(), MESSAGE)?;
    vouched.is_about(&token)?;
    if token.claims.required(Field::Iss)? != issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    // It may be meant for others too.
    if !token.claims.text_or_texts(Field::Aud)?.contains(&client_id.as_str()) {
        return Err(Error::BadClaim { claim: Field::Aud });
    }
    read(&token.claims, subject)
}

fn read(claims: &Object, subject: &Subject) -> Result<Userinfo, Error> {
    if claims.required(Field::Sub)? != subject.as_str() {
        return Err(Error::BadClaim { claim: Field::Sub });
    }
    Ok(Userinfo {
        email: printable(claims, Field::Email),
        email_verified: claims.flag(Field::EmailVerified)?,
        name: printable(claims, Field::Name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn asks_by_the_header_alone() {
        let endpoint = Endpoint::new("https://server.example.com/userinfo", Field::X).unwrap();
        let request = request(&endpoint, TokenType::Bearer, &Secret::from("SlAV32hkKG"), None);
        // The example of section 5.3.1.
        let header = request.headers.iter().find(|(name, _)| *name == "authorization").unwrap();
        assert_eq!(header.1.expose(), "Bearer SlAV32hkKG");
        assert!(request.body.is_none() && request.url.as_str() == endpoint.as_str() && !request.by_client);
    }

    #[test]
    fn believes_claims_about_the_same_person_only() {
        let answer = |body: &str| Response::new(200, &|_| None, body.into());
        let subject = Subject::new("248289761001").unwrap();
        // The example of section 5.3.2.
        let body =
            r#"{"sub":"248289761001","name":"Jane Doe","email":"janedoe@example.com","email_verified":true}"#;
        let read = parse(&answer(body), &subject).unwrap();
        assert_eq!(read.name.as_deref(), Some("Jane Doe"));
        assert!(read.email_verified);
        let other = body.replace("248289761001", "248289761001invalid");
        assert_eq!(parse(&answer(&other), &subject), Err(Error::BadClaim { claim: Field::Sub }));
        let missing = body.replace("\"sub\"", "\"bus\"");
        assert_eq!(
            parse(&answer(&missing), &subject),
            Err(Error::Malformed { message: MESSAGE, field: Field::Sub })
        );
        let steering = body.replace("Jane Doe", "\\u001b[2J");
        assert_eq!(parse(&answer(&steering), &subject).unwrap().name, None);
    }
}
