//! 06, the device flow: `protocol/device/` reads one answer, or polls by a clock of its own.
//!
//! | where the corpus leaves it open | here | why |
//! |---|---|---|
//! | `interval` is 0, negative, null, a word | 5 s | the default of RFC 8628 section 3.2, never a burst |
//! | `interval` is a text or has a fraction | read, rounded up | Azure quotes it; a pause is never cut short |
//! | `interval` is enormous | 300 s | somebody sits and waits |
//! | `expires_in` is 0 | over, without a request | there is nothing to wait for |
//! | `expires_in` is missing, negative, a word | malformed | section 3.2 requires it |
//! | `expires_in` is enormous | 3600 s | nobody comes back to a code of yesterday |
//! | `verification_url` | stands in for a missing `verification_uri` | Google says it |
//! | a form as body | malformed | JSON was asked for; two grammars are two readers |
//! | an address that is not plain `https` | malformed; `verification_uri_complete` is left out instead | the person trusts what is shown, section 5.4; the second only saves typing |
//! | a `user_code` with control or unseen characters | shown without them | what is left may still be the code; a clean one is never touched |
//! | an unregistered error code while polling | over | section 3.5: only pending and `slow_down` go on |
//! | 429, 5xx, no answer | the pause doubles until the next answer, or is as long as `Retry-After` says | section 3.5 |
//! | the code ran out by our clock | over, without a request | also after a sleep of the machine |

mod polls;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::Field;
use gatepass_core::http::Request;
use gatepass_core::name::{ClientId, Scopes};
use gatepass_core::protocol::device::{self, DeviceAuthorization, Polling};
use gatepass_core::time::Timestamp;
use gatepass_core::url::Endpoint;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::answers::{body, redacted, response, silent};
use crate::frame::{Judgement, Verdict, corpus, text};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn trial() -> Trial {
    corpus("06-device-flow", judge)
}

fn judge(line: &Value) -> Judgement {
    match text(line, "step") {
        "device_authorization" => authorization(line)?,
        "poll-sequence" => polls::judge(line)?,
        other => return Err(format!("cannot read: step {other}")),
    }
    Ok(Verdict::Right)
}

