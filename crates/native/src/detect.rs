//! Whether a browser can probably be opened here. It only orders the ways of a login; a flag forces one, and the
//! address is shown, listened for and taken by paste in any case.

use std::path::Path;

/// What is known of the place where this program runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Surroundings {
    /// A desktop that needs no display variable: macOS, Windows.
    pub desktop: bool,
    /// `DISPLAY` or `WAYLAND_DISPLAY`.
    pub display: bool,
    /// `SSH_CONNECTION` or `SSH_TTY`.
    pub ssh: bool,
    /// Windows Subsystem for Linux.
    pub wsl: bool,
    /// WSL's opener of the Windows browser is installed.
    pub wslview: bool,
    /// `/.dockerenv` or `/run/.containerenv`.
    pub container: bool,
    /// A terminal inside an editor that opens addresses where its window is (`VSCODE_IPC_HOOK_CLI`).
    pub editor: bool,
    /// GitHub Codespaces.
    pub codespaces: bool,
    /// A build that nobody watches (`CI`).
    pub ci: bool,
    /// `BROWSER`: programs, separated by colons.
    pub browser: Option<String>,
}

/// Why no browser is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoBrowser {
    /// Nobody watches.
    Ci,
    /// `BROWSER` names programs for the terminal alone.
    TextOnly,
    /// The person sits at another machine.
    Ssh,
    /// A machine in the cloud, without the editor's own opener.
    Codespaces,
    /// A container has no desktop.
    Container,
    /// There is no display.
    NoDisplay,
}

impl NoBrowser {
    /// A name for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::TextOnly => "text browser",
            Self::Ssh => "ssh",
            Self::Codespaces => "codespaces",
            Self::Container => "container",
            Self::NoDisplay => "no display",
        }
    }
}

impl Surroundings {
    /// Reads the environment and looks for the marks of containers.
    pub fn of_this_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the file that looks around; it configures nothing"
        )]
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let any = |names: &[&str]| names.iter().any(|name| set(name).is_some());
        let said = |name| set(name).is_some_and(|value| value != "false" && value != "0");
        let wsl = any(&["WSL_DISTRO_NAME", "WSL_INTEROP"]);
        let wslview = wsl
            && set("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|at| at.join("wslview").exists()));
        Self {
            desktop: cfg!(any(target_os = "macos", windows)),
            display: any(&["DISPLAY", "WAYLAND_DISPLAY"]),
            ssh: any(&["SSH_CONNECTION", "SSH_TTY"]),
            wsl,
            wslview,
            container: ["/.dockerenv", "/run/.containerenv"].into_iter().any(|mark| Path::new(mark).exists()),
            editor: any(&["VSCODE_IPC_HOOK_CLI"]),
            codespaces: said("CODESPACES"),
            ci: said("CI"),
            browser: set("BROWSER").map(|value| value.to_string_lossy().into_owned()),
        }
    }

    /// Whether a browser is to be expected, or why not.
    pub fn browser(&self) -> Result<(), NoBrowser> {
        match &self.browser {
            // A person's word, or the editor's helper, which opens where the window is: SSH or not.
            Some(programs) if programs.split(':').any(|program| !is_text_browser(program)) => return Ok(()),
            // It would take the terminal away from the login that waits in it.
            Some(_) => return Err(NoBrowser::TextOnly),
            None => {}
        }
        if self.ci {
            return Err(NoBrowser::Ci);
        }
        if self.codespaces {
            return Err(NoBrowser::Codespaces);
        }
        if self.ssh {
            // A forwarded display shows a browser of this machine, which reaches the listener.
            return if self.display { Ok(()) } else { Err(NoBrowser::Ssh) };
        }
        if self.desktop || self.display || self.wsl {
            return Ok(());
        }
        Err(if self.container { NoBrowser::Container } else { NoBrowser::NoDisplay })
    }

    /// Whether the Windows browser is asked for by its own opener: `xdg-open` inside WSL finds a Linux browser in which
    /// nobody is signed in.
    pub(crate) const fn by_wslview(&self) -> bool {
        self.wslview && self.browser.is_none() && !self.ssh
    }
}

/// Browsers that run in the terminal. `www-browser` is Debian's name for whichever of them is installed.
fn is_text_browser(command: &str) -> bool {
    const TEXT: [&str; 8] = ["w3m", "lynx", "links", "links2", "elinks", "www-browser", "browsh", "edbrowse"];
    let program = command.split_ascii_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    name.is_empty() || TEXT.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Surroundings {
        Surroundings::default()
    }

    fn with(browser: &str) -> Option<String> {
        Some(String::from(browser))
    }

    #[test]
    fn expects_a_browser_where_one_is() {
        for (place, surroundings, expected) in [
            ("a desktop", Surroundings { display: true, ..at() }, Ok(())),
            ("macOS, Windows", Surroundings { desktop: true, ..at() }, Ok(())),
            ("a server room", at(), Err(NoBrowser::NoDisplay)),
            ("a container", Surroundings { container: true, ..at() }, Err(NoBrowser::Container)),
            ("a container with a display", Surroundings { container: true, display: true, ..at() }, Ok(())),
            ("ssh", Surroundings { ssh: true, ..at() }, Err(NoBrowser::Ssh)),
            ("ssh to a Mac", Surroundings { ssh: true, desktop: true, ..at() }, Err(NoBrowser::Ssh)),
            ("ssh -X", Surroundings { ssh: true, display: true, ..at() }, Ok(())),
            ("WSL", Surroundings { wsl: true, wslview: true, ..at() }, Ok(())),
            ("ssh to WSL", Surroundings { wsl: true, ssh: true, ..at() }, Err(NoBrowser::Ssh)),
            (
                "VS Code over ssh",
                Surroundings { ssh: true, editor: true, browser: with("/x/helpers/browser.sh"), ..at() },
                Ok(()),
            ),
            (
                "VS Code without its helper",
                Surroundings { ssh: true, editor: true, ..at() },
                Err(NoBrowser::Ssh),
            ),
            ("Codespaces by ssh", Surroundings { codespaces: true, ..at() }, Err(NoBrowser::Codespaces)),
            (
                "Codespaces in the editor",
                Surroundings { codespaces: true, container: true, browser: with("/x/browser.sh"), ..at() },
                Ok(()),
            ),
            ("CI", Surroundings { ci: true, display: true, ..at() }, Err(NoBrowser::Ci)),
            ("w3m", Surroundings { display: true, browser: with("w3m"), ..at() }, Err(NoBrowser::TextOnly)),
            (
                "text by path and name",
                Surroundings { browser: with("/usr/bin/lynx -accept %s:www-browser"), ..at() },
                Err(NoBrowser::TextOnly),
            ),
            ("one of two", Surroundings { browser: with("firefox:w3m"), ..at() }, Ok(())),
            ("echo", Surroundings { ci: true, browser: with("echo"), ..at() }, Ok(())),
        ] {
            assert_eq!(surroundings.browser(), expected, "{place}");
        }
    }
}
