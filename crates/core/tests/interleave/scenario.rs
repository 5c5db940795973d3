//! Who meets whom, where, and in what weather.

use std::fmt;
use std::time::Duration;

use gatepass_core::testing::ServerKind;

use crate::actor::Job;

/// What stands in the store at first, and what has been before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Empty,
    /// A token that lives for long.
    Fresh,
    /// A token that lives for ten seconds more.
    Short,
    /// A token that lives no more.
    Expired,
    /// The same, and a process died after it wrote the mark and before it sent anything.
    Marked,
    /// The same, and a process died when it had the answer and had not saved it.
    Crashed,
}

impl Start {
    pub(crate) const ALL: [Self; 6] =
        [Self::Empty, Self::Fresh, Self::Short, Self::Expired, Self::Marked, Self::Crashed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Fresh => "fresh",
            Self::Short => "short",
            Self::Expired => "expired",
            Self::Marked => "marked",
            Self::Crashed => "crashed",
        }
    }

    pub(crate) const fn age(self) -> Duration {
        match self {
            Self::Empty | Self::Fresh => Duration::ZERO,
            Self::Short => Duration::from_secs(3590),
            Self::Expired | Self::Marked | Self::Crashed => Duration::from_secs(3600),
        }
    }
}

/// What may happen in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    /// How many faults one schedule may have, beside crashes and time-outs at a lock that somebody holds; `None` means
    /// any number.
    pub(crate) faults: Option<u8>,
    /// Whether callers may be cancelled.
    pub(crate) cancels: bool,
    /// Whether it takes long to notice that an answer is missing: too long to ask once more.
    pub(crate) slow: bool,
}

/// Who does what, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) kind: ServerKind,
    pub(crate) start: Start,
    pub(crate) jobs: Vec<Job>,
    pub(crate) weather: Weather,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {}:", kind_name(self.kind), self.start.name())?;
        self.jobs.iter().try_for_each(|job| write!(f, " {}", job.name()))
    }
}

pub(crate) const KINDS: [ServerKind; 4] =
    [ServerKind::Forgiving, ServerKind::Window, ServerKind::Strict, ServerKind::StrictBound];

pub(crate) const fn kind_name(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Forgiving => "forgiving",
        ServerKind::Window => "window",
        ServerKind::Strict => "strict",
        ServerKind::StrictBound => "strict-bound",
    }
}
