//! Ends what this process started, however this process ends: Ctrl-C, `kill -9`, a panic.
//!
//! A shell waits on a pipe whose other end only this process holds. When the pipe closes, the shell ends every process
//! group and removes every folder that was entrusted to it and not given back. Neither signal handlers nor crates.

use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
groups=
while read -r order value; do
    case $order in
        group) groups="$groups $value" ;;
        ended) rest=; for group in $groups; do [ "$group" = "$value" ] || rest="$rest $group"; done; groups=$rest ;;
        folder) set -- "$@" "$value" ;;
    esac
done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
[ -z "$groups" ] || sleep 1
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
[ $# -eq 0 ] || rm -rf -- "$@"
"#;

/// Entrusts a process group.
pub(crate) fn watch_group(id: u32) {
    tell(&format!("group {id}"));
}

/// Takes a process group back: it has ended, and its number may soon be another's.
pub(crate) fn release_group(id: u32) {
    tell(&format!("ended {id}"));
}

/// Entrusts a temporary folder with everything in it.
pub(crate) fn watch_folder(path: &Path) {
    tell(&format!("folder {}", path.display()));
}

/// Without a shell there is no guardian, and everything else works.
fn tell(order: &str) {
    static GUARDIAN: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
    if let Some(guardian) = GUARDIAN.get_or_init(start) {
        let mut pipe = guardian.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(pipe, "{order}");
    }
}

fn start() -> Option<Mutex<ChildStdin>> {
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C goes to the terminal's process group: the guardian must outlive it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.spawn().ok()?.stdin.take().map(Mutex::new)
}
