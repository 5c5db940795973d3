//! Cargo's credential providers: version 1 of the protocol of
//! <https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html>, one JSON object a line.
//!
//! `credential-provider = ["/usr/bin/acme"]` of a registry in `.cargo/config.toml`.

use serde::{Deserialize, Serialize, Serializer};

use crate::commands::credential::stdio::{print, read_line};
use crate::commands::credential::token::{Expiry, Token};
use crate::commands::credential::{entry, reason};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::Host;
use crate::words::Trouble;

/// What comes before the token in `Authorization`, which Cargo fills with nothing else (RFC 6750 section 2.1).
const SCHEME: &str = "Bearer";

#[derive(Deserialize)]
struct Asked {
    kind: String,
    registry: Registry,
    /// More words of the configuration.
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    index_url: String,
}

#[derive(Serialize)]
enum Answer<'a> {
    Ok(Found<'a>),
    Err(Refusal),
}

#[derive(Serialize)]
struct Found<'a> {
    kind: &'static str,
    token: Header<'a>,
    cache: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<u64>,
    /// The same token reads, publishes and yanks.
    operation_independent: bool,
}

/// Scheme and token, put together nowhere but in the answer.
struct Header<'a>(&'a str, &'a str);

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self("", token) => serializer.serialize_str(token),
            Self(scheme, token) => serializer.collect_str(&format_args!("{scheme} {token}")),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Refusal {
    UrlNotSupported,
    OperationNotSupported,
    #[serde(rename_all = "kebab-case")]
    Other {
        message: String,
        caused_by: [String; 0],
    },
}

pub(super) fn run(context: &Context) -> Result<Exit, Trouble> {
    print(String::from("{\"v\":[1]}\n"));
    while let Some(asked) = read_line(|line| serde_json::from_str(line))? {
        let answer = match asked {
            Ok(asked) => answer(context, &asked),
            Err(_) => Err(other(String::from("cannot read what Cargo asks for"))),
        };
        print(answer.or_else(|refusal| line(&Answer::Err(refusal)))?);
    }
    Ok(Exit::Done)
}

fn answer(context: &Context, asked: &Asked) -> Result<String, Refusal> {
    let index_url = &asked.registry.index_url;
    let host = Host::of_url(index_url.strip_prefix("sparse+").unwrap_or(index_url));
    let entry = host.and_then(|host| entry(context, &host)).ok_or(Refusal::UrlNotSupported)?;
    if !asked.args.is_empty() {
        let program = context.app.program();
        return Err(other(format!("`credential-provider` takes no more words than the path of {program}")));
    }
    match asked.kind.as_str() {
        "get" => {}
        kind @ ("login" | "logout") => {
            let command = context.command(kind);
            return Err(other(format!("this registry's tokens come from a session: run `{command}`")));
        }
        _ => return Err(Refusal::OperationNotSupported),
    }
    let said = |trouble: Trouble| other(reason(context, &trouble));
    let token = Token::of(context, entry, Expiry::Told).map_err(said)?;
    let header = Header(entry.scheme.as_deref().unwrap_or(SCHEME), token.text());
    let expiration = token.expires_at.map(|moment| moment.seconds());
    let cache = if expiration.is_some() { "expires" } else { "session" };
    let found = Found { kind: "get", token: header, cache, expiration, operation_independent: true };
    line(&Answer::Ok(found)).map_err(said)
}

fn line(answer: &Answer<'_>) -> Result<String, Trouble> {
    let text = serde_json::to_string(answer).map_err(|error| Trouble::Usage(error.to_string()))?;
    Ok(text + "\n")
}

const fn other(message: String) -> Refusal {
    Refusal::Other { message, caused_by: [] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_the_protocol_has_them() {
        let found = |scheme, expiration| {
            let token = Header(scheme, "t");
            let cache = "expires";
            line(&Answer::Ok(Found { kind: "get", token, cache, expiration, operation_independent: true }))
                .unwrap()
        };
        assert_eq!(
            found("Bearer", Some(7)),
            "{\"Ok\":{\"kind\":\"get\",\"token\":\"Bearer t\",\"cache\":\"expires\",\"expiration\":7,\"operation_independent\":true}}\n"
        );
        assert!(found("", None).contains("\"token\":\"t\""));
        for (refusal, text) in [
            (Refusal::UrlNotSupported, "{\"Err\":{\"kind\":\"url-not-supported\"}}\n"),
            (Refusal::OperationNotSupported, "{\"Err\":{\"kind\":\"operation-not-supported\"}}\n"),
            (other("m".into()), "{\"Err\":{\"kind\":\"other\",\"message\":\"m\",\"caused-by\":[]}}\n"),
        ] {
            assert_eq!(line(&Answer::Err(refusal)).unwrap(), text);
        }
    }
}
