//! A headless Chromium, spoken to in its own language (the DevTools protocol) over a pair of pipes: no driver, no
//! node, no port that others could reach.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::demo::patience::Patience;
use crate::demo::story;
use crate::demo::visitor::Visitor;
use crate::failure::Failure;
use crate::process::{self, Running};

const LIMIT: Duration = Duration::from_secs(30);

const FLAGS: [&str; 14] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--password-store=basic",
    "--use-mock-keychain",
];

/// Chromium reads commands from descriptor 3 and writes answers to 4; ours arrive as stdin and stdout.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A browser with one page.
#[derive(Debug)]
pub(crate) struct Chromium {
    input: ChildStdin,
    answers: Receiver<Value>,
    /// The number of the last command.
    last: u64,
    /// The page's session, once there is one.
    page: Option<String>,
    patience: Patience,
    log: PathBuf,
    // Last: what it says is not needed any more when it ends.
    running: Running,
}

impl Chromium {
    /// Starts it with an empty profile inside `place`.
    pub(crate) fn start(program: &Path, place: &Path, patience: &Patience) -> Result<Self, Failure> {
        let home = place.join("browser");
        let log = place.join("browser.log");
        fs::create_dir_all(&home).map_err(|error| Failure::io(home.display(), &error))?;
        let file = File::create(&log).map_err(|error| Failure::io(log.display(), &error))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", PIPES]).arg(program).args(FLAGS);
        shell.arg(format!("--user-data-dir={}", home.join("profile").display()));
        if is_root() {
            shell.arg("--no-sandbox");
        }
        // It writes into its home as well, not only into its profile.
        shell
            .arg("about:blank")
            .env("HOME", &home)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME");
        let mut running = Running::spawn(shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file))?;
        let child = running.child();
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("Chromium has no pipes"));
        };
        let patience = patience.clone();
        let answers = listen(output);
        let mut chromium = Self { input, answers, last: 0, page: None, patience, log, running };
        chromium.open_page().map_err(|failure| chromium.explain(&failure))?;
        Ok(chromium)
    }

    fn open_page(&mut self) -> Result<(), Failure> {
        let target = self.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", &attach)?;
        self.page = session["sessionId"].as_str().map(str::to_owned);
        Ok(())
    }

    /// Adds what Chromium said last.
    fn explain(&self, failure: &Failure) -> Failure {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        Failure::new(format!("Chromium: {failure}{}", story::last_lines(&said)))
    }

    /// Gives a command and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, Failure> {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(page) = &self.page {
            command["sessionId"] = json!(page);
        }
        let gone = |error| Failure::io(format!("Chromium does not take {method}"), &error);
        self.input
            .write_all(format!("{command}\0").as_bytes())
            .and_then(|()| self.input.flush())
            .map_err(gone)?;
        let (answers, id) = (&self.answers, self.last);
        let answer = self.patience.until(&format!("Chromium's answer to {method}"), LIMIT, || {
            loop {
                match answers.try_recv() {
                    // Events, and answers that nobody waits for any more, pass by.
                    Ok(answer) if answer["id"] == id => return Ok(Some(answer)),
                    Ok(_) => {}
                    Err(TryRecvError::Empty) => return Ok(None),
                    Err(TryRecvError::Disconnected) => return Err(Failure::new("it has ended")),
                }
            }
        })?;
        match answer["error"]["message"].as_str() {
            Some(message) => Err(Failure::new(format!("{method}: {message}"))),
            None => Ok(answer["result"].clone()),
        }
    }

    /// What a piece of JavaScript gives in the page, promises awaited.
    pub(crate) fn evaluate(&mut self, script: &str) -> Result<Value, Failure> {
        // In the place of a person: the server asks the browser whether there is one.
        let parameters =
            json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut answer = self.call("Runtime.evaluate", &parameters)?;
        let thrown = &answer["exceptionDetails"];
        if !thrown.is_null() {
            let text = thrown["exception"]["description"].as_str().or_else(|| thrown["text"].as_str());
            let line = text.unwrap_or_default().lines().next().unwrap_or_default();
            return Err(Failure::new(format!("the page says: {line}")));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a piece of JavaScript gives something true.
    pub(crate) fn until(&mut self, what: &str, script: &str) -> Result<Value, Failure> {
        let patience = self.patience.clone();
        let found = patience.until(what, LIMIT, || match self.evaluate(script) {
            Ok(value) => Ok(Some(value).filter(is_true)),
            // A page that is just being left answers nothing; a browser that has ended says so at the next look.
            Err(_) if self.running.ended()?.is_none() => Ok(None),
            Err(failure) => Err(self.explain(&failure)),
        });
        found.map_err(|failure| {
            let shown = self.evaluate("`${document.title}: ${document.body.innerText}`").unwrap_or_default();
            let shown = story::last_lines(shown.as_str().unwrap_or_default());
            if self.patience.is_interrupted() || shown.is_empty() {
                return failure;
            }
            Failure::new(format!("{failure}; the page shows:{shown}"))
        })
    }

    /// Presses a button, once it is there and can be seen.
    pub(crate) fn press(&mut self, id: &str) -> Result<(), Failure> {
        self.until(
            &format!("the button `{id}`"),
            &format!(
                "(() => {{ const it = document.getElementById('{id}'); const folded = it?.closest('details:not([open])'); \
                 if (folded) folded.open = true; if (!it?.checkVisibility()) return false; it.click(); return true; }})()"
            ),
        )
        .map(drop)
    }
}

impl Visitor for Chromium {
    fn open(&mut self, address: &str) -> Result<(), Failure> {
        let answer = self.call("Page.navigate", &json!({ "url": address }))?;
        match answer["errorText"].as_str() {
            Some(error) => Err(Failure::new(format!("Chromium cannot open the page: {error}"))),
            None => Ok(()),
        }
    }

    fn submit(&mut self, form: &str, button: &str, values: &[(&str, &str)]) -> Result<(), Failure> {
        let values = Value::from_iter(values.iter().copied());
        let script = format!(
            "(() => {{ const button = document.querySelector('form#{form} button#{button}'); \
             if (!button || button.ariaDisabled === 'true' || document.readyState !== 'complete') return false; \
             for (const [name, value] of Object.entries({values})) button.form.elements[name].value = value; \
             button.click(); return true; }})()"
        );
        self.until(&format!("the form `{form}` with the button `{button}`"), &script).map(drop)
    }

    fn see(&mut self, words: &str) -> Result<(), Failure> {
        let quoted = json!(words);
        self.until(&format!("{quoted} on the page"), &format!("document.body.innerText.includes({quoted})"))
            .map(drop)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It closes its helpers by itself when it is asked; what is left after a while is ended with its group.
        let close = json!({ "id": self.last + 1, "method": "Browser.close" });
        let _ = self.input.write_all(format!("{close}\0").as_bytes());
        let _ = Patience::deaf().until("Chromium's end", Duration::from_secs(5), || self.running.ended());
    }
}

/// Reads what Chromium says until it says no more.
fn listen(output: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let Some(value) = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
                break;
            };
            if sender.send(value).is_err() {
                break;
            }
        }
    });
    receiver
}

fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0
}

/// Chromium's sandbox refuses to work for root.
fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u"), Duration::from_secs(10)).is_ok_and(|id| id.trim() == "0")
}
