//! The environment, read in one place. Which variables matter beside the few below, the manifest says.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use gatepass_core::text::is_shown;

use crate::commands::credential::unlinked;
use crate::manifest::OWN;
use crate::words::Trouble;

/// What surrounds this process.
pub struct Environment {
    variables: Lookup,
    /// What this program was called by.
    pub program: String,
    /// The command line, the program's name first. Where a link's name stands for more words, they are among them.
    pub words: Vec<OsString>,
    /// The folder that it was called in.
    pub directory: Option<PathBuf>,
    /// Whether a person sits in front of it: both stdin and stderr are a terminal.
    pub person: bool,
    /// Whether stdout is a terminal.
    pub screen: bool,
}

enum Lookup {
    Process,
    Fixed(Vec<(String, OsString)>),
}

impl fmt::Debug for Environment {
    /// Without the variables, which may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment of this process.
    pub fn of_this_process() -> Self {
        let mut environment = Self {
            variables: Lookup::Process,
            program: OWN.to_owned(),
            words: std::env::args_os().collect(),
            directory: std::env::current_dir().ok(),
            person: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            screen: std::io::stdout().is_terminal(),
        };
        let called = environment.words.first().map(Path::new).and_then(Path::file_stem);
        if let Some(name) = called.and_then(OsStr::to_str) {
            environment.program = name.to_owned();
        }
        if let Some((program, words)) = unlinked(&environment.words, environment.lookup("PATH").as_deref()) {
            (environment.program, environment.words) = (program, words);
        }
        environment
    }

    /// An environment of these variables alone, without a terminal.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let fixed = variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        Self {
            variables: Lookup::Fixed(fixed.collect()),
            program: OWN.to_owned(),
            words: Vec::new(),
            directory: None,
            person: false,
            screen: false,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the environment")]
    fn lookup(&self, name: &str) -> Option<OsString> {
        match &self.variables {
            Lookup::Process => std::env::var_os(name),
            Lookup::Fixed(variables) => {
                variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }
        }
    }

    /// A variable that is set to something.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.lookup(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }

    /// A variable that holds an absolute path.
    fn folder(&self, name: &str) -> Option<PathBuf> {
        self.lookup(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// The person's home folder.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.folder(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// Where sessions of all programs are kept.
    pub(crate) fn data(&self) -> Option<PathBuf> {
        self.folder("GATEPASS_HOME").or_else(|| {
            let data = if cfg!(windows) {
                self.folder("LOCALAPPDATA")
            } else {
                self.folder("XDG_DATA_HOME").or_else(|| self.home().map(|home| home.join(".local/share")))
            };
            data.map(|data| data.join("gatepass"))
        })
    }

    /// Where programs have their settings.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        if cfg!(windows) {
            self.folder("APPDATA")
        } else {
            self.folder("XDG_CONFIG_HOME").or_else(|| self.home().map(|home| home.join(".config")))
        }
    }

    /// Where manifests are looked for by the name that this program was called by.
    pub(crate) fn manifests(&self) -> Vec<PathBuf> {
        let mut places: Vec<PathBuf> =
            self.config().map(|config| config.join("gatepass/apps")).into_iter().collect();
        if !cfg!(windows) {
            places.push(PathBuf::from("/etc/gatepass/apps"));
        }
        places
    }

    /// Where this program was called, or found on the path: others are going to be told of it.
    pub(crate) fn location(&self) -> Result<PathBuf, Trouble> {
        let called = self.words.first().map(Path::new);
        let location = called.and_then(|called| {
            if called.components().count() > 1 {
                return Some(self.directory.as_ref()?.join(called));
            }
            found(called, &self.text("PATH")?)
        });
        location.ok_or_else(|| Trouble::Usage(String::from("cannot find this program on the path")))
    }

    /// How this machine is called to a person who is asked about it: `ada@thinkpad`, in at most 64 characters.
    pub(crate) fn device(&self) -> String {
        let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| self.text(name));
        let host = host_name().or_else(|| self.text("COMPUTERNAME"));
        let name = match (user, host) {
            (Some(user), Some(host)) => format!("{user}@{host}"),
            (Some(name), None) | (None, Some(name)) => name,
            (None, None) => String::from("a terminal"),
        };
        name.chars().filter(|letter| is_shown(*letter)).take(64).collect()
    }

    /// Whether colours are welcome (<https://no-color.org>).
    pub(crate) fn colours(&self) -> bool {
        self.text("NO_COLOR").is_none()
    }

    /// Whether the terminal can move its cursor.
    pub(crate) fn moves(&self) -> bool {
        cfg!(windows) || self.text("TERM").is_some_and(|terminal| terminal != "dumb")
    }
}

/// What a shell would start by this name from any folder.
fn found(called: &Path, path: &str) -> Option<PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(called)).find(|place| is_program(place))
}

#[cfg(unix)]
fn is_program(place: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    place.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(place: &Path) -> bool {
    place.is_file()
}

/// What the system calls this machine, without its domain.
fn host_name() -> Option<String> {
    #[cfg(unix)]
    {
        let name = rustix::system::uname();
        let name = name.nodename().to_str().ok()?.split('.').next()?;
        (!name.is_empty()).then(|| name.to_owned())
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_program_is_found_that_can_be_started_from_anywhere() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, mode| {
            let place = folder.path().join(name);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("acme"), "").unwrap();
            fs::set_permissions(place.join("acme"), fs::Permissions::from_mode(mode)).unwrap();
            place
        };
        let (plain, program) = (place("plain", 0o644), place("program", 0o755));
        let path = format!(".::src:{}:{}", plain.display(), program.display());
        assert_eq!(found(Path::new("acme"), &path), Some(program.join("acme")));
        assert_eq!(found(Path::new("acme"), &plain.display().to_string()), None);
        let up = "../".repeat(32) + program.to_str().unwrap().trim_start_matches('/');
        assert!(Path::new(&up).join("acme").exists());
        assert_eq!(found(Path::new("acme"), &up), None, "from here alone");
    }

    #[test]
    fn only_whole_paths_name_folders() {
        let environment = Environment::of(&[("HOME", "/home/ada"), ("GATEPASS_HOME", "relative")]);
        assert_eq!(environment.data(), Some(PathBuf::from("/home/ada/.local/share/gatepass")));
        let environment = Environment::of(&[("HOME", "/home/ada"), ("GATEPASS_HOME", "/x")]);
        assert_eq!(environment.data(), Some(PathBuf::from("/x")));
    }

    #[test]
    fn an_empty_variable_is_none() {
        let environment = Environment::of(&[("TOKEN", ""), ("NO_COLOR", "1")]);
        assert_eq!(environment.text("TOKEN"), None);
        assert!(!environment.colours());
    }
}
