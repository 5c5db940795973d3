//! A dashboard asks that a program in a terminal be signed in: an authorization request that came in a fragment.
//!
//! Whoever made the link chose everything in it. So nothing here varies that need not: one issuer, one way back, one
//! method, a key always, and no parameter that is not known.

use gatepass_core::name::Scopes;
use gatepass_core::phrase;
use gatepass_core::text::is_shown;

use super::authorize::{audience_parameter, organization_parameter, scope_parameter};
use super::client::{Client, Clients, GrantType};
use super::params::Params;
use super::pkce;
use super::refresh::Way;
use super::refused::Refused;
use crate::keys::sha256;

/// The most that a request may weigh, in bytes: what the page takes out of its fragment.
pub(crate) const LONGEST: usize = 4096;

/// How old a sign-in may be by which a terminal is signed in, in seconds.
pub(crate) const FRESH_SECONDS: u64 = 600;

/// How long after the answer it may be had as a code to type, and how long that code lives, in seconds.
pub(crate) const TYPED_SECONDS: u64 = 600;

const PARAMETERS: [&str; 16] = [
    "v",
    "iss",
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "audience",
    "resource",
    "organization",
    "device",
    "hpke",
];

/// A request that may be put to its person.
#[derive(Clone, Debug)]
pub(crate) struct Handoff<'a> {
    pub(crate) client: &'a Client,
    pub(crate) way_back: Option<WayBack>,
    pub(crate) state: String,
    pub(crate) scope: Scopes,
    pub(crate) audience: String,
    pub(crate) organization: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
    pub(crate) jkt: String,
    /// What the machine calls itself.
    pub(crate) device: String,
    /// What the terminal shows too, if it is the one that asked.
    pub(crate) phrase: String,
}

/// Where the terminal listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WayBack {
    pub(crate) redirect_uri: String,
    pub(crate) port: u16,
}

/// Whether a client may ask for this: a page of the house, in a session that did not itself come of a code that was
/// talked into somebody (RFC 8628 section 5.4).
pub(crate) fn may_ask(client: &Client, way: Way) -> Result<(), Refused> {
    if client.first_party && !client.native && way == Way::Code {
        Ok(())
    } else {
        Err(Refused::HandoffCaller)
    }
}

/// Reads the parameters.
pub(crate) fn read<'a>(params: &Params, issuer: &str, clients: &'a Clients) -> Result<Handoff<'a>, Refused> {
    params.refuse_repeated()?;
    params.only(&PARAMETERS)?;
    if params.required("v")? != "1" {
        return Err(Refused::Malformed("v"));
    }
    // RFC 9207 section 2.4, the other way around: the terminal would take our code to somebody else.
    if params.required("iss")? != issuer {
        return Err(Refused::HandoffIssuer);
    }
    let client = clients.find(params.required("client_id")?).filter(|client| client.native);
    let client = client.ok_or(Refused::HandoffClient)?;
    client.may_use(GrantType::AuthorizationCode)?;
    if params.required("response_type")? != "code" {
        return Err(Refused::ResponseType);
    }
    let way_back = match params.one("redirect_uri")? {
        Some(uri) => Some(way_back(uri).ok_or(Refused::Malformed("redirect_uri"))?),
        None => None,
    };
    let hpke = params.one("hpke")?;
    if hpke.is_some_and(|point| !is_point(point)) {
        return Err(Refused::Malformed("hpke"));
    }
    let state = hash_like(params.required("state")?, "state")?;
    let challenge = challenge(params)?;
    // RFC 9449 section 10: the code is for this key alone.
    let jkt = hash_like(params.required("dpop_jkt")?, "dpop_jkt")?;
    let nonce = params.one("nonce")?;
    if nonce.is_some_and(|nonce| nonce.len() > 255 || !nonce.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(Refused::Malformed("nonce"));
    }
    let uri = way_back.as_ref().map_or("", |back| back.redirect_uri.as_str());
    let phrase = spoken([issuer, &client.id, uri, state, challenge, jkt, hpke.unwrap_or_default()]);
    Ok(Handoff {
        client,
        scope: scope_parameter(params)?,
        audience: client.audience(audience_parameter(params)?)?.to_owned(),
        organization: organization_parameter(params)?,
        nonce: nonce.map(str::to_owned),
        device: device(params.required("device")?).ok_or(Refused::Malformed("device"))?.to_owned(),
        state: state.to_owned(),
        challenge: challenge.to_owned(),
        jkt: jkt.to_owned(),
        phrase,
        way_back,
    })
}

