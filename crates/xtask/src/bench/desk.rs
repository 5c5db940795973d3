//! The surroundings that all who are measured share: one session, one keyring, one environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build;
use crate::demo::house::House;
use crate::demo::patience::Patience;
use crate::demo::visitor::{Visitor, Walker};
use crate::environment;
use crate::failure::Failure;
use crate::pictures::keyring::Keyring;
use crate::scratch::Folder;
use crate::talk;

/// The client that a peer signs in as. Known to nobody but the authority of this run.
pub(crate) const PEER: &str = "peer";
pub(crate) const PEER_SECRET: &str = "made-up-for-this-run-and-gone-with-it";

/// A signed-in terminal, and what else runs for it.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) house: House,
    pub(crate) gatepass: PathBuf,
    /// The port of this machine where peers are called back.
    pub(crate) port: u16,
    // Dropped after the house, which clears its entry.
    keyring: Option<Keyring>,
}

impl Desk {
    /// Signs in, over HTTP as a browser would.
    pub(crate) fn new(programs: Folder, patience: &Patience) -> Result<Self, Failure> {
        let gatepass = programs.path().join(build::executable("gatepass"));
        let port = free_port()?;
        let config = programs.path().join("authority.toml");
        let client = format!(
            "[[client]]\nid = '{PEER}'\nname = 'Peer'\ntype = 'web'\nsecret = '{PEER_SECRET}'\n\
             redirect_uris = ['http://localhost:{port}']\nalways_refresh = true\n"
        );
        fs::write(&config, client).map_err(|error| Failure::io(config.display(), &error))?;
        let mut house = House::open_with(programs, &["--config".into(), config.into()], patience)?;
        let keyring = Keyring::start(patience)?;
        match &keyring {
            Some(keyring) => house.terminal.set("DBUS_SESSION_BUS_ADDRESS", keyring.bus().to_owned()),
            None => {
                talk::note("note: dbus-run-session or gnome-keyring is missing: a plain file is measured")
            }
        }
        let desk = Self { house, gatepass, port, keyring };
        let mut login = desk.house.terminal.login()?;
        let address = login.address()?;
        desk.approve(&address, "terminal@example.com", "You are signed in")?;
        login.finish()?;
        Ok(desk)
    }

    /// Where everything lies.
    pub(crate) fn place(&self) -> &Path {
        self.house.place()
    }

    /// A program in the environment that all share: nothing of this machine's own but the search path.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let place = self.place();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", environment::variable("PATH").unwrap_or_default())
            .env("HOME", place)
            .env("LANG", "C.UTF-8")
            .env("GATEPASS_APP", place.join("app.toml"))
            .env("GATEPASS_HOME", place.join("home"))
            .env("GH_CONFIG_DIR", place.join("gh"))
            .env("OIDC_CONFIG_DIR", place.join("oidc-agent"))
            .env("OIDC_SOCK", place.join("agent.sock"));
        if let Some(keyring) = &self.keyring {
            command.env("DBUS_SESSION_BUS_ADDRESS", keyring.bus());
        }
        command
    }

    /// How the session is kept, in the command's own word.
    pub(crate) fn storage(&self) -> Result<String, Failure> {
        let status = self.house.terminal.json(&["status"])?;
        let storage = status["storage"].as_str();
        storage.map(str::to_owned).ok_or_else(|| Failure::new("`gatepass status` names no storage"))
    }

    /// What a person does in the browser.
    pub(crate) fn approve(&self, address: &str, account: &str, done: &str) -> Result<(), Failure> {
        let mut visitor = Walker::default();
        visitor.open(address)?;
        visitor.submit("sign-in", "continue", &[("email", account)])?;
        visitor.open(&self.house.link(account)?)?;
        visitor.submit("open-link", "sign-in", &[])?;
        visitor.submit("consent", "allow", &[])?;
        visitor.see(done)
    }
}

/// A port that was free a moment ago: it must be known before the program starts that listens there.
fn free_port() -> Result<u16, Failure> {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::io("no free port", &error))
}
