//! The one line that scripts run by the thousand, `acme token`, read without building the whole command line, which
//! costs more than the token. Whatever is said beyond that is clap's to read.

use std::ffi::OsString;

use crate::args::{Args, Command, Options, Token};

/// Reads `token`, with `--app FILE`, `--profile NAME` and `--json` where they are said; anything else is `None`.
pub(crate) fn read(words: &[OsString]) -> Option<Args> {
    let mut options = Options::default();
    let mut token = false;
    let mut words = words.get(1..)?.iter();
    while let Some(word) = words.next() {
        match word.to_str()? {
            "token" if !token => token = true,
            "--json" if !options.json => options.json = true,
            "--app" if options.app.is_none() => options.app = Some(value(words.next()?)?.into()),
            "--profile" if options.profile.is_none() => {
                options.profile = Some(value(words.next()?)?.to_owned())
            }
            _ => return None,
        }
    }
    let min_ttl = gatepass::MIN_TTL.as_secs();
    let asked = Token { min_ttl, refresh: false, audience: None, resource: None, scope: None };
    token.then_some(Args { command: Command::Token(asked), options })
}

/// A value that cannot be taken for a flag.
fn value(word: &OsString) -> Option<&str> {
    word.to_str().filter(|word| !word.is_empty() && !word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn reads_what_clap_reads() {
        for line in [
            "gatepass token",
            "gatepass --json token",
            "gatepass token --json",
            "gatepass --app a.toml --profile work token",
            "acme token --profile work --app /etc/a.toml --json",
        ] {
            let short = read(&words(line)).unwrap_or_else(|| panic!("{line}"));
            let whole = Args::try_parse_from(words(line)).unwrap();
            assert_eq!(format!("{short:?}"), format!("{whole:?}"), "{line}");
        }
    }

    #[test]
    fn leaves_the_rest_to_clap() {
        for line in [
            "gatepass",
            "gatepass status",
            "gatepass token token",
            "gatepass token --help",
            "gatepass token --min-ttl 60",
            "gatepass token --token x",
            "gatepass --json --json token",
            "gatepass token --app",
            "gatepass token --app --json",
            "gatepass token --profile=work",
            "gatepass -- token",
        ] {
            assert!(read(&words(line)).is_none(), "{line}");
        }
    }
}
