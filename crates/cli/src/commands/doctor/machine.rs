//! The program itself, the variables that are set, loopback ports, and the browser.

use std::net::{Ipv4Addr, TcpListener};

use gatepass::Surroundings;

use super::finding::Finding;
use crate::context::Context;

/// Which program this is, and where.
pub(super) fn program(context: &Context) -> Finding {
    let manifest = match &context.app.file {
        Some(file) => format!("manifest {}", file.display()),
        None => String::from("no manifest file"),
    };
    let (program, version) = (context.app.program(), env!("CARGO_PKG_VERSION"));
    let name = if context.app.is_own() { String::new() } else { format!("{program}, ") };
    Finding::ok("program", format!("{name}gatepass {version}, {}, {manifest}", system()))
}

fn system() -> String {
    let of = |path| std::fs::read_to_string(path).unwrap_or_default();
    let release = of("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    let kernel = of("/proc/sys/kernel/osrelease");
    let parts = [name.trim_matches('"'), std::env::consts::OS, kernel.trim(), std::env::consts::ARCH];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Every variable that this program goes by and that is set: what it overrides. Never what is in it.
pub(super) fn variables(context: &Context) -> Vec<Finding> {
    let variables = &context.app.variables;
    let options = &context.options;
    let named = [
        (&variables.issuer, "issuer", options.issuer.is_some().then_some("--issuer")),
        (&variables.client_id, "client", options.client_id.is_some().then_some("--client-id")),
        (&variables.api, "API", None),
        (&variables.profile, "profile", options.profile.is_some().then_some("--profile")),
    ];
    let is_set = |name: &str| context.environment.text(name).is_some();
    let mut found = Vec::new();
    for (name, what, flag) in named {
        let Some(name) = name.as_ref().filter(|name| is_set(name)) else { continue };
        let seen = match flag {
            Some(flag) => format!("{name} is set; {flag} comes first"),
            None => format!("{name} is set: it names the {what}, whatever the manifest says"),
        };
        found.push(Finding::ok("variable", seen));
    }
    for name in variables.token.iter().filter(|name| is_set(name)) {
        let used = context.given.as_ref().map(|given| given.source.words());
        let seen = if used == Some(name) {
            format!("{name} holds a token, which is used instead of the session of any profile")
        } else {
            format!("{name} holds a token, which is not used: {} comes first", used.unwrap_or_default())
        };
        found.push(Finding::warning("variable", seen).mend(format!("unset {name}")));
    }
    for (name, what) in [("GATEPASS_HOME", "where sessions are kept"), ("GATEPASS_APP", "the manifest")] {
        if is_set(name) {
            found.push(Finding::ok("variable", format!("{name} is set: it names {what}")));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok("variable", "none is set that this program goes by"));
    }
    found
}

/// Whether a login can listen.
pub(super) fn loopback(ports: &[u16]) -> Finding {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    if ports.is_empty() {
        return if free(0) {
            Finding::ok("loopback", "any free port of 127.0.0.1 can be bound")
        } else {
            Finding::wrong("loopback", "no port of 127.0.0.1 can be bound")
                .mend("bring the loopback interface up: ip link set lo up")
        };
    }
    let (open, taken): (Vec<u16>, Vec<u16>) = ports.iter().partition(|port| free(**port));
    let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    if taken.is_empty() {
        return Finding::ok("loopback", format!("{} can be bound on 127.0.0.1", list(&open)));
    }
    let who = format!("see who has it: ss -ltnp 'sport = :{}'", taken[0]);
    if open.is_empty() {
        return Finding::wrong("loopback", format!("{} cannot be bound on 127.0.0.1", list(&taken)))
            .mend(format!("{who}; a device code needs no port"));
    }
    let seen = format!("{} cannot be bound on 127.0.0.1, {} can", list(&taken), list(&open));
    Finding::warning("loopback", seen).mend(who)
}

/// Which browser a login would open.
pub(super) fn browser(context: &Context) -> Finding {
    let surroundings = Surroundings::of_this_process();
    let none = |reason: &str| {
        let seen = format!("none: {reason}; a login shows its address, to be opened anywhere");
        Finding::warning("browser", seen)
    };
    if let Err(reason) = surroundings.browser() {
        return none(reason.as_str());
    }
    if let Some(browser) = &surroundings.browser {
        let browser = browser.split(':').next().unwrap_or_default();
        return Finding::ok("browser", format!("{browser}, by BROWSER"));
    }
    if surroundings.desktop {
        return Finding::ok("browser", "the system's");
    }
    let path = context.environment.text("PATH").unwrap_or_default();
    let has = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let openers = ["wslview", "xdg-open", "gio", "gnome-open", "kde-open", "x-www-browser"];
    match openers[usize::from(!surroundings.wsl)..].iter().find(|name| has(name)) {
        Some(opener) => Finding::ok("browser", format!("by {opener}")),
        None => none("there is a display, and no xdg-open"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::State;

    #[test]
    fn a_taken_port_is_told_from_a_free_one() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let free = {
            let gone = TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap().port()
        };
        assert_eq!(loopback(&[]).state, State::Ok);
        assert_eq!(loopback(&[free]).state, State::Ok);
        assert_eq!(loopback(&[port, free]).state, State::Warning);
        let finding = loopback(&[port]);
        assert_eq!(finding.state, State::Wrong);
        assert!(finding.seen.contains(&port.to_string()), "{}", finding.seen);
    }
}
