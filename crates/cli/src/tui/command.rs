//! The commands of the input line.

use crate::profiles;

/// What can be typed after the slash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Status,
    Login(Option<String>),
    Logout { forget: bool },
    Organization,
    Refresh,
    Help,
    Quit,
}

/// The names, the keys that do the same, and what that is, as the help shows them.
pub(crate) const NAMES: [(&str, &str, &str); 7] = [
    ("status", " ", "who is signed in, and where"),
    ("login", "l", "sign in, or /login PROFILE"),
    ("logout", "o", "sign out"),
    ("refresh", "r", "get a new access token"),
    ("org", "g", "choose the organization"),
    ("help", "?", "keys and commands"),
    ("quit", "q", "leave; nobody is signed out"),
];

/// Reads a line without its slash, or says what is wrong with it.
pub(crate) fn parse(line: &str) -> Result<Command, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Ok(match words.as_slice() {
        ["status"] => Command::Status,
        ["login"] => Command::Login(None),
        ["login", name] => {
            profiles::check(name).map_err(|trouble| trouble.message())?;
            Command::Login(Some((*name).to_owned()))
        }
        ["logout"] => Command::Logout { forget: false },
        ["logout", "--forget"] => Command::Logout { forget: true },
        ["org"] => Command::Organization,
        ["refresh"] => Command::Refresh,
        ["help"] => Command::Help,
        ["quit" | "exit"] => Command::Quit,
        _ => {
            let names = NAMES.map(|(name, ..)| format!("/{name}"));
            return Err(format!("there is no such command; there are {}", names.join(" ")));
        }
    })
}

/// The names that begin with what is typed so far.
pub(crate) fn beginning(typed: &str) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().map(|(name, ..)| name).filter(move |name| name.starts_with(typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_command_that_the_help_names() {
        for (name, ..) in NAMES {
            parse(name).unwrap();
        }
        assert_eq!(parse(" login  work "), Ok(Command::Login(Some("work".to_owned()))));
        assert_eq!(parse("logout --forget"), Ok(Command::Logout { forget: true }));
    }

    #[test]
    fn says_what_there_is() {
        for line in ["", "stat", "status now", "logout --all", "login a b"] {
            let said = parse(line).unwrap_err();
            assert!(NAMES.iter().all(|(name, ..)| said.contains(&format!("/{name}"))), "{line}: {said}");
        }
        assert!(parse("login ../x").unwrap_err().contains("profile"));
    }
}
