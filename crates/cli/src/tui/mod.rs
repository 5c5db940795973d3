//! The live view: `state` decides without a clock, `draw` shows, `run` does the work on threads.
//!
//! ```text
//! keys, pastes, signals ─┐                       ┌─> draw ──> screen
//! what came of the work ─┴─> state (+ the time) ─┴─> actions ──> world (threads)
//! ```

mod command;
mod draw;
mod model;
mod run;
mod screen;
#[cfg(unix)]
mod signals;
mod state;
#[cfg(test)]
mod tests;
mod world;

pub(crate) use self::run::run;
