//! The words of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// One sign-in for a platform's dashboard, browser extension and terminal.
#[derive(Debug, Parser)]
#[command(name = "gatepass", version, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// The app's manifest: who signs in where (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "GATEPASS_APP")]
    pub app: Option<PathBuf>,

    /// The issuer to sign in at, instead of the manifest's
    #[arg(long, global = true, value_name = "URL", env = "GATEPASS_ISSUER")]
    pub issuer: Option<String>,

    /// The client to sign in as, instead of the manifest's
    #[arg(long, global = true, value_name = "ID", env = "GATEPASS_CLIENT_ID")]
    pub client_id: Option<String>,

    /// Which of your accounts
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        default_value = "default",
        env = "GATEPASS_PROFILE"
    )]
    pub profile: String,

    /// Print one JSON object on stdout
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in with your browser
    Login {
        /// Print the address instead of opening a browser
        #[arg(long)]
        no_browser: bool,
        /// How long to wait for you, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
        timeout: u64,
        /// Sign in as somebody else than last time
        #[arg(long)]
        switch: bool,
    },
    /// Show who is signed in, without asking the server
    Status,
    /// Print a valid access token
    ///
    /// The token is refreshed first if it has to be. `token_type` of `--json` says how to present it: a `DPoP` token
    /// is of no use without the session's key (RFC 9449).
    Token {
        /// How long the token must live at least, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = gatepass::MIN_TTL.as_secs())]
        min_ttl: u64,
        /// Get a new token even if the stored one is good
        #[arg(long)]
        refresh: bool,
        /// For whom the token is meant, by a name that the issuer knows
        #[arg(long, value_name = "NAME")]
        audience: Option<String>,
        /// For whom the token is meant, by an address (RFC 8707), where the issuer wants it so
        #[arg(long, value_name = "URL", conflicts_with = "audience")]
        resource: Option<String>,
        /// Fewer scopes than the session has, separated by spaces
        #[arg(long, value_name = "SCOPES")]
        scope: Option<String>,
    },
    /// Sign out here and at the issuer
    Logout {
        /// Remove a stored session that cannot be read any more; the issuer is not told
        #[arg(long)]
        forget: bool,
    },
}
