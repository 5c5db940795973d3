//! An authorization request that goes to a dashboard instead of the authorization endpoint, in the fragment of an address
//! (the parameters are those of RFC 6749 section 4.1.1), and what comes back beside an authorization response: a code that
//! a person types, or a whole session that the dashboard gives away.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::{Form, Query};
use crate::name::{Audience, ClientId, Scopes};
use crate::phrase;
use crate::protocol::pkce;
use crate::secret::Secret;
use crate::text::is_shown;
use crate::url::{Issuer, RedirectUri};

/// What both sides call it: the first line of what they hash, and the name of the key that a session is sealed under.
pub const NAME: &str = "gatepass-handoff-v1";

/// How long a fragment may be; pages refuse more.
const LONGEST: usize = 4096;

/// How long the body may be that a browser brings. A session holds two tokens.
const LONGEST_BODY: usize = 64 * 1024;

/// What a dashboard is asked.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Where the code will be traded.
    pub issuer: &'a Issuer,
    /// Who asks.
    pub client_id: &'a ClientId,
    /// Where the answer comes back; without one, a person carries it.
    pub redirect_uri: Option<&'a RedirectUri>,
    /// What is asked for.
    pub scopes: &'a Scopes,
    /// For whom tokens are meant.
    pub audience: Option<&'a Audience>,
    /// For which organization.
    pub organization: Option<&'a str>,
    /// The one-time secret of this handoff.
    pub state: &'a Secret,
    /// What the ID token has to repeat.
    pub nonce: &'a Secret,
    /// What the code is tied to.
    pub verifier: &'a Secret,
    /// The key that the session is to be bound to.
    pub thumbprint: Option<&'a str>,
    /// How this machine is called.
    pub device: &'a str,
    /// The public key under which a whole session may be sent, if one is taken.
    pub receiver: Option<&'a [u8]>,
}

impl Ask<'_> {
    /// The fragment. It holds the state, so it is a secret.
    pub fn fragment(&self) -> Result<Secret, Error> {
        let shown = self.device.chars().count();
        if !(1..=64).contains(&shown) || !self.device.chars().all(is_shown) {
            return Err(Error::Configuration { field: Field::Device });
        }
        let receiver = self.receiver.map(base64url::encode);
        let fragment = Form::new()
            .with("v", "1")
            .with("iss", self.issuer.as_str())
            .with("client_id", self.client_id.as_str())
            .with_some("redirect_uri", self.redirect_uri.map(RedirectUri::as_str))
            .with("response_type", "code")
            .with("scope", self.scopes.as_str())
            .with("state", self.state.expose())
            .with("nonce", self.nonce.expose())
            .with("code_challenge", &pkce::challenge(self.verifier))
            .with("code_challenge_method", pkce::METHOD)
            .with_some("dpop_jkt", self.thumbprint)
            .for_audience(self.audience)
            .with_some("organization", self.organization)
            .with("device", self.device)
            .with_some("hpke", receiver.as_deref())
            .finish();
        if fragment.expose().len() > LONGEST {
            return Err(Error::Configuration { field: Field::Size });
        }
        Ok(fragment)
    }

    /// What both sides hash and compare, and what a session that is sent back is sealed with. It holds the state, so it is
    /// a secret.
    pub fn transcript(&self) -> Secret {
        let challenge = pkce::challenge(self.verifier);
        let receiver = self.receiver.map(base64url::encode);
        let lines = [
            NAME,
            self.issuer.as_str(),
            self.client_id.as_str(),
            self.redirect_uri.map_or("", RedirectUri::as_str),
            self.state.expose(),
            &challenge,
            self.thumbprint.unwrap_or_default(),
            receiver.as_deref().unwrap_or_default(),
        ];
        // In one piece, so that no half of it stays behind.
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            text.push_str(line);
        }
        Secret::new(text)
    }
}

/// The three words that a person compares.
pub fn words(transcript: &Secret) -> String {
    let hash = Sha256::digest(transcript.expose().as_bytes());
    let mut first = [0; 6];
    first.copy_from_slice(&hash[..6]);
    phrase::of(&first)
}

/// The letters of a code that a person types: none is mistaken for another (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Reads a typed code; case, blanks and dashes are the typist's own.
pub fn typed_code(text: &str) -> Option<Secret> {
    let mut code = String::with_capacity(9);
    for letter in text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
        let letter = letter.to_ascii_uppercase();
        if !LETTERS.contains(&letter) || code.len() == 9 {
            return None;
        }
        if code.len() == 4 {
            code.push('-');
        }
        code.push(char::from(letter));
    }
    (code.len() == 9).then(|| Secret::new(code))
}

/// A session that came back sealed, read but not yet opened.
#[derive(Debug)]
pub struct Moved {
    /// The state, which says whose answer this is.
    pub state: Option<Secret>,
    /// The issuer of the session.
    pub iss: Option<String>,
    /// The encapsulated key (RFC 9180 section 4.1).
    pub enc: Vec<u8>,
    /// The ciphertext.
    pub sealed: Vec<u8>,
}

