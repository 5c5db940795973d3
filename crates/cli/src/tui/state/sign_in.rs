//! Signing in, inside the view.

use gatepass::Secret;

use crate::email::Email;
use crate::tui::model::{Action, Key, Mode, Note, Progress, SignIn};
use crate::tui::state::State;
use crate::words::Trouble;

/// RFC 5321 section 4.5.3.1.3 has no longer path, brackets and all.
const LONGEST_EMAIL: usize = 254;

impl State {
    /// Signs in as a profile, after the address where the manifest wants one first: its domain finds the organization's
    /// own sign-in.
    pub(super) fn sign_in(&mut self, profile: String) -> Option<Action> {
        if self.is_busy() {
            return None;
        }
        if self.wording.email_first {
            self.mode = Mode::Email { profile, line: String::new() };
            return None;
        }
        Some(self.begin(profile, None))
    }

    pub(super) fn email_key(&mut self, profile: String, mut line: String, key: Key) -> Option<Action> {
        match key {
            // Enter alone goes to the login page that everybody has.
            Key::Enter if line.is_empty() => return Some(self.begin(profile, None)),
            Key::Enter => match Email::parse(&line) {
                Some(email) => return Some(self.begin(profile, Some(email))),
                None => {
                    let text = String::from("that is not an e-mail address; Enter alone goes on without one");
                    self.note = Some(Note { text, hint: None, bad: true });
                }
            },
            Key::Escape => return None,
            Key::Backspace => drop(line.pop()),
            Key::Clear => line.clear(),
            Key::Char(letter) if line.len() < LONGEST_EMAIL => line.push(letter),
            _ => {}
        }
        self.mode = Mode::Email { profile, line };
        None
    }

    fn begin(&mut self, profile: String, email: Option<Email>) -> Action {
        self.attempts += 1;
        self.profile.clone_from(&profile);
        self.note = None;
        self.mode = Mode::SignIn(SignIn::new());
        Action::SignIn { attempt: self.attempts, profile, email }
    }

    pub(super) fn sign_in_key(&mut self, mut sign_in: SignIn, key: Key) -> Option<Action> {
        let mut action = None;
        if sign_in.confirm.is_some() {
            match key {
                Key::Char('y') => action = Some(Action::Keep(true)),
                Key::Char('n') | Key::Escape => action = Some(Action::Keep(false)),
                _ => {}
            }
            if action.is_some() {
                sign_in.confirm = None;
            }
        } else if sign_in.printed {
            // Whatever is pressed leads back.
            sign_in.printed = false;
        } else {
            // The code of a dashboard may begin with any letter.
            let [device, print] = if sign_in.words.is_some() { ['1', '2'] } else { ['d', 'p'] };
            let first = sign_in.typed.len() == 0;
            match key {
                Key::Escape => {
                    self.attempts += 1;
                    self.say("the sign-in is given up");
                    return Some(Action::GiveUp);
                }
                // A terminal that does not say where a paste begins types it.
                Key::Char(letter) if first && letter == device => action = Some(Action::DeviceCode),
                Key::Char(letter) if first && letter == print => sign_in.printed = sign_in.address.is_some(),
                Key::Char(letter) => sign_in.typed.push(letter),
                Key::Backspace | Key::Clear => sign_in.typed.clear(),
                Key::Enter => action = sign_in.typed.take().map(Action::Paste),
                _ => {}
            }
        }
        self.mode = Mode::SignIn(sign_in);
        action
    }

    pub(super) fn pasted(&mut self, text: Secret) -> Option<Action> {
        let Mode::SignIn(sign_in) = &mut self.mode else {
            self.say("a paste is taken while you sign in, and only then");
            return None;
        };
        sign_in.printed = false;
        self.note = None;
        Some(Action::Paste(text))
    }

    pub(super) fn progress(&mut self, attempt: u64, progress: Progress) -> Option<Action> {
        if let Progress::Done(result) = progress {
            return self.signed_in(attempt, result);
        }
        let Mode::SignIn(sign_in) = &mut self.mode else { return None };
        if attempt != self.attempts {
            return None;
        }
        match progress {
            Progress::Open { address, words, opened, until } => {
                sign_in.words = words;
                sign_in.address = Some(address);
                sign_in.opened = opened;
                sign_in.until = Some(until);
            }
            Progress::Code(code) => {
                sign_in.until = Some(code.until);
                sign_in.code = Some(code);
            }
            Progress::Finishing => sign_in.finishing = true,
            Progress::Confirm(account) => {
                sign_in.printed = false;
                sign_in.confirm = Some(account);
            }
            Progress::Stranger => {
                self.say("something called that belongs to another login; still waiting for yours");
            }
            Progress::Refused(trouble) => self.note = Some(self.wording.note(&trouble, true)),
            Progress::Done(_) => {}
        }
        None
    }

    fn signed_in(&mut self, attempt: u64, result: Result<(), Trouble>) -> Option<Action> {
        let waited = attempt == self.attempts;
        if waited && let Mode::SignIn(_) = self.mode {
            self.mode = Mode::Home;
        }
        match result {
            Ok(()) if waited => self.say("signed in"),
            Ok(()) => self.say("the sign-in that was given up has been finished in the browser after all"),
            Err(trouble) if waited => self.note = Some(self.wording.note(&trouble, true)),
            // Nobody waits for it.
            Err(_) => return None,
        }
        Some(self.load())
    }
}
