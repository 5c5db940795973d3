//! `extension token`: a token from the extension, for one request.
//!
//! It is bound to a key that this process makes and forgets, so what is printed is good for that request and no other.

use std::time::Duration;

use gatepass::{Audience, Endpoint, Field, ProofKey, Scopes, Secret, lent};
use serde::Serialize;
use serde_json::Value;

use super::folder;
use super::host::{Question, words};
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    access_token: &'a str,
    /// Always `DPoP`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    scope: &'a str,
    /// The value of the header `DPoP`, for this method and address alone (RFC 9449).
    proof: &'a str,
}

pub(super) fn run(
    context: &Context,
    scope: &str,
    audience: Option<&str>,
    url: &str,
    method: &str,
) -> Result<Exit, Trouble> {
    // RFC 9110 section 9.1: a token; those in use are of capitals.
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
        return Err(Trouble::Usage(String::from("--method takes a method such as GET or POST")));
    }
    let url = Endpoint::new(url, Field::Resource).map_err(|_| {
        Trouble::Usage(String::from("--url must be https, or http on this machine, and have no fragment"))
    })?;
    // What cannot be asked for is said here, not by the extension.
    let asked = Scopes::parse(scope)?;
    audience.map(Audience::named).transpose()?;
    let key = ProofKey::generate()?;
    let question =
        Question { scope: scope.to_owned(), audience: audience.map(str::to_owned), jkt: key.thumbprint() };
    let answer = ask(context, &question)?.ok_or_else(|| {
        Trouble::Usage(String::from(
            "no extension is connected: is its browser open, and was it let in (`extension pair`)?",
        ))
    })?;
    let Some(token) = answer["access_token"].as_str() else {
        let code = answer["code"].as_str().unwrap_or("malformed");
        let why = lacking(&answer, scope).unwrap_or_else(|| words(code).to_owned());
        return Err(Trouble::Server(format!("the extension gives no token: {why}")));
    };
    if answer["token_type"] != "DPoP" {
        return Err(Trouble::Server(String::from("the extension gave a token that is bound to no key")));
    }
    let (expires_in, granted) = terms(&answer, &asked).ok_or_else(|| {
        Trouble::Server(String::from("the extension gave a token for longer, or for more, than was asked"))
    })?;
    let proof = key.proof(method, &url, &Secret::from(token))?;
    let shown = Shown {
        schema: "gatepass/extension-token/1",
        access_token: token,
        token_type: "DPoP",
        expires_in: expires_in.as_secs(),
        scope: granted.as_str(),
        proof: proof.expose(),
    };
    context.talk.data(&shown, &format!("Authorization: DPoP {token}\nDPoP: {}", proof.expose()));
    Ok(Exit::Done)
}

/// How long the token lives and what it allows, if that is what may be lent.
fn terms(answer: &Value, asked: &Scopes) -> Option<(Duration, Scopes)> {
    let expires_in = Duration::from_secs(answer["expires_in"].as_u64()?);
    let granted = match &answer["scope"] {
        Value::Null => None,
        said => Some(Scopes::parse(said.as_str()?).ok()?),
    };
    Some((expires_in, lent(asked, granted, expires_in).ok()?))
}

/// Which of the scopes that were asked for the extension's session does not have, where it says so. Nothing else that it
/// says is shown.
fn lacking(answer: &Value, asked: &str) -> Option<String> {
    let said: Vec<&str> = answer["scope"].as_str()?.split(' ').collect();
    let named = said.iter().all(|one| asked.split(' ').any(|scope| scope == *one));
    let kind = if said.len() == 1 { "scope" } else { "scopes" };
    named.then(|| format!("its session does not have the {kind} `{}`", said.join(" ")))
}

#[cfg(unix)]
fn ask(context: &Context, question: &Question) -> Result<Option<Value>, Trouble> {
    super::line::ask(&folder(context), question)
        .map_err(|error| Trouble::Usage(format!("cannot ask the extension: {error}")))
}

#[cfg(not(unix))]
fn ask(_: &Context, _: &Question) -> Result<Option<Value>, Trouble> {
    Err(Trouble::Usage(String::from("the terminal cannot ask the extension on this system yet")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_was_asked_for_is_named() {
        let said =
            |scope: Value| lacking(&json!({ "code": "denied", "scope": scope }), "openid orders reports");
        assert_eq!(said(json!("orders")).unwrap(), "its session does not have the scope `orders`");
        assert!(said(json!("orders reports")).unwrap().ends_with("scopes `orders reports`"));
        for other in [
            json!("admin"),
            json!("orders admin"),
            json!(""),
            json!("orders\u{1b}[2J"),
            json!(7),
            Value::Null,
        ] {
            assert_eq!(said(other.clone()), None, "{other}");
        }
    }
}
