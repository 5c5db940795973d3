//! `credential install`: tells another program to ask here, by that program's own means.
//!
//! Without `--yes`, what would be done is printed as a person would type it, and nothing is changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value};

use crate::args::Receiver;
use crate::commands::credential::chosen;
use crate::commands::credential::stdio::print;
use crate::context::{Context, quoted};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::manifest::OWN;
use crate::private;
use crate::words::Trouble;

/// One thing to do.
enum Step {
    /// A command of the other program that changes its configuration.
    Run(Vec<String>),
    /// A link to this program, by the name that the other one looks for.
    Link { target: PathBuf, link: PathBuf },
    /// Docker has no command for its configuration.
    Docker { file: PathBuf, host: String, name: String },
    /// Nor has Cargo, and only a person knows the name that the registry has there.
    ByHand(String),
}

pub(super) fn run(
    context: &Context,
    receiver: Receiver,
    host: Option<&str>,
    yes: bool,
) -> Result<Exit, Trouble> {
    let (host, _) = chosen(context, host, |entry| receiver != Receiver::Aws || entry.sts.is_some())?;
    let steps = steps(context, receiver, host)?;
    if !yes {
        let lines: Vec<String> = steps.iter().map(Step::line).collect();
        print(format!("{}\n", lines.join("\n")));
        context.talk.say("nothing was changed; --yes does it");
        return Ok(Exit::Done);
    }
    for step in &steps {
        step.done(context)?;
    }
    Ok(Exit::Done)
}

fn steps(context: &Context, receiver: Receiver, host: &str) -> Result<Vec<Step>, Trouble> {
    let called = context.environment.location()?;
    let program = context.app.program().to_owned();
    let mut own = vec![called.display().to_string()];
    if let Some(app) = &context.options.app {
        let app = context.environment.directory.as_ref().map_or_else(|| app.clone(), |here| here.join(app));
        own.extend([String::from("--app"), app.display().to_string()]);
    }
    let helper = |word: &str| own.iter().cloned().chain(["credential".into(), word.into()]);
    let line = |words: &[String]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    // A name alone carries no `--app`: the manifest has to be found by it.
    let named = || match &context.environment.program {
        name if name != OWN && context.options.app.is_none() => Ok(name.clone()),
        _ => Err(Trouble::Usage(format!(
            "this helper is called by its name alone: save the manifest as ~/.config/gatepass/apps/{program}.toml and make a link called {program} to this program first"
        ))),
    };
    let link = |name: String| Step::Link { target: called.clone(), link: called.with_file_name(name) };
    Ok(match receiver {
        Receiver::Git => {
            let value = format!("!{}", line(&helper("git").collect::<Vec<_>>()));
            let key = format!("credential.{}.helper", url(host));
            vec![Step::Run(words(&["git", "config", "--global", &key, &value]))]
        }
        Receiver::Docker => {
            let file = docker_config(&context.environment)?;
            let name = named()?;
            let link = link(format!("docker-credential-{name}"));
            vec![link, Step::Docker { file, host: host.to_owned(), name }]
        }
        Receiver::Kubectl => {
            let mut run = words(&["kubectl", "config", "set-credentials", &program]);
            run.push(String::from("--exec-api-version=client.authentication.k8s.io/v1"));
            run.push(String::from("--exec-interactive-mode=Never"));
            let mut helper = helper("kubectl").chain([host.to_owned()]);
            run.extend(helper.next().map(|command| format!("--exec-command={command}")));
            run.extend(helper.map(|word| format!("--exec-arg={word}")));
            vec![Step::Run(run)]
        }
        Receiver::Aws => {
            let process = line(&helper("aws").chain([host.to_owned()]).collect::<Vec<_>>());
            vec![Step::Run(words(&[
                "aws",
                "configure",
                "set",
                "credential_process",
                &process,
                "--profile",
                &program,
            ]))]
        }
        Receiver::Cargo => {
            named()?;
            let provider = toml::Value::String(called.display().to_string());
            vec![Step::ByHand(format!(
                "# below [registries.NAME] of .cargo/config.toml, where the index is at {host}\ncredential-provider = [{provider}]"
            ))]
        }
        Receiver::Npm => {
            let setting = format!("//{host}/:_authToken=${{NPM_TOKEN}}");
            vec![Step::Run(words(&["npm", "config", "set", "--location=user", &setting]))]
        }
        Receiver::Pip => {
            let set = words(&["pip", "config", "set", "global.keyring-provider", "subprocess"]);
            named()?;
            vec![link(String::from("keyring")), Step::Run(set)]
        }
    })
}