impl Handoff<'_> {
    /// Refuses more than the session of the dashboard has. How long a program stays signed in is its own matter and no
    /// part of that: the page says it.
    pub(crate) fn within(&self, granted: &Scopes) -> Result<(), Refused> {
        let more = self.scope.iter().any(|scope| scope != "offline_access" && !granted.contains(scope));
        if more { Err(Refused::Scope) } else { Ok(()) }
    }
}

/// RFC 7636 section 4.3, S256 alone.
fn challenge(params: &Params) -> Result<&str, Refused> {
    let challenge = params.one("code_challenge")?.ok_or(Refused::PkceRequired)?;
    if params.one("code_challenge_method")? != Some("S256") {
        return Err(Refused::PkceMethod);
    }
    hash_like(challenge, "code_challenge")
}

/// Everything of 256 bits here has the form of a challenge.
fn hash_like<'a>(text: &'a str, name: &'static str) -> Result<&'a str, Refused> {
    if pkce::is_challenge(text) { Ok(text) } else { Err(Refused::Malformed(name)) }
}

/// `http://127.0.0.1:` port `/gatepass/` 22 to 64 letters of base64url: a program of a user's own (RFC 8252 section 7.3)
/// that took a free port, and an address that an innocent server on it does not have.
fn way_back(uri: &str) -> Option<WayBack> {
    let (digits, random) = uri.strip_prefix("http://127.0.0.1:")?.split_once("/gatepass/")?;
    // Digits alone, no leading zero, no sign: `u16::from_str` would take a plus.
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let port: u16 = digits.parse().ok()?;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if port < 1024 || !(22..=64).contains(&random.len()) || !random.bytes().all(letter) {
        return None;
    }
    Some(WayBack { redirect_uri: uri.to_owned(), port })
}

/// An uncompressed point of P-256 (SEC 1 section 2.3.3): a letter Q stands for 65 bytes that begin with four.
fn is_point(text: &str) -> bool {
    gatepass_core::base64url::decode(text).is_some_and(|point| point.len() == 65 && point[0] == 4)
}

/// The name of a machine: one line, in one direction.
fn device(text: &str) -> Option<&str> {
    let sound = (1..=64).contains(&text.chars().count()) && text.chars().all(is_shown) && text.trim() == text;
    sound.then_some(text)
}

/// Three words of a hash over what makes this request this one.
fn spoken(parts: [&str; 7]) -> String {
    let hash = sha256(format!("gatepass-handoff-v1\n{}", parts.join("\n")));
    let mut first = [0; 6];
    first.copy_from_slice(&hash[..6]);
    phrase::of(&first)
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::native;
    use super::*;

    const GOOD: &str = "v=1&iss=https%3A%2F%2Fi.example&client_id=cli\
        &redirect_uri=http%3A%2F%2F127.0.0.1%3A53123%2Fgatepass%2F0123456789abcdefghij_-&response_type=code\
        &scope=openid&state=sssssssssssssssssssssssssssssssssssssssssss\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
        &dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I&device=ada%40thinkpad";

    fn phrase_of(form: &str) -> String {
        let clients = Clients::new(vec![native()]);
        read(&Params::from_form(form).unwrap(), "https://i.example", &clients).unwrap().phrase
    }

    /// Worked out by hand from the definition, by another program.
    #[test]
    fn the_words_of_a_request() {
        assert_eq!(phrase_of(GOOD), "holul-hihij-finus");
        // The way it is written does not matter, and nor does what a person reads beside the words.
        assert_eq!(phrase_of(&GOOD.replace("%40thinkpad", "&hpke=")), "holul-hihij-finus");
        assert_ne!(phrase_of(&GOOD.replace("53123", "53124")), "holul-hihij-finus");
    }

    #[test]
    fn pages_of_the_house_ask_in_sessions_of_their_own() {
        let page = Client { native: false, ..native() };
        assert_eq!(may_ask(&page, Way::Code), Ok(()));
        let outside = Client { first_party: false, ..page.clone() };
        for (client, way) in
            [(&page, Way::Device), (&page, Way::Handoff), (&native(), Way::Code), (&outside, Way::Code)]
        {
            assert_eq!(may_ask(client, way), Err(Refused::HandoffCaller));
        }
    }
}
