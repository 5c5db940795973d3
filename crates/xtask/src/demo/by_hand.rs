//! The walk with a person at the terminal, in the person's own browser.

use std::io;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::demo::house::House;
use crate::demo::patience::Patience;
use crate::demo::story::Story;
use crate::demo::{ACCOUNT, by_itself, dashboard};
use crate::failure::Failure;

/// Long enough for a look around, short enough that nothing runs for days.
const LOOKING: Duration = Duration::from_secs(4 * 60 * 60);

/// Says what to do, waits for it, and shows what came of it.
pub(crate) fn walk(
    story: &mut Story,
    house: &House,
    with_dashboard: bool,
    patience: &Patience,
) -> Result<(), Failure> {
    story.step("Sign in the terminal: your browser opens");
    story.tell(&format!("type     {ACCOUNT}   (any address works; there is no password)"));
    story.tell("press    Mail me a link");
    story.tell(&format!(
        "open     {}/dev/mailbox   (no mail leaves this machine) and its newest link",
        house.issuer
    ));
    story.tell("press    Sign in, then Allow");
    story.tell("\n$ gatepass login");
    house.terminal.login_by_hand()?;
    by_itself::use_session(story, house)?;
    if with_dashboard {
        story.step("Sign in the dashboard, in the same browser");
        story.tell(&format!("open     {}", dashboard::address(&house.issuer)));
        story.tell("press    Sign in   (this browser is known already: nothing is asked)");
        story.tell(
            "look at  the account, what the session is bound to, and the count down to the next refresh",
        );
        story.tell("try      Refresh now; a reload; a second tab");
        story.tell("at last  Sign out, so that nothing is left in your browser");
    }
    story.tell("\nEnter ends the demo.");
    enter(patience)?;
    by_itself::sign_out(story, house)
}

/// Waits for a line, or for the end of all lines.
fn enter(patience: &Patience) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::channel();
    // Left behind when a signal ends the waiting: nothing but a line ends a read of stdin.
    thread::spawn(move || sender.send(io::stdin().read_line(&mut String::new()).map(drop)));
    patience.until("Enter", LOOKING, || match receiver.try_recv() {
        Err(TryRecvError::Empty) => Ok(None),
        Ok(_) | Err(TryRecvError::Disconnected) => Ok(Some(())),
    })
}
