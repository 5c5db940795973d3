//! The live view at work: one loop that owns state and screen, and threads that bring it news.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, Scope};
use std::time::Duration;

use gatepass::{Gatepass, Secret};
use ratatui::crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::context::Context;
use crate::email::Email;
use crate::exit::Exit;
use crate::tui::model::{Action, Event, Key, Progress};
use crate::tui::screen::Screen;
use crate::tui::state::State;
use crate::tui::world::{self, Remote};
use crate::words::Trouble;

#[cfg(unix)]
use crate::tui::signals;

/// The countdown's step.
const STEP: Duration = Duration::from_secs(1);

/// What reaches the loop.
enum News {
    Happened(Event),
    /// The terminal has another size.
    Resized,
    /// The terminal is gone, or a thread has ended that must not.
    Broken,
    /// A signal asks for the end.
    #[cfg(unix)]
    Signal(i32),
}

/// Shows the view until the person leaves it.
pub(crate) fn run(context: &Context, open_browser: bool) -> Result<Exit, Trouble> {
    // Only its clock is asked: what time the library goes by.
    let clock = &context.gatepass()?;
    let (sender, news) = mpsc::channel();
    #[cfg(unix)]
    {
        let sender = sender.clone();
        signals::listen(move |signal| drop(sender.send(News::Signal(signal))))
            .map_err(|error| failed(&error))?;
    }
    let screen = Screen::enter(context.environment.colours()).map_err(|error| failed(&error))?;
    read_keys(sender.clone());
    // What is under way when the person leaves is brought to its end: the scope waits for it. A sign-in is not of it.
    let end = thread::scope(|scope| {
        let mut desk = Desk { context, clock, open_browser, scope, sender, remote: None };
        let mut state = State::new(world::wording(context), context.profile.name.clone());
        let end = turn(&mut desk, &mut state, screen, &news);
        if let Some(busy) = state.busy {
            context.talk.say(&format!("{busy}, one moment"));
        }
        end
    })
    .map_err(|error| failed(&error))?;
    match end {
        End::Left => Ok(Exit::Done),
        End::Broken => Ok(Exit::Failed),
        #[cfg(unix)]
        End::Signal(signal) => {
            signals::end(signal);
            Ok(Exit::Failed)
        }
    }
}

fn failed(error: &io::Error) -> Trouble {
    Trouble::Usage(format!("the terminal cannot be used: {error}"))
}

/// How the view ended.
enum End {
    Left,
    Broken,
    #[cfg(unix)]
    Signal(i32),
}

/// The loop. The screen is given back when it ends, before anything is waited for.
fn turn(
    desk: &mut Desk<'_, '_>,
    state: &mut State,
    mut screen: Screen,
    news: &Receiver<News>,
) -> io::Result<End> {
    let clock = desk.clock;
    let mut pending = state.update(Event::Tick, clock.now());
    loop {
        if let Some(action) = pending.take() {
            match action {
                Action::Quit => return Ok(End::Left),
                Action::Suspend => {
                    #[cfg(unix)]
                    screen.away(signals::stop)?;
                }
                action => {
                    pending =
                        desk.act(action, &state.profile).and_then(|event| state.update(event, clock.now()))
                }
            }
            continue;
        }
        screen.show(state, clock.now())?;
        let event = match news.recv_timeout(STEP) {
            Ok(News::Happened(event)) => event,
            Ok(News::Resized) | Err(RecvTimeoutError::Timeout) => Event::Tick,
            Ok(News::Broken) | Err(RecvTimeoutError::Disconnected) => return Ok(End::Broken),
            #[cfg(unix)]
            Ok(News::Signal(signal)) if signals::stops(signal) => Event::Key(Key::Suspend),
            #[cfg(unix)]
            Ok(News::Signal(signal)) => return Ok(End::Signal(signal)),
        };
        #[cfg(feature = "testing")]
        panic_if_asked(desk.context, &event);
        pending = state.update(event, clock.now());
    }
}

/// What does the work.
struct Desk<'scope, 'env> {
    context: &'env Context,
    clock: &'env Gatepass,
    open_browser: bool,
    scope: &'scope Scope<'scope, 'env>,
    sender: Sender<News>,
    /// The sign-in that waits.
    remote: Option<Remote>,
}

