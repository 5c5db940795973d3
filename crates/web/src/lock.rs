//! The session's lock (Web Locks): held around a refresh only, by one page or worker of this origin at a time.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use crate::js::{global, object, property};

/// How long to wait for it, in milliseconds. A tab that was frozen while it held the lock would hold it for ever.
pub const LIMIT: u32 = 8_000;

#[wasm_bindgen]
extern "C" {
    // web-sys keeps this interface behind a flag of the whole build.
    type LockManager;

    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &JsValue, callback: &JsValue) -> Promise;
}

/// The lock, held until this is dropped, on whatever path that happens.
#[derive(Debug)]
pub struct Guard {
    release: Function,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// Takes the lock, waiting `limit` milliseconds at most. It is never stolen: `None` is an answer, and so it is where
/// the browser has no locks.
pub async fn take(name: &str, limit: u32) -> Option<Guard> {
    let locks = property(&global("navigator"), "locks");
    if locks.is_undefined() {
        return None;
    }
    let locks: LockManager = locks.unchecked_into();
    // The signal ends the waiting; once the lock is held, it means nothing any more.
    let options = object(&[("signal", &AbortSignal::timeout_with_u32(limit))]);
    let mut request = JsValue::UNDEFINED;
    let granted = Promise::new(&mut |granted, _| {
        // The lock is held until the promise that this callback returns is settled.
        let hold = Closure::once_into_js(move |_lock: JsValue| -> JsValue {
            Promise::new(&mut |release, _| {
                let _ = granted.call1(&JsValue::UNDEFINED, &release);
            })
            .into()
        });
        request = locks.request(name, &options, &hold).into();
    });
    // The request itself settles first only when the waiting has ended in vain.
    let first = JsFuture::from(Promise::race(&Array::of2(&granted, &request))).await;
    first.ok().map(|release| Guard { release: release.unchecked_into() })
}
