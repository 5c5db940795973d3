//! Manifest, arguments and environment put together: who signs in where, by whose word.

use std::path::{Path, PathBuf};

use gatepass::{AskPassphrase, Audience, Client, Error, Field, Gatepass, Origin, Passphrase, Settings};

use crate::args::Options;
use crate::environment::Environment;
use crate::given::{self, Given};
use crate::manifest::{App, Fallback, Place};
use crate::messages::Values;
use crate::output::Talk;
use crate::profiles::{self, Chosen};
use crate::words::Trouble;

/// Everything that a command needs to know.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) app: App,
    pub(crate) environment: Environment,
    pub(crate) options: Options,
    pub(crate) talk: Talk,
    /// Where this program keeps its sessions.
    pub(crate) folder: PathBuf,
    /// Which account, and why that one.
    pub(crate) profile: Chosen,
    /// A token that is used instead of a session.
    pub(crate) given: Option<Given>,
    /// Where to sign in.
    pub(crate) issuer: Option<Setting>,
    /// As which client.
    pub(crate) client_id: Option<Setting>,
    /// For which API.
    pub(crate) api: Option<Setting>,
}

/// A value and by whose word it holds.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// By whose word something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Variable(String),
    /// The manifest, or ours where it says nothing.
    Manifest,
}

impl Source {
    /// As a person reads it: `--issuer`, `ACME_ISSUER`, `the manifest`.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Flag(flag) => flag,
            Self::Variable(name) => name,
            Self::Manifest => "the manifest",
        }
    }
}

impl Setting {
    /// Whether something else than the manifest names it.
    pub(crate) fn is_moved(&self) -> bool {
        self.source != Source::Manifest
    }
}

impl Context {
    pub(crate) fn new(
        app: App,
        options: Options,
        environment: Environment,
        talk: Talk,
    ) -> Result<Self, Trouble> {
        let data = environment.data().ok_or_else(|| {
            Trouble::Usage(String::from("no place to keep sessions: set GATEPASS_HOME to an absolute path"))
        })?;
        let folder = if app.is_own() { data } else { data.join(&app.name) };
        let set = |flag: Option<&String>, name, variable: Option<&String>, manifest: Option<&String>| {
            let by_flag = flag.map(|value| Setting { value: value.clone(), source: Source::Flag(name) });
            by_flag
                .or_else(|| {
                    let name = variable?;
                    let value = environment.text(name)?;
                    Some(Setting { value, source: Source::Variable(name.clone()) })
                })
                .or_else(|| Some(Setting { value: manifest?.clone(), source: Source::Manifest }))
        };
        let variables = &app.variables;
        let issuer = set(options.issuer.as_ref(), "--issuer", variables.issuer.as_ref(), app.issuer.as_ref());
        let own_client = app.is_own().then(|| String::from("gatepass-cli"));
        let client_id = set(
            options.client_id.as_ref(),
            "--client-id",
            variables.client_id.as_ref(),
            app.client_id.as_ref().or(own_client.as_ref()),
        );
        let api = set(None, "", variables.api.as_ref(), app.api.as_ref());
        let given = given::find(&app, &options, &environment)?;
        if let Some(given) = &given {
            given::belongs(given, &app, issuer.as_ref(), api.as_ref())?;
        }
        let profile = profiles::choose(&app, &options, &environment, &folder)?;
        Ok(Self { app, environment, options, talk, folder, profile, given, issuer, client_id, api })
    }

    /// The account in effect.
    pub(crate) fn gatepass(&self) -> Result<Gatepass, Trouble> {
        self.gatepass_of(&self.profile.name)
    }

    /// Any account of this program.
    pub(crate) fn gatepass_of(&self, profile: &str) -> Result<Gatepass, Trouble> {
        Ok(Gatepass::new(self.settings(profile)?))
    }

