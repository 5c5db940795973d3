//! The authorization server of Gatepass: OAuth 2.0 with PKCE, DPoP and OpenID Connect, sign-in by mailed links,
//! SQLite inside.
//!
//! `http/` reads requests and writes answers, one file an endpoint; `grant/` holds the rules, without axum or SQL;
//! `store/` holds the only SQL. Time and randomness are arguments.

mod app;
mod clock;
mod config;
mod grant;
mod http;
mod jose;
mod keys;
mod mail;
mod random;
mod running;
mod secret_rule;
mod store;
mod talk;

pub use clock::Clock;
pub use config::{ClientConfig, ClientKind, Config, ConfigFile, DpopNonce};
pub use jose::Algorithm;
pub use running::{Authority, Running, StartError};
pub use secret_rule::{SecretFault, check_secret};
