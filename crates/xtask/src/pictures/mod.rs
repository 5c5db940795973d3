//! `cargo xtask pictures`: the documents' pictures, from a real run in a house like the demo's.
//!
//! `keyring` is a keyring of the run's own. `scenes` are what a person does in terminals: each is a `window` of tmux,
//! read as a `grid` of cells and drawn as `svg`. What differs from run to run is `fixed`, and the codes of `qr` are
//! exchanged (in whole lines: `column`), so that a picture changes only where the product has changed. `pages` are another
//! walk, through everything that browsers show, in few colours (`palette`).

mod column;
mod fixed;
mod grid;
pub(crate) mod keyring;
pub(crate) mod pages;
mod palette;
mod qr;
mod scenes;
mod svg;
mod window;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use base64ct::{Base64, Encoding};
use serde_json::json;

use fixed::ISSUER;
use keyring::Keyring;
use scenes::Person;

use crate::demo::chromium::Chromium;
use crate::demo::dashboard::Dashboard;
use crate::demo::house::House;
use crate::demo::patience::Patience;
use crate::demo::story::Story;
use crate::demo::{Built, Way};
use crate::failure::Failure;
use crate::install::CHROMIUM;
use crate::workspace::Workspace;
use crate::{environment, talk};

/// Where they go, inside the checkout.
const FOLDER: &str = "docs";

/// How wide the dashboard's window is; the README shows it 720 wide.
const WIDTH: u32 = 800;

/// Whether the dashboard has what it asked for: three lists, of which the first is never empty.
const LISTED: &str = "!document.querySelector('[aria-busy=true]') \
                      && document.querySelectorAll('#grants .things > li').length > 1";

/// A file of the documentation.
#[derive(Debug)]
struct Picture {
    name: &'static str,
    bytes: Vec<u8>,
}

pub(crate) fn command() -> Result<ExitCode, Failure> {
    let chromium = environment::any_program(CHROMIUM).ok_or_else(|| {
        Failure::new(format!(
            "the pictures are taken in Chromium, and there is none of {}",
            CHROMIUM.join(", ")
        ))
        .hint("install the package `chromium`")
    })?;
    if environment::program("tmux").is_none() {
        return Err(
            Failure::new("the terminals of the pictures are tmux's").hint("install the package `tmux`")
        );
    }
    // Elsewhere a login opens the person's own browser, whatever it is told.
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("the pictures are taken on Linux"));
    }
    let workspace = Workspace::find()?;
    let mut story = Story::default();
    let built = Built::make(&mut story, &workspace, &Way::InChromium(chromium.clone()))
        .map_err(|failure| story.failed(&failure))?;
    // Not before: Ctrl-C ends a build at once, and nothing has been started yet.
    let patience = Patience::with_signals()?;
    let pictures = match take(&mut story, built, &chromium, &patience) {
        Err(_) if patience.is_interrupted() => {
            talk::data("\nInterrupted. Everything that was started is gone, and no picture has changed.");
            return Ok(ExitCode::from(130));
        }
        outcome => outcome.map_err(|failure| story.failed(&failure))?,
    };
    keep(&mut story, &workspace.root().join(FOLDER), &pictures)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that runs is gone when this returns, however it does.
fn take(
    story: &mut Story,
    built: Built,
    chromium: &Path,
    patience: &Patience,
) -> Result<Vec<Picture>, Failure> {
    story.step("Start the authority");
    let Built { programs, www } = built;
    let www =
        www.ok_or_else(|| Failure::new("without the dashboard there is nothing to take a picture of"))?;
    // Before the house: its terminal clears the keyring when it ends.
    let keyring = Keyring::start(patience)?.ok_or_else(|| {
        Failure::new("the pictures show a keyring, and there is none to be had")
            .hint("install the packages `gnome-keyring` and `dbus`")
    })?;
    let programs_path = programs.path().to_owned();
    let mut house = House::open(programs, Some(&www), patience)?;
    story.tell(&house.issuer);
    house.terminal.set("DBUS_SESSION_BUS_ADDRESS", keyring.bus().to_owned());
    let house = house;
    let person = Person::new(&house, &programs_path, &keyring, patience)?;
    visit(story, &house, &person, chromium, patience).map_err(|failure| house.explain(failure))
}

