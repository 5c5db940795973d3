//! `gatepass-authority`: the authorization server as a program.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use gatepass_authority::{Authority, Clock, Config, ConfigFile, Running, check_secret};
use gatepass_core::secret::Secret;

/// The authorization server of Gatepass.
///
/// The one secret, 35 characters or more, comes in GATEPASS_JWT_SECRET (or TOWER_JWT_SECRET).
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The issuer, exactly as clients know it [default: http://ADDRESS:PORT of the listener]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,

    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:9400]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The SQLite file
    #[arg(long, value_name = "FILE", default_value = "gatepass.sqlite")]
    db: PathBuf,

    /// Settings and clients (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The folder with the dashboard and the web library
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,

    /// Make up a secret for this run, with which every session ends; pages say more of what is wrong
    #[arg(long)]
    dev: bool,

    /// Say on stdout that we are ready as a line of JSON
    #[arg(long)]
    json: bool,

    /// Do not log requests on stderr
    #[arg(long)]
    quiet: bool,

    /// A file with an offset of the clock in seconds
    #[cfg(feature = "testing")]
    #[arg(long, env = "GATEPASS_TEST_CLOCK_FILE", hide = true)]
    test_clock_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => fail(&words),
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let clock = clock(&arguments);
    let json = arguments.json;
    let running = Authority::start(config(arguments)?, clock).await.map_err(|error| error.to_string())?;
    announce(&running, json).map_err(|error| error.to_string())?;
    stop_signal().await;
    running.shutdown().await;
    Ok(())
}

fn config(arguments: Arguments) -> Result<Config, String> {
    let secret = match secret_of_environment() {
        Some(secret) => {
            check_secret(&secret).map_err(|fault| fault.to_string())?;
            Secret::new(secret)
        }
        None if arguments.dev => Config::fresh_secret().map_err(|error| error.to_string())?,
        None => return Err("set GATEPASS_JWT_SECRET (or TOWER_JWT_SECRET), or try `--dev`".into()),
    };
    let mut config = Config::new(arguments.db, secret);
    config.listen = SocketAddr::from(([127, 0, 0, 1], 9400));
    config.log = !arguments.quiet;
    config.dev = arguments.dev;
    if let Some(path) = arguments.config {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        config.apply(ConfigFile::parse(&text)?);
    }
    // What is said on the command line holds over the file.
    config.issuer = arguments.issuer.or(config.issuer);
    config.listen = arguments.listen.unwrap_or(config.listen);
    config.www = arguments.www;
    Ok(config)
}

/// Our own name, or the one of document 002. There is no flag for it: every process could read that.
#[expect(clippy::disallowed_methods, reason = "this file owns the settings of the program")]
fn secret_of_environment() -> Option<String> {
    ["GATEPASS_JWT_SECRET", "TOWER_JWT_SECRET"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|secret| !secret.is_empty()))
}

#[cfg(feature = "testing")]
fn clock(arguments: &Arguments) -> Clock {
    arguments.test_clock_file.clone().map_or_else(Clock::system, Clock::moved_by_file)
}

#[cfg(not(feature = "testing"))]
fn clock(_: &Arguments) -> Clock {
    Clock::system()
}

/// The one line on stdout: whoever started us waits for it.
fn announce(running: &Running, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let line = serde_json::json!({
            "event": "ready",
            "issuer": running.issuer,
            "listen": running.addr.to_string(),
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{}", running.issuer)?;
    }
    out.flush()
}

/// Ctrl-C, or what service managers send.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn fail(words: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "gatepass-authority: {words}");
    ExitCode::FAILURE
}