    /// The settings of one account.
    pub(crate) fn settings(&self, profile: &str) -> Result<Settings, Trouble> {
        let app = &self.app;
        let variables = &app.variables;
        let missing = |what, flag, variable: &Option<String>| {
            let variable = variable.as_ref().map(|name| format!(" or {name}")).unwrap_or_default();
            Trouble::Usage(format!(
                "no {what} is configured: give {flag}{variable}, or a manifest that names it with --app"
            ))
        };
        let issuer = self.issuer.as_ref();
        let issuer = issuer.ok_or_else(|| missing("issuer", "--issuer", &variables.issuer))?;
        let client_id = self.client_id.as_ref();
        let client_id = client_id.ok_or_else(|| missing("client", "--client-id", &variables.client_id))?;
        let scope = app.scope.as_deref().unwrap_or("openid email profile offline_access");
        // OpenID Connect Dynamic Registration 1.0 section 2: RS256, unless the client is registered otherwise.
        let own = if app.is_own() { "ES256" } else { "RS256" };
        let algorithm = app.id_token_signed_response_alg.as_deref().unwrap_or(own);
        let dpop = app.dpop.as_deref().unwrap_or("preferred");
        let mut client = Client::new(&issuer.value, &client_id.value, scope, algorithm, dpop)
            .map_err(|error| self.in_settings(error))?;
        let audience = app.audience.as_deref().map(Audience::named).transpose();
        client.audience = audience.map_err(|error| self.in_settings(error))?;
        let service = app.storage.service.as_deref().unwrap_or(&app.name);
        let mut settings = Settings::new(client, service, self.folder.clone());
        settings.profile = profile.to_owned();
        settings.ca_file =
            app.ca_file.as_deref().map(|text| path(text, &self.environment, profile)).transpose()?;
        settings.api = self.origins()?;
        settings.storage = self.storage(profile)?;
        Ok(settings)
    }

    /// A command of this program as a person types it to get here again: `gatepass --app acme.toml login`.
    pub(crate) fn command(&self, words: &str) -> String {
        let mut line = quoted(&self.environment.program);
        let options = &self.options;
        let manifest = options.app.as_ref().map(|path| path.display().to_string());
        let profile = options.profile.clone().filter(|profile| profile != profiles::DEFAULT);
        for (flag, value) in [
            ("--app", manifest),
            ("--issuer", options.issuer.clone()),
            ("--client-id", options.client_id.clone()),
            ("--profile", profile),
        ] {
            if let Some(value) = value {
                line.extend([" ", flag, " ", &quoted(&value)]);
            }
        }
        if !words.is_empty() {
            line.extend([" ", words]);
        }
        line
    }

    /// The values that every message may hold.
    pub(crate) fn values(&self) -> Values {
        Values::default()
            .with("program", self.command(""))
            .with("profile", &self.profile.name)
            .maybe("issuer", self.issuer.as_ref().map(|issuer| &issuer.value))
    }

    /// What to do about something that went wrong.
    pub(crate) fn hint(&self, trouble: &Trouble) -> Option<String> {
        let issuer = self.issuer.as_ref().map(|issuer| issuer.value.as_str());
        trouble.hint(&|words| self.command(words), self.app.is_own(), issuer)
    }

    /// Says what went wrong, in the manifest's words where it has some, and gives the exit code.
    pub(crate) fn trouble(&self, trouble: &Trouble, signing_in: bool) -> crate::exit::Exit {
        let hint = self.hint(trouble);
        let (errors, code) = (&self.app.messages.errors, trouble.code());
        // The same store that cannot be used is *cannot save* to one and *cannot load* to the other.
        let at_sign_in = signing_in.then(|| errors.get(&format!("login.{code}"))).flatten();
        let own = at_sign_in.or_else(|| errors.get(code)).map(|lines| {
            let values = self.values().with("reason", trouble.message()).maybe("hint", hint.as_deref());
            values.fill(lines)
        });
        self.talk.trouble(trouble, hint, own.as_deref());
        trouble.exit()
    }

