//! `cargo xtask bench cli`: how long a cached `gatepass token` takes, whole process, beside what others take for the same
//! job. `desk` is the session and the surroundings that all share, `peers` are the others, `evidence` is what a process
//! did not need, `figures` the arithmetic and the report.

mod desk;
mod evidence;
mod figures;
mod peers;
pub(crate) mod web;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use desk::Desk;
use evidence::Evidence;
use figures::{Figures, Report};

use crate::build::{self, BUILD_LIMIT, PROGRAMS};
use crate::demo::patience::Patience;
use crate::failure::Failure;
use crate::scratch::Folder;
use crate::workspace::Workspace;
use crate::{process, talk};

/// Enough for a median that a busy neighbour does not move.
const ROUNDS: usize = 300;
/// The first rounds fill caches and are not counted.
const WARM_UP: usize = 3;

pub(crate) fn command(words: &[&str]) -> Result<ExitCode, Failure> {
    let options = Options::parse(words)?;
    let workspace = Workspace::find()?;
    talk::note("building gatepass as people get it: minutes the first time");
    let programs = released(&workspace)?;
    let patience = Patience::with_signals()?;
    let report = measure(programs, options.rounds, &patience)?;
    if options.json {
        talk::data(&format!("{:#}", report.json()));
    } else {
        talk::data(&report.table());
    }
    Ok(ExitCode::SUCCESS)
}

/// A short run with programs that are there already: it shows that the command works, and times nothing.
pub(crate) fn try_out(workspace: &Workspace, programs: &Path) -> Result<(), Failure> {
    let folder = gathered(workspace, |program| programs.join(build::executable(program)))?;
    let report = measure(folder, 5, &Patience::deaf())?;
    talk::data(&report.table());
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    json: bool,
    rounds: usize,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { json: false, rounds: ROUNDS };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--json" => options.json = true,
                "--rounds" => {
                    let number = words.next().and_then(|number| number.parse().ok());
                    options.rounds = number
                        .filter(|number| *number > 0)
                        .ok_or_else(|| Failure::new("`--rounds` needs a number"))?;
                }
                other => {
                    return Err(Failure::new(format!("unknown option: `{other}`")).hint("cargo xtask help"));
                }
            }
        }
        Ok(options)
    }
}

/// `gatepass` from a release build; the authority beside it is not measured, so any build of it will do.
fn released(workspace: &Workspace) -> Result<Folder, Failure> {
    let release = ["build", "--release", "--locked", "--package", "gatepass-cli", "--bins"];
    process::run(&mut workspace.cargo(&release), BUILD_LIMIT)?;
    let authority = ["build", "--locked", "--package", "gatepass-authority", "--bins"];
    process::run(&mut workspace.cargo(&authority), BUILD_LIMIT)?;
    gathered(workspace, |program| match program {
        "gatepass" => workspace.target().join("release").join(build::executable(program)),
        other => workspace.binary(other),
    })
}

/// The programs in a folder of their own: whoever builds in this checkout meanwhile replaces what lies in cargo's.
fn gathered(workspace: &Workspace, place: impl Fn(&str) -> PathBuf) -> Result<Folder, Failure> {
    let folder = Folder::within(workspace.target(), "bench")?;
    for program in PROGRAMS {
        let (from, to) = (place(program), folder.path().join(build::executable(program)));
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).map(drop))
            .map_err(|error| Failure::io(from.display(), &error))?;
    }
    Ok(folder)
}

fn measure(programs: Folder, rounds: usize, patience: &Patience) -> Result<Report, Failure> {
    let desk = Desk::new(programs, patience)?;
    let (mut peers, missing) = peers::all(&desk, patience)?;
    for round in 0..WARM_UP + rounds {
        // A B C, A B C: whatever the machine does meanwhile, it does to all of them.
        for peer in &mut peers {
            if patience.is_interrupted() {
                return Err(Failure::new("interrupted"));
            }
            let time = peer.run()?;
            if round >= WARM_UP {
                peer.times.push(time);
            }
        }
    }
    let evidence = Evidence::gather(&desk, patience)?;
    Ok(Report {
        rounds,
        cores: thread::available_parallelism().map_or(0, std::num::NonZero::get),
        binary_bytes: fs::metadata(&desk.gatepass)
            .map_err(|error| Failure::io(desk.gatepass.display(), &error))?
            .len(),
        storage: desk.storage()?,
        evidence,
        peers: peers.into_iter().map(Figures::of).collect(),
        missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_options() {
        assert_eq!(Options::parse(&[]).unwrap(), Options { json: false, rounds: ROUNDS });
        assert_eq!(Options::parse(&["--rounds", "5", "--json"]).unwrap(), Options { json: true, rounds: 5 });
        for wrong in [&["--rounds"][..], &["--rounds", "0"], &["--rounds", "x"], &["--fast"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
