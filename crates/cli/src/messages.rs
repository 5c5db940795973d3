//! What a command says, line by line, in a manifest's words or in ours.
//!
//! A line may hold names in braces. A line whose name has no value here (nobody chose an organization, the token does
//! not say who it belongs to) is left out as a whole.

use std::collections::BTreeMap;

use gatepass_core::text::is_shown;
use serde::Deserialize;

/// The lines of each message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Messages {
    /// A login begins.
    pub login_begins: Vec<String>,
    /// A browser was opened.
    pub login_opened: Vec<String>,
    /// No browser was opened: the person has to do it.
    pub login_open_by_hand: Vec<String>,
    /// The address, after one of the two above.
    pub login_address: Vec<String>,
    /// The words to compare, after the address, where that is a dashboard's.
    pub login_words: Vec<String>,
    /// A device code is shown.
    pub login_device_code: Vec<String>,
    /// Somebody is signed in.
    pub login_done: Vec<String>,
    /// An organization was chosen.
    pub login_organization: Vec<String>,
    /// `status`, signed in.
    pub status: Vec<String>,
    /// `whoami`, signed in.
    pub whoami: Vec<String>,
    /// Signed out here and at the issuer.
    pub logout_done: Vec<String>,
    /// Signed out here; the issuer could not be told.
    pub logout_here_only: Vec<String>,
    /// There was nobody to sign out.
    pub logout_nobody: Vec<String>,
    /// What is said instead of our own words, by the code that `--json` has in `error`; `login.` before it is for
    /// `login` alone. `{reason}` and `{hint}` are our own words.
    pub errors: BTreeMap<String, Vec<String>>,
}

/// What names in braces stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(Vec<(&'static str, String)>);

/// All names that a line may hold.
const NAMES: [&str; 19] = [
    "account",
    "age",
    "address",
    "code",
    "email",
    "expires_at",
    "expires_in",
    "hint",
    "issuer",
    "organization",
    "organization_id",
    "profile",
    "profile_by",
    "program",
    "reason",
    "session",
    "storage",
    "token",
    "words",
];

impl Values {
    /// With one more value.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        debug_assert!(NAMES.contains(&name), "{name}");
        self.0.push((name, value.into()));
        self
    }

    /// With one more value, if there is one.
    #[must_use]
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The lines that can be said with these values.
    pub(crate) fn fill(&self, lines: &[String]) -> String {
        let filled: Vec<String> = lines.iter().filter_map(|line| self.line(line)).collect();
        filled.join("\n")
    }

    fn line(&self, line: &str) -> Option<String> {
        let mut text = String::with_capacity(line.len());
        for piece in pieces(line) {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Name(name) => {
                    let (_, value) = self.0.iter().rev().find(|(known, _)| *known == name)?;
                    text.push_str(&printable(value));
                }
            }
        }
        Some(text)
    }
}

/// What servers and files say is shown as text: it must not move the cursor, colour the screen, turn what stands beside
/// it around, or hold what nobody sees.
pub(crate) fn printable(value: &str) -> String {
    value.chars().map(|character| if is_shown(character) { character } else { '\u{fffd}' }).collect()
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        pieces.extend([Piece::Text(before), Piece::Name(name)]);
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

impl Messages {
    /// Refuses names that stand for nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        for line in self.all().into_iter().flatten() {
            for piece in pieces(line) {
                if let Piece::Name(name) = piece
                    && !NAMES.contains(&name)
                {
                    return Err(format!(
                        "`{{{name}}}` in a message stands for nothing: {}",
                        NAMES.join(", ")
                    ));
                }
            }
        }
        Ok(())
    }

    fn all(&self) -> Vec<&Vec<String>> {
        let Self {
            login_begins,
            login_opened,
            login_open_by_hand,
            login_address,
            login_words,
            login_device_code,
            login_done,
            login_organization,
            status,
            whoami,
            logout_done,
            logout_here_only,
            logout_nobody,
            errors,
        } = self;
        let fixed = [
            login_begins,
            login_opened,
            login_open_by_hand,
            login_address,
            login_words,
            login_device_code,
            login_done,
            login_organization,
            status,
            whoami,
            logout_done,
            logout_here_only,
            logout_nobody,
        ];
        fixed.into_iter().chain(errors.values()).collect()
    }
}

impl Default for Messages {
    fn default() -> Self {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Self {
            login_begins: Vec::new(),
            login_opened: lines(&["your browser should open now; if it does not, open this address in it:"]),
            login_open_by_hand: lines(&["open this address in a browser:"]),
            login_address: lines(&["", "  {address}", ""]),
            login_words: lines(&["compare these three words with the page: {words}", ""]),
            login_device_code: lines(&[
                "on any device, open {address}",
                "and enter this code, or compare it: {code}",
            ]),
            login_done: lines(&["signed in to {issuer} as {account}"]),
            login_organization: lines(&["organization: {organization}"]),
            status: lines(&[
                "Account: {account}",
                "Issuer:  {issuer}",
                "Profile: {profile_by}",
                "Org:     {organization}",
                "Token:   {token}",
                "Session: {session}",
                "Storage: {storage}",
            ]),
            whoami: lines(&["{account}"]),
            logout_done: lines(&["signed out {account}, here and at {issuer}"]),
            logout_here_only: lines(&["signed out {account} here; not at {issuer}: {reason}"]),
            logout_nobody: lines(&["nobody was signed in"]),
            errors: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_value_is_left_out() {
        let lines = ["Email: {email}", "Organization: {organization}", "", "bye"].map(str::to_owned);
        let values = Values::default().with("email", "ada@example.com");
        assert_eq!(values.fill(&lines), "Email: ada@example.com\n\nbye");
        let values = values.maybe("organization", Some("Acme {email}"));
        assert_eq!(values.fill(&lines[1..2]), "Organization: Acme {email}", "a value is no template");
    }

    #[test]
    fn a_value_is_only_text() {
        let values = Values::default().with("email", "\u{1b}[2Ja@b.example\nroot");
        assert_eq!(values.fill(&["{email}".to_owned()]), "\u{fffd}[2Ja@b.example\u{fffd}root");
        for unseen in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{e0041}'] {
            assert_eq!(
                printable(&format!("Acme {unseen}moc")),
                "Acme \u{fffd}moc",
                "{}",
                unseen.escape_unicode()
            );
        }
        assert_eq!(printable("Zoë 日本"), "Zoë 日本");
    }

    #[test]
    fn our_own_words_are_sound() {
        Messages::default().check().unwrap();
    }

    #[test]
    fn braces_that_do_not_close_are_text() {
        assert_eq!(Values::default().fill(&["a { b".to_owned()]), "a { b");
    }
}