impl Step {
    /// As a person would type it.
    fn line(&self) -> String {
        let path = |path: &Path| quoted(&path.display().to_string());
        match self {
            Self::Run(words) => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            Self::Link { target, link } => format!("ln -s {} {}", path(target), path(link)),
            Self::Docker { file, host, name } => {
                format!("# in {}: {{ \"credHelpers\": {{ \"{host}\": \"{name}\" }} }}", file.display())
            }
            Self::ByHand(lines) => lines.clone(),
        }
    }

    fn done(&self, context: &Context) -> Result<(), Trouble> {
        let failed = |error: io::Error| Trouble::Usage(format!("`{}` did not work: {error}", self.line()));
        match self {
            Self::Run(words) => {
                let Some((program, words)) = words.split_first() else { return Ok(()) };
                let mut command = Command::new(program);
                let status = command.args(words).stdin(Stdio::null()).status().map_err(failed)?;
                if !status.success() {
                    return Err(failed(io::Error::other(status.to_string())));
                }
            }
            // What is there already may be somebody else's.
            Self::Link { target, link } if fs::read_link(link).is_ok_and(|there| there == *target) => {}
            Self::Link { target, link } => make_link(target, link).map_err(failed)?,
            Self::Docker { file, host, name } => name_helper(file, host, name).map_err(failed)?,
            Self::ByHand(_) => {
                context.talk.say("only a person can do this:");
                print(format!("{}\n", self.line()));
                return Ok(());
            }
        }
        context.talk.say(&format!("done: {}", self.line()));
        Ok(())
    }
}

/// The address under which git knows a host; a port of this machine is asked over `http`.
fn url(host: &str) -> String {
    let here = host.split(':').next().is_some_and(|name| ["127.0.0.1", "localhost"].contains(&name));
    format!("{}://{host}", if here { "http" } else { "https" })
}

fn docker_config(environment: &Environment) -> Result<PathBuf, Trouble> {
    let folder = environment.text("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| environment.home().map(|home| home.join(".docker")));
    let folder =
        folder.ok_or_else(|| Trouble::Usage(String::from("no home folder: set HOME to an absolute path")))?;
    Ok(folder.join("config.json"))
}

/// Names the helper of a host and leaves the rest as it is. Docker's file may hold passwords: it stays its owner's.
fn name_helper(file: &Path, host: &str, name: &str) -> io::Result<()> {
    let mut config: Map<String, Value> = match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error),
    };
    let helpers = config.entry("credHelpers").or_insert_with(|| Value::Object(Map::new()));
    let helpers = helpers.as_object_mut().ok_or_else(|| io::Error::other("`credHelpers` is no object"))?;
    helpers.insert(host.to_owned(), Value::String(name.to_owned()));
    let text = serde_json::to_string_pretty(&config)? + "\n";
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    fs::create_dir_all(folder)?;
    // Whole or not at all; and where a link leads elsewhere, it goes on leading there.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    private::write(&file, &text, 0o600)
}

#[cfg(unix)]
fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// A link needs more rights here than people have.
#[cfg(not(unix))]
fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    fs::copy(target, link.with_extension("exe")).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn dockers_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let left = folder.path().join("config.json.new");
        fs::write(&file, "{}").unwrap();
        fs::write(&left, "").unwrap();
        for open in [&file, &left] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
        }
        name_helper(&file, "registry.acme.example", "acme").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn dockers_file_keeps_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/config.json");
        name_helper(&file, "registry.acme.example", "acme").unwrap();
        fs::write(&file, r#"{"auths":{"a":{"auth":"x"}},"credHelpers":{"b":"c"}}"#).unwrap();
        name_helper(&file, "registry.acme.example", "acme").unwrap();
        let written: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let expected = serde_json::json!({
            "auths": { "a": { "auth": "x" } },
            "credHelpers": { "b": "c", "registry.acme.example": "acme" },
        });
        assert_eq!(written, expected);
        for damaged in ["{", r#"{"credHelpers":[]}"#] {
            fs::write(&file, damaged).unwrap();
            name_helper(&file, "registry.acme.example", "acme").unwrap_err();
            assert_eq!(fs::read_to_string(&file).unwrap(), damaged, "it is left alone");
        }
    }
}
