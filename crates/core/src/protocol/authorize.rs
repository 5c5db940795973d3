//! To the authorization server and back (RFC 6749 sections 4.1.1 and 4.1.2, RFC 9207).

use alloc::string::String;
use core::time::Duration;

use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::form::{Form, Query};
use crate::kept::Text;
use crate::name::{Audience, ClientId, Scopes};
use crate::protocol::pkce;
use crate::secret::Secret;
use crate::text::cut;
use crate::url::{Endpoint, RedirectUri, push_decimal};

/// What one authorization request asks for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The client.
    pub client_id: &'a ClientId,
    /// Where the answer comes back.
    pub redirect_uri: &'a RedirectUri,
    /// What is asked for.
    pub scopes: &'a Scopes,
    /// For whom the access token is meant.
    pub audience: Option<&'a Audience>,
    /// Ties the answer to this login (RFC 6749 section 10.12).
    pub state: &'a Secret,
    /// Ties the ID token to this login (OpenID Connect Core 1.0 section 3.1.2.1).
    pub nonce: &'a Secret,
    /// Ties the code to this login (RFC 7636).
    pub verifier: &'a Secret,
    /// Ties the code to the session's key (RFC 9449 section 10).
    pub thumbprint: Option<String>,
    /// `login`, `select_account` and their kin (OpenID Connect Core 1.0 section 3.1.2.1).
    pub prompt: Option<&'a str>,
    /// Who will probably sign in.
    pub login_hint: Option<&'a str>,
    /// How long ago they may have shown who they are.
    pub max_age: Option<Duration>,
}

impl Ask<'_> {
    /// The parameters (RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core 1.0 section 3.1.2.1).
    pub fn form(&self) -> Form {
        // OpenID Connect Core 1.0 section 11: offline access is given only with consent asked for.
        let consent = self.scopes.contains("offline_access").then_some("consent");
        let form = Form::new()
            .with("response_type", "code")
            .with("client_id", self.client_id.as_str())
            .with("redirect_uri", self.redirect_uri.as_str())
            .with("scope", self.scopes.as_str())
            .with("state", self.state.expose())
            .with("nonce", self.nonce.expose())
            .with("code_challenge", &pkce::challenge(self.verifier))
            .with("code_challenge_method", pkce::METHOD)
            .with_some("dpop_jkt", self.thumbprint.as_deref())
            .with_some("prompt", self.prompt.or(consent))
            .with_some("login_hint", self.login_hint);
        let form = form.for_audience(self.audience);
        match self.max_age {
            Some(max_age) => {
                let mut seconds = String::new();
                push_decimal(&mut seconds, max_age.as_secs());
                form.with("max_age", &seconds)
            }
            None => form,
        }
    }
}

/// The parameters that a request of ours has or could have, and those that would change how it is answered.
#[cfg(feature = "full")]
const OWN: [&str; 19] = [
    "audience",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
];

/// Adds parameters that one issuer knows (`domain_hint`, `connection`, `organization`). None may stand beside another of
/// its name: a server takes either or refuses both (RFC 6749 section 3.1).
#[cfg(feature = "full")]
pub fn with_extra(form: Form, extra: &[(String, String)]) -> Result<Form, Error> {
    extra.iter().enumerate().try_fold(form, |form, (at, (name, value))| {
        let repeated = extra.iter().take(at).any(|(other, _)| other == name);
        if repeated || name.is_empty() || name == "state" || OWN.contains(&name.as_str()) {
            return Err(Error::Configuration { field: Field::RepeatedParameter });
        }
        Ok(form.with(name, value))
    })
}

/// The address to open in the person's browser. It holds the state, so it is a secret.
pub fn url(authorization_endpoint: &Endpoint, parameters: Form) -> Secret {
    let endpoint = authorization_endpoint.as_str();
    let query = parameters.finish();
    let mut url = String::with_capacity(endpoint.len() + 1 + query.expose().len());
    url.push_str(endpoint);
    // RFC 6749 section 3.1: an endpoint may bring a query of its own.
    url.push(if cut(endpoint, b'?').1.is_some() { '&' } else { '?' });
    url.push_str(query.expose());
    Secret::new(url)
}

/// What came back to the redirect URI, read but not yet believed.
#[derive(Debug)]
pub struct Callback {
    /// The state, which says whose answer this is.
    pub state: Option<Secret>,
    /// The issuer that says it answers (RFC 9207).
    pub iss: Option<Text>,
    /// The code, or why there is none.
    pub result: Result<Secret, Refusal>,
}

/// Reads the query of an authorization response (RFC 6749 sections 4.1.2 and 4.1.2.1).
pub fn parse(query: &str) -> Result<Callback, Error> {
    const MESSAGE: Message = Message::AuthorizationResponse;
    let mut query = Query::parse(query, MESSAGE)?;
    // Nobody here asks for tokens by way of the browser: such an answer is no answer to us.
    for (name, field) in [("access_token", Field::AccessToken), ("id_token", Field::IdToken)] {
        if query.take(name).is_some() {
            return Err(Error::Malformed { message: MESSAGE, field });
        }
    }
    let state = query.take("state");
    let iss = query.take("iss").map(|iss| Text::from(iss.expose().as_str()));
    let result = match (query.take("code"), query.take("error")) {
        // RFC 6749 appendix A.11: code = 1*VSCHAR.
        (Some(code), None) if code.expose().bytes().all(|byte| matches!(byte, 0x20..=0x7e)) => Ok(code),
        (None, Some(error)) => Err(Refusal::parse(error.expose())),
        // Both or neither is no authorization response, and neither is what no server sends.
        _ => return Err(Error::Malformed { message: MESSAGE, field: Field::Code }),
    };
    Ok(Callback { state, iss, result })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn adds_parameters_that_are_not_its_own() {
        let pair = |name: &str, value: &str| (String::from(name), String::from(value));
        let form = |extra: &[_]| with_extra(Form::new().with("client_id", "c"), extra).map(Form::finish);
        let added = form(&[pair("domain_hint", "acme.example"), pair("connection", "a b")]).unwrap();
        assert_eq!(added.expose(), "client_id=c&domain_hint=acme.example&connection=a+b");
        let refused = Error::Configuration { field: Field::RepeatedParameter };
        for extra in [
            &[pair("client_id", "d")][..],
            &[pair("state", "s")],
            &[pair("response_mode", "fragment")],
            &[pair("", "")],
            &[pair("a", "1"), pair("a", "2")],
        ] {
            assert_eq!(form(extra).err(), Some(refused), "{extra:?}");
        }
    }

    #[test]
    fn reads_answers() {
        let callback = parse("code=a%2Bb&state=s&iss=https%3A%2F%2Fi.example").unwrap();
        assert!(callback.result == Ok(Secret::from("a+b")) && callback.state == Some(Secret::from("s")));
        assert_eq!(callback.iss.as_deref(), Some("https://i.example"));
        assert_eq!(parse("error=access_denied&state=s").unwrap().result.err(), Some(Refusal::AccessDenied));
        let tokens = ["code=a&state=s&id_token=t", "code=a&state=s&access_token=t"];
        for bad in ["", "state=s", "code=a&error=b", "code=a&code=b", "code=a%00b"].into_iter().chain(tokens)
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