fn visit(
    story: &mut Story,
    house: &House,
    person: &Person<'_>,
    chromium: &Path,
    patience: &Patience,
) -> Result<Vec<Picture>, Failure> {
    let mut chromium = Chromium::start(chromium, house.place(), patience)?;
    story.step("Sign in the terminal");
    let mut pictures = vec![person.login(story, &mut chromium)?];

    story.step("Take pictures of the dashboard");
    Dashboard::open(&mut chromium, &house.issuer)?.sign_in()?;
    chromium.until("the lists of the dashboard", LISTED)?;
    settle(&mut chromium, &house.issuer)?;
    for (name, scheme) in [("dashboard.png", "light"), ("dashboard-dark.png", "dark")] {
        pictures.push(Picture { name, bytes: photograph(&mut chromium, scheme)? });
        story.tell(scheme);
    }

    story.step("Use the terminal");
    for (name, command, words) in [
        ("status.svg", "gatepass status", "Account: demo@example.com"),
        ("doctor.svg", "gatepass doctor", "all is well"),
    ] {
        pictures.push(person.command(name, command, words)?);
        story.tell(&format!("$ {command}"));
    }
    pictures.push(person.device_code()?);
    story.tell("$ gatepass login --auth-flow device_code");
    person.sign_in_colleague()?;
    pictures.push(person.tui()?);
    story.tell("$ gatepass tui");
    Ok(pictures)
}

/// Stops the page's clocks and puts what differs from run to run into words that do not; only where what stands there
/// is what it should be, so that no picture hides a broken page.
fn settle(chromium: &mut Chromium, issuer: &str) -> Result<(), Failure> {
    let script = format!(
        "for (let id = setTimeout(() => {{}}); id > 0; id -= 1) clearTimeout(id); \
         const put = (id, old, text) => {{ const it = document.getElementById(id); \
         if (!old.test(it.textContent)) throw new Error(`${{id}}: ${{it.textContent}}`); it.textContent = text; }}; \
         put('issuer', /^{issuer}$/, '{ISSUER}'); \
         document.querySelectorAll('.list time').forEach((time) => \
         {{ if (!/just now|minute|20\\d\\d/.test(time.textContent)) throw new Error(time.textContent); \
         time.textContent = /20\\d\\d/.test(time.textContent) ? 'Nov 21, 2026, 9:30 AM' : 'just now'; }}); \
         put('countdown', /^Next refresh in (60:00|59:\\d\\d)$/, 'Next refresh in 59:42'); \
         put('since', /\\d/, new Date('2026-11-21T09:30Z').toLocaleString('en', \
         {{ dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }})); \
         document.fonts.ready.then(() => true)",
        // Inside a regular expression.
        issuer = issuer.replace('/', "\\/"),
    );
    chromium.evaluate(&script).map(drop)
}

fn photograph(chromium: &mut Chromium, scheme: &str) -> Result<Vec<u8>, Failure> {
    let window =
        |height: u64| json!({ "width": WIDTH, "height": height, "deviceScaleFactor": 2, "mobile": false });
    chromium.call("Emulation.setDeviceMetricsOverride", &window(1))?;
    let height = chromium.evaluate("document.documentElement.scrollHeight")?;
    chromium.call("Emulation.setDeviceMetricsOverride", &window(height.as_u64().unwrap_or_default()))?;
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    chromium.call("Emulation.setEmulatedMedia", &media)?;
    let well = "document.documentElement.scrollHeight <= innerHeight \
                && !document.querySelector('.problem:not([hidden])')";
    if chromium.evaluate(well)? != true {
        return Err(Failure::new("the dashboard does not fit into its picture, or shows an error"));
    }
    let answer = chromium.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
    Base64::decode_vec(answer["data"].as_str().unwrap_or_default())
        .map_err(|error| Failure::new(format!("Chromium's picture is not base64: {error}")))
        .and_then(|picture| palette::reduce(&picture))
}

/// Writes all of them, at the very end: a run that fails changes none.
fn keep(story: &mut Story, folder: &Path, pictures: &[Picture]) -> Result<(), Failure> {
    story.step("Keep them");
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder.display(), &error))?;
    for Picture { name, bytes } in pictures {
        let path = folder.join(name);
        let changed = fs::read(&path).ok().is_none_or(|old| old != *bytes);
        fs::write(&path, bytes).map_err(|error| Failure::io(path.display(), &error))?;
        let state = if changed { "changed" } else { "as before" };
        story.tell(&format!("{FOLDER}/{name}: {} KB, {state}", bytes.len().div_ceil(1024)));
    }
    Ok(())
}