impl<'scope, 'env> Desk<'scope, 'env> {
    /// Begins what is to be done, about the profile in view; gives what is known at once.
    fn act(&mut self, action: Action, current: &str) -> Option<Event> {
        let context = self.context;
        match action {
            Action::Load => {
                let current = current.to_owned();
                self.begin(move || Event::Loaded(world::accounts(context, &current)));
            }
            Action::Refresh { profile } => {
                self.begin(move || Event::Refreshed(world::refresh(context, &profile)));
            }
            Action::SignOut { profile } => {
                self.begin(move || Event::SignedOut(world::sign_out(context, &profile)));
            }
            Action::Forget { profile } => {
                self.begin(move || Event::SignedOut(world::forget(context, &profile)));
            }
            Action::Organizations { profile } => {
                self.begin(move || Event::Organizations(world::organizations(context, &profile)));
            }
            Action::Choose { profile, organization } => {
                self.begin(move || Event::Chosen(world::choose(context, &profile, organization)));
            }
            Action::SignIn { attempt, profile, email } => {
                return self.sign_in(attempt, &profile, email.as_ref());
            }
            Action::Paste(address) => {
                if let Some(remote) = &self.remote {
                    remote.paste(address);
                }
            }
            Action::DeviceCode => self.remote.iter().for_each(Remote::device_code),
            Action::Keep(keep) => self.remote.iter().for_each(|remote| remote.keep(keep)),
            Action::GiveUp => self.remote = None,
            Action::Suspend | Action::Quit => {}
        }
        None
    }

    fn sign_in(&mut self, attempt: u64, profile: &str, email: Option<&Email>) -> Option<Event> {
        let sender = self.sender.clone();
        let tell = move |progress| drop(sender.send(News::Happened(Event::SignIn(attempt, progress))));
        match world::sign_in(self.context, profile, email, self.open_browser, tell) {
            Ok((remote, work)) => {
                self.remote = Some(remote);
                let watch = Watch(self.sender.clone());
                // Not of the scope: a person who leaves does not wait for a browser.
                thread::spawn(move || {
                    let _watch = watch;
                    work();
                });
                None
            }
            Err(trouble) => Some(Event::SignIn(attempt, Progress::Done(Err(trouble)))),
        }
    }

    fn begin(&self, work: impl FnOnce() -> Event + Send + 'scope) {
        let watch = Watch(self.sender.clone());
        self.scope.spawn(move || drop(watch.0.send(News::Happened(work()))));
    }
}

/// Tells of a thread that panics: without its news the view would wait for ever.
struct Watch(Sender<News>);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(self.0.send(News::Broken));
        }
    }
}

/// Brings what the person types. The thread ends with the program: nothing but a key ends its waiting.
fn read_keys(sender: Sender<News>) {
    thread::spawn(move || {
        loop {
            let news = match event::read() {
                Ok(event::Event::Key(pressed)) => match key(pressed) {
                    Some(key) => News::Happened(Event::Key(key)),
                    None => continue,
                },
                Ok(event::Event::Paste(text)) => News::Happened(Event::Pasted(Secret::new(text))),
                Ok(event::Event::Resize(..)) => News::Resized,
                Ok(_) => continue,
                Err(_) => News::Broken,
            };
            let last = matches!(news, News::Broken);
            if sender.send(news).is_err() || last {
                return;
            }
        }
    });
}

fn key(pressed: KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    let control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    Some(match pressed.code {
        KeyCode::Char('c') if control => Key::Interrupt,
        KeyCode::Char('z') if control => Key::Suspend,
        KeyCode::Char('u') if control => Key::Clear,
        KeyCode::Char(_) if control || pressed.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        _ => return None,
    })
}

/// Lets a test see what a panic leaves behind: the variable names a key that makes one.
#[cfg(feature = "testing")]
fn panic_if_asked(context: &Context, event: &Event) {
    if let Event::Key(Key::Char(letter)) = event
        && context.environment.text("GATEPASS_TEST_TUI_PANIC") == Some(letter.to_string())
    {
        panic!("a test asked for it");
    }
}
