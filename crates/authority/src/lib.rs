//! The authorization server of Gatepass: OAuth 2.0 with PKCE, DPoP and OpenID Connect, sign-in by mailed links,
//! SQLite inside.
//!
//! `http/` reads requests and writes answers, one file an endpoint; `grant/` holds the rules, without axum or SQL;
//! `store/` holds the only SQL. Time and randomness are arguments.
//!
//! # What a replayed refresh token gets
//!
//! The metadata says `"gatepass_refresh_token_replay": "successor"`: whoever presents the refresh token before the
//! newest one, because an answer was lost, gets the same newest one again. How long that holds depends on the caller:
//!
//! | the caller | the same successor |
//! |---|---|
//! | a public client whose session is bound to a key (RFC 9449), with its proof | until the successor is used |
//! | a confidential client, with its secret | until the successor is used |
//! | a bare public client, which proves nothing | for 10 s, and until the successor is used |
//!
//! Any other replay ends the session. So a client believes the member for bound sessions only; a bare one must write
//! ahead that its token is on its way.

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
mod serve;
mod store;
mod talk;
mod upstream;

pub use clock::Clock;
pub use config::{
    ClientConfig, ClientKind, Config, ConfigFile, ConnectionConfig, DpopNonce, OrganizationConfig,
};
pub use grant::client::GrantType;
pub use jose::Algorithm;
pub use running::{Authority, Running, StartError};
pub use secret_rule::{SecretFault, check_secret};
