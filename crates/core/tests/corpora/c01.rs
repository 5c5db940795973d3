//! 01, redirect URIs: which may be a listener of our own on this machine, without TLS.
//!
//! Lines of the surface `as` ask what a server does with registered addresses. Core is no server: they are judged by
//! `crates/authority/tests/authority/redirects.rs`, and count here as a choice.

use gatepass_core::url::RedirectUri;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::frame::{Judgement, Verdict, corpus, text};

pub(crate) fn trial() -> Trial {
    corpus("01-redirect-uri-loopback", judge)
}

fn judge(line: &Value) -> Judgement {
    match text(line, "surface") {
        "client" | "both" => {}
        "as" => return Ok(Verdict::Chosen("judged by the authority's test")),
        other => return Err(format!("cannot read: surface {other:?}")),
    }
    let input = line["input"].as_str().ok_or("no input")?;
    let read = RedirectUri::new(input);
    if let Err(error) = read {
        let said = format!("{error:?} {error}");
        if input.len() > 3 && said.contains(input) {
            return Err("the error carries content".to_owned());
        }
    }
    let accepted = read.is_ok_and(|uri| uri.is_loopback() && uri.as_str() == input);
    match (text(line, "must"), accepted) {
        ("accept", true) | ("reject", false) => Ok(Verdict::Right),
        ("accept", false) => Err(format!("refused: {input:?}")),
        ("reject", true) => Err(format!("accepted ({}): {input:?}", text(line, "tier"))),
        (other, _) => Err(format!("cannot read: must {other:?}")),
    }
}
