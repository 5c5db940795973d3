//! What the demo tells, on stdout: numbered steps with what happened under them.

use std::fmt::Display;

use crate::failure::Failure;
use crate::talk;

/// The teller: knows which step is being told.
#[derive(Debug, Default)]
pub(crate) struct Story {
    number: u32,
    title: String,
}

impl Story {
    /// Begins the next step.
    pub(crate) fn step(&mut self, title: &str) {
        self.number += 1;
        title.clone_into(&mut self.title);
        talk::data(&format!("\n{}. {title}", self.number));
    }

    /// Something that belongs to the step; every line of it is indented.
    pub(crate) fn tell(&self, text: &str) {
        text.lines().for_each(|line| talk::data(format!("  {line}").trim_end()));
    }

    /// A closing part, which is no step.
    pub(crate) fn part(&self, title: &str, text: &str) {
        talk::data(&format!("\n{title}"));
        self.tell(text);
    }

    /// The failure, with the step in which it happened.
    pub(crate) fn failed(&self, failure: &Failure) -> Failure {
        let at = if self.number == 0 {
            String::new()
        } else {
            format!("step {} ({}): ", self.number, self.title.to_lowercase())
        };
        let hint =
            failure.hint_text().unwrap_or("everything that was started is gone again; run it once more");
        Failure::new(format!("{at}{failure}")).hint(hint)
    }
}

/// The failure of a program: what it said last, and what it said would help.
pub(crate) fn of_program(what: impl Display, said: &str) -> Failure {
    let (hints, words): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("hint: "));
    let failure = Failure::new(format!("{what}{}", last_lines(&words.join("\n"))));
    match hints.last() {
        Some(hint) => failure.hint(hint.trim_start_matches("hint: ")),
        None => failure,
    }
}

/// Adds what else there is to say, and what helps if nothing else is known to help.
pub(crate) fn explained(failure: &Failure, words: &str, hint: Option<&str>) -> Failure {
    let more = Failure::new(format!("{failure}{words}"));
    match failure.hint_text().or(hint) {
        Some(hint) => more.hint(hint),
        None => more,
    }
}

/// The last lines of what a program said, for a failure's message.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].iter().map(|line| format!("\n  {line}")).collect()
}

/// Enough of a token to tell it from another, too little to use: all start alike, and end in their signature.
pub(crate) fn shortened(token: &str) -> String {
    let characters: Vec<char> = token.chars().collect();
    let count = characters.len();
    let start: String = characters.iter().take(12.min(count / 4)).collect();
    let end: String = characters[count - 6.min(count / 4)..].iter().collect();
    format!("{start}…{end} ({count} characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_tokens_and_logs() {
        let token = format!("eyJhbGciOiJFUzI1NiJ9.{}.signature", "x".repeat(100));
        assert_eq!(shortened(&token), "eyJhbGciOiJF…nature (131 characters)");
        assert_eq!(shortened("secret"), "s…t (6 characters)");
        let log: String = (0..20).map(|number| format!("line {number}\n\n")).collect();
        assert!(last_lines(&log).starts_with("\n  line 12\n"));
        assert_eq!(last_lines(""), "");
    }

    #[test]
    fn names_the_step_that_failed() {
        let story = Story { number: 1, title: "Doing this".to_owned() };
        let failed = story.failed(&Failure::new("no").hint("help"));
        assert_eq!((failed.message(), failed.hint_text()), ("step 1 (doing this): no", Some("help")));
    }

    #[test]
    fn keeps_the_hint_of_whoever_knows_best() {
        let program = of_program("it ended", "error: locked\nhint: unlock it\n");
        assert_eq!(
            (program.message(), program.hint_text()),
            ("it ended\n  error: locked", Some("unlock it"))
        );
        let more = explained(&program, "!", Some("another"));
        assert_eq!((more.message(), more.hint_text()), ("it ended\n  error: locked!", Some("unlock it")));
        assert_eq!(explained(&Failure::new("no"), "", Some("another")).hint_text(), Some("another"));
    }
}
