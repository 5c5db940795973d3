//! What a person does in a terminal, and what it shows meanwhile.

use std::fs;
use std::path::Path;

use regex_lite::Regex;

use super::Picture;
use super::fixed::{Fixed, ISSUER, USER_CODE};
use super::grid::{Cell, Line, Style};
use super::keyring::Keyring;
use super::window::{PROMPT, Window, text};
use super::{column, qr, svg};
use crate::demo::by_itself;
use crate::demo::chromium::Chromium;
use crate::demo::house::House;
use crate::demo::patience::Patience;
use crate::demo::story::Story;
use crate::demo::visitor::{Visitor, Walker};
use crate::environment;
use crate::failure::Failure;

/// The second account, which the live view lists beside the first.
const COLLEAGUE: &str = "demo@acme.example";

/// As many rows as the longest command needs, and as a live view has in a small window.
const TALL: usize = 60;
const SMALL: usize = 14;

/// A person with a home of their own, in front of terminals.
#[derive(Debug)]
pub(super) struct Person<'a> {
    house: &'a House,
    patience: &'a Patience,
    fixed: Fixed,
    /// All that their programs see of the world.
    variables: Vec<(&'static str, String)>,
}

impl<'a> Person<'a> {
    /// `programs` is where theirs lie.
    pub(super) fn new(
        house: &'a House,
        programs: &Path,
        keyring: &Keyring,
        patience: &'a Patience,
    ) -> Result<Self, Failure> {
        let home = house.place().join("person");
        fs::create_dir_all(&home).map_err(|error| Failure::io(home.display(), &error))?;
        let home = home.display().to_string();
        let path = environment::variable("PATH").unwrap_or_default();
        let variables = vec![
            ("PATH", format!("{}:{path}", programs.display())),
            ("TERM", "xterm-256color".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            // It opens nothing: the address is opened in the run's own browser.
            ("BROWSER", "true".to_owned()),
            ("DBUS_SESSION_BUS_ADDRESS", keyring.bus().to_owned()),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ("GATEPASS_ISSUER", house.issuer.clone()),
            ("HOME", home.clone()),
        ];
        Ok(Self { house, patience, fixed: Fixed::new(&house.issuer, &home)?, variables })
    }

    /// `login`, while it waits and when it is done; the person signs in in `chromium`.
    pub(super) fn login(&self, story: &Story, chromium: &mut Chromium) -> Result<Picture, Failure> {
        let (waiting, done) = self
            .sign_in("gatepass login", |address| by_itself::approve(story, self.house, chromium, address))?;
        let (waiting, done) = (self.fixed.apply(waiting)?, self.fixed.apply(done)?);
        // What stood there before is not shown twice.
        let same = waiting.iter().zip(&done).take_while(|(before, after)| before == after).count();
        let news = done[same..].to_vec();
        Ok(picture(
            "login.svg",
            "gatepass login, while it waits and when it is done",
            vec![waiting, with_cursor(news)],
        ))
    }

    /// A second account, of which there is no picture.
    pub(super) fn sign_in_colleague(&self) -> Result<(), Failure> {
        let mut visitor = Walker::default();
        self.sign_in("gatepass --profile work login", |address| {
            visitor.open(address)?;
            visitor.submit("sign-in", "continue", &[("email", COLLEAGUE)])?;
            visitor.open(&self.house.link(COLLEAGUE)?)?;
            visitor.submit("open-link", "sign-in", &[])?;
            visitor.submit("consent", "allow", &[])?;
            visitor.see("You are signed in")
        })
        .map(drop)
    }

    /// What stands in the window while a login waits, and afterwards.
    fn sign_in(
        &self,
        command: &str,
        approve: impl FnOnce(&str) -> Result<(), Failure>,
    ) -> Result<(Vec<Line>, Vec<Line>), Failure> {
        let window = self.window(TALL)?;
        window.enter(command)?;
        let waiting = window.shows(&pattern(r"(?m)^  http\S+$[\s\S]+^\S \d:\d\d left")?)?;
        let address = waiting.iter().map(Line::text).find(|line| line.starts_with("  http"));
        approve(address.unwrap_or_default().trim_start())?;
        let done = window.ended(command)?;
        if !text(&done).contains("\nsigned in to ") {
            return Err(Failure::new(format!("`{command}` signed nobody in:\n{}", text(&done))));
        }
        Ok((waiting, done))
    }

    /// `login --auth-flow device_code`, while it waits. Nobody signs in: Ctrl-C ends it.
    pub(super) fn device_code(&self) -> Result<Picture, Failure> {
        let command = "gatepass login --auth-flow device_code";
        let window = self.window(TALL)?;
        window.enter(command)?;
        let mut lines = window
            .shows(&pattern(r"(?m)^and enter this code, or compare it: \S+$[\s\S]+^\S \d:\d\d left")?)?;
        let shown = text(&lines);
        let found = pattern(r"open (\S+)\n.*compare it: (\S+)")?;
        let found = found.captures(&shown).map(|found| found.extract());
        let Some((_, [address, code])) = found else {
            return Err(Failure::new(format!("there is no code to be seen:\n{shown}")));
        };
        // RFC 8628 section 3.3.1: verification_uri_complete
        let complete = |address: &str, code: &str| format!("{address}?user_code={code}");
        let stand_in = complete(&address.replace(&self.house.issuer, ISSUER), USER_CODE);
        qr::exchange(&mut lines, &complete(address, code), &stand_in)?;
        let lines = self.fixed.apply(lines)?;
        if text(&lines).contains(code) {
            return Err(Failure::new("the code of this run is still in the picture"));
        }
        window.press("C-c")?;
        window.ended(command)?;
        Ok(picture("device-code.svg", command, vec![lines]))
    }

    /// A command that ends by itself, having said these words in a line.
    pub(super) fn command(&self, name: &'static str, command: &str, words: &str) -> Result<Picture, Failure> {
        let lines = self.window(TALL)?.run(command)?;
        if !lines.iter().any(|line| line.text() == words) {
            return Err(Failure::new(format!("`{command}` does not say \"{words}\":\n{}", text(&lines))));
        }
        Ok(picture(name, command, vec![with_cursor(column::whole(lines, |lines| self.fixed.apply(lines))?)]))
    }

    /// The live view with two accounts.
    pub(super) fn tui(&self) -> Result<Picture, Failure> {
        let window = self.window(SMALL)?;
        window.enter("gatepass tui")?;
        let both = window.shows(&pattern(r"59:\d\d[\s\S]+59:\d\d[\s\S]+59:\d\d")?)?;
        let lines = self.fixed.apply(both)?;
        window.press("q")?;
        Ok(picture("tui.svg", "gatepass tui, with two accounts", vec![lines]))
    }

    fn window(&self, rows: usize) -> Result<Window, Failure> {
        Window::open(rows, &self.variables, self.patience)
    }
}

fn picture(name: &'static str, title: &str, moments: Vec<Vec<Line>>) -> Picture {
    let svg = svg::draw(&format!("A terminal: {title}"), &moments);
    Picture { name, bytes: svg.into_bytes() }
}

/// The shell waits behind its last prompt.
fn with_cursor(mut lines: Vec<Line>) -> Vec<Line> {
    if let Some(prompt) = lines.last_mut().filter(|line| line.text() == PROMPT) {
        let cell = |reversed| Cell { character: ' ', style: Style { reversed, ..Style::default() } };
        prompt.0.extend([cell(false), cell(true)]);
    }
    lines
}

fn pattern(text: &str) -> Result<Regex, Failure> {
    Regex::new(text).map_err(|error| Failure::new(format!("{text}: {error}")))
}
