//! Sending a request by `fetch`: no cookies, no redirects, no cache, a time limit and a limit on what is read.

use alloc::vec::Vec;

use gatepass_core::error::Error;
use gatepass_core::http::{MAX_BODY, Request, Response};
use js_sys::{Boolean, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, ReadableStreamDefaultReader};

use crate::js::{object, property, texts};

/// From the first byte sent to the last byte read, in milliseconds.
const LIMIT: u32 = 20_000;

#[wasm_bindgen]
extern "C" {
    /// The global function, whatever the global is.
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, options: &JsValue) -> Result<Promise, JsValue>;
}

/// Sends; anything short of a whole response is [`Error::Unreachable`].
pub async fn send(request: &Request) -> Result<Response, Error> {
    exchange(request).await.map_err(|_| Error::Unreachable)
}

async fn exchange(request: &Request) -> Result<Response, JsValue> {
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (*name, value.expose().as_str())).collect();
    let body = request.body.as_ref().map_or(JsValue::UNDEFINED, |body| JsValue::from_str(body.expose()));
    let options = object(&[
        ("method", &JsValue::from_str(request.method.as_str())),
        ("headers", &texts(&headers)),
        ("body", &body),
        ("signal", &AbortSignal::timeout_with_u32(LIMIT)),
        // A body with a token goes where it was addressed or nowhere.
        ("redirect", &JsValue::from_str("error")),
        ("credentials", &JsValue::from_str("omit")),
        ("cache", &JsValue::from_str("no-store")),
        ("referrerPolicy", &JsValue::from_str("no-referrer")),
    ]);
    let response = JsFuture::from(fetch(request.url.as_str(), &options)?).await?;
    let response: web_sys::Response = response.unchecked_into();
    let body = read(&response).await?;
    let headers = response.headers();
    // Across origins only the headers that the server exposes are seen; the others are simply absent.
    let header = |name: &str| headers.get(name).ok().flatten();
    Ok(Response::new(response.status(), &header, body))
}

/// Reads the body up to the limit and one byte more, by which the core notices that it was cut.
async fn read(response: &web_sys::Response) -> Result<Vec<u8>, JsValue> {
    let mut body = Vec::new();
    let Some(stream) = response.body() else { return Ok(body) };
    let reader = ReadableStreamDefaultReader::new(&stream)?;
    loop {
        let part = JsFuture::from(reader.read()).await?;
        if property(&part, "done").unchecked_into::<Boolean>().value_of() {
            return Ok(body);
        }
        let bytes: Uint8Array = property(&part, "value").unchecked_into();
        body.extend_from_slice(&bytes.to_vec());
        if body.len() > MAX_BODY {
            body.truncate(MAX_BODY + 1);
            let _ = reader.cancel();
            return Ok(body);
        }
    }
}
