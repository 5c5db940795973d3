//! 05: metadata and key sets, asked for as a shell does.
//!
//! How expectations are read: the first of several alternatives by `|` is the generic answer, and what stands in
//! brackets is a remark. An `ok` that needs an opt-in or a profile is an error without it.
//!
//! What was chosen where the corpus leaves a choice:
//!
//! | question | choice | reason |
//! |---|---|---|
//! | which document | the appended form of OpenID Connect, on 4xx the inserted one of RFC 8414, no other | two places are enough, and no others are promised by a specification |
//! | redirects | not followed | they cannot change who the issuer is, only hide who answered |
//! | content type | not looked at | static hosts send `text/plain`; the strict reader and the issuer decide |
//! | other hosts | allowed | the specifications allow it, and large issuers need it; the issuer's certificate is the root of trust |
//! | `http` on this machine | only where the issuer itself is there | writing such an issuer into the settings is the opt-in |
//! | vendor profiles (Entra's `{tenantid}`) | none | the issuer is compared, never computed |
//! | a missing `token_endpoint` | an error before the login, not at the exchange | nobody should type a password for nothing |
//! | `authorization_response_iss_parameter_supported: "true"` | an error | read as absent it would switch a check off |
//! | broken endpoints that a login does not need | errors when they are asked for | the rest still works |
//! | `response_types_supported`, `code_challenge_methods_supported`, `signed_metadata` | not looked at | S256 is always sent |
//! | lifetime of the document | asked for at each login, never cached | nothing to cap |
//! | key sets for an unknown key | asked for once more, and not again for a minute | a rotated key is found, and made-up names are no flood |
//!
//! Where that is not what the corpus expects, or the second of two answers that it offers, the line is counted as a choice.
//!
//! There is no store in discovery, so no refresh token to lose.

mod keys;

use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::http::{MAX_BODY, Response};
use gatepass_core::name::{ClientId, Scopes};
use gatepass_core::protocol::authorize::{self, Ask};
use gatepass_core::protocol::discovery::{self, Metadata, Provider};
use gatepass_core::secret::Secret;
use gatepass_core::url::{Issuer, RedirectUri};
use serde_json::{Map, Value, json};

use crate::frame::{Judgement, Verdict, text};

const NO_OPTION: &str = "other hosts are allowed, and no option forbids them";
const NEVER_CACHED: &str = "asked for at each login and never cached: there is no lifetime to cap";
const NOT_ABSENT: &str = "what is no boolean, list or address is an error, where absent would have done";
const EARLIER: &str = "told before the login begins, not when it is used";
const OPT_IN: &str = "an issuer on this machine is opted in to by writing it down";

/// Every endpoint that somebody may ask for.
const ENDPOINTS: [Field; 10] = [
    Field::AuthorizationEndpoint,
    Field::TokenEndpoint,
    Field::JwksUri,
    Field::RevocationEndpoint,
    Field::PushedAuthorizationRequestEndpoint,
    Field::EndSessionEndpoint,
    Field::UserinfoEndpoint,
    Field::DeviceAuthorizationEndpoint,
    Field::IntrospectionEndpoint,
    Field::RegistrationEndpoint,
];

pub(crate) fn judge(line: &Value) -> Judgement {
    let expect = Expectation::read(text(line, "expect"));
    if text(line, "cls") == "jwks" {
        return keys::judge(line, &expect);
    }
    let mut asked = Vec::new();
    let issuer = match Issuer::new(text(line, "issuer")) {
        Ok(issuer) => issuer,
        Err(error) => return Seen { line, asked, found: Err(error) }.judge(&expect),
    };
    let response = ask(line, &issuer, &mut asked);
    let found =
        response.as_ref().map_err(|error| *error).and_then(|response| discovery::read(response, &issuer));
    Seen { line, asked, found }.judge(&expect)
}

