//! The corpus of ID tokens as a page meets it: whole lines through the core compiled to wasm and the signatures through
//! `www/shared/verify.js`, in a real browser. See tests/corpora/README.md.
//!
//! `cargo test -p gatepass-web --target wasm32-unknown-unknown --test corpora -- --nocapture`
#![cfg(target_arch = "wasm32")]

#[path = "../../../tests/corpora/tally.rs"]
mod frame;
#[path = "../../../tests/corpora/id_tokens.rs"]
#[allow(dead_code, reason = "shared, and each crate uses its part")]
mod id_tokens;

use gatepass_core::error::Error;
use gatepass_core::protocol::id_token::{Check, Vouched};
use gatepass_web::verify::vouch;
use gatepass_web::view;
use js_sys::Promise;
use serde_json::Value;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

use crate::frame::{Tally, text};
use crate::id_tokens::{Case, NAME};

wasm_bindgen_test_configure!(run_in_browser);

const LINES: &str = include_str!(concat!(env!("GATEPASS_CORPORA"), "/02-jwt-idtoken-vectors.jsonl"));
const CONTEXT: &str = include_str!("../../../tests/corpora/02-jwt-idtoken-context.json");

const SIGN: &str = include_str!("../../../www/shared/sign.js");
const BASE64URL: &str = include_str!("../../../www/shared/base64url.js");
const VERIFY: &str = include_str!("../../../www/shared/verify.js");

// The files as they are, but for the addresses under which the one finds the others.
#[wasm_bindgen(inline_js = r#"
    const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    let shell;
    export async function verify(sign, base64url, verify, check) {
        const placed = verify.replace("./sign.js", address(sign)).replace("./base64url.js", address(base64url));
        shell ??= await import(address(placed));
        return shell.verify(JSON.parse(check));
    }
"#)]
extern "C" {
    fn verify(sign: &str, base64url: &str, verify: &str, check: &str) -> Promise;
}

async fn verified(check: Check) -> Result<Vouched, Error> {
    let verdict = verify(SIGN, BASE64URL, VERIFY, view::verify(&check).as_str()).await;
    vouch(check, verdict.unwrap().as_bool().unwrap())
}

#[wasm_bindgen_test]
async fn id_tokens_of_the_corpus() {
    let context: Value = serde_json::from_str(CONTEXT).unwrap();
    let mut tally = Tally::default();
    for line in LINES.lines().filter(|line| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).unwrap();
        let judgement = match Case::read(&line, &context) {
            Err(error) => Err(error),
            Ok(case) => {
                let met = match case.check() {
                    Ok(check) => verified(check).await.and_then(|vouched| case.prove(&vouched)),
                    Err(error) => Err(error),
                };
                case.judge(&met)
            }
        };
        tally.count(text(&line, "id"), text(&line, "norm"), judgement);
    }
    let (line, wrong) = tally.report(NAME);
    console_log!("{line}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
