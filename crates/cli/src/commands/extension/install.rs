//! `extension install`: tells browsers where this program is, by the file that each of them reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{folder, name};
use crate::args::Browser;
use crate::context::{Context, quoted};
use crate::exit::Exit;
use crate::manifest::{is_chromium, is_firefox};
use crate::private;
use crate::words::Trouble;

pub(super) fn run(
    context: &Context,
    browsers: &[Browser],
    ids: &[String],
    place: Option<&Path>,
) -> Result<Exit, Trouble> {
    let known = Ids::of(context, ids)?;
    let (named, found) = (!browsers.is_empty(), present(context)?);
    let chosen: Vec<Browser> = if named { browsers.to_vec() } else { found };
    // Whoever names a browser wants it served; whoever names none takes what can be.
    let chosen: Vec<Browser> =
        chosen.into_iter().filter(|browser| named || !known.of_browser(*browser).is_empty()).collect();
    if chosen.is_empty() {
        return Err(Trouble::Usage(String::from(if ids.is_empty() {
            "no browser was found for these ids: --browser names one, --id the extension"
        } else {
            "no browser of this person was found for these ids: name one by --browser (and --folder)"
        })));
    }
    let wrapper = wrapper(context)?;
    for browser in chosen {
        let ids = known.of_browser(browser);
        if ids.is_empty() {
            return Err(Trouble::Usage(String::from(
                "no id of the extension is known for this browser: --id says it, or `[extension]` in the manifest",
            )));
        }
        let file = match place {
            Some(place) => place.join("NativeMessagingHosts"),
            None => hosts(context, browser)?,
        }
        .join(format!("{}.json", name(context)));
        write(&file, &manifest(context, browser, ids, &wrapper))?;
        context.talk.say(&format!("wrote {}", file.display()));
    }
    context.talk.say(&format!(
        "next: press \"Connect\" in the extension, and run `{}`",
        context.command("extension pair")
    ));
    Ok(Exit::Done)
}

/// The ids, by the family of browsers that gives them.
struct Ids {
    chromium: Vec<String>,
    firefox: Vec<String>,
}

impl Ids {
    fn of(context: &Context, said: &[String]) -> Result<Self, Trouble> {
        if said.is_empty() {
            let known = &context.app.extension;
            return Ok(Self { chromium: known.chromium.clone(), firefox: known.firefox.clone() });
        }
        if said.iter().any(|id| !is_chromium(id) && !is_firefox(id)) {
            return Err(Trouble::Usage(String::from(
                "--id takes 32 letters from a to p (Chromium), or `name@example` (Firefox)",
            )));
        }
        let of = |is: fn(&str) -> bool| said.iter().filter(|id| is(id)).cloned().collect();
        Ok(Self { chromium: of(is_chromium), firefox: of(is_firefox) })
    }

    fn of_browser(&self, browser: Browser) -> &[String] {
        if browser == Browser::Firefox { &self.firefox } else { &self.chromium }
    }
}

/// What the browser reads (Chrome, "Native messaging"; MDN, "Native manifests").
fn manifest(context: &Context, browser: Browser, ids: &[String], wrapper: &Path) -> serde_json::Value {
    let mut manifest = json!({
        "name": name(context),
        "description": format!("{} in the terminal", context.app.title()),
        "path": wrapper,
        "type": "stdio",
    });
    if browser == Browser::Firefox {
        manifest["allowed_extensions"] = json!(ids);
    } else {
        let origins: Vec<String> = ids.iter().map(|id| format!("chrome-extension://{id}/")).collect();
        manifest["allowed_origins"] = json!(origins);
    }
    manifest
}

fn write(file: &Path, manifest: &serde_json::Value) -> Result<(), Trouble> {
    let failed = |error: io::Error| Trouble::Usage(format!("cannot write `{}`: {error}", file.display()));
    file.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    private::write(file, &format!("{manifest:#}\n"), 0o644).map_err(failed)
}