/// Asks as a shell does: one place after the other.
fn ask(line: &Value, issuer: &Issuer, asked: &mut Vec<String>) -> Result<Response, Error> {
    let mut last = Err(Error::Unreachable);
    for request in discovery::requests(issuer)? {
        asked.push(request.url.as_str().to_owned());
        let response = answer(line, request.url.as_str());
        let absent = discovery::is_absent(&response);
        last = Ok(response);
        if !absent {
            break;
        }
    }
    last
}

fn answer(line: &Value, url: &str) -> Response {
    let (status, body) = match line.get("responses") {
        Some(responses) => responses.get(url).map_or((404, String::new()), |body| (200, written(body))),
        None => (line["status"].as_u64().unwrap_or(200), written(&line["body"])),
    };
    let headers = line["headers"].as_object();
    let header = |name: &str| {
        let found = headers?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        found.1.as_str().map(String::from)
    };
    let mut body = body.into_bytes();
    body.truncate(MAX_BODY + 1);
    Response::new(u16::try_from(status).unwrap_or(500), &header, body)
}

/// A body as it travels. `(5 MiB document)` stands for one that is sound and that long.
fn written(body: &Value) -> String {
    let Some(text) = body.as_str() else { return body.to_string() };
    let length = text.strip_prefix('(').and_then(|text| text.split(' ').next()?.parse::<usize>().ok());
    match length.filter(|_| text.contains("MiB")) {
        Some(length) => json!({ "padding": " ".repeat(length << 20) }).to_string(),
        None => text.to_owned(),
    }
}

/// An expectation, taken apart.
struct Expectation {
    whole: String,
    /// The generic answer, in lower case, with spaces for its hyphens and without what stands in brackets.
    generic: String,
    /// Whether even the first alternative is only for who opted in.
    conditional: bool,
}

impl Expectation {
    fn read(whole: &str) -> Self {
        let first = whole.split('|').next().unwrap_or_default().to_lowercase();
        let mut depth = 0_u32;
        let mut generic = String::new();
        for character in first.chars() {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                '-' if depth == 0 => generic.push(' '),
                _ if depth == 0 => generic.push(character),
                _ => {}
            }
        }
        let generic = generic.split_whitespace().collect::<Vec<_>>().join(" ");
        let conditional = ["opt in", "profile"].iter().any(|word| generic.contains(word));
        Self { whole: whole.to_owned(), generic, conditional }
    }

    fn cannot_read(&self) -> String {
        format!("cannot read: {}", self.whole)
    }

    /// What stands behind `error`: `:class`, ` on purpose`.
    fn error(&self) -> Option<&str> {
        self.generic.strip_prefix("error")
    }
}

/// What a line led to.
struct Seen<'a> {
    line: &'a Value,
    asked: Vec<String>,
    found: Result<Metadata<'a>, Error>,
}