fn authorization(line: &Value) -> Result<(), String> {
    let sent = body(&line["body"]);
    let status = line["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or(0);
    let read = device::parse(&response(status, &line["headers"], sent.clone()), NOW);
    match &read {
        Err(error) => silent(*error, &sent)?,
        Ok(read) => {
            redacted(read, &[text(&line["body"], "device_code")])?;
            shown(read)?;
        }
    }
    // Parts behind a semicolon all hold; of parts beside an `or`, one.
    let expect = without_parentheses(text(line, "expect"));
    if expect.is_empty() {
        return Err(String::from("cannot read: no expectation"));
    }
    for clause in expect.split(';') {
        let mut unread = true;
        let mut holds = false;
        for phrase in clause.split(" or ") {
            if let Some(verdict) = phrase_holds(phrase.trim(), line, &read) {
                unread = false;
                holds |= verdict;
            }
        }
        if unread {
            return Err(format!("cannot read: {clause}"));
        }
        if !holds {
            return Err(format!("{clause}: {read:?}"));
        }
    }
    Ok(())
}

/// Whether a phrase holds; nothing if it says nothing that is known here.
fn phrase_holds(phrase: &str, line: &Value, read: &Result<DeviceAuthorization, Error>) -> Option<bool> {
    let phrase = phrase.to_ascii_lowercase();
    let sent = &line["body"];
    let is = |field: &str, value: Option<&str>| sent[field].as_str().is_some_and(|sent| value == Some(sent));
    let ok = read.as_ref().ok();
    let uri = ok.map(|read| read.verification_uri.as_str());
    let complete = ok.and_then(|read| read.verification_uri_complete.as_ref()).map(Endpoint::as_str);
    let user_code = ok.map(|read| read.user_code.as_str());
    let begins = |word: &str| phrase.starts_with(word);
    let has = |word: &str| phrase.contains(word);

    if has("no panic") {
        return Some(true);
    }
    if has("accept: application/json") {
        return Some(asks_for_json());
    }
    if has("qr encodes verification_uri_complete") {
        return Some(is("verification_uri_complete", complete));
    }
    if has("qr encodes verification_uri") {
        return Some(complete.is_none() && is("verification_uri", uri));
    }
    if has("user_code") && (has("displayed") || has("shown")) {
        return Some(is("user_code", user_code));
    }
    if has("alias") || has("verification_url accepted") {
        return Some(sent.get("verification_uri").is_none() && is("verification_url", uri));
    }
    if has("verification_uri wins") {
        return Some(is("verification_uri", uri));
    }
    if has("as is") || has("never alter") {
        // A code that is not clean was altered on purpose.
        return Some(sent["user_code"].as_str().is_some_and(misleads) || is("user_code", user_code));
    }
    if begins("strip") {
        // What is left is what was sent without the rest; a refusal shows nothing at all.
        let clean = sent["user_code"].as_str()?.chars().filter(|character| !misleading(*character));
        return Some(ok.is_none_or(|read| clean.eq(read.user_code.chars())));
    }
    if begins("sanitise") || begins("sanitize") {
        return Some(ok.is_none_or(|read| shown(read).is_ok()));
    }
    if begins("refuse") || has("error unless lenient") {
        return Some(read.is_err() || complete.is_none() && sent.get("verification_uri_complete").is_some());
    }
    if begins("malformed") {
        return Some(matches!(read, Err(Error::Malformed { .. })));
    }
    if begins("oauth_error") {
        return Some(*read.as_ref().err()? == Error::Refused(Refusal::parse(text(sent, "error"))));
    }
    if begins("error:endpoint") {
        return Some(matches!(read, Err(Error::Malformed { field: Field::Status, .. })));
    }
    if begins("expired") {
        // By whatever error: nothing is left that could poll.
        return Some(read.is_err());
    }
    if begins("transient") || begins("retry") || begins("backoff") {
        return Some(matches!(read, Err(Error::Unreachable)));
    }
    if begins("error") || begins("reject") {
        return Some(read.is_err());
    }
    if begins("ok") || begins("accept") || has("ignored") {
        return Some(ok.is_some());
    }
    number_holds(&phrase, text(line, "cls"), ok)
}

/// `interval=5`, `60`, `cap`: about the field that is named, or that the line is about.
fn number_holds(phrase: &str, about: &str, ok: Option<&DeviceAuthorization>) -> Option<bool> {
    let least = phrase.contains(">=") || phrase.contains("at least");
    let (about, value) = match phrase.split_once('=') {
        Some((field, value)) => (field.trim_end_matches('>').trim(), value),
        None => (about, phrase),
    };
    let (actual, most) = match (about, ok) {
        ("interval", Some(read)) => (read.polling.wait(NOW).unwrap_or_default().as_secs(), 600),
        ("expires_in", Some(read)) => (read.polling.expires_at().since(NOW).as_secs(), 86400),
        ("interval" | "expires_in", None) => return Some(false),
        _ => return None,
    };
    let words = value.split([' ', ',']).filter(|word| !matches!(*word, "" | "default" | "at" | "least"));
    let word = words.into_iter().next()?;
    if word.starts_with("cap") || word.starts_with("clamp") {
        return Some((1..=most).contains(&actual));
    }
    let number: f64 = word.trim_end_matches('s').parse().ok()?;
    Some(if least { actual as f64 >= number } else { actual as f64 == number })
}

fn asks_for_json() -> bool {
    let accepts = |request: &Request| {
        let mut headers = request.headers.iter();
        headers.any(|(name, value)| *name == "accept" && value.expose() == "application/json")
    };
    let client_id = ClientId::new("client").unwrap();
    accepts(&device::request(&endpoint(), &client_id, &Scopes::default(), None))
        && accepts(&begun(5, 1800).request(&endpoint(), &client_id))
}

fn endpoint() -> Endpoint {
    Endpoint::new("https://op.example.test/token", Field::TokenEndpoint).unwrap()
}

/// Whatever is shown or opened steers no terminal and leads to no other host than it seems to.
fn shown(read: &DeviceAuthorization) -> Result<(), String> {
    let addresses = [Some(&read.verification_uri), read.verification_uri_complete.as_ref()];
    for address in addresses.into_iter().flatten() {
        let sound = ["https://", "http://127.0.0.1", "http://[::1]", "http://localhost"];
        let host = address.as_str().split('/').nth(2).unwrap_or_default();
        if misleads(address.as_str())
            || host.contains('@')
            || !sound.iter().any(|start| address.as_str().starts_with(start))
        {
            return Err(format!("shown raw: {address:?}"));
        }
    }
    if misleads(&read.user_code) { Err(format!("shown raw: {:?}", read.user_code)) } else { Ok(()) }
}

fn misleads(text: &str) -> bool {
    text.chars().any(misleading)
}

/// Characters that steer a terminal (C0, C1), turn text around (bidi) or are not seen.
fn misleading(character: char) -> bool {
    matches!(u32::from(character),
        0..=0x1f | 0x7f..=0x9f | 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e
        | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept.trim().to_owned()
}

fn begun(interval: u64, expires_in: u64) -> Polling {
    let body = json!({"device_code": "GmRhmhcxhwAzkoEqiMEg", "user_code": "WDJB-MJHT", "interval": interval,
        "verification_uri": "https://op.example.test/device", "expires_in": expires_in});
    device::parse(&response(200, &Value::Null, body.to_string().into_bytes()), NOW).unwrap().polling
}
