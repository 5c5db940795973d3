//! `login`: signs in by whatever way ends first, or in two processes.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatepass::{
    Accent, Confirm, Control, DeviceCode, Error, Event, FinishOptions, Flow, Gatepass, LoginOptions,
    PageWords, Passphrase, RedirectHost, Remote, Secret, Started, Surroundings, Via, View, Way, WhyDevice,
};
use serde::Serialize;

use crate::args::Login;
use crate::commands::status;
use crate::context::Context;
use crate::email::{self, Email};
use crate::exit::Exit;
use crate::handoff;
use crate::manifest::AuthFlow;
use crate::messages::{Messages, Values, printable};
use crate::organizations;
use crate::output::distance;
use crate::qr;
use crate::waiting::{self, Keys, Line, Watch};
use crate::words::Trouble;

pub(crate) fn run(context: &Context, how: &Login) -> Result<Exit, Trouble> {
    status::say_given(context);
    let gatepass = context.gatepass()?;
    if let Some(handle) = &how.finish {
        return finish(context, &gatepass, how, handle);
    }
    let email = email::ask(context, how)?;
    let options = options(context, how, email.as_ref())?;
    if how.start {
        return start(context, options);
    }
    let person = context.environment.person && !context.talk.is_json();
    if !person {
        handoff::somebody_can_answer(context, &options)?;
    }
    context.talk.lines(&context.values(), &context.app.messages.login_begins);
    let mut teller = Teller::new(context);
    let (remote, control) = Control::new();
    let options = LoginOptions { control: Some(control), ..options };
    // A terminal takes a paste and a key; without one there is the listener and whatever the flow adds.
    if person {
        let keys = match (options.flow, &options.via) {
            (Flow::Auto, Via::Issuer) => Keys::PasteOrCode,
            (Flow::Pkce, Via::Issuer) => Keys::Paste,
            (Flow::Auto, Via::Dashboard(_)) => Keys::TypedOrCode,
            (Flow::Pkce, Via::Dashboard(_)) => Keys::Typed,
            (Flow::DeviceCode, _) => Keys::None,
        };
        teller.waits = Some(Waits { remote, keys, limit: options.limit });
    }
    let (by_dashboard, said) = (options.via != Via::Issuer, handoff::said(context));
    teller.by_dashboard = by_dashboard;
    let ended = gatepass.login(options, move |event| teller.tell(&event)).wait()?;
    ended.map_err(|error| trouble(error, by_dashboard, said))?;
    done(context, &gatepass)
}

/// An error in the words of the way that was taken.
pub(crate) fn trouble(error: Error, by_dashboard: bool, said: bool) -> Trouble {
    if by_dashboard { Trouble::Dashboard { error, said } } else { error.into() }
}

/// What both kinds of login end with.
fn done(context: &Context, gatepass: &Gatepass) -> Result<Exit, Trouble> {
    let status = gatepass.status()?.ok_or(Error::Bug)?;
    let (messages, values) = (&context.app.messages, status::values(context, gatepass, &status));
    context.talk.lines(&values, &messages.login_done);
    if context.app.login.organization {
        organizations::choose_at_sign_in(context, gatepass)?;
    }
    if context.talk.is_json() {
        status::print(context, gatepass, &status);
    } else {
        status::warn_plain(context, &status);
    }
    Ok(Exit::Done)
}

/// A login as the manifest and the command line want it.
pub(crate) fn options(
    context: &Context,
    how: &Login,
    email: Option<&Email>,
) -> Result<LoginOptions, Trouble> {
    let app = &context.app;
    let accent = match &app.accent {
        None => PageWords::default().accent,
        Some(text) => Accent::parse(text).ok_or_else(|| {
            Trouble::Usage(String::from("`accent` of the manifest must be a colour such as `#3a6ea5`"))
        })?,
    };
    let prompt = how.switch.then(|| String::from("select_account"));
    let (flow, via) = handoff::choose(context, how)?;
    // Only the domain leaves this machine before the person has seen where they sign in; and a dashboard takes none.
    let hinted = email.filter(|_| via == Via::Issuer);
    let extra =
        hinted.map(|email| (String::from("domain_hint"), email.domain().to_owned())).into_iter().collect();
    Ok(LoginOptions {
        flow: match flow {
            AuthFlow::Auto => Flow::Auto,
            AuthFlow::Pkce => Flow::Pkce,
            AuthFlow::DeviceCode => Flow::DeviceCode,
        },
        via,
        open_browser: !how.no_browser,
        limit: Duration::from_secs(how.timeout.unwrap_or(app.login.timeout)),
        device_after: app.login.device_code_after.map(Duration::from_secs),
        prompt,
        extra,
        ports: app.login.ports.clone(),
        path: app.login.path.clone(),
        host: if app.login.host == "localhost" { RedirectHost::Localhost } else { RedirectHost::Literal },
        page: PageWords { program: app.title().to_owned(), accent },
        confirm: confirm(context),
        expected_email: email.map(|email| email.as_str().to_owned()),
        ..LoginOptions::default()
    })
}