impl Seen<'_> {
    fn metadata(&self) -> Result<&Metadata<'_>, Error> {
        self.found.as_ref().map_err(|error| *error)
    }

    /// A login, up to its ID token where the line has one.
    fn login(&self) -> Result<Provider, Error> {
        let provider = self.metadata()?.provider()?;
        let mut claims = Map::new();
        for fields in [self.line.as_object(), self.line["responses"].as_object()].into_iter().flatten() {
            let named =
                fields.iter().filter_map(|(name, value)| Some((name.strip_prefix("id_token.")?, value)));
            claims.extend(named.map(|(name, value)| (name.to_owned(), value.clone())));
        }
        if claims.is_empty() {
            Ok(provider)
        } else {
            keys::prove(&provider.issuer, claims).map(|()| provider)
        }
    }

    /// A login, and then every endpoint that the document names.
    fn everything(&self) -> Result<Provider, Error> {
        let provider = self.login()?;
        ENDPOINTS.iter().try_for_each(|field| self.metadata()?.endpoint(*field).map(drop))?;
        Ok(provider)
    }

    /// The same line with another value in one field of its documents.
    fn with<T>(&self, field: Field, value: &str, then: impl Fn(&Seen<'_>) -> T) -> Option<T> {
        let mut line = self.line.clone();
        for document in line["responses"].as_object_mut()?.values_mut().filter_map(Value::as_object_mut) {
            document.insert(field.as_str().to_owned(), json!(value));
        }
        let (issuer, mut asked) = (Issuer::new(text(&line, "issuer")).ok()?, Vec::new());
        let response = ask(&line, &issuer, &mut asked).ok()?;
        Some(then(&Seen { line: &line, asked, found: discovery::read(&response, &issuer) }))
    }

    /// What the document has in a field.
    fn said(&self, field: Field) -> Option<&str> {
        let documents = self.line["responses"].as_object()?;
        documents.values().find_map(|document| document.get(field.as_str())?.as_str())
    }

    fn judge(&self, expect: &Expectation) -> Judgement {
        let result = self.everything();
        if let Err(error) = result {
            quiet(self.line, error)?;
        }
        let generic = expect.generic.as_str();
        if matches!(generic, "ok or error" | "error or ok") {
            return Ok(Verdict::Right);
        }
        // `ok for one purpose; error for another`: each on its own.
        if let Some((first, second)) =
            generic.split_once("; ").filter(|(_, second)| second.starts_with("error"))
        {
            let purpose = first.strip_prefix("ok for ").ok_or_else(|| expect.cannot_read())?;
            self.metadata()
                .and_then(|metadata| metadata.required(purpose_field(purpose)?))
                .map_err(|error| format!("{purpose}: {error:?}"))?;
            let class = second.split(" for ").next().unwrap_or_default();
            return self
                .judge(&Expectation { generic: class.to_owned(), ..Expectation::read(&expect.whole) });
        }
        match (expect.error(), generic.strip_prefix("ok")) {
            (Some(error), _) => self.judge_error(error, &result, expect),
            (_, Some(remark)) => match &result {
                Err(error) if remark.contains("or error") => {
                    blame(*error, self.line)?;
                    Ok(self.offered(NOT_ABSENT))
                }
                Err(_) if expect.conditional && remark.contains("only") => Ok(Verdict::Right),
                Err(_) if expect.conditional => Ok(Verdict::Chosen("there are no vendor profiles")),
                Err(error) => Err(format!("{error:?}, expected {}", expect.whole)),
                Ok(_) if expect.conditional && local(self.line) => Ok(Verdict::Chosen(OPT_IN)),
                Ok(_) if expect.conditional => Err(format!("accepted, expected {}", expect.whole)),
                Ok(provider) => self.remark(remark, provider, expect),
            },
            _ => Err(expect.cannot_read()),
        }
    }

    fn judge_error(&self, error: &str, result: &Result<Provider, Error>, expect: &Expectation) -> Judgement {
        let wrong = || Err(format!("{:?}, expected {}", result.as_ref().map(|_| "accepted"), expect.whole));
        if let Some(other) = error.strip_prefix(" or ") {
            return match result {
                Err(error) => blame(*error, self.line),
                Ok(provider) => self.remark(other, provider, expect),
            };
        }
        if error == " when used" {
            // A login does not use it, so it works; who asks for it is told.
            self.login().map_err(|error| format!("nobody used it: {error:?}"))?;
            return if result.is_err() { Ok(Verdict::Right) } else { wrong() };
        }
        if error.contains("insecure_issuer") && local(self.line) && !self.asked.is_empty() {
            return Ok(Verdict::Chosen(OPT_IN));
        }
        let Err(found) = *result else { return wrong() };
        if error.is_empty() {
            return blame(found, self.line);
        }
        if let Some(purpose) = error.strip_prefix(" on ") {
            // Told before the login begins, and about that field.
            let field = purpose_field(purpose).map_err(|_| expect.cannot_read())?;
            return match field {
                _ if found.detail() != Some(field) => wrong(),
                Field::AuthorizationEndpoint => Ok(Verdict::Right),
                _ => Ok(self.offered(EARLIER)),
            };
        }
        let class = error.trim_start_matches([':', ' ']).replace(' ', "_");
        let of = |message| matches!(found, Error::Malformed { message: named, .. } if named == message);
        let right = match class.as_str() {
            "issuer_mismatch" => found == Error::IssuerMismatch,
            "insecure_issuer" | "invalid_issuer" => {
                let configuration = found == Error::Configuration { field: Field::Issuer };
                let mended = text(self.line, "issuer").replacen("http:", "https:", 1);
                let only_insecure = Issuer::new(&mended).is_ok();
                configuration && self.asked.is_empty() && only_insecure == (class == "insecure_issuer")
            }
            "insecure_endpoint" | "invalid_endpoint" => {
                found.detail().filter(|_| of(Message::Discovery)).is_some_and(|field| {
                    // The blame is right if mending this field mends the document, by its scheme alone or not.
                    let said = self.said(field).unwrap_or_default();
                    let secured = format!("https:{}", said.strip_prefix("http:").unwrap_or("not http"));
                    let accepted = |seen: &Seen<'_>| seen.everything().is_ok();
                    let only_insecure = self.with(field, &secured, accepted) == Some(true);
                    let mended = self.with(field, "https://op.example.test/mended", accepted) == Some(true);
                    mended && only_insecure == (class == "insecure_endpoint")
                })
            }
            "not_found" => found == Error::Malformed { message: Message::Discovery, field: Field::Status },
            "too_large" => found == Error::Malformed { message: Message::Discovery, field: Field::Size },
            "unreachable" | "unavailable" | "temporarily_unavailable" => found == Error::Unreachable,
            "no_acceptable_alg" => {
                found == Error::Unsupported { feature: Field::IdTokenSigningAlgValuesSupported }
            }
            "invalid_metadata" | "invalid_json" => of(Message::Discovery),
            class => match class.strip_prefix("no_").or_else(|| class.strip_prefix("missing_")) {
                Some(field) => found.detail().is_some_and(|named| named.as_str() == field),
                None => return Err(expect.cannot_read()),
            },
        };
        if right { Ok(Verdict::Right) } else { wrong() }
    }

    /// A choice that what is expected leaves open; a MUST is met by it.
    fn offered(&self, why: &'static str) -> Verdict {
        if text(self.line, "norm") == "MUST" { Verdict::Right } else { Verdict::Chosen(why) }
    }

    /// Holds what is accepted against what is said of it.
    fn remark(&self, remark: &str, provider: &Provider, expect: &Expectation) -> Judgement {
        let Ok(metadata) = &self.found else { return Err(expect.cannot_read()) };
        let url = authorization_url(provider);
        let endpoint = provider.authorization_endpoint.as_str();
        let verbatim = |field| {
            self.said(field).is_none_or(|said| {
                metadata.endpoint(field).is_ok_and(|found| found.is_some_and(|found| found.as_str() == said))
            })
        };
        let mut readings = Vec::new();
        let mut read = |words: &[&str], holds: &dyn Fn() -> bool| {
            if words.iter().any(|word| remark.contains(word)) {
                readings.push(holds());
            }
        };
        // Nothing beyond the acceptance: what is ignored, absent or never kept leaves no trace here.
        read(&["ignore", "absent", "unknown", "extra", "cache"], &|| true);
        read(&["s256", "pkce", "plain"], &|| {
            url.contains("code_challenge_method=S256") && !url.contains("code_challenge_method=plain")
        });
        read(&["query"], &|| url.strip_prefix(endpoint).is_some_and(|rest| rest.starts_with(['&', '?'])));
        read(&["encoded"], &|| !url.contains(['"', '\'', '`', '|', '<', '>', '^', ' ', '\\']));
        read(&["same origin", "go there", "allowed", "preserved", "verbatim"], &|| {
            ENDPOINTS.iter().all(|field| verbatim(*field))
        });
        read(&["none"], &|| keys::unsigned_is_refused());
        read(&["oauth discovery", "rfc 8414"], &|| {
            self.asked.last().is_some_and(|url| url.contains("/.well-known/oauth-authorization-server"))
        });
        // `assume RS256`, `default authorization_code, implicit`.
        let values = ["assume ", "default "].iter().find_map(|word| Some(remark.split_once(word)?.1));
        read(&["assume", "default"], &|| {
            let lists = |value: &str| {
                [
                    (Field::IdTokenSigningAlgValuesSupported, value.to_uppercase()),
                    (Field::GrantTypesSupported, value.to_owned()),
                    (Field::TokenEndpointAuthMethodsSupported, value.to_owned()),
                ]
                .iter()
                .any(|(field, value)| metadata.lists(*field, value) == Ok(true))
            };
            values.is_some_and(|values| values.split(", ").all(lists))
        });
        match remark.trim_matches([' ', ':']) {
            "" => Ok(Verdict::Right),
            _ if readings.is_empty() => Err(expect.cannot_read()),
            _ if !readings.iter().all(|holds| *holds) => {
                Err(format!("accepted, but not so: {}", expect.whole))
            }
            // What is asked for beyond the acceptance, and is not there.
            remark if remark.split(' ').any(|word| word.trim_matches(';') == "option") => {
                Ok(Verdict::Chosen(NO_OPTION))
            }
            remark if remark.contains("cap ") => Ok(Verdict::Chosen(NEVER_CACHED)),
            _ => Ok(Verdict::Right),
        }
    }
}

