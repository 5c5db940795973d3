//! Exit codes: what a script can act on without reading words.

use std::process::ExitCode;

use gatepass::{Error, Fault};

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: it did not work; the server, or Gatepass itself, is at fault.
    Failed,
    /// 2: the command line, the manifest or the environment is wrong.
    Usage,
    /// 3: nobody is signed in, or no longer. A person has to run `login`.
    NotSignedIn,
    /// 4: try again later; nothing was lost.
    TryAgain,
    /// 5: the store on this machine cannot be used or read. `token` prints one all the same if it has just come.
    Store,
}

impl Exit {
    /// The code for an error of the core: every kind decided, none by default.
    pub(crate) const fn of(error: Error) -> Self {
        match error {
            Error::NotSignedIn | Error::SessionEnded | Error::SessionLost => Self::NotSignedIn,
            Error::Configuration { .. } => Self::Usage,
            _ if error.retryable() => Self::TryAgain,
            _ => match error.fault() {
                Fault::Machine => Self::Store,
                Fault::Caller | Fault::Server | Fault::World | Fault::Gatepass => Self::Failed,
            },
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotSignedIn => 3,
            Exit::TryAgain => 4,
            Exit::Store => 5,
        })
    }
}
