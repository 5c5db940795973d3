//! Servers' answers as the corpora write them.

use std::fmt::Debug;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::http::Response;
use serde_json::Value;

/// A response with the headers of an object, whatever their case.
pub(crate) fn response(status: u16, headers: &Value, body: Vec<u8>) -> Response {
    let header = |name: &str| {
        let headers = headers.as_object()?;
        let (_, value) = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        value.as_str().map(String::from)
    };
    Response::new(status, &header, body)
}

/// A body: a text as it is, anything else as JSON. A number that outgrew the reader of the corpus is written in digits
/// again.
pub(crate) fn body(value: &Value) -> Vec<u8> {
    fn write(into: &mut String, value: &Value) {
        match value {
            Value::Object(members) => {
                into.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    into.push_str(if number > 0 { "," } else { "" });
                    into.push_str(&Value::from(name.as_str()).to_string());
                    into.push(':');
                    write(into, value);
                }
                into.push('}');
            }
            Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                Some(long) if (1e15..1e30).contains(&long.abs()) => into.push_str(&format!("{long:.0}")),
                _ => into.push_str(&number.to_string()),
            },
            other => into.push_str(&other.to_string()),
        }
    }
    if let Value::String(text) = value {
        return text.clone().into_bytes();
    }
    let mut text = String::new();
    write(&mut text, value);
    text.into_bytes()
}

/// No error says what a server sent: none of the texts of its answer, but for the registered codes.
pub(crate) fn silent(error: Error, answer: &[u8]) -> Result<(), String> {
    let said = format!("{error:?} {error}");
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice(answer) {
        texts(&value, &mut found);
    }
    for text in found {
        let registered = Refusal::parse(&text) != Refusal::Other;
        if text.len() > 1 && !registered && said.contains(&text) {
            return Err(format!("the error says what the server sent: {said}"));
        }
    }
    Ok(())
}

/// The printed form of a value does not hold any of these secrets.
pub(crate) fn redacted(value: &dyn Debug, secrets: &[&str]) -> Result<(), String> {
    let said = format!("{value:?}");
    match secrets.iter().find(|secret| secret.len() > 1 && said.contains(*secret)) {
        Some(_) => Err(String::from("a secret is printed")),
        None => Ok(()),
    }
}

fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(members) => members.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}
