//! The words of the command line.

use std::path::PathBuf;

use clap::{Args as Flags, Parser, Subcommand};

use crate::manifest::{AuthFlow, Through};

/// One sign-in for a platform's dashboard, browser extension and terminal.
#[derive(Debug, Parser)]
#[command(name = "gatepass", version, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Who and how.
    #[command(flatten)]
    pub options: Options,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Flags)]
pub struct Options {
    /// The program's manifest: a file (TOML), or a name in ~/.config/gatepass/apps
    #[arg(long, global = true, value_name = "FILE")]
    pub app: Option<PathBuf>,

    /// The issuer to sign in at, instead of the manifest's
    #[arg(long, global = true, value_name = "URL")]
    pub issuer: Option<String>,

    /// The client to sign in as, instead of the manifest's
    #[arg(long, global = true, value_name = "ID")]
    pub client_id: Option<String>,

    /// Which of your accounts
    #[arg(long, short, global = true, value_name = "NAME")]
    pub profile: Option<String>,

    /// Use this token instead of a session; `-` reads it from stdin
    #[arg(long, global = true, value_name = "TOKEN")]
    pub token: Option<String>,

    /// Print one JSON object on stdout
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in
    Login(Login),
    /// Sign out here and at the issuer
    Logout {
        /// Sign out every profile
        #[arg(long)]
        all: bool,
        /// Remove a stored session that cannot be read any more; the issuer is not told
        #[arg(long)]
        forget: bool,
    },
    /// Show who is signed in, without asking the server
    Status,
    /// Print the account's name
    Whoami,
    /// Print a valid access token
    ///
    /// The token is refreshed first if it has to be. `token_type` of `--json` says how to present it: a `DPoP` token
    /// is of no use without the session's key (RFC 9449).
    Token(Token),
    /// Show or choose the organization
    Org {
        /// What to do; the organization in effect is shown otherwise
        #[command(subcommand)]
        command: Option<Org>,
    },
    /// Show or choose the profile
    Profile {
        /// What to do; the profile in effect is shown otherwise, and why
        #[command(subcommand)]
        command: Option<Profile>,
    },
    /// Hand a token to another program, in that program's own protocol
    ///
    /// Each host of the manifest's `[credentials]` gets a token of its own audience, any other host nothing.
    Credential {
        /// For which program
        #[command(subcommand)]
        helper: Helper,
    },
    /// Speak with this platform's browser extension
    ///
    /// Each may ask the other for an access token that is short-lived, narrowed and bound to the key of who asks.
    Extension {
        /// What to do
        #[command(subcommand)]
        command: Extension,
    },
    /// Show the accounts live, and act on them by keys and commands
    ///
    /// Without a terminal it prints what `status` prints, says why, and ends with 2.
    Tui {
        /// Print lines instead, for a screen reader or a log
        #[arg(long)]
        plain: bool,
        /// Show the address of a sign-in instead of opening a browser
        #[arg(long)]
        no_browser: bool,
    },
    /// Open the platform in a browser
    ///
    /// Where the issuer can, the browser is signed in as you are here, after it has asked.
    Open(Open),
    /// Look for what is wrong on this machine, and say its mend
    Doctor(Doctor),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them to a folder
    Man {
        /// Where to
        folder: Option<PathBuf>,
    },
}

/// How to sign in.
#[derive(Debug, Default, Flags)]
pub struct Login {
    /// Print the address instead of opening a browser
    #[arg(long)]
    pub no_browser: bool,
    /// Authentication flow
    #[arg(long, value_name = "FLOW")]
    pub auth_flow: Option<AuthFlow>,
    /// Where the browser is sent
    #[arg(long, value_name = "WHERE")]
    pub via: Option<Through>,
    /// Your address, whose domain finds your organization's sign-in
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// How long to wait for you, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: Option<u64>,
    /// Sign in as somebody else than last time
    #[arg(long)]
    pub switch: bool,
    /// Print the address and a handle, and end; `--finish` goes on
    #[arg(long, conflicts_with = "finish")]
    pub start: bool,
    /// Go on with a login that `--start` began; the address that the browser ended at is read from stdin
    ///
    /// Where nobody can be asked whose account it is (no terminal, or --json), --email says it, or --yes takes any.
    #[arg(long, value_name = "HANDLE")]
    pub finish: Option<String>,
    /// Take the account that `--finish` brings without asking, whoever it is
    #[arg(long, requires = "finish")]
    pub yes: bool,
}

/// How to open it.
#[derive(Debug, Default, Flags)]
pub struct Open {
    /// Print the address instead of opening a browser
    #[arg(long)]
    pub print: bool,
}

/// Which token.
#[derive(Debug, Flags)]
pub struct Token {
    /// How long the token must live at least, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = gatepass::MIN_TTL.as_secs())]
    pub min_ttl: u64,
    /// Get a new token even if the stored one is good
    #[arg(long)]
    pub refresh: bool,
    /// For whom the token is meant, by a name that the issuer knows
    #[arg(long, value_name = "NAME")]
    pub audience: Option<String>,
    /// For whom the token is meant, by an address (RFC 8707), where the issuer wants it so
    #[arg(long, value_name = "URL", conflicts_with = "audience")]
    pub resource: Option<String>,
    /// Fewer scopes than the session has, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
}

/// How thoroughly.
#[derive(Debug, Flags)]
pub struct Doctor {
    /// Get one access token as `token` does, and print each step; no secret is in it
    #[arg(long)]
    pub trace: bool,
    /// Write a report that can be shown to others to a file, or `-`
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Leave the issuer's name out of the report too
    #[arg(long, requires = "report")]
    pub anonymous: bool,
}

