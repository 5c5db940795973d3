//! The rules: what is asked, what is allowed, what goes out. No axum, no SQL, no clock, no dice.

pub(crate) mod address;
pub(crate) mod authorize;
pub(crate) mod claims;
pub(crate) mod client;
pub(crate) mod device;
pub(crate) mod dpop;
pub(crate) mod exchange;
pub(crate) mod handoff;
pub(crate) mod organization;
pub(crate) mod params;
pub(crate) mod personal;
pub(crate) mod pkce;
pub(crate) mod pushed;
pub(crate) mod redeem;
pub(crate) mod redirect;
pub(crate) mod refresh;
pub(crate) mod refused;
pub(crate) mod session_link;
pub(crate) mod short_code;
pub(crate) mod upstream;
