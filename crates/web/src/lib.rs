//! Gatepass for pages and extensions: the core's shell in a browser, exported to `www/shared/gatepass.js`.
//!
//! ```text
//! random clock js  ->  http store lock sign verify  ->  drive login  ->  lib
//! ```
//!
//! Every export takes `&self`, starts a task of its own and answers with a promise: a caller that goes away, or calls
//! again in between, disturbs nothing.
//!
//! What pages load is built with `standalone`, that is, without std.
#![cfg_attr(feature = "standalone", no_std)]

extern crate alloc;

pub mod clock;
pub mod drive;
pub mod error;
pub mod http;
mod js;
pub mod lock;
pub mod login;
pub mod random;
pub mod sign;
pub mod site;
pub mod store;
pub mod verify;
pub mod view;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::pin::Pin;
use core::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::session::access::GetAccess;
use gatepass_core::session::client::Client;
use gatepass_core::session::freshness::MIN_TTL;
use gatepass_core::session::record::Part;
use gatepass_core::session::sign_out::SignOut;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::drive::{Key, drive};
use crate::site::Site;

/// One client's session in this browser.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Gatepass(Rc<Site>);

#[wasm_bindgen]
impl Gatepass {
    /// Reads the settings; touches neither the store nor the network. They come one by one and not as an object:
    /// reading objects by `serde-wasm-bindgen` costs 14 KB gzip, since its errors can print numbers, and brings std.
    #[wasm_bindgen(constructor)]
    pub fn new(
        issuer: &str,
        client_id: &str,
        redirect_uri: &str,
        scope: &str,
        id_token_alg: &str,
        dpop: &str,
        name: &str,
    ) -> Result<Self, JsValue> {
        Client::new(issuer, client_id, scope, id_token_alg, dpop)
            .and_then(|client| Site::new(client, redirect_uri, name))
            .map(|site| Self(Rc::new(site)))
            .map_err(error::to_js)
    }

    /// What pages of this origin call this session among themselves.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.0.session.clone()
    }

    /// Begins a login; the promise gives the address to navigate to.
    #[wasm_bindgen(js_name = signIn)]
    pub fn sign_in(&self, prompt: Option<String>, login_hint: Option<String>) -> Promise {
        let site = Rc::clone(&self.0);
        promise(Box::pin(async move {
            let url = login::begin(&site, prompt, login_hint).await?;
            Ok(JsValue::from_str(url.expose()))
        }))
    }

    /// Finishes the login that this address is the callback of.
    #[wasm_bindgen(js_name = handleCallback)]
    pub fn handle_callback(&self, url: String) -> Promise {
        let site = Rc::clone(&self.0);
        promise(Box::pin(async move { login::finish(&site, &url).await.map(|()| JsValue::UNDEFINED) }))
    }

    /// Who is signed in; no network, no lock, no token.
    #[wasm_bindgen(js_name = getSession)]
    pub fn session(&self) -> Promise {
        let site = Rc::clone(&self.0);
        promise(Box::pin(async move {
            let found = site.store.load(&site.session, Part::Access).await?;
            Ok(found.map_or(JsValue::NULL, |(record, _)| view::session(&site, &record)))
        }))
    }

    /// An access token that lives for `minTtl` more seconds.
    #[wasm_bindgen(js_name = getAccessToken)]
    pub fn access_token(&self, min_ttl: Option<u32>, force_refresh: bool) -> Promise {
        let site = Rc::clone(&self.0);
        promise(Box::pin(async move {
            let min_ttl = min_ttl.map_or(MIN_TTL, |seconds| Duration::from_secs(seconds.into()));
            let mut access = GetAccess::new(min_ttl, force_refresh);
            drive(&mut access, &site, Key::Loaded(None)).await;
            access.finish().map(|handout| view::token(&handout))
        }))
    }

    /// Ends the session, here first; the promise tells whether the server ended it too.
    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self) -> Promise {
        let site = Rc::clone(&self.0);
        promise(Box::pin(async move {
            let mut out = SignOut::new();
            drive(&mut out, &site, Key::Loaded(None)).await;
            match out.finish() {
                Ok(done) => Ok(JsValue::from_bool(done.revoked.is_ok())),
                Err(Error::NotSignedIn) => Ok(JsValue::UNDEFINED),
                Err(error) => Err(error),
            }
        }))
    }
}

type Task = Pin<Box<dyn Future<Output = Result<JsValue, Error>>>>;

/// Starts a task that runs to its end whoever still waits for it. Boxed, so that all tasks share one promise's code.
fn promise(task: Task) -> Promise {
    future_to_promise(async move { task.await.map_err(error::to_js) })
}

#[cfg(all(target_arch = "wasm32", feature = "standalone"))]
mod standalone {
    //! What std would bring: memory, and an end. A panic is a bug, and shows as `RuntimeError: unreachable`.

    #[global_allocator]
    static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

    #[panic_handler]
    fn end(_: &core::panic::PanicInfo<'_>) -> ! {
        core::arch::wasm32::unreachable()
    }
}