/// What a purpose needs of a document.
fn purpose_field(purpose: &str) -> Result<Field, Error> {
    let needs = [
        ("exchange", Field::TokenEndpoint),
        ("refresh", Field::TokenEndpoint),
        ("verif", Field::JwksUri),
        ("login", Field::AuthorizationEndpoint),
        ("authoriz", Field::AuthorizationEndpoint),
        ("jwks", Field::JwksUri),
    ];
    needs.iter().find(|(word, _)| purpose.contains(word)).map(|(_, field)| *field).ok_or(Error::Bug)
}

/// Whether the line's issuer is a loopback address.
fn local(line: &Value) -> bool {
    let issuer = text(line, "issuer");
    ["127.0.0.1", "[::1]", "localhost"].iter().any(|host| {
        let rest = issuer.strip_prefix("http://").and_then(|rest| rest.strip_prefix(host));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// An error that was expected, whatever it is called: it has to be somebody else's fault, or the settings'.
fn blame(error: Error, line: &Value) -> Judgement {
    quiet(line, error)?;
    if error == Error::Bug { Err("a bug".into()) } else { Ok(Verdict::Right) }
}

/// Errors say nothing of what was read.
fn quiet(line: &Value, error: Error) -> Result<(), String> {
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
            Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
            _ => {}
        }
    }
    let mut content = vec![text(line, "issuer").to_owned()];
    ["responses", "headers", "body"].iter().for_each(|field| texts(&line[*field], &mut content));
    let said = format!("{error} {error:?}");
    let leaked = content.iter().find(|text| text.len() > 5 && said.contains(text.as_str()));
    leaked.map_or(Ok(()), |text| Err(format!("an error shows {text}")))
}

fn authorization_url(provider: &Provider) -> String {
    let (state, nonce, verifier) = (Secret::from("state"), Secret::from("nonce"), Secret::from("verifier"));
    let ask = Ask {
        client_id: &ClientId::new("client").unwrap(),
        redirect_uri: &RedirectUri::loopback(4711, "/callback"),
        scopes: &Scopes::parse("openid").unwrap(),
        audience: None,
        state: &state,
        nonce: &nonce,
        verifier: &verifier,
        thumbprint: None,
        prompt: None,
        login_hint: None,
        max_age: None,
    };
    authorize::url(&provider.authorization_endpoint, ask.form()).expose().clone()
}
