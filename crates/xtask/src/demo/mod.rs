//! `cargo xtask demo`: the project's main job on a fresh clone. A person signs in once, in a browser; the terminal and
//! the dashboard each hold a session of their own.
//!
//! `house` is what is started, `terminal` the command, `visitor` whoever visits the pages (by plain `http`, or
//! `chromium`), `by_itself` and `by_hand` the two walks, `story` what is told, `patience` how everything is waited for.

mod by_hand;
pub(crate) mod by_itself;
pub(crate) mod chromium;
pub(crate) mod dashboard;
pub(crate) mod house;
mod http;
pub(crate) mod patience;
pub(crate) mod story;
pub(crate) mod terminal;
pub(crate) mod visitor;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chromium::Chromium;
use house::House;
use patience::Patience;
use story::Story;

use crate::build::{self, WASM};
use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::install::CHROMIUM;
use crate::workspace::Workspace;
use crate::{environment, talk, wasm};

/// Who signs in.
const ACCOUNT: &str = "demo@example.com";

pub(crate) fn command(words: &[&str]) -> Result<ExitCode, Failure> {
    let way = Way::choose(words, &Surroundings::look())?;
    let workspace = Workspace::find()?;
    let watch = Stopwatch::start();
    let mut story = Story::default();
    plan(&way);
    let built = Built::make(&mut story, &workspace, &way).map_err(|failure| story.failed(&failure))?;
    // Not before: Ctrl-C ends a build at once, and nothing has been started yet.
    let patience = Patience::with_signals()?;
    let outcome = play(&mut story, &way, built, &patience);
    match outcome {
        Ok(()) => {
            talk::data(&format!(
                "\nDone in {} s. Every process, folder and keyring entry of the demo is gone.",
                watch.elapsed().as_secs()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(_) if patience.is_interrupted() => {
            talk::data("\nInterrupted. Every process, folder and keyring entry of the demo is gone.");
            Ok(ExitCode::from(130))
        }
        Err(failure) => Err(story.failed(&failure)),
    }
}

/// How the demo goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A person clicks.
    ByHand,
    /// Headless Chromium, which lies there.
    InChromium(PathBuf),
    /// Without a browser.
    ByHttp,
}

/// What decides about the way.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    /// Somebody reads and types.
    person: bool,
    /// A browser can be opened for them.
    display: bool,
    chromium: Option<PathBuf>,
}

impl Surroundings {
    fn look() -> Self {
        let graphical = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];
        Self {
            person: io::stdin().is_terminal() && io::stdout().is_terminal(),
            display: cfg!(any(windows, target_os = "macos"))
                || graphical.into_iter().any(|name| environment::variable(name).is_some()),
            chromium: environment::any_program(CHROMIUM),
        }
    }
}

impl Way {
    fn choose(words: &[&str], surroundings: &Surroundings) -> Result<Self, Failure> {
        let known = ["--by-hand", "--by-itself", "--no-browser"];
        if let Some(unknown) = words.iter().find(|word| !known.contains(word)) {
            return Err(Failure::new(format!("unknown option: `{unknown}`")).hint("cargo xtask help"));
        }
        let asked = |word: &str| words.contains(&word);
        let by_itself = asked("--by-itself") || asked("--no-browser");
        if asked("--by-hand") && by_itself {
            return Err(Failure::new("`--by-hand` goes with no other option: it uses your browser"));
        }
        if asked("--by-hand") || (!by_itself && surroundings.person && surroundings.display) {
            return Ok(Self::ByHand);
        }
        Ok(match &surroundings.chromium {
            Some(program) if !asked("--no-browser") => Self::InChromium(program.clone()),
            _ => Self::ByHttp,
        })
    }
}

fn plan(way: &Way) {
    let (web, walk) = match way {
        Way::ByHand => {
            (true, "you sign in, in your browser; it says what to click and waits for you".to_owned())
        }
        Way::InChromium(program) => (true, format!("by itself, in headless {}", program.display())),
        Way::ByHttp => (
            false,
            "by itself, over HTTP as a browser would; without a browser there is no dashboard".to_owned(),
        ),
    };
    talk::data(
        "Gatepass: one sign-in, and the terminal and the dashboard each hold a session of their own.\n",
    );
    let part = if web { " and the dashboard's wasm" } else { "" };
    talk::data(&format!(
        "  builds   gatepass, gatepass-authority{part}: minutes the first time, seconds after that"
    ));
    talk::data("  starts   an authority on this machine, with a fresh database, for an account of its own");
    talk::data(&format!("  walks    {walk}"));
    talk::data("  leaves   nothing: folders, processes and keyring entries are its own and gone at the end");
    talk::data("  stops    with Ctrl-C, at any time");
}

