//! What a cached token did not need, by the system calls of one process (strace; Linux alone).

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::desk::Desk;
use crate::demo::patience::Patience;
use crate::environment;
use crate::failure::Failure;
use crate::process::Running;

/// Counts over one `gatepass token`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) calls: usize,
    pub(crate) threads: usize,
    pub(crate) sockets: usize,
    pub(crate) connections: usize,
    pub(crate) kernel_keyring: usize,
    pub(crate) libraries: usize,
    pub(crate) certificates: usize,
}

impl Evidence {
    /// Watches one call; nothing where strace is missing or not allowed.
    pub(crate) fn gather(desk: &Desk, patience: &Patience) -> Result<Option<Self>, Failure> {
        let Some(strace) = environment::program("strace") else { return Ok(None) };
        let log = desk.place().join("strace");
        let mut command = desk.command(&strace);
        command.args(["-f", "-qq", "-s", "256", "-o"]).arg(&log).arg(&desk.gatepass).arg("token");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running::spawn(&mut command)?;
        let status = patience.until("strace", Duration::from_secs(30), || running.ended())?;
        let log = fs::read_to_string(&log).unwrap_or_default();
        Ok((status.success() && !log.is_empty()).then(|| Self::read(&log)))
    }

    fn read(log: &str) -> Self {
        let mut found = Self::default();
        for line in log.lines() {
            // `PID name(arguments) = result`; the rest are ends of calls, signals and exits.
            let Some((name, rest)) =
                line.split_once(' ').and_then(|(_, call)| call.trim_start().split_once('('))
            else {
                continue;
            };
            if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
                continue;
            }
            found.calls += 1;
            match name {
                "clone" | "clone3" | "fork" | "vfork" => found.threads += 1,
                "socket" => found.sockets += 1,
                "connect" => found.connections += 1,
                "keyctl" | "add_key" | "request_key" => found.kernel_keyring += 1,
                "open" | "openat" if !rest.contains("= -1 ") => {
                    let path = rest.split('"').nth(1).unwrap_or_default();
                    found.libraries += usize::from(path.contains(".so") && path != "/etc/ld.so.cache");
                    let certificate = [".pem", ".crt", "/certs", "/ssl/"];
                    found.certificates += usize::from(certificate.iter().any(|part| path.contains(part)));
                }
                _ => {}
            }
        }
        found
    }

    /// Where the key of a sealed session came from.
    pub(crate) const fn cache(&self) -> &'static str {
        match (self.connections, self.kernel_keyring) {
            (0, 0) => "none: a file alone",
            (0, _) => "kernel keyring",
            _ => "none: asked over D-Bus",
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "system_calls": self.calls,
            "threads": self.threads,
            "sockets": self.sockets,
            "connections": self.connections,
            "kernel_keyring_calls": self.kernel_keyring,
            "libraries": self.libraries,
            "certificate_files": self.certificates,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_calls() {
        let log = "\
7  execve(\"/x/gatepass\", [\"gatepass\", \"token\"], 0x7 /* 9 vars */) = 0
7  openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) = 3
7  openat(AT_FDCWD, \"/lib/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3
7  openat(AT_FDCWD, \"/etc/ssl/certs/ca.pem\", O_RDONLY) = -1 ENOENT (No such file or directory)
7  clone3({flags=CLONE_VM} => {parent_tid=[8]}, 88) = 8
8  socket(AF_UNIX, SOCK_STREAM, 0 <unfinished ...>
7  futex(0x7, FUTEX_WAIT, 2, NULL <unfinished ...>
8  <... socket resumed>) = 4
8  connect(4, {sa_family=AF_UNIX, sun_path=\"/run/bus\"}, 10) = 0
8  +++ exited with 0 +++
7  --- SIGCHLD {si_signo=SIGCHLD} ---
";
        let found = Evidence::read(log);
        let expected = Evidence {
            calls: 8,
            threads: 1,
            sockets: 1,
            connections: 1,
            libraries: 1,
            ..Evidence::default()
        };
        assert_eq!(found, expected);
        assert_eq!(found.cache(), "none: asked over D-Bus");
        assert_eq!(Evidence { kernel_keyring: 2, ..Evidence::default() }.cache(), "kernel keyring");
    }
}