/// Asks whether an account is the one that was meant, where somebody is there to answer.
fn confirm(context: &Context) -> Option<Confirm> {
    let talk = context.talk;
    if !context.environment.person || talk.is_json() {
        return None;
    }
    Some(Confirm::new(move |view: &View, _: Way| {
        let account = printable(status::account(view));
        let question = format!("sign in to {} as {account}? [y/N]", view.issuer);
        talk.ask(&question).is_some_and(|answer| matches!(answer.as_str(), "y" | "Y" | "yes"))
    }))
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    /// For `login --finish`.
    handle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    /// To compare with the page, where the address is a dashboard's.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri_complete: Option<&'a str>,
    /// Seconds since 1970.
    expires_at: u64,
}

/// `login --start`
fn start(context: &Context, options: LoginOptions) -> Result<Exit, Trouble> {
    let mut settings = context.settings(&context.profile.name)?;
    // What waits has to be sealed when nobody is there: a passphrase that was asked for would be asked for in vain.
    let asked = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&asked);
    settings.storage.passphrase = Some(Passphrase::new(move |_| {
        hears.store(true, Ordering::Relaxed);
        None
    }));
    let gatepass = Gatepass::new(settings);
    let started = gatepass.start(options).wait()?;
    if started.is_err() && asked.load(Ordering::Relaxed) {
        return Err(Trouble::Usage(format!(
            "a login in two processes needs a keyring, as a passphrase cannot seal what waits: run `{}`",
            context.command("login")
        )));
    }
    let Started { handle, url, words, device, expires_at } = started?;
    let shown = Shown {
        schema: "gatepass/login-start/1",
        handle: &handle,
        url: url.as_ref().map(|url| url.expose().as_str()),
        words: words.as_deref(),
        user_code: device.as_ref().map(|device| device.user_code.as_str()),
        verification_uri: device.as_ref().map(|device| device.verification_uri.as_str()),
        verification_uri_complete: device
            .as_ref()
            .and_then(|device| device.verification_uri_complete.as_ref().map(|uri| uri.as_str())),
        expires_at: expires_at.seconds(),
    };
    let finish = context.command(&format!("login --finish {handle}"));
    let plain = match (&url, &device) {
        (Some(url), _) if words.is_some() => format!(
            "open this address, compare these three words with the page: {}\n\n  {}\n\nthen run, and type the code that it shows:\n\n  {finish}\n",
            words.as_deref().unwrap_or_default(),
            url.expose()
        ),
        (Some(url), _) => format!(
            "open this address, sign in, and copy the address at which the browser ends:\n\n  {}\n\nthen run, and paste it:\n\n  {finish}\n",
            url.expose()
        ),
        (None, Some(DeviceCode { user_code, verification_uri, .. })) => format!(
            "on any device, open {} and enter this code, or compare it: {user_code}\n\nthen run:\n\n  {finish}\n",
            verification_uri.as_str()
        ),
        (None, None) => finish,
    };
    context.talk.data(&shown, &plain);
    context.talk.say(&format!("this login waits and ends {}", distance(expires_at, gatepass.now())));
    Ok(Exit::Done)
}

/// `login --finish HANDLE`
fn finish(context: &Context, gatepass: &Gatepass, how: &Login, handle: &str) -> Result<Exit, Trouble> {
    let limit = Duration::from_secs(how.timeout.unwrap_or(context.app.login.timeout));
    let confirm = confirm(context).filter(|_| !how.yes);
    let options = FinishOptions { limit, confirm, expected_email: how.email.clone() };
    let answer = if context.environment.person {
        context.talk.ask_hidden("the address at which the browser ended, or the code that the page showed (Enter alone for a device code):")
    } else {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .take(64 * 1024)
            .read_to_string(&mut text)
            .map_err(|error| Trouble::Usage(format!("cannot read the address from stdin: {error}")))?;
        Some(text.trim()).filter(|text| !text.is_empty()).map(Secret::from)
    };
    // Whoever brings the address decides whose account it is (RFC 6819 section 4.4.1.8), so somebody here has to say it.
    let unseen = options.confirm.is_none() && options.expected_email.is_none() && !how.yes;
    if answer.is_some() && unseen {
        return Err(Trouble::Usage(String::from(
            "nobody can be asked here whose account this is: say it with --email, or take any with --yes",
        )));
    }
    // Which way the other process took is sealed; but what is no address can only be a code.
    let typed = answer.as_ref().map(|answer| !answer.expose().contains("://"));
    let mut teller = Teller::new(context);
    let ended = gatepass.finish(handle, answer, options, move |event| teller.tell(&event)).wait()?;
    ended.map_err(|error| {
        let by_dashboard = typed.unwrap_or(error == Error::NotTheCallback);
        trouble(error, by_dashboard, handoff::said(context))
    })?;
    done(context, gatepass)
}