/// Reads the form that brings a session; `None` if it brings something else.
pub fn parse(body: &str) -> Result<Option<Moved>, Error> {
    const MESSAGE: Message = Message::AuthorizationResponse;
    let mut form = Query::parse_long(body, LONGEST_BODY, MESSAGE)?;
    let (Some(enc), Some(sealed)) = (form.take("enc"), form.take("sealed")) else { return Ok(None) };
    let bytes = |text: &Secret, field| {
        base64url::decode(text.expose()).ok_or(Error::Malformed { message: MESSAGE, field })
    };
    Ok(Some(Moved {
        enc: bytes(&enc, Field::Enc)?,
        sealed: bytes(&sealed, Field::Sealed)?,
        state: form.take("state"),
        iss: form.take("iss").map(|iss| iss.expose().clone()),
    }))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::test;

    fn ask(check: impl FnOnce(&mut Ask<'_>)) -> (Result<Secret, Error>, Secret) {
        let (issuer, client_id) = (Issuer::new("https://i.example").unwrap(), ClientId::new("c").unwrap());
        let redirect_uri = RedirectUri::loopback(4711, "/gatepass/abcdefghijklmnopqrstuv");
        let (scopes, secret) = (Scopes::parse("openid").unwrap(), Secret::from("s"));
        let mut ask = Ask {
            issuer: &issuer,
            client_id: &client_id,
            redirect_uri: Some(&redirect_uri),
            scopes: &scopes,
            audience: None,
            organization: None,
            state: &secret,
            nonce: &secret,
            verifier: &secret,
            thumbprint: None,
            device: "ada@thinkpad",
            receiver: None,
        };
        check(&mut ask);
        (ask.fragment(), ask.transcript())
    }

    #[test]
    fn a_fragment_has_the_names_of_a_request() {
        let (fragment, transcript) = ask(|_| {});
        assert_eq!(
            fragment.unwrap().expose(),
            "v=1&iss=https%3A%2F%2Fi.example&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fgatepass%2Fabcdefghijklmnopqrstuv&response_type=code&scope=openid&state=s&nonce=s&code_challenge=BDpxh3TFcr2KJa2-sb_NXAJWrhHOz5-cP5JdDlK-r4k&code_challenge_method=S256&device=ada%40thinkpad"
        );
        assert_eq!(
            transcript.expose(),
            "gatepass-handoff-v1\nhttps://i.example\nc\nhttp://127.0.0.1:4711/gatepass/abcdefghijklmnopqrstuv\ns\nBDpxh3TFcr2KJa2-sb_NXAJWrhHOz5-cP5JdDlK-r4k\n\n"
        );
        let (fragment, transcript) = ask(|ask| {
            (ask.redirect_uri, ask.thumbprint, ask.receiver) = (None, Some("jkt"), Some(&[4_u8, 5][..]));
        });
        assert!(fragment.unwrap().expose().ends_with("&hpke=BAU"));
        assert!(
            transcript.expose().ends_with("\nc\n\ns\nBDpxh3TFcr2KJa2-sb_NXAJWrhHOz5-cP5JdDlK-r4k\njkt\nBAU")
        );
    }

    #[test]
    fn a_device_is_named_in_characters_that_show() {
        let refused = Err(Error::Configuration { field: Field::Device });
        let long = "x".repeat(65).leak();
        for bad in ["", "a\nb", "a\u{202e}b", long] {
            assert!(ask(|ask| ask.device = bad).0 == refused, "{bad:?}");
        }
        let long = "a".repeat(4000).leak();
        assert!(
            ask(|ask| ask.organization = Some(long)).0 == Err(Error::Configuration { field: Field::Size })
        );
    }

    #[test]
    fn words_are_those_of_the_first_six_bytes() {
        // SHA-256 of the empty text begins e3b0c44298fc.
        assert_eq!(words(&Secret::from("")), phrase::of(&[0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc]));
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in ["BCDF-GHJK", "bcdfghjk", " bcd fgh-jk "] {
            assert_eq!(typed_code(typed).unwrap().expose(), "BCDF-GHJK", "{typed}");
        }
        for other in ["", "d", "BCDF-GHJ", "BCDF-GHJKL", "BCDA-GHJK", "http://127.0.0.1:1/cb?code=x"] {
            assert!(typed_code(other).is_none(), "{other}");
        }
    }

    #[test]
    fn reads_a_session_that_is_sealed() {
        let moved = parse("enc=AQI&sealed=AwQ&state=s&iss=https%3A%2F%2Fi.example").unwrap().unwrap();
        assert!(moved.enc == [1, 2] && moved.sealed == [3, 4] && moved.state == Some(Secret::from("s")));
        assert_eq!(moved.iss, Some("https://i.example".to_string()));
        assert!(parse("code=c&state=s").unwrap().is_none());
        for bad in ["enc=A&sealed=AwQ&state=s", "enc=AQI&enc=AQI&sealed=AwQ", "enc=AQI&sealed=A%3D"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let long = alloc::format!("enc=AQI&sealed={}", "A".repeat(64 * 1024));
        assert!(parse(&long).is_err());
    }
}