/// A browser starts a file, without words of ours: this one adds them.
fn wrapper(context: &Context) -> Result<PathBuf, Trouble> {
    if cfg!(windows) {
        return Err(Trouble::Usage(String::from("browsers are not told of this program on Windows yet")));
    }
    let folder = folder(context);
    let file = folder.join(format!("{}.sh", name(context)));
    let failed = |error: io::Error| Trouble::Usage(format!("cannot write `{}`: {error}", file.display()));
    private::folder(&folder).map_err(failed)?;
    let mut lines =
        vec![String::from("#!/bin/sh"), String::from("# Made by `extension install`, started by browsers.")];
    // Where sessions are and who is meant may have been said by variables, which browsers do not have.
    if let Some(data) = context.environment.data() {
        lines.push(format!("export GATEPASS_HOME={}", quoted(&data.display().to_string())));
    }
    let variables = &context.app.variables;
    let names = [
        variables.issuer.as_deref(),
        variables.client_id.as_deref(),
        variables.api.as_deref(),
        variables.profile.as_deref(),
    ];
    for name in names.into_iter().flatten() {
        if let Some(value) = context.environment.text(name) {
            lines.push(format!("export {name}={}", quoted(&value)));
        }
    }
    let program = context.environment.location()?;
    let mut words = vec![program.display().to_string()];
    let options = &context.options;
    if let Some(app) = &context.app.file {
        let app = context.environment.directory.as_ref().map_or_else(|| app.clone(), |here| here.join(app));
        words.extend([String::from("--app"), app.display().to_string()]);
    }
    for (flag, value) in [
        ("--issuer", options.issuer.as_ref()),
        ("--client-id", options.client_id.as_ref()),
        ("--profile", Some(&context.profile.name)),
    ] {
        words.extend(value.map(|value| [flag.to_owned(), value.clone()]).into_iter().flatten());
    }
    words.extend(["extension", "host", "--"].map(String::from));
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    lines.push(format!("exec {} \"$@\"", words.join(" ")));
    private::write(&file, &(lines.join("\n") + "\n"), 0o700).map_err(failed)?;
    Ok(file)
}

const ALL: [Browser; 6] =
    [Browser::Chromium, Browser::Chrome, Browser::Edge, Browser::Brave, Browser::Vivaldi, Browser::Firefox];

/// Browsers that have been here: their own folders exist.
fn present(context: &Context) -> Result<Vec<Browser>, Trouble> {
    let mut found = Vec::new();
    for browser in ALL {
        if hosts(context, browser)?.parent().is_some_and(Path::is_dir) {
            found.push(browser);
        }
    }
    Ok(found)
}

/// Where a browser looks for programs of this person.
fn hosts(context: &Context, browser: Browser) -> Result<PathBuf, Trouble> {
    let home = context.environment.home();
    let home =
        home.ok_or_else(|| Trouble::Usage(String::from("no home folder: set HOME to an absolute path")))?;
    if cfg!(target_os = "macos") {
        let folder = match browser {
            Browser::Chromium => "Chromium",
            Browser::Chrome => "Google/Chrome",
            Browser::Edge => "Microsoft Edge",
            Browser::Brave => "BraveSoftware/Brave-Browser",
            Browser::Vivaldi => "Vivaldi",
            Browser::Firefox => "Mozilla",
        };
        return Ok(home.join("Library/Application Support").join(folder).join("NativeMessagingHosts"));
    }
    let folder = match browser {
        Browser::Firefox => return Ok(home.join(".mozilla/native-messaging-hosts")),
        Browser::Chromium => "chromium",
        Browser::Chrome => "google-chrome",
        Browser::Edge => "microsoft-edge",
        Browser::Brave => "BraveSoftware/Brave-Browser",
        Browser::Vivaldi => "vivaldi",
    };
    let config = context.environment.config().unwrap_or_else(|| home.join(".config"));
    Ok(config.join(folder).join("NativeMessagingHosts"))
}
