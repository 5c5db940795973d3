//! The terminal: taken over, and given back whatever happens.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::tui::draw::draw;
use crate::tui::state::State;

/// Whether the terminal is ours, and whether its other screen is in front. Giving back twice would move the cursor over
/// what was said in between.
static OURS: AtomicBool = AtomicBool::new(false);
static ALTERNATE: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Whether the plain screen is in front, with an address to copy.
    plain: bool,
    colours: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn enter(colours: bool) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        // What a panic says would be lost with the alternate screen, so that goes first.
        HOOK.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                leave();
                hook(info);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let mut screen = Self { terminal, plain: false, colours };
        screen.take()?;
        Ok(screen)
    }

    fn take(&mut self) -> io::Result<()> {
        OURS.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        ALTERNATE.store(true, Ordering::SeqCst);
        execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste)?;
        self.plain = false;
        // A new one draws everything. `Terminal::clear` would ask the terminal where its cursor is, and the answer
        // would go to the thread that reads keys.
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }

    /// Shows the state: as the view, or as an address alone on the plain screen.
    pub(crate) fn show(&mut self, state: &State, now: gatepass::Timestamp) -> io::Result<()> {
        let Some(address) = state.printed() else {
            if self.plain {
                self.take()?;
            }
            let colours = self.colours;
            return self.terminal.draw(|frame| draw(frame, state, now, colours)).map(drop);
        };
        if !self.plain {
            self.plain = true;
            leave_alternate();
            // Raw mode stays, in which a line ends where it is.
            let address: String = address.chars().filter(|c| !c.is_control()).collect();
            write!(
                io::stdout(),
                "\r\n{address}\r\n\r\npress a key to go back; a paste is taken here too\r\n"
            )?;
            io::stdout().flush()?;
        }
        Ok(())
    }

    /// Gives the terminal back, does something, and takes it over again.
    pub(crate) fn away(&mut self, work: impl FnOnce()) -> io::Result<()> {
        leave();
        work();
        self.take()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back. One that is gone needs nothing.
fn leave() {
    if OURS.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), DisableBracketedPaste);
        leave_alternate();
        // Half a pasted address that nobody has read yet must not end up in a shell.
        #[cfg(unix)]
        let _ = rustix::termios::tcflush(rustix::stdio::stdin(), rustix::termios::QueueSelector::IFlush);
        let _ = disable_raw_mode();
    }
}

fn leave_alternate() {
    if ALTERNATE.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    }
}