/// What was built.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) programs: crate::scratch::Folder,
    /// What browsers load, if it could be built.
    pub(crate) www: Option<PathBuf>,
}

impl Built {
    pub(crate) fn make(story: &mut Story, workspace: &Workspace, way: &Way) -> Result<Self, Failure> {
        story.step("Build");
        let watch = Stopwatch::start();
        let unbuilt = |failure| story::explained(&failure, "", Some("what the build said stands above"));
        let programs = house::programs(workspace).map_err(unbuilt)?;
        story.tell(&format!("gatepass and gatepass-authority, {} s", watch.elapsed().as_secs()));
        if *way == Way::ByHttp {
            return Ok(Self { programs, www: None });
        }
        let watch = Stopwatch::start();
        // Without the target the rest of the demo is still worth seeing; a build that fails is a failure.
        if let Err(failure) = build::require_target(workspace, WASM) {
            story.tell(&format!("no dashboard this time: {failure}"));
            story.tell(failure.hint_text().unwrap_or_default());
            return Ok(Self { programs, www: None });
        }
        let stage = wasm::make(workspace).map_err(unbuilt)?;
        story.tell(&format!("the dashboard with its wasm, {} s", watch.elapsed().as_secs()));
        Ok(Self { programs, www: Some(stage.folder) })
    }
}

/// Everything that runs is gone when this returns, however it does.
fn play(story: &mut Story, way: &Way, built: Built, patience: &Patience) -> Result<(), Failure> {
    story.step("Start the authority");
    let Built { programs, www } = built;
    let mut house = House::open(programs, www.as_deref(), patience)?;
    let authority = house.authority();
    story.tell(&format!("{}, process {authority}", house.issuer));
    story.tell(&format!("its database and the terminal's home are in {}", house.place().display()));
    let walked = match way {
        Way::ByHand => by_hand::walk(story, &house, www.is_some(), patience),
        Way::InChromium(program) => in_chromium(story, &house, program, www.is_some(), patience),
        Way::ByHttp => by_itself::by_http(story, &house),
    };
    walked.map_err(|failure| house.explain(failure))
}

/// A browser that does not start is no reason to give up: the walk is the same without it.
fn in_chromium(
    story: &mut Story,
    house: &House,
    program: &Path,
    dashboard: bool,
    patience: &Patience,
) -> Result<(), Failure> {
    match Chromium::start(program, house.place(), patience) {
        Ok(chromium) => by_itself::in_chromium(story, house, chromium, dashboard)
            .map_err(|failure| story::explained(&failure, "", Some("cargo xtask demo --no-browser"))),
        Err(failure) if patience.is_interrupted() => Err(failure),
        Err(failure) => {
            story.tell(&format!(
                "{} does not start here, so it goes on by HTTP, without the dashboard; {failure}",
                program.display()
            ));
            by_itself::by_http(story, house)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_the_way() {
        let nobody = Surroundings::default();
        let chromium = PathBuf::from("/usr/bin/chromium");
        let browser = Surroundings { chromium: Some(chromium.clone()), ..nobody.clone() };
        let person = Surroundings { person: true, display: true, ..browser.clone() };
        let blind = Surroundings { display: false, ..person.clone() };
        let found = Way::InChromium(chromium);
        for (words, surroundings, way) in [
            (&[][..], &nobody, Way::ByHttp),
            (&[], &browser, found.clone()),
            (&[], &person, Way::ByHand),
            (&[], &blind, found.clone()),
            (&["--by-itself"], &person, found),
            (&["--by-itself", "--no-browser"], &person, Way::ByHttp),
            (&["--no-browser"], &person, Way::ByHttp),
            (&["--by-hand"], &nobody, Way::ByHand),
        ] {
            assert_eq!(Way::choose(words, surroundings).unwrap(), way, "{words:?} {surroundings:?}");
        }
        assert!(Way::choose(&["--by-hand", "--no-browser"], &person).is_err());
        assert!(Way::choose(&["--fast"], &person).is_err());
    }
}
