//! A whole program: it asks an API who one is, and signs in first if nobody is.
//!
//! `cargo run -p gatepass --example whoami -- http://127.0.0.1:9400`

use std::io::{Write, stdout};

use gatepass::{Ask, Client, Error, Event, Gatepass, LoginOptions, Settings};

fn main() -> Result<(), Error> {
    let issuer = std::env::args().nth(1).unwrap_or_else(|| String::from("http://127.0.0.1:9400"));
    let client = Client::new(&issuer, "gatepass-cli", "openid email offline_access", "ES256", "preferred")?;
    let folder = std::env::home_dir().unwrap_or_default().join(".local/share/gatepass-example");
    // Without a keyring this ends with `StoreUnavailable`: nothing is in plain text unless `storage.fallback` allows it.
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