/// The words under an address that is opened by hand.
const ELSEWHERE: &str = "on another machine, the browser ends at a page that cannot be opened: copy that page's address and paste it here";

/// The words under an address of a dashboard that is opened elsewhere.
const TYPED: &str =
    "the browser cannot come back here: when you have said yes, the page shows a code to type here";

/// Says what happens while a login waits.
struct Teller {
    messages: Messages,
    values: Values,
    line: Line,
    /// What the watch is started with, where there is a terminal for it.
    waits: Option<Waits>,
    watch: Option<Watch>,
    /// Whether the code of a dashboard is waited for.
    by_dashboard: bool,
    colours: bool,
}

/// What a watch needs.
struct Waits {
    remote: Remote,
    keys: Keys,
    limit: Duration,
}

impl Teller {
    fn new(context: &Context) -> Self {
        Self {
            messages: context.app.messages.clone(),
            values: context.values(),
            line: Line::default(),
            waits: None,
            watch: None,
            by_dashboard: false,
            colours: context.environment.colours() && context.environment.person,
        }
    }

    fn say(&self, lines: &[String], values: &Values) {
        let text = values.fill(lines);
        if !lines.is_empty() {
            self.line.say(&text);
        }
    }

    /// Says what to open. Gives whether a browser can have opened.
    fn address(&self, opened: bool, values: &Values) -> bool {
        // An opener that was forced may be there without a browser behind it.
        let opened = opened && Surroundings::of_this_process().browser().is_ok();
        let first = if opened { &self.messages.login_opened } else { &self.messages.login_open_by_hand };
        self.say(first, values);
        self.say(&self.messages.login_address, values);
        opened
    }

    /// Says how long this waits, where no line counts it down.
    fn say_limit(&self, limit: Duration) {
        if self.watch.is_none() {
            self.line.say(&format!("waiting for you, {} seconds at most; Ctrl-C gives up", limit.as_secs()));
        }
    }

    /// Takes the keys, from the moment when a person is waited for: before it, a passphrase may be asked for.
    fn watch(&mut self) {
        if let Some(Waits { remote, keys, limit }) = self.waits.take() {
            self.watch = Watch::start(&self.line, remote, keys, limit, waiting::width());
        }
    }

    fn tell(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Waiting { .. } | Event::Handoff { .. } | Event::Device { .. }) {
            self.watch();
        }
        match event {
            Event::Waiting { url, opened, limit } => {
                let values = self.values.clone().with("address", url.expose().as_str());
                let opened = self.address(*opened, &values);
                if !opened && self.watch.is_some() {
                    self.line.say(ELSEWHERE);
                }
                self.say_limit(*limit);
            }
            Event::Handoff { url, words, opened, comes_back, limit } => {
                let values = self.values.clone().with("address", url.expose().as_str()).with("words", *words);
                self.address(*opened, &values);
                self.say(&self.messages.login_words, &values);
                if !comes_back {
                    self.line.say(TYPED);
                }
                self.say_limit(*limit);
            }
            Event::Device { user_code, verification_uri, verification_uri_complete, why, .. } => {
                match why {
                    WhyDevice::Asked | WhyDevice::Forced => {}
                    WhyDevice::NoBrowser => {
                        self.line.say("no browser can be opened here, so here is a code as well:")
                    }
                    WhyDevice::TimeLimit => {
                        self.line.say("the browser has not come back, so here is a code as well:")
                    }
                }
                let values = self.values.clone().with("address", *verification_uri).with("code", *user_code);
                let target = verification_uri_complete.unwrap_or(verification_uri);
                if let Some(lines) = qr::lines(target, waiting::width(), self.colours) {
                    self.line.say(&format!("\n{}\n", lines.join("\n")));
                }
                self.say(&self.messages.login_device_code, &values);
                if let Some(watch) = &self.watch {
                    watch.code_is_shown();
                }
            }
            Event::NoDevice(error) => {
                let why = Trouble::Core(*error).message();
                self.line.say(&format!("note: there is no device code: {why}; the browser's way stays open"));
            }
            Event::Stranger(_) => {
                self.line
                    .say("note: something called that belongs to another login; still waiting for yours");
            }
            Event::BadPaste(error) => {
                let trouble = trouble(*error, self.by_dashboard, false);
                self.line.say(&format!("{}; still waiting", trouble.message()));
            }
            // A question may come next, so the keys are the shell's again.
            Event::Finishing => self.watch = None,
        }
    }
}
