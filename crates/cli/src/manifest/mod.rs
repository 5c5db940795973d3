//! The manifest: what makes this command the sign-in of one company's program.
//!
//! Everything has a default, so the shortest manifest is an issuer and a client. What it does not know it refuses: a
//! misspelled setting must not look like a setting.

mod credential;
mod extension;
mod login;
mod storage;

use std::collections::BTreeMap;
use std::path::Path;

use clap::CommandFactory;
use serde::Deserialize;

pub use self::credential::Credential;
pub use self::extension::BrowserExtension;
pub(crate) use self::extension::{is_chromium, is_firefox};
pub use self::login::{AuthFlow, SignIn, Through};
pub use self::storage::{Fallback, Place, Storage};
use crate::args::Args;
use crate::messages::Messages;
use crate::words::Trouble;

/// The name of the `gatepass` command itself, whose client our own authority knows.
pub(crate) const OWN: &str = "gatepass";

/// A program's manifest. One without a `name` changes settings of the `gatepass` command itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The name of its folder and, unless `storage.service` says otherwise, of its keyring service: letters, digits,
    /// `-` and `_`.
    #[serde(default = "own")]
    pub name: String,
    /// What a person types; the name, unless it says otherwise.
    pub program: Option<String>,
    /// What pages and manuals call it; the program, unless it says otherwise.
    pub title: Option<String>,
    /// One line for the help text.
    pub about: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The client there.
    pub client_id: Option<String>,
    /// What is asked for at sign-in.
    pub scope: Option<String>,
    /// For whom access tokens are meant.
    pub audience: Option<String>,
    /// The algorithm of ID tokens, as the client is registered.
    pub id_token_signed_response_alg: Option<String>,
    /// `required`, `preferred` or `off`.
    pub dpop: Option<String>,
    /// The API that the program talks to. Its origin, the issuer's and those of `api_origins` may be sent a token.
    pub api: Option<String>,
    /// More origins that may be sent a token.
    #[serde(default)]
    pub api_origins: Vec<String>,
    /// The colour of the page that the browser shows at the end of a login: `#3a6ea5`.
    pub accent: Option<String>,
    /// A file of certificate authorities (PEM) to trust beside the system's.
    pub ca_file: Option<String>,
    /// What `open` opens; the issuer, unless it says otherwise.
    pub dashboard: Option<String>,
    /// Environment variables that say otherwise.
    #[serde(default)]
    pub variables: Variables,
    /// Where sessions are kept.
    #[serde(default)]
    pub storage: Storage,
    /// How a person signs in.
    #[serde(default)]
    pub login: SignIn,
    /// Which commands and flags the help text shows.
    #[serde(default)]
    pub commands: Commands,
    /// Where organizations come from.
    #[serde(default)]
    pub organizations: Organizations,
    /// For `credential`: which host gets a token for which audience.
    #[serde(default)]
    pub credentials: BTreeMap<String, Credential>,
    /// The browser extension of this platform.
    #[serde(default)]
    pub extension: BrowserExtension,
    /// What is said, line by line.
    #[serde(default)]
    pub messages: Messages,
    /// Where it was read from.
    #[serde(skip)]
    pub(crate) file: Option<std::path::PathBuf>,
}

fn own() -> String {
    OWN.to_owned()
}

/// Names of environment variables.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variables {
    /// Names another issuer.
    pub issuer: Option<String>,
    /// Names another client.
    pub client_id: Option<String>,
    /// Names another API.
    pub api: Option<String>,
    /// Names the profile.
    pub profile: Option<String>,
    /// Hold a token that is used instead of a session. The first one that is set wins.
    #[serde(default)]
    pub token: Vec<String>,
}

/// Which commands and flags the help text shows. What is hidden still works.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    /// The commands to show; all of them if nothing is said.
    pub show: Option<Vec<String>>,
    /// The flags to show; all of them if nothing is said.
    pub flags: Option<Vec<String>>,
    /// Another name for `tui`.
    pub host: Option<String>,
}

/// Where organizations come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organizations {
    /// Where they are listed; `{issuer}` and `{api}` stand for the addresses of these.
    pub url: Option<String>,
}

