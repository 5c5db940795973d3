//! A keyring of the run's own, so that the picture shows what people with a keyring see, and theirs is left alone.

use std::env::temp_dir;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::demo::patience::Patience;
use crate::environment;
use crate::failure::Failure;
use crate::process::Running;
use crate::scratch::Folder;

const LIMIT: Duration = Duration::from_secs(20);

const PROGRAMS: [&str; 3] = ["dbus-run-session", "gnome-keyring-daemon", "dbus-send"];

/// Ready once somebody answers to the name of the secret service; it ends when its stdin does. In the foreground, so
/// that the daemon stays in the process group that is ended.
const SCRIPT: &str = r#"
printf picture | gnome-keyring-daemon --unlock --foreground --components=secrets >/dev/null 2>&1 &
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetNameOwner \
    string:org.freedesktop.secrets >/dev/null 2>&1; do sleep 0.05; done
echo "$DBUS_SESSION_BUS_ADDRESS"
read -r _
"#;

/// Dropped, bus and daemon end.
#[derive(Debug)]
pub(crate) struct Keyring {
    bus: String,
    // Dropped in this order: what runs ends before its folder is removed.
    running: Running,
    _place: Folder,
}

impl Keyring {
    /// Starts one on a bus of its own; none where the programs are missing.
    pub(crate) fn start(patience: &Patience) -> Result<Option<Self>, Failure> {
        if PROGRAMS.iter().any(|name| environment::program(name).is_none()) {
            return Ok(None);
        }
        let place = Folder::within(&temp_dir(), "keyring")?;
        let said = place.path().join("bus");
        let file = |path: &Path| File::create(path).map_err(|error| Failure::io(path.display(), &error));
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", SCRIPT]).env("HOME", place.path());
        for name in ["XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env(name, place.path());
        }
        command.stdin(Stdio::piped()).stdout(file(&said)?).stderr(file(&place.path().join("log"))?);
        let mut running = Running::spawn(&mut command)?;
        let bus = patience.until("the keyring", LIMIT, || {
            if let Some(status) = running.ended()? {
                return Err(Failure::new(format!("the keyring ended with {status}")));
            }
            let said = fs::read_to_string(&said).unwrap_or_default();
            Ok(said.strip_suffix('\n').map(str::to_owned))
        })?;
        Ok(Some(Self { bus, running, _place: place }))
    }

    /// The bus on which it is found.
    pub(crate) fn bus(&self) -> &str {
        &self.bus
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        // Asked, the bus removes its socket, which does not lie in our folder; what is left after a while is ended.
        drop(self.running.child().stdin.take());
        let _ = Patience::deaf().until("the keyring's end", Duration::from_secs(5), || self.running.ended());
    }
}
