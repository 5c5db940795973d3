//! A report that can be shown to anybody: nobody's name, address or home is in it.

#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::context::Context;
use crate::words::Trouble;

/// What must not stand in a report.
#[derive(Debug)]
pub(super) struct Redaction {
    home: Option<String>,
    user: Vec<String>,
    /// Who is signed in, should it stand somewhere by another name.
    account: Vec<String>,
    /// Hosts that may be shown.
    hosts: Vec<String>,
}

impl Redaction {
    /// `account` are the names by which the person is known. With `anonymous`, not even the issuer is named.
    pub(super) fn of(context: &Context, account: Vec<String>, anonymous: bool) -> Self {
        let environment = &context.environment;
        let home = environment.home();
        let folder = home.as_ref().and_then(|home| Some(home.file_name()?.to_str()?.to_owned()));
        let user = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| environment.text(name));
        let issuer = context.issuer.as_ref().filter(|_| !anonymous).map(|issuer| {
            let (_, rest) = issuer.value.split_once("://").unwrap_or_default();
            host(authority(rest)).to_owned()
        });
        Self {
            home: home.map(|home| home.display().to_string()).filter(|home| home.len() > 1),
            // Everybody is root somewhere.
            user: user.chain(folder).filter(|name| name.len() > 1 && name != "root").collect(),
            account,
            hosts: issuer.into_iter().collect(),
        }
    }

    /// A text without all of it.
    fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for account in &self.account {
            text = replace_word(&text, account, "[account]");
        }
        if let Some(home) = &self.home {
            text = replace_word(&text, home, "~");
        }
        for user in &self.user {
            text = replace_word(&text, user, "[user]");
        }
        let lines: Vec<String> = text.lines().map(|line| self.line(line)).collect();
        lines.join("\n")
    }

    fn line(&self, line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(|word| self.word(word)).collect();
        words.join(" ")
    }

    fn word(&self, word: &str) -> String {
        if let Some((scheme, rest)) = word.split_once("://") {
            let authority = authority(rest);
            let name = host(authority);
            if ["127.0.0.1", "localhost", "[::1]"].contains(&name)
                || self.hosts.iter().any(|host| host == name)
            {
                return word.to_owned();
            }
            return format!("{scheme}://[host]{}", &rest[authority.len()..]);
        }
        match word.split_once('@') {
            Some((name, domain)) if !name.is_empty() && domain.contains(|c: char| c.is_alphanumeric()) => {
                String::from("[address]")
            }
            _ => word.to_owned(),
        }
    }
}

/// The text of a report, ready to be pasted. A transcript has no names to begin with, and stays as it is.
pub(super) fn write(redaction: &Redaction, findings: &str, transcript: Option<&str>) -> String {
    let mut text = redaction.apply(findings);
    if let Some(transcript) = transcript {
        text.push_str("\n\n");
        text.push_str(transcript);
    }
    format!("```text\n{text}\n```")
}

/// Puts a report into a file.
pub(super) fn save(path: &Path, report: &str) -> Result<(), Trouble> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        owned(&file)?;
        writeln!(file, "{report}")
    });
    written.map_err(|error| Trouble::Usage(format!("cannot write `{}`: {error}", path.display())))
}

/// A file that was there keeps the mode that it had, unless it is said. What is no file (a terminal) is left alone.
#[cfg(unix)]
fn owned(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    if !file.metadata()?.is_file() {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as it is elsewhere")]
fn owned(_: &File) -> io::Result<()> {
    Ok(())
}

/// The part of an address between `://` and the path, as it stands in a sentence.
fn authority(rest: &str) -> &str {
    let authority = rest.split(['/', ',', ';', '`', '\'', '"', ')']).next().unwrap_or_default();
    authority.trim_end_matches([':', '.'])
}

/// The host of it, without user and port.
fn host(authority: &str) -> &str {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Replaces a word where it stands alone: `ada` in `/home/ada/x`, not in `adapter`.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    if word.is_empty() {
        return text.to_owned();
    }
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let begins = word.chars().next().is_some_and(|c| !c.is_alphanumeric())
            || !part(before.chars().next_back().or_else(|| done.chars().next_back()));
        let whole = begins && !part(after.chars().next());
        done.push_str(before);
        done.push_str(if whole { with } else { word });
        rest = after;
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(anonymous: bool) -> Redaction {
        Redaction {
            home: Some(String::from("/home/ada")),
            user: vec![String::from("ada")],
            account: vec![String::from("u-17"), String::from("ada@acme.example")],
            hosts: if anonymous { Vec::new() } else { vec![String::from("login.acme.example")] },
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_there_becomes_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.txt");
        std::fs::write(&path, "an older and longer one").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        save(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        save(Path::new("/dev/null"), "nowhere").unwrap();
    }

    #[test]
    fn nobody_is_in_a_report() {
        let text = "manifest: /home/ada/x.toml; adapter, ada; /data/ada/y\nprofile ada@home.example, by --profile; u-17 ada@acme.example u-170\nhttps://login.acme.example:8443/a answered; http://10.0.0.7:3128, by HTTPS_PROXY";
        assert_eq!(
            redaction(false).apply(text),
            "manifest: ~/x.toml; adapter, [user]; /data/[user]/y\nprofile [address] by --profile; [account] [account] u-170\nhttps://login.acme.example:8443/a answered; http://[host], by HTTPS_PROXY"
        );
        let anonymous = redaction(true).apply(text);
        assert!(anonymous.contains("https://[host]/a answered"), "{anonymous}");
        for here in ["http://127.0.0.1:9400: nobody", "`http://localhost` x", "http://[::1]:1/a"] {
            assert_eq!(redaction(true).apply(here), here);
        }
        assert_eq!(redaction(false).apply("https://ada:pw@login.evil.example."), "https://[host].");
    }
}
