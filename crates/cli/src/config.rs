//! The app's manifest and the environment, read once and in one place.

use std::fs;
use std::path::{Path, PathBuf};

use gatepass::{Client, Error, Fallback, Field, Profile, Settings};
use serde::Deserialize;

use crate::args::Args;
use crate::words::Trouble;

/// An app's manifest: who signs in where, and how a session is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The program's name; also that of its folder.
    pub name: String,
    /// The service name in the OS keyring; the program's name unless it says otherwise.
    pub service: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The client there.
    pub client_id: Option<String>,
    /// What is asked for at sign-in.
    #[serde(default = "default_scope")]
    pub scope: String,
    /// The algorithm of ID tokens, as the client is registered.
    #[serde(default = "default_algorithm")]
    pub id_token_signed_response_alg: String,
    /// `required`, `preferred` or `off`.
    #[serde(default = "default_dpop")]
    pub dpop: String,
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

fn default_scope() -> String {
    String::from("openid email profile offline_access")
}

fn default_algorithm() -> String {
    String::from("RS256")
}

fn default_dpop() -> String {
    String::from("preferred")
}

impl App {
    /// The manifest of the `gatepass` command itself: our own authority's client, and no issuer.
    fn own() -> Self {
        Self {
            name: String::from("gatepass"),
            service: None,
            issuer: None,
            client_id: Some(String::from("gatepass-cli")),
            scope: default_scope(),
            id_token_signed_response_alg: String::from("ES256"),
            dpop: default_dpop(),
            storage: Storage::default(),
        }
    }

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
        Self { home, browser: graphical || cfg!(target_os = "macos") || cfg!(windows) }
    }
}

/// Puts manifest, arguments and environment together.
pub(crate) fn settings(args: &Args, environment: &Environment) -> Result<Configured, Trouble> {
    let app = args.app.as_deref().map_or_else(|| Ok(App::own()), App::read)?;
    let missing = |what, flag| {
        Trouble::Usage(format!(
            "no {what} is configured: give {flag}, or a manifest that names it with --app"
        ))
    };
    let issuer = args.issuer.as_ref().or(app.issuer.as_ref()).ok_or_else(|| missing("issuer", "--issuer"))?;
    let client_id =
        args.client_id.as_ref().or(app.client_id.as_ref()).ok_or_else(|| missing("client", "--client-id"))?;
    let client = Client::new(issuer, client_id, &app.scope, &app.id_token_signed_response_alg, &app.dpop)
        .map_err(|error| in_manifest(args, error))?;
    let home = environment.home.clone().ok_or_else(|| {
        Trouble::Usage(String::from("no place to keep sessions: set GATEPASS_HOME to an absolute path"))
    })?;
    let profile = Profile::new(&args.profile).map_err(Trouble::Core)?;
    let service = app.service.clone().unwrap_or_else(|| app.name.clone());
    let folder = if app.name == "gatepass" { home } else { home.join(file_name(&app.name)?) };
    let mut settings = Settings::new(client, &service, folder);
    settings.profile = profile.as_str().to_owned();
    settings.fallback = match app.storage.fallback {
        StorageFallback::Deny => Fallback::Deny,
        StorageFallback::File => Fallback::File,
    };
    Ok(Configured { program: program(args, &app), browser: environment.browser, settings })
}

/// Everything that a command needs to know.
pub(crate) struct Configured {
    /// What a person types to get here again.
    pub(crate) program: String,
    /// Whether a browser can probably be opened.
    pub(crate) browser: bool,
    pub(crate) settings: Settings,
}

fn program(args: &Args, app: &App) -> String {
    let mut words = app.name.clone();
    let manifest = args.app.as_ref().map(|path| path.display().to_string());
    let profile = (args.profile != "default").then(|| args.profile.clone());
    for (flag, value) in [
        ("--app", manifest),
        ("--issuer", args.issuer.clone()),
        ("--client-id", args.client_id.clone()),
        ("--profile", profile),
    ] {
        if let Some(value) = value {
            words.extend([" ", flag, " ", &value]);
        }
    }
    words
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
        Field::IdTokenSignedResponseAlg => ": it must be ES256 or RS256",
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
        assert_eq!(app.dpop, "preferred");
        let error = App::from_toml("name = 'acme'\nissuers = 'x'\n").unwrap_err();
        assert!(error.message().contains("issuers"), "{error}");
    }

    #[test]
    fn a_name_is_no_path() {
        for bad in ["", "..", "a/b", "a.b"] {
            assert!(file_name(bad).is_err(), "{bad}");
        }
        assert!(file_name("acme-cli").is_ok());
    }
}
