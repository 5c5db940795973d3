//! The app's manifest and the environment, read once and in one place.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use gatepass::{Client, Error, Fallback, Field, Profile, Settings};
use serde::Deserialize;

use crate::args::Args;
use crate::words::Trouble;

/// An app's manifest: who signs in where, and how a session is kept. One without a `name` changes settings of the
/// `gatepass` command itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The program's name; also that of its folder.
    pub name: Option<String>,
    /// The service name in the OS keyring; the program's name unless it says otherwise.
    pub service: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The client there.
    pub client_id: Option<String>,
    /// What is asked for at sign-in.
    pub scope: Option<String>,
    /// The algorithm of ID tokens, as the client is registered.
    pub id_token_signed_response_alg: Option<String>,
    /// `required`, `preferred` or `off`.
    pub dpop: Option<String>,
    /// What to do where there is no keyring.
    #[serde(default)]
    pub storage: Storage,
}

/// Where sessions are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// What to do where there is no keyring.
    #[serde(default)]
    pub fallback: StorageFallback,
}

/// What to do where there is no keyring.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageFallback {
    /// Refuse to sign in.
    #[default]
    Deny,
    /// Keep the session in a plain file for its owner alone, and say so.
    File,
}

/// The name of the `gatepass` command itself, whose client our own authority knows.
const OWN: &str = "gatepass";

impl App {
    /// Reads a manifest.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn read(path: &Path) -> Result<Self, Trouble> {
        let text = fs::read_to_string(path).map_err(|error| {
            Trouble::Usage(format!("cannot read the manifest `{}`: {error}", path.display()))
        })?;
        Self::from_toml(&text).map_err(|error| {
            let reason = error.message().to_owned();
            Trouble::Usage(format!("the manifest `{}` is not valid: {reason}", path.display()))
        })
    }
}

/// What the environment says, apart from the variables that stand beside an argument.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Where sessions are kept, instead of the platform's place for them.
    pub home: Option<PathBuf>,
    /// Whether a browser can probably be opened.
    pub browser: bool,
    /// What this program was called by.
    pub program: String,
}

impl Environment {
    /// Reads the environment.
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the configuration")]
    pub fn of_this_process() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = |name: &str| set(name).filter(|path| path.is_absolute());
        let home = folder("GATEPASS_HOME").or_else(|| {
            if cfg!(windows) {
                return folder("LOCALAPPDATA").map(|data| data.join("gatepass"));
            }
            let data =
                folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")));
            data.map(|data| data.join("gatepass"))
        });
        let graphical = ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
            .into_iter()
            .any(|name| set(name).is_some());
        let called = std::env::args_os().next().map(PathBuf::from);
        let program =
            called.as_deref().and_then(Path::file_stem).and_then(OsStr::to_str).unwrap_or(OWN).to_owned();
        Self { program, home, browser: graphical || cfg!(target_os = "macos") || cfg!(windows) }
    }
}

/// Puts manifest, arguments and environment together.
pub(crate) fn settings(args: &Args, environment: &Environment) -> Result<Configured, Trouble> {
    let app = args.app.as_deref().map_or_else(|| Ok(App::default()), App::read)?;
    let name = app.name.as_deref().unwrap_or(OWN);
    let own = name == OWN;
    let missing = |what, flag| {
        Trouble::Usage(format!(
            "no {what} is configured: give {flag}, or a manifest that names it with --app"
        ))
    };
    let issuer = args.issuer.as_ref().or(app.issuer.as_ref()).ok_or_else(|| missing("issuer", "--issuer"))?;
    let client_id =
        args.client_id.as_deref().or(app.client_id.as_deref()).or_else(|| own.then_some("gatepass-cli"));
    let client_id = client_id.ok_or_else(|| missing("client", "--client-id"))?;
    let scope = app.scope.as_deref().unwrap_or("openid email profile offline_access");
    // OpenID Connect Dynamic Registration 1.0 section 2: RS256, unless the client is registered otherwise.
    let algorithm =
        app.id_token_signed_response_alg.as_deref().unwrap_or(if own { "ES256" } else { "RS256" });
    let dpop = app.dpop.as_deref().unwrap_or("preferred");
    let client =
        Client::new(issuer, client_id, scope, algorithm, dpop).map_err(|error| in_manifest(args, error))?;
    let home = environment.home.clone().ok_or_else(|| {
        Trouble::Usage(String::from("no place to keep sessions: set GATEPASS_HOME to an absolute path"))
    })?;
    let profile = Profile::new(&args.profile).map_err(Trouble::Core)?;
    let folder = if own { home } else { home.join(file_name(name)?) };
    let mut settings = Settings::new(client, app.service.as_deref().unwrap_or(name), folder);
    settings.profile = profile.as_str().to_owned();
    settings.fallback = match app.storage.fallback {
        StorageFallback::Deny => Fallback::Deny,
        StorageFallback::File => Fallback::File,
    };
    Ok(Configured { program: program(args, &environment.program), browser: environment.browser, settings })
}

