//! The issuer tells that somebody signed out there (OpenID Connect Back-Channel Logout 1.0).
//!
//! For clients with a server behind them: the token comes as the form parameter `logout_token` of a POST. Whoever keeps
//! sessions ends those it speaks of and answers 200, or 400 where [`check`] or [`prove`] refuse it (section 2.8).

use alloc::string::String;
use core::time::Duration;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::Query;
use crate::jwk::Algorithm;
use crate::jwt::Compact;
use crate::name::{ClientId, Subject};
use crate::protocol::id_token::{self, Check, Vouched};
use crate::protocol::jwks::Jwks;
use crate::secret::Secret;
use crate::time::{LEEWAY, Timestamp};
use crate::url::Issuer;

const MESSAGE: Message = Message::LogoutToken;

/// How old a token may be that does not say when it ends, as older issuers write them.
const UNSAID_LIFETIME: Duration = Duration::from_secs(120);

/// Who signed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The person; all of their sessions here, unless one is named.
    pub subject: Option<Subject>,
    /// The one session (`sid` of its ID token).
    pub sid: Option<String>,
    /// Names this token: whoever keeps it until the token ends notices a replay (section 2.6, step 7).
    pub jti: String,
}

/// Takes the token out of the body (section 2.5).
pub fn read(body: &str) -> Result<Secret, Error> {
    let token = Query::parse(body, MESSAGE)?.take("logout_token");
    token.ok_or(Error::Malformed { message: MESSAGE, field: Field::LogoutToken })
}

/// Finds the key for a token (section 2.6, steps 1 and 2): as for an ID token, besides the type of its own.
pub fn check(logout_token: &Secret, jwks: &Jwks, algorithm: Algorithm) -> Result<Check, Error> {
    id_token::check_typed(logout_token, jwks, algorithm, Some("logout+jwt"), MESSAGE)
}

/// Judges the claims of a token whose signature was verified (section 2.6, steps 3 to 6).
pub fn prove(
    logout_token: &Secret,
    vouched: &Vouched,
    issuer: &Issuer,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<SignedOut, Error> {
    let token = Compact::split(logout_token.expose(), MESSAGE)?;
    vouched.is_about(&token)?;
    let claims = &token.claims;
    let bad = |claim| Error::BadClaim { claim };
    if claims.required(Field::Iss)? != issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    id_token::audience(claims, client_id, &[])?;
    let moment = |claim| claims.seconds(claim).map(|seconds| seconds.map(Timestamp::from_seconds));
    let issued_at = moment(Field::Iat)?.ok_or_else(|| bad(Field::Iat))?;
    if issued_at > now.plus(LEEWAY) {
        return Err(bad(Field::Iat));
    }
    if moment(Field::Exp)?.unwrap_or_else(|| issued_at.plus(UNSAID_LIFETIME)).plus(LEEWAY) <= now {
        return Err(bad(Field::Exp));
    }
    // Section 2.4: by this, and by having no nonce, it differs from an ID token of the same issuer.
    let event = claims.object(Field::Events)?.ok_or_else(|| bad(Field::Events))?;
    event.object(Field::BackchannelLogout)?.ok_or_else(|| bad(Field::Events))?;
    if claims.names(Field::Nonce) {
        return Err(bad(Field::Nonce));
    }
    let subject = claims.text(Field::Sub)?.map(Subject::new).transpose().map_err(|_| bad(Field::Sub))?;
    let sid = claims.text(Field::Sid)?.map(String::from);
    if subject.is_none() && sid.is_none() {
        return Err(bad(Field::Sub));
    }
    Ok(SignedOut { subject, sid, jti: String::from(claims.required(Field::Jti)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk::PublicKey;
    use crate::jwt::{assemble, signing_input};
    use crate::kept::Kept;
    use crate::test;

    const NOW: Timestamp = Timestamp::from_seconds(1_458_668_180);

    /// The example of section 2.4, with its `exp`.
    const EXAMPLE: &str = r#"{"iss":"https://server.example.com","sub":"248289761001","aud":"s6BhdRkqt3","iat":1458668180,"exp":1458668580,"jti":"bWJq","sid":"08a5019c-17e1-4977-8f42-65a12843ea02","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;

    fn judge(claims: &str) -> Result<SignedOut, Error> {
        let header = r#"{"alg":"ES256","typ":"logout+jwt"}"#;
        let token = Secret::new(assemble(signing_input(header, claims), &[7; 64]));
        let signed = Compact::split(token.expose(), MESSAGE)?.signed;
        let key = Kept::new(PublicKey::P256 { x: [1; 32], y: [2; 32] });
        let check = Check { algorithm: Algorithm::Es256, key, signed, signature: [7; 64].to_vec() };
        let issuer = Issuer::new("https://server.example.com")?;
        prove(&token, &check.vouch(true)?, &issuer, &ClientId::new("s6BhdRkqt3")?, NOW)
    }

    #[test]
    fn reads_the_example_of_section_2_4() {
        let signed_out = judge(EXAMPLE).unwrap();
        assert_eq!(signed_out.subject, Some(Subject::new("248289761001").unwrap()));
        assert_eq!(signed_out.sid.as_deref(), Some("08a5019c-17e1-4977-8f42-65a12843ea02"));
        assert_eq!(signed_out.jti, "bWJq");
        assert!(judge(&EXAMPLE.replace(r#""exp":1458668580,"#, "")).is_ok());
        assert!(read("logout_token=eyJh.e30.A").unwrap() == Secret::from("eyJh.e30.A"));
        assert!(read("token=a").is_err());
    }

    #[test]
    fn each_claim_can_be_wrong() {
        let bad = |claim| Error::BadClaim { claim };
        let missing = |field| Error::Malformed { message: MESSAGE, field };
        for (from, to, expected) in [
            ("server.example", "other.example", Error::IssuerMismatch),
            ("s6BhdRkqt3", "another", bad(Field::Aud)),
            ("\"iat\":1458668180,", "", bad(Field::Iat)),
            ("\"iat\":1458668180", "\"iat\":1458669180", bad(Field::Iat)),
            ("\"exp\":1458668580", "\"exp\":1458668120", bad(Field::Exp)),
            ("1458668180,\"exp\":1458668580", "1458668000", bad(Field::Exp)),
            ("backchannel-logout", "foobar", bad(Field::Events)),
            ("\"events\":", "\"events\":null,\"other\":", bad(Field::Events)),
            ("{}", "true", missing(Field::BackchannelLogout)),
            ("\"jti\":", "\"nonce\":\"n\",\"jti\":", bad(Field::Nonce)),
            ("\"jti\":\"bWJq\",", "", missing(Field::Jti)),
            ("\"sub\":", "\"bus\":", Error::Bug),
        ] {
            let claims = EXAMPLE.replace(from, to);
            assert_ne!(claims, EXAMPLE, "{from}");
            let judged = judge(&claims);
            if expected == Error::Bug {
                assert!(judged.unwrap().subject.is_none(), "the session alone is enough");
                assert_eq!(judge(&claims.replace("sid", "dis")).err(), Some(bad(Field::Sub)));
            } else {
                assert_eq!(judged.err(), Some(expected), "{from}");
            }
        }
    }
}
