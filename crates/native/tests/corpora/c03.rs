//! 03, the callback listener: each line is a login of its own, by the code that a program signs in with, against an
//! issuer of ours. What the line says is written to the listener's socket byte by byte, and what comes back is read.
//!
//! Whether a line was consumed, and what it delivered, is seen at the issuer's token endpoint and by how the login
//! ends. What was not consumed is followed by a valid answer, which has to end the login well.
//!
//! Choices:
//!
//! | line | choice | why |
//! |---|---|---|
//! | another `Host` than 127.0.0.1, to be accepted | refused | the redirect URI is always the literal (RFC 8252 section 8.3) |
//! | `response_mode=form_post`, to be accepted | refused | it is never asked for |

mod behaviour;
mod issuer;
mod wire;

use libtest_mimic::Trial;
use serde_json::Value;

use self::issuer::{Attempt, Issuer};
use self::wire::{Reply, Wire};
use crate::frame::{Judgement, Verdict, corpus, text};

const NAME: &str = "03-callback-server-abuse";

pub(crate) fn trial() -> Trial {
    corpus(NAME, |line| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(judge(line))
    })
}

async fn judge(line: &Value) -> Judgement {
    let issuer = Issuer::start().await;
    let requests: Vec<&str> = match &line["request"] {
        Value::Array(requests) => requests.iter().filter_map(Value::as_str).collect(),
        request => request.as_str().into_iter().collect(),
    };
    if requests.is_empty() {
        return Err("cannot read: no request".to_owned());
    }
    let expect = Expect::read(line)?;
    if let [request] = requests[..]
        && request.starts_with('(')
    {
        return behaviour::drive(request, &expect, &issuer).await.map(|()| Verdict::Right);
    }
    let attempt = issuer.begin(expect.names_itself).await;
    let mut replies = Vec::new();
    for request in &requests {
        let wire = Wire::fill(request, text(&line["expect"], "generate"), &attempt)?;
        let reply = wire.exchange(attempt.port).await;
        replies.push((wire, reply));
    }
    if let Some(choice) = expect.choice(&replies) {
        attempt.still_waits().await?;
        return Ok(Verdict::Chosen(choice));
    }
    for (at, (wire, reply)) in replies.iter().enumerate() {
        expect.status(at, reply)?;
        reply.reflects_nothing(wire)?;
    }
    let (_, first) = replies.first().ok_or("no reply")?;
    expect.reply(first)?;
    let code = replies.iter().find(|(_, reply)| reply.status == Some(200)).map(|(wire, _)| wire.code());
    expect.outcome(attempt, first, code).await.map(|()| Verdict::Right)
}

/// What a line demands.
struct Expect<'a> {
    line: &'a Value,
    expect: &'a Value,
    /// Whether the issuer promises to name itself (RFC 9207).
    names_itself: bool,
    form_post: bool,
}

impl<'a> Expect<'a> {
    fn read(line: &'a Value) -> Result<Self, String> {
        const KNOWN: [&str; 10] = [
            "status",
            "consume",
            "deliver",
            "keep_listening",
            "headers",
            "headers_absent",
            "body",
            "then",
            "context",
            "generate",
        ];
        let expect = &line["expect"];
        let members = expect.as_object().ok_or("cannot read: no expect")?;
        if let Some(unknown) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!("cannot read: expect {unknown:?}"));
        }
        let (mut names_itself, mut form_post) = (false, false);
        for setting in
            text(expect, "context").split([',', ';']).map(str::trim).filter(|text| !text.is_empty())
        {
            match setting.split_once('=') {
                Some(("authorization_response_iss_parameter_supported", flag)) => {
                    names_itself = flag == "true"
                }
                Some(("response_mode", mode)) => form_post = mode == "form_post",
                // Which it is, the request says: see `choice`.
                Some(("redirect_uri", uri)) if uri.contains("localhost") || uri.contains("[::1]") => {}
                _ => return Err(format!("cannot read: context {setting:?}")),
            }
        }
        let expect = Self { line, expect, names_itself, form_post };
        expect.then()?;
        Ok(expect)
    }

    /// The one follow-up there is is made after every line that is not consumed.
    fn then(&self) -> Result<(), String> {
        let then = text(self.expect, "then");
        let known = then.is_empty()
            || then.contains("valid request")
                && ["served", "succeeds", "works"].iter().any(|end| then.contains(end));
        if known { Ok(()) } else { Err(format!("cannot read: then {then:?}")) }
    }

    /// Why an answer that the corpus would have accepted was not.
    fn choice(&self, replies: &[(Wire, Reply)]) -> Option<&'static str> {
        let refused = replies.iter().all(|(_, reply)| reply.status.is_some_and(|status| status >= 400));
        let accepted = self.expect["consume"] == true && text(self.expect, "deliver") == "code";
        match replies {
            [(wire, _)] if refused && accepted && wire.other_loopback() => {
                Some("the redirect URI is always the literal 127.0.0.1")
            }
            [_] if refused && accepted && self.form_post => Some("form_post is never asked for"),
            _ => None,
        }
    }

    /// The words in place of a status, for behaviours.
    fn state(&self) -> &'a str {
        text(self.expect, "status")
    }

    /// Whether the reply at this place has an allowed status.
    fn status(&self, at: usize, reply: &Reply) -> Result<(), String> {
        let allowed = match &self.expect["status"] {
            Value::Array(each) if each.iter().all(Value::is_array) => each.get(at),
            all => Some(all),
        };
        let allowed = allowed.and_then(Value::as_array).ok_or("cannot read: status")?;
        let fits = allowed.iter().any(|status| match status {
            Value::String(word) => word == "closed" && reply.status.is_none(),
            number => number.as_u64() == reply.status.map(u64::from),
        });
        let allowed = serde_json::to_string(allowed).unwrap_or_default();
        if fits { Ok(()) } else { Err(format!("status {:?} instead of {allowed}", reply.status)) }
    }

    /// What is demanded of headers and page.
    fn reply(&self, reply: &Reply) -> Result<(), String> {
        let list = |name: &str| {
            self.expect[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
        };
        for header in list("headers") {
            let (name, value) = header.split_once(':').ok_or("cannot read: headers")?;
            if !reply.header(name).is_some_and(|is| is.starts_with(value.trim())) {
                return Err(format!("header {header:?} is missing"));
            }
        }
        if let Some(header) = list("headers_absent").into_iter().find(|name| reply.header(name).is_some()) {
            return Err(format!("header {header:?} is there"));
        }
        // A remark in brackets says where the demand is from.
        let demands = text(self.expect, "body").split(" (").next().unwrap_or_default();
        demands
            .split(';')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .try_for_each(|demand| reply.demand(demand))
    }

    /// Whether the login ended as it should, or waits on.
    async fn outcome(&self, attempt: Attempt, first: &Reply, code: Option<String>) -> Result<(), String> {
        let arrived = code.is_some();
        let consumed = match &self.expect["consume"] {
            // Where two answers are allowed, the one that was given decides.
            Value::Bool(true) if text(self.line, "norm") == "either" => first.status == Some(200),
            Value::Bool(consumed) => *consumed,
            _ => arrived,
        };
        if !consumed {
            return attempt.still_waits().await;
        }
        let keeps_listening = self.expect["keep_listening"] == true && !arrived;
        let deliver = match text(self.expect, "deliver") {
            "" if arrived => "code",
            deliver => deliver,
        };
        attempt.ended(deliver, code.as_deref(), keeps_listening).await
    }
}
