//! A whole program: it asks an API who one is, and signs in first if nobody is.
//!
//! `cargo run -p gatepass --example whoami -- http://127.0.0.1:9400`

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use gatepass::{Ask, Client, Error, Event, Gatepass, LoginOptions, Settings};

fn main() -> ExitCode {
    let Err(error) = whoami() else { return ExitCode::SUCCESS };
    let what_to_do = match error {
        // Nothing is written in plain text unasked.
        Error::StoreUnavailable => {
            "no keyring, or no folder to write in: start a keyring, or set `storage.fallback` to `Fallback::File`"
        }
        Error::StoreLocked => "unlock the keyring and try again",
        Error::Unreachable => "is the issuer running, and is this its address?",
        _ => "see `gatepass::Error` for what it means",
    };
    let _ = writeln!(stderr(), "error: {error}: {what_to_do}");
    ExitCode::FAILURE
}

fn whoami() -> Result<(), Error> {
    let issuer = std::env::args().nth(1).unwrap_or_else(|| String::from("http://127.0.0.1:9400"));
    let client = Client::new(&issuer, "gatepass-cli", "openid email offline_access", "ES256", "preferred")?;
    let folder = std::env::home_dir().unwrap_or_default().join(".local/share/gatepass-example");
    let gatepass = Gatepass::new(Settings::new(client, "gatepass-example", folder));

    let ask = || Ask::get(&format!("{issuer}/userinfo"));
    let answer = match gatepass.request(ask()?).wait()? {
        // The session is over, or there was none: nothing else is a reason to sign in.
        Err(Error::NotSignedIn | Error::SessionEnded | Error::SessionLost | Error::KeyLost) => {
            gatepass.login(LoginOptions::default(), tell).wait()??;
            gatepass.request(ask()?).wait()??
        }
        answer => answer?,
    };
    let _ = writeln!(stdout(), "{}", String::from_utf8_lossy(answer.body.expose()));
    Ok(())
}

/// What a person has to know while the login waits.
fn tell(event: Event<'_>) {
    let _ = match event {
        Event::Waiting { url, .. } => writeln!(stdout(), "sign in here: {}", url.expose()),
        Event::Device { user_code, verification_uri, .. } => {
            writeln!(stdout(), "or at {verification_uri}, with the code {user_code}")
        }
        _ => Ok(()),
    };
}
