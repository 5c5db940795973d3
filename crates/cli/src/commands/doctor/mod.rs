//! `doctor`: what is wrong on this machine, and its mend.
//!
//! What waits for somebody (issuer, keyring) is asked at the same time and has a limit, so that the whole is over in a
//! few seconds even where everything hangs.

mod files;
mod finding;
mod machine;
mod network;
mod report;
mod store;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gatepass::{Error, Gatepass, Network, Transcript, Wanted};
use serde::Serialize;

use self::finding::{Finding, State, table};
use self::report::Redaction;
use crate::args::Doctor;
use crate::context::Context;
use crate::exit::Exit;
use crate::manifest::Place;
use crate::waiting;
use crate::words::Trouble;

/// How long the slowest of those who are asked may take; the limits of the store and of the network are shorter.
const LIMIT: Duration = Duration::from_secs(6);

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    /// Whether nothing is wrong.
    well: bool,
    findings: &'a [Finding],
    /// With `--trace`: the transcript of one access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<&'a str>>,
    /// With `--report -`.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a str>,
}

pub(crate) fn run(context: &Context, how: &Doctor) -> Result<Exit, Trouble> {
    let Examined { mut findings, account } = examine(context);
    let transcript = if how.trace { trace(context, &mut findings)? } else { None };
    let well = !findings.iter().any(|finding| finding.state == State::Wrong);
    let lines = transcript.as_ref().map(Transcript::as_str);
    let columns = context.environment.screen.then(waiting::width);
    let mut plain = table(&findings, columns);
    let report = how.report.as_ref().map(|_| {
        report::write(&Redaction::of(context, account, how.anonymous), &table(&findings, None), lines)
    });
    if let Some(lines) = lines {
        plain.push_str("\n\n");
        plain.push_str(lines);
    }
    let to_screen = how.report.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if let (Some(path), Some(report), false) = (&how.report, &report, to_screen) {
        report::save(path, report)?;
        context.talk.say(&format!("the report is in {}; read it before you paste it", path.display()));
    }
    let screen = report.as_deref().filter(|_| to_screen);
    let trace = lines.map(|lines| lines.lines().collect());
    let shown = Shown { schema: "gatepass/doctor/1", well, findings: &findings, trace, report: screen };
    context.talk.data(&shown, screen.unwrap_or(&plain));
    Ok(if well { Exit::Done } else { Exit::Failed })
}

/// What was found, and by which names the person is known, so that no report says them.
struct Examined {
    findings: Vec<Finding>,
    account: Vec<String>,
}

/// Looks at everything, in the order in which one thing explains the next.
fn examine(context: &Context) -> Examined {
    let app = &context.app;
    let service = app.storage.service.clone().unwrap_or_else(|| app.name.clone());
    // What is not used is not asked.
    let keyring =
        (app.storage.place != Place::File).then(|| aside(move || gatepass::doctor::keyring(&service)));
    let kernel = aside(gatepass::doctor::kernel_keyring);
    let asked = context.settings(&context.profile.name).map(|settings| {
        let (issuer, ca_file) = (settings.client.issuer.clone(), settings.ca_file.clone());
        let account = Gatepass::new(settings.clone());
        (
            settings,
            aside(move || gatepass::doctor::issuer(&issuer, ca_file.as_deref())),
            aside(move || account.status().map(|status| (status, account.now()))),
        )
    });
    let mut findings = vec![machine::program(context)];
    findings.extend(machine::variables(context));
    let ca_file = asked.as_ref().ok().and_then(|(settings, ..)| settings.ca_file.as_deref());
    let network = Network::in_effect(ca_file);
    findings.push(network::proxy(context, &network));
    findings.push(network::certificates(&network));
    match &asked {
        Ok((settings, issuer, _)) => findings.extend(network::issuer(context, settings, waited(issuer))),
        Err(trouble) => findings.push(Finding::wrong("issuer", trouble.message())),
    }
    findings.push(machine::loopback(&app.login.ports));
    findings.push(machine::browser(context));
    findings.extend(files::examine(context));
    findings.push(match keyring {
        Some(keyring) => store::keyring(app.storage.fallback, waited(&keyring)),
        None => Finding::ok("keyring", "not used: the manifest keeps sessions in a plain file"),
    });
    findings.extend(store::kernel(waited(&kernel)));
    let mut account = Vec::new();
    if let Ok((_, _, session)) = asked {
        let session = waited(&session);
        if let Some(Ok((Some(status), _))) = &session {
            let identity = &status.view.identity;
            account.push(identity.subject.as_str().to_owned());
            account.extend(identity.email.iter().chain(&identity.name).map(|text| text.to_string()));
        }
        findings.push(store::session(context, session));
    }
    Examined { findings, account }
}

/// Does something on a thread of its own, which is left behind if it takes too long.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Nobody may be waiting any more.
        drop(sender.send(work()));
    });
    receiver
}

fn waited<T>(receiver: &mpsc::Receiver<T>) -> Option<T> {
    receiver.recv_timeout(LIMIT).ok()
}

/// Gets one access token, as `token` does, and writes down how.
fn trace(context: &Context, findings: &mut Vec<Finding>) -> Result<Option<Transcript>, Trouble> {
    let Ok(gatepass) = context.gatepass() else { return Ok(None) };
    let command = context.command("token");
    context.talk.say(&format!("asking for an access token as `{command}` does; a stale one is refreshed"));
    let (result, transcript) = gatepass.trace(Wanted::default()).wait()?;
    findings.push(match result {
        Ok(handout) if !handout.saved => troubled(context, "token", Error::NotSaved),
        Ok(handout) if handout.refreshed => Finding::ok("token", "refreshed"),
        Ok(_) if transcript.as_str().contains("> send") => {
            let seen = "the stored one lives a little longer; a refresh failed, and the trace says how";
            Finding::warning("token", seen)
        }
        Ok(_) => Finding::ok("token", "the stored one is good; nobody was asked"),
        Err(error) => troubled(context, "token", error),
    });
    Ok(Some(transcript))
}

/// An error in the words and with the hint that any command has for it.
fn troubled(context: &Context, check: &'static str, error: Error) -> Finding {
    let trouble = Trouble::Core(error);
    let found = if error == Error::NotSignedIn {
        Finding::warning(check, trouble.message())
    } else {
        Finding::wrong(check, trouble.message())
    };
    match context.hint(&trouble) {
        Some(hint) => found.mend(hint),
        None => found,
    }
}
