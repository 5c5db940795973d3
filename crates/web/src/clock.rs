//! The only place that knows what time it is.

use gatepass_core::time::Timestamp;

/// Now, by this machine's clock.
pub fn now() -> Timestamp {
    Timestamp::from_seconds((js_sys::Date::now() / 1000.0) as u64)
}