/// Everything that a command needs to know.
pub(crate) struct Configured {
    /// What a person types to get here again.
    pub(crate) program: String,
    /// Whether a browser can probably be opened.
    pub(crate) browser: bool,
    pub(crate) settings: Settings,
}

fn program(args: &Args, name: &str) -> String {
    let mut words = quoted(name);
    let manifest = args.app.as_ref().map(|path| path.display().to_string());
    let profile = (args.profile != "default").then(|| args.profile.clone());
    for (flag, value) in [
        ("--app", manifest),
        ("--issuer", args.issuer.clone()),
        ("--client-id", args.client_id.clone()),
        ("--profile", profile),
    ] {
        if let Some(value) = value {
            words.extend([" ", flag, " ", &quoted(&value)]);
        }
    }
    words
}

/// A word as a shell takes it, so that a hint can be pasted.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A manifest's name becomes a folder, so it must not lead anywhere else.
fn file_name(name: &str) -> Result<&str, Trouble> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && !name.is_empty() {
        return Ok(name);
    }
    Err(Trouble::Usage(String::from("the manifest's `name` may hold letters, digits, `-` and `_` only")))
}

fn in_manifest(args: &Args, error: Error) -> Trouble {
    let Some(field) = error.detail() else { return Trouble::Core(error) };
    let place = if args.app.is_some() { "the manifest or the command line" } else { "the command line" };
    let rule = match field {
        Field::Issuer => ": it must be https, or http on this machine, without query or fragment",
        Field::Scope => ": it must hold `openid`",
        Field::IdTokenSignedResponseAlg => ": it must be RS256, PS256, ES256 or EdDSA",
        Field::Dpop => ": it must be required, preferred or off",
        _ => "",
    };
    Trouble::Usage(format!("`{field}` of {place} cannot be used{rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_manifest_and_refuses_what_it_does_not_know() {
        let text = "name = 'acme'\nissuer = 'https://a.example'\n[storage]\nfallback = 'file'\n";
        let app = App::from_toml(text).unwrap();
        assert!(matches!(app.storage.fallback, StorageFallback::File));
        let error = App::from_toml("name = 'acme'\nissuers = 'x'\n").unwrap_err();
        assert!(error.message().contains("issuers"), "{error}");
    }

    #[test]
    fn a_manifest_may_change_one_setting_of_our_own() {
        let app = App::from_toml("[storage]\nfallback = 'file'\n").unwrap();
        assert!(app.name.is_none() && matches!(app.storage.fallback, StorageFallback::File));
    }

    #[test]
    fn hints_can_be_pasted() {
        assert_eq!(quoted("http://127.0.0.1:9400"), "http://127.0.0.1:9400");
        assert_eq!(quoted("my app.toml"), "'my app.toml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_name_is_no_path() {
        for bad in ["", "..", "a/b", "a.b"] {
            assert!(file_name(bad).is_err(), "{bad}");
        }
        assert!(file_name("acme-cli").is_ok());
    }
}
