//! What the live view decides: events go in, actions come out. Time is an argument.

mod sign_in;

use std::mem;
use std::time::Duration;

use gatepass::{Error, Timestamp};

use crate::tui::command::{self, Command};
use crate::tui::model::{
    Action, Event, Key, Mode, Note, Organization, Row, Session, SignIn, SignedOut, Wording,
};
use crate::words::Trouble;

/// Other processes sign in and refresh too, so the sessions are looked at again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The view.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) wording: Wording,
    pub(crate) rows: Vec<Row>,
    /// The profile that commands are about.
    pub(crate) profile: String,
    /// The row that the cursor is at.
    pub(crate) at: usize,
    pub(crate) mode: Mode,
    pub(crate) note: Option<Note>,
    /// What is being done, as in `still refreshing`.
    pub(crate) busy: Option<&'static str>,
    loading: bool,
    loaded_at: Option<Timestamp>,
    attempts: u64,
}

impl State {
    pub(crate) fn new(wording: Wording, profile: String) -> Self {
        Self {
            wording,
            rows: Vec::new(),
            profile,
            at: 0,
            mode: Mode::Home,
            note: None,
            busy: None,
            loading: false,
            loaded_at: None,
            attempts: 0,
        }
    }

    /// The account that commands are about.
    pub(crate) fn row(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.profile == self.profile)
    }

    /// Its session.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.row()?.session.as_ref().ok()?.as_ref()
    }

    /// Whether the sessions have not been looked at yet.
    pub(crate) const fn is_new(&self) -> bool {
        self.loaded_at.is_none()
    }

    /// The address that stands alone on the plain screen.
    pub(crate) fn printed(&self) -> Option<&str> {
        match &self.mode {
            Mode::SignIn(SignIn { printed: true, address, .. }) => address.as_deref(),
            _ => None,
        }
    }

    /// Takes in what happened at a moment, and says what is to be done about it.
    pub(crate) fn update(&mut self, event: Event, now: Timestamp) -> Option<Action> {
        match event {
            Event::Tick => self.look_again(now),
            Event::Key(Key::Interrupt) => Some(Action::Quit),
            // Whoever stops in the middle of a refresh holds its lock while they sleep.
            Event::Key(Key::Suspend) => (!self.is_busy()).then_some(Action::Suspend),
            Event::Key(key) => self.key(key),
            Event::Pasted(text) => self.pasted(text),
            Event::Loaded(rows) => {
                self.loaded(rows, now);
                None
            }
            Event::SignIn(attempt, progress) => self.progress(attempt, progress),
            Event::Refreshed(result) => {
                match result {
                    Ok(true) => self.say("there is a new access token"),
                    Ok(false) => self.fail(&Trouble::Core(Error::NotSaved)),
                    Err(trouble) => self.fail(&trouble),
                }
                self.done()
            }
            Event::SignedOut(result) => {
                match result {
                    Ok(SignedOut { account, revoked: Ok(()) }) => {
                        self.say(format!("signed out {account}, here and at the issuer"));
                    }
                    Ok(SignedOut { account, revoked: Err(trouble) }) => {
                        let reason = trouble.message();
                        self.say(format!("signed out {account} here; not at the issuer: {reason}"));
                    }
                    Err(trouble) => self.fail(&trouble),
                }
                self.done()
            }
            Event::Organizations(result) => {
                self.busy = None;
                match result {
                    Ok(list) if list.is_empty() => self.say("this account belongs to no organization"),
                    Ok(list) => self.choose_from(list),
                    Err(trouble) => self.fail(&trouble),
                }
                None
            }
            Event::Chosen(result) => {
                match result {
                    Ok(Some(organization)) => self.say(format!("organization: {}", organization.name)),
                    Ok(None) => self.say("no organization is chosen"),
                    Err(trouble) => self.fail(&trouble),
                }
                self.done()
            }
        }
    }

    fn look_again(&mut self, now: Timestamp) -> Option<Action> {
        let old = self.loaded_at.is_none_or(|moment| now >= moment.plus(LOOK_AGAIN));
        (old && !self.loading).then(|| self.load())
    }

    const fn load(&mut self) -> Action {
        self.loading = true;
        Action::Load
    }

    /// Work has ended that may have changed a session.
    const fn done(&mut self) -> Option<Action> {
        self.busy = None;
        Some(self.load())
    }

    fn loaded(&mut self, rows: Result<Vec<Row>, Trouble>, now: Timestamp) {
        self.loading = false;
        self.loaded_at = Some(now);
        match rows {
            Ok(rows) => {
                let pointed = self.rows.get(self.at).map_or(&self.profile, |row| &row.profile);
                self.at = rows.iter().position(|row| row.profile == *pointed).unwrap_or(0);
                self.rows = rows;
            }
            Err(trouble) => self.fail(&trouble),
        }
    }

    fn key(&mut self, key: Key) -> Option<Action> {
        match mem::replace(&mut self.mode, Mode::Home) {
            Mode::Home => self.home_key(key),
            // Whatever is pressed closes it; a letter does what it does at home.
            Mode::Help | Mode::Status => match key {
                Key::Escape | Key::Enter | Key::Char('q' | '?') => None,
                key => self.home_key(key),
            },
            Mode::Input(line) => self.input_key(line, key),
            Mode::AskSignOut => {
                if key != Key::Char('y') {
                    self.say("still signed in");
                    return None;
                }
                let profile = self.profile.clone();
                self.work("signing out", Action::SignOut { profile })
            }
            Mode::Organizations { list, at } => self.organizations_key(list, at, key),
            Mode::Email { profile, line } => self.email_key(profile, line, key),
            Mode::SignIn(sign_in) => self.sign_in_key(sign_in, key),
        }
    }

    fn home_key(&mut self, key: Key) -> Option<Action> {
        match key {
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('l') => return self.run(Command::Login(None)),
            Key::Char('o') => return self.run(Command::Logout { forget: false }),
            Key::Char('r') => return self.run(Command::Refresh),
            Key::Char('g') => return self.run(Command::Organization),
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Input(String::new()),
            Key::Up | Key::Char('k') => self.at = self.at.saturating_sub(1),
            Key::Down | Key::Char('j') => self.at = (self.at + 1).min(self.rows.len().saturating_sub(1)),
            Key::Enter => self.switch(),
            Key::Escape => self.note = None,
            _ => {}
        }
        None
    }

    fn switch(&mut self) {
        let Some(row) = self.rows.get(self.at) else { return };
        if self.profile != row.profile {
            self.profile.clone_from(&row.profile);
            // What another terminal does must not depend on a view in this one.
            self.say(format!("`{}` is the account of this view; other terminals keep theirs", self.profile));
        }
    }

    fn input_key(&mut self, mut line: String, key: Key) -> Option<Action> {
        match key {
            Key::Enter => {
                return match command::parse(&line) {
                    Ok(command) => self.run(command),
                    Err(reason) => {
                        self.note = Some(Note { text: reason, hint: None, bad: true });
                        None
                    }
                };
            }
            Key::Escape => return None,
            Key::Backspace if line.pop().is_none() => return None,
            Key::Tab => {
                let name = command::beginning(&line).next();
                line = name.map_or(line, str::to_owned);
            }
            Key::Clear => line.clear(),
            Key::Char(letter) if line.len() < 100 => line.push(letter),
            _ => {}
        }
        self.mode = Mode::Input(line);
        None
    }

    fn organizations_key(&mut self, list: Vec<Organization>, at: usize, key: Key) -> Option<Action> {
        let at = match key {
            Key::Escape | Key::Char('q') => return None,
            Key::Enter => {
                // The line above all others takes the choice back.
                let organization = at.checked_sub(1).and_then(|at| list.get(at)).cloned();
                let profile = self.profile.clone();
                return self.work("choosing the organization", Action::Choose { profile, organization });
            }
            Key::Up | Key::Char('k') => at.saturating_sub(1),
            Key::Down | Key::Char('j') => (at + 1).min(list.len()),
            _ => at,
        };
        self.mode = Mode::Organizations { list, at };
        None
    }

    fn choose_from(&mut self, list: Vec<Organization>) {
        // A slow answer must not push away what the person has turned to meanwhile.
        if !matches!(self.mode, Mode::Home) {
            return;
        }
        let chosen = self.row().and_then(|row| row.organization.as_ref());
        let at = list.iter().position(|organization| Some(organization) == chosen).map_or(0, |at| at + 1);
        self.note = None;
        self.mode = Mode::Organizations { list, at };
    }

    fn run(&mut self, command: Command) -> Option<Action> {
        self.note = None;
        let profile = self.profile.clone();
        match command {
            Command::Help => self.mode = Mode::Help,
            Command::Status => self.mode = Mode::Status,
            Command::Quit => return Some(Action::Quit),
            Command::Login(other) => return self.sign_in(other.unwrap_or(profile)),
            Command::Logout { forget: true } => {
                return self.work("removing the session", Action::Forget { profile });
            }
            Command::Logout { forget: false } if self.needs_session() => self.mode = Mode::AskSignOut,
            Command::Refresh if self.needs_session() => {
                return self.work("refreshing", Action::Refresh { profile });
            }
            // A given token needs no session.
            Command::Organization if self.wording.given.is_some() || self.needs_session() => {
                return self.work("asking for organizations", Action::Organizations { profile });
            }
            Command::Logout { .. } | Command::Refresh | Command::Organization => {}
        }
        None
    }

    fn needs_session(&mut self) -> bool {
        if self.session().is_some() {
            return true;
        }
        let trouble = match self.row().map(|row| &row.session) {
            Some(Err(Trouble::Core(error))) => Trouble::Core(*error),
            _ => Trouble::Core(Error::NotSignedIn),
        };
        self.fail(&trouble);
        false
    }

    /// Begins work, unless there is some.
    fn work(&mut self, what: &'static str, action: Action) -> Option<Action> {
        if self.is_busy() {
            return None;
        }
        self.busy = Some(what);
        Some(action)
    }

    fn is_busy(&mut self) -> bool {
        if let Some(busy) = self.busy {
            self.say(format!("still {busy}"));
        }
        self.busy.is_some()
    }

    fn say(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: text.into(), hint: None, bad: false });
    }

    fn fail(&mut self, trouble: &Trouble) {
        self.note = Some(self.wording.note(trouble, false));
    }
}