    /// Where the session of one account is kept.
    fn storage(&self, profile: &str) -> Result<gatepass::Storage, Trouble> {
        let storage = &self.app.storage;
        let path = |text: &Option<String>| {
            text.as_deref().map(|text| path(text, &self.environment, profile)).transpose()
        };
        Ok(gatepass::Storage {
            place: match storage.place {
                Place::Sealed => gatepass::Place::Sealed,
                Place::Keyring => gatepass::Place::Keyring,
                Place::File => gatepass::Place::File,
            },
            fallback: match storage.fallback {
                Fallback::Deny => gatepass::Fallback::Deny,
                Fallback::File => gatepass::Fallback::File,
                Fallback::Passphrase => gatepass::Fallback::Passphrase,
            },
            file: path(&storage.file)?,
            state: path(&storage.state)?,
            passphrase: self.environment.person.then(|| self.passphrase()),
            cache: storage.cache,
        })
    }

    /// Asks the person in front of the terminal.
    fn passphrase(&self) -> Passphrase {
        let talk = self.talk;
        Passphrase::new(move |why| match why {
            AskPassphrase::New => {
                let first = talk.ask_hidden("a new passphrase for your sessions:")?;
                let second = talk.ask_hidden("the same once more:")?;
                if first == second {
                    return Some(first);
                }
                talk.say("these two differ");
                None
            }
            AskPassphrase::Known => talk.ask_hidden("the passphrase of your sessions:"),
            AskPassphrase::Again => talk.ask_hidden("that is not it; once more:"),
        })
    }

    /// Another API than the manifest's, at the manifest's issuer: no token goes there.
    pub(crate) fn stray_api(&self) -> Option<&Setting> {
        given::stray(self.issuer.as_ref(), self.api.as_ref())
    }

    /// Where tokens may go beside the issuer.
    fn origins(&self) -> Result<Vec<Origin>, Trouble> {
        let api = self.api.as_ref().filter(|_| self.stray_api().is_none());
        let api = api.map(|api| (&api.value, api.source.words()));
        let more = self.app.api_origins.iter().map(|origin| (origin, Source::Manifest.words()));
        api.into_iter()
            .chain(more)
            .map(|(address, place)| {
                Origin::of_url(address).map_err(|_| {
                    Trouble::Usage(format!(
                        "the address of the API ({place}) must be https, or http on this machine"
                    ))
                })
            })
            .collect()
    }

    fn in_settings(&self, error: Error) -> Trouble {
        let Some(field) = error.detail() else { return Trouble::Core(error) };
        let setting = match field {
            Field::Issuer => self.issuer.as_ref(),
            Field::ClientId => self.client_id.as_ref(),
            _ => None,
        };
        let place = setting.map_or("the manifest", |setting| setting.source.words());
        let rule = match field {
            Field::Issuer => ": it must be https, or http on this machine, without query or fragment",
            Field::Scope => ": it must hold `openid`",
            Field::IdTokenSignedResponseAlg => ": it must be RS256, PS256, ES256 or EdDSA",
            Field::Dpop => ": it must be required, preferred or off",
            _ => "",
        };
        Trouble::Usage(format!("`{field}` of {place} cannot be used{rule}"))
    }
}

/// A path as people write it in a manifest.
pub(crate) fn path(text: &str, environment: &Environment, profile: &str) -> Result<PathBuf, Trouble> {
    let text = text.replace("{profile}", profile);
    let path = match text.strip_prefix("~/") {
        Some(rest) => environment
            .home()
            .map(|home| home.join(rest))
            .ok_or_else(|| Trouble::Usage(String::from("no home folder: set HOME to an absolute path")))?,
        None => Path::new(&text).to_owned(),
    };
    if path.is_absolute() {
        return Ok(path);
    }
    Err(Trouble::Usage(format!(
        "the path `{}` of the manifest must be absolute or begin with ~/",
        path.display()
    )))
}

/// A word as a shell takes it, so that a hint can be pasted.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_pasted() {
        assert_eq!(quoted("http://127.0.0.1:9400"), "http://127.0.0.1:9400");
        assert_eq!(quoted("my app.toml"), "'my app.toml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
