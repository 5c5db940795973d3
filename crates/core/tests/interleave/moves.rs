//! What can happen next, and how it is written in a line.

use std::fmt;

/// What becomes of an actor's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is done and answered.
    Done,
    /// The lock is held by somebody else for all of the limit.
    TimedOut,
    /// It cannot be done, and nothing is.
    Failed,
    /// It is done, and answered by `Failed`.
    DoneButFailed,
    /// It is done, and answered by `Moved`.
    DoneButMoved,
    /// The request never arrives.
    Lost,
    /// The request is processed, its answer does not arrive.
    Unanswered,
    /// The request is given up, and arrives later.
    Late,
    /// The server is not able to answer, and nothing is done.
    Down,
    /// The request is processed, and something on the way answers for the server.
    BadGateway,
    /// The server wants a nonce first.
    Nonce,
    /// The process dies before it.
    Crash,
    /// The caller goes; the transaction runs on.
    Cancel,
}

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Act {
        actor: u8,
        effect: &'static str,
        how: How,
    },
    /// A late request arrives.
    Arrives(u8),
    /// The server's window for replays passes.
    WindowPasses,
    /// Somebody ends the session at the server.
    EndsAtServer,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (actor, effect, how) = match self {
            Self::Act { actor, effect, how } => (char::from(b'a' + actor), effect, how),
            Self::Arrives(which) => return write!(f, "arrives:{which}"),
            Self::WindowPasses => return f.write_str("window-passes"),
            Self::EndsAtServer => return f.write_str("ends-at-server"),
        };
        let how = match how {
            How::Done => return write!(f, "{actor}.{effect}"),
            How::Crash => return write!(f, "{actor}.crash"),
            How::Cancel => return write!(f, "{actor}.cancel"),
            How::TimedOut => "timed-out",
            How::Failed => "failed",
            How::DoneButFailed => "done-but-failed",
            How::DoneButMoved => "done-but-moved",
            How::Lost => "lost",
            How::Unanswered => "unanswered",
            How::Late => "late",
            How::Down => "503",
            How::BadGateway => "502",
            How::Nonce => "nonce",
        };
        write!(f, "{actor}.{effect}:{how}")
    }
}
