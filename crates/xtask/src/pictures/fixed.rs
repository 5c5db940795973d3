//! Fixed words for what differs from run to run, so that a picture changes only where the product has changed.
//!
//! Only where what stands there is what it should be: anything else is news, and shown.

use std::fs;

use regex_lite::{Regex, escape};

use super::grid::Line;
use crate::failure::Failure;

/// The issuer that stands for the run's own.
pub(super) const ISSUER: &str = "http://127.0.0.1:9400";

/// The code that stands for the run's own.
pub(super) const USER_CODE: &str = "WDJB-MJHT";

/// Patterns whose group goes, and what comes instead. The issuer and the home folder are fixed before.
const RULES: [(&str, &str); 12] = [
    // The parameters of a sign-in, whose address has a line of its own.
    (r"^  http://127\.0\.0\.1:9400/authorize(\?\S+)$", "?…"),
    (r"^([⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]) \d:\d\d left", "⠹"),
    (r"^⠹ (5:00|4:\d\d) left", "4:52"),
    (r"expires in (1 hour|5\d minutes)$", "59 minutes"),
    (r"signed in (\d+ seconds?) ago", "12 seconds"),
    (r"\b(59:\d\d)\b", "59:42"),
    // Longer ones come with a warning.
    (r"answered in (\d{1,3}) ms", "8"),
    (r"writes, reads and removes, in (\d{1,3}) ms$", "21"),
    (r"compare it: ([B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4})$", USER_CODE),
    (
        concat!(
            r"^ok +program +gatepass (",
            env!("CARGO_PKG_VERSION"),
            r"), \S.* linux \S+ \S+, no manifest file$"
        ),
        "0.1.0",
    ),
    (
        r"^ok +program +gatepass 0\.1\.0, (\S.* linux \S+ \S+), no manifest file$",
        "Debian GNU/Linux 13 (trixie) linux 6.12 x86_64",
    ),
    // A browser that does nothing: the address is opened in the run's own, which is a Chromium.
    (r"^ok +browser +(true), by BROWSER$", "chromium"),
];

/// What is fixed in one run.
#[derive(Debug)]
pub(super) struct Fixed {
    rules: Vec<(Regex, &'static str)>,
    /// What no picture may hold.
    own: Vec<String>,
}

impl Fixed {
    /// `issuer` and `home` are the run's own.
    pub(super) fn new(issuer: &str, home: &str) -> Result<Self, Failure> {
        let places =
            [(format!("({})", escape(issuer)), ISSUER), (format!("({})", escape(home)), "/home/ada")];
        let rules = RULES.map(|(pattern, words)| (pattern.to_owned(), words));
        let rules = places.into_iter().chain(rules).map(|(pattern, words)| {
            let compiled = Regex::new(&pattern);
            compiled
                .map(|pattern| (pattern, words))
                .map_err(|error| Failure::new(format!("{pattern}: {error}")))
        });
        let port = issuer.rsplit(':').next().unwrap_or_default();
        // Which machine the pictures were taken on is nobody's concern.
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let of_machine = Some(release.trim().to_owned()).filter(|release| !release.is_empty());
        let own = [format!(":{port}"), home.to_owned()].into_iter().chain(of_machine).collect();
        Ok(Self { rules: rules.collect::<Result<_, _>>()?, own })
    }

    /// The lines as another run would have them; refuses what is still of this one.
    pub(super) fn apply(&self, mut lines: Vec<Line>) -> Result<Vec<Line>, Failure> {
        for line in &mut lines {
            for (pattern, words) in &self.rules {
                let text = line.text();
                // From the end, so that places before stay where they are.
                let found: Vec<_> =
                    pattern.captures_iter(&text).filter_map(|found| Some(found.get(1)?.range())).collect();
                for place in found.into_iter().rev() {
                    line.replace(place, words);
                }
            }
            let text = line.text();
            if self.own.iter().any(|own| text.contains(own)) {
                return Err(Failure::new(format!("this would differ in every picture: {text}")));
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::grid::Style;

    fn fixed(said: &str) -> Result<String, Failure> {
        let fixed = Fixed::new("http://127.0.0.1:37213", "/tmp/x.y/person").unwrap();
        let lines = fixed.apply(vec![Line::new(said, Style::default())])?;
        Ok(lines[0].text())
    }

    #[test]
    fn fixes_what_differs_from_run_to_run() {
        for (said, shown) in [
            ("  http://127.0.0.1:37213/authorize?a=1&b=2", "  http://127.0.0.1:9400/authorize?…"),
            ("signed in to http://127.0.0.1:37213 as a@b", "signed in to http://127.0.0.1:9400 as a@b"),
            ("⠴ 5:00 left; d: device code", "⠹ 4:52 left; d: device code"),
            ("Token:   expires in 1 hour", "Token:   expires in 59 minutes"),
            ("Session: bound, signed in 1 second ago", "Session: bound, signed in 12 seconds ago"),
            ("* a@b  default  59:59", "* a@b  default  59:42"),
            (
                "and enter this code, or compare it: BCDF-GHJK",
                "and enter this code, or compare it: WDJB-MJHT",
            ),
            (
                "ok  issuer  http://127.0.0.1:37213 answered in 312 ms",
                "ok  issuer  http://127.0.0.1:9400 answered in 8 ms",
            ),
            ("ok  files  /tmp/x.y/person/.local", "ok  files  /home/ada/.local"),
            ("ok       browser  true, by BROWSER", "ok       browser  chromium, by BROWSER"),
        ] {
            assert_eq!(fixed(said).unwrap(), shown);
        }
        let program = "ok  program  gatepass 0.1.0, My OS linux 1-x arm, no manifest file";
        assert!(
            fixed(program).unwrap().contains("0.1.0, Debian GNU/Linux 13 (trixie) linux 6.12 x86_64, no")
        );
    }

    #[test]
    fn shows_what_is_not_as_it_should_be() {
        for said in [
            "Token:   expires in 5 minutes",
            "⠴ 3:59 left",
            "answered in 1312 ms",
            "compare it: ABCD-EFGH",
            "59:420",
            "warning  browser  true, by BROWSER",
        ] {
            assert!(fixed(said).unwrap().ends_with(said.trim_start_matches('⠴')), "{said}");
        }
        assert!(fixed("see [::1]:37213/x").is_err(), "the run's own port");
        if let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") {
            assert!(fixed(&format!("My OS linux {release}")).is_err(), "the machine's own kernel");
        }
    }
}