impl App {
    /// Reads a manifest.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        let mut app: Self = toml::from_str(text)?;
        app.check().map_err(serde::de::Error::custom)?;
        if app.is_own() {
            let variables = &mut app.variables;
            variables.issuer.get_or_insert_with(|| String::from("GATEPASS_ISSUER"));
            variables.client_id.get_or_insert_with(|| String::from("GATEPASS_CLIENT_ID"));
            variables.profile.get_or_insert_with(|| String::from("GATEPASS_PROFILE"));
            if variables.token.is_empty() {
                variables.token.push(String::from("GATEPASS_TOKEN"));
            }
        }
        Ok(app)
    }

    /// The `gatepass` command itself, without a manifest.
    pub(crate) fn own() -> Self {
        Self::from_toml("").unwrap_or_default()
    }

    /// Reads a manifest's file.
    pub(crate) fn read(path: &Path) -> Result<Self, Trouble> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Trouble::Usage(format!("cannot read the manifest `{}`: {error}", path.display()))
        })?;
        let invalid = |place: &str, reason: &str| {
            Trouble::Usage(format!("the manifest `{}` is not valid{place}: {reason}", path.display()))
        };
        let app = Self::from_toml(&text).map_err(|error| {
            // What is checked after the parser has no place in the text.
            let line = |start: usize| text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            let place = error.span().map(|span| format!(" at line {}", line(span.start)));
            invalid(&place.unwrap_or_default(), error.message())
        })?;
        app.check_shown().map_err(|reason| invalid("", &reason))?;
        Ok(Self { file: Some(path.to_owned()), ..app })
    }

    /// Refuses commands and flags that nobody has. Where a manifest is built in, the program's own stand beside ours;
    /// one that is read from a file shapes ours alone.
    fn check_shown(&self) -> Result<(), String> {
        let mut command = Args::command();
        command.build();
        let unknown = |key: &str, name: &str| {
            Err(format!("`commands.{key}` names `{}`, which is none of ours", name.escape_debug()))
        };
        for name in self.commands.show.iter().flatten() {
            if command.find_subcommand(name).is_none() && self.commands.host.as_ref() != Some(name) {
                return unknown("show", name);
            }
        }
        for name in self.commands.flags.iter().flatten() {
            if !has_flag(&command, name) {
                return unknown("flags", name);
            }
        }
        Ok(())
    }

    /// What a person types.
    pub(crate) fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(&self.name)
    }

    /// What pages and manuals call it.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or_else(|| if self.is_own() { "Gatepass" } else { self.program() })
    }

    /// Whether this is the `gatepass` command itself.
    pub(crate) fn is_own(&self) -> bool {
        self.name == OWN
    }

    /// What a parser of TOML cannot know.
    fn check(&self) -> Result<(), String> {
        // It becomes a folder, so it must not lead anywhere else.
        let plain = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !plain(&self.name) {
            return Err(String::from("`name` may hold letters, digits, `-` and `_` only"));
        }
        if self.program.as_deref().is_some_and(|program| !plain(program)) {
            return Err(String::from("`program` may hold letters, digits, `-` and `_` only"));
        }
        if self.accent.as_deref().is_some_and(|accent| gatepass::Accent::parse(accent).is_none()) {
            return Err(String::from("`accent` must be a colour such as `#3a6ea5`"));
        }
        self.storage.check()?;
        self.login.check()?;
        self.check_dashboard()?;
        self.credentials.iter().try_for_each(|(host, entry)| entry.check(host))?;
        self.extension.check()?;
        self.messages.check()
    }

    /// A login by the dashboard needs a page of it.
    fn check_dashboard(&self) -> Result<(), String> {
        let login = &self.login;
        if login.via == Through::Dashboard
            && login.handoff.is_none()
            && self.dashboard.is_none()
            && !self.is_own()
        {
            return Err(String::from(
                "`login.via = \"dashboard\"` needs `dashboard`, or `login.handoff`, the page of it",
            ));
        }
        Ok(())
    }
}

/// Whether a command or one below it has a flag.
fn has_flag(command: &clap::Command, name: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(name))
        || command.get_subcommands().any(|below| has_flag(below, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_does_not_know() {
        let text = "name = 'acme'\nissuer = 'https://a.example'\n[storage]\nfallback = 'file'\n";
        let app = App::from_toml(text).unwrap();
        assert_eq!((app.storage.fallback, app.program()), (Fallback::File, "acme"));
        for (text, word) in [
            ("issuers = 'x'", "issuers"),
            ("[login]\nport = [1]", "port"),
            ("[storage]\nplace = 'cloud'", "cloud"),
            ("name = '../x'", "`name`"),
            ("program = 'a b'", "`program`"),
            ("[storage]\nplace = 'file'", "storage.file"),
            ("[login]\npath = 'callback'", "login.path"),
            ("[login]\nhost = '0.0.0.0'", "login.host"),
            ("[login]\ntimeout = 0", "login.timeout"),
            ("name = 'acme'\n[login]\nvia = 'dashboard'", "needs `dashboard`"),
            ("[login]\nvia = 'dashboard'\nflow = 'device_code'", "exclude each other"),
            ("[login]\nvia = 'dashboard'\nemail_first = true", "email_first"),
            ("[login]\nhandoff = 'https://a.example/#x'", "login.handoff"),
            ("[login]\nhandoff = 'http://a.example/cli'", "login.handoff"),
            ("[credentials.'https://a.example']", "must be a host"),
            ("[credentials.'A.example']", "must be a host"),
            ("[credentials.'a.example']\naudience = 'a'\nresource = 'https://b.example'", "not both"),
            ("[credentials.'a.example']\nusername = \"a\\npassword=b\"", "username"),
            ("[credentials.'a.example']\nusername = 'a:b'", "username"),
            ("[credentials.'a.example']\nscheme = 'a b'", "scheme"),
            ("[credentials.'a.example']\nsts = 'https://sts.example/'", "role_arn"),
            ("[credentials.'a.example']\nsts = 'http://sts.example/'\nrole_arn = 'x'", "https"),
            ("[messages]\nlogin_done = ['{emial}']", "emial"),
            ("accent = 'blue'", "accent"),
            ("[storage]\nfile = '~/.x/{profil}.json'", "storage.file"),
        ] {
            let error = App::from_toml(text).unwrap_err();
            assert!(error.message().contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_is_refused_where_it_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            App::read(&path).map(|_| ()).map_err(|trouble| trouble.message())
        };
        for (text, words) in [
            ("name = 'acme'\n\nissuers = 'x'", "not valid at line 3: unknown field `issuers`"),
            ("name = 'acme'\n[login]\ntimeout = 0", "not valid: `login.timeout`"),
            ("[commands]\nshow = ['login', 'lgoin']", "not valid: `commands.show` names `lgoin`"),
            ("[commands]\nflags = ['profiles']", "not valid: `commands.flags` names `profiles`"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
        read("[commands]\nshow = ['login', 'ai', 'help']\nflags = ['auth-flow', 'json']\nhost = 'ai'")
            .unwrap();
    }

    #[test]
    fn a_manifest_may_change_one_setting_of_our_own() {
        let app = App::from_toml("[storage]\nfallback = 'file'\n").unwrap();
        assert!(app.is_own() && app.title() == "Gatepass");
    }
}