/// `org`
#[derive(Debug, Subcommand)]
pub enum Org {
    /// List all organizations
    List,
    /// Switch organization
    Switch {
        /// Its name or id; without it, you choose from a list
        organization: Option<String>,
    },
    /// Clear organization selection
    Clear,
}

/// `profile`
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// List all profiles
    List,
    /// Use a profile in a folder and below
    Use {
        /// The profile
        name: String,
        /// The folder; the current one unless it is given
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Take such a rule back
    Unuse {
        /// The folder; the current one unless it is given
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// `credential`
#[derive(Debug, Subcommand)]
pub enum Helper {
    /// For git, as a credential helper
    ///
    /// git config --global credential.https://HOST.helper '!acme credential git'
    Git {
        /// `get`, `store` or `erase`
        action: String,
    },
    /// For Docker, as a credential helper
    ///
    /// Docker looks for a program called `docker-credential-NAME`: make a link of that name to this program, and name
    /// it in ~/.docker/config.json, { "credHelpers": { "HOST": "NAME" } }
    Docker {
        /// `get`, `store`, `erase`, `list` or `version`
        action: String,
    },
    /// For kubectl, as an exec plugin
    ///
    /// kubectl config set-credentials acme --exec-api-version=client.authentication.k8s.io/v1 --exec-command=acme
    /// --exec-arg=credential --exec-arg=kubectl --exec-arg=HOST
    Kubectl {
        /// The entry of the manifest; the server's host if kubectl provides it
        #[arg(value_name = "HOST")]
        cluster: Option<String>,
    },
    /// For the AWS command line, as a credential process: keys of a role, got from STS for the token
    ///
    /// aws configure set credential_process 'acme credential aws HOST'
    Aws {
        /// The entry of the manifest; the only one with `sts` unless it is given
        #[arg(value_name = "HOST")]
        name: Option<String>,
    },
    /// For Cargo, as a credential provider
    ///
    /// In .cargo/config.toml, of a registry: credential-provider = ["/path/to/acme"]
    Cargo,
    /// For npm: run a command with the token, or print the line for .npmrc
    ///
    /// acme credential npm -- npm publish
    Npm {
        /// The entry of the manifest; the only one unless it is given
        #[arg(long, value_name = "HOST")]
        registry: Option<String>,
        /// What to run; the line for .npmrc is printed otherwise
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<std::ffi::OsString>,
    },
    /// For pip and uv, in the place of the program `keyring`
    ///
    /// Make a link called `keyring` to this program, give the index's address a user name, and say
    /// pip config set global.keyring-provider subprocess
    Pip {
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        mode: KeyringMode,
        /// What to do
        action: KeyringAction,
        /// The index's address
        service: String,
        /// The user name in it
        username: Option<String>,
    },
    /// Tell a program to ask here; without --yes, show how
    Install {
        /// Which program
        #[arg(value_name = "PROGRAM")]
        receiver: Receiver,
        /// The entry of the manifest; the only one unless it is given
        host: Option<String>,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
}

/// `extension`
#[derive(Debug, Subcommand)]
pub enum Extension {
    /// Tell browsers where this program is
    Install {
        /// Which browsers; those that have a folder here unless it is given
        #[arg(long)]
        browser: Vec<Browser>,
        /// The extension's id, if the manifest does not name it: 32 letters, or in Firefox `name@example`
        #[arg(long)]
        id: Vec<String>,
        /// The folder of a browser that was started with --user-data-dir
        #[arg(long, value_name = "DIR", requires = "browser")]
        folder: Option<PathBuf>,
    },
    /// Let an extension in that asks for it
    ///
    /// It shows three words; so does this. They are the same, or it is not the extension in front of you.
    Pair {
        /// How long to wait for it, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        timeout: u64,
    },
    /// List the extensions that were let in
    List,
    /// Shut one out again
    Unpair {
        /// Its name, its id or the beginning of its key, as `list` shows them
        which: String,
    },
    /// Ask the extension for a token for one request, and print the two headers that go with it
    ///
    /// acme extension token --scope email --url https://api.acme.example/me | curl -H @- https://api.acme.example/me
    Token {
        /// What it is to allow, separated by spaces: some of what the extension's session may
        #[arg(long, value_name = "SCOPES")]
        scope: String,
        /// For whom it is meant, by a name that the issuer knows
        #[arg(long, value_name = "NAME")]
        audience: Option<String>,
        /// The request's address
        #[arg(long)]
        url: String,
        /// The request's method
        #[arg(long, default_value_t = String::from("GET"))]
        method: String,
    },
    /// What a browser starts
    #[command(hide = true)]
    Host {
        /// What the browser says
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// A browser with extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Browser {
    /// Chromium.
    Chromium,
    /// Google Chrome.
    Chrome,
    /// Microsoft Edge.
    Edge,
    /// Brave.
    Brave,
    /// Vivaldi.
    Vivaldi,
    /// Firefox.
    Firefox,
}

/// Who is told to ask here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Receiver {
    /// git.
    Git,
    /// Docker.
    Docker,
    /// kubectl.
    Kubectl,
    /// The AWS command line.
    Aws,
    /// Cargo.
    Cargo,
    /// npm.
    Npm,
    /// pip.
    Pip,
}

/// What a keyring prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyringMode {
    /// The password.
    #[default]
    Password,
    /// The user name and the password.
    Creds,
}

/// What a keyring does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyringAction {
    /// Print what is kept.
    Get,
    /// Keep something; nothing is kept here.
    Set,
    /// Forget it.
    Del,
}
