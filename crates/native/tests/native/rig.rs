//! A program that signs in: the library, its folder, and what it heard.

use std::sync::mpsc::{Receiver, Sender, channel};

use gatepass::{
    Client, Control, Error, Event, Gatepass, LoggedIn, LoginOptions, Place, Remote, Settings, Waiting,
    WhyDevice,
};
use tempfile::TempDir;

use crate::issuer::{Issuer, PATIENCE, State};

/// An event, kept.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Url(String),
    /// Its words, and whether the browser can come back.
    Page(String, String, bool),
    Device(String, WhyDevice),
    NoDevice(Error),
    Stranger(Error),
    BadPaste(Error),
    Finishing,
}

pub(crate) struct Rig {
    pub(crate) issuer: Issuer,
    pub(crate) gatepass: Gatepass,
    folder: TempDir,
}

/// A login under way.
pub(crate) struct Attempt {
    pub(crate) remote: Remote,
    heard: Receiver<Heard>,
    waiting: Waiting<Result<LoggedIn, Error>>,
}

impl Rig {
    pub(crate) fn new(state: State) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::start(state);
        let gatepass = another(&issuer, &folder);
        Self { issuer, gatepass, folder }
    }

    /// A second process at the same session.
    pub(crate) fn another(&self) -> Gatepass {
        another(&self.issuer, &self.folder)
    }

    /// Changes how the library is set up.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = settings(&self.issuer, &self.folder);
        change(&mut settings);
        self.gatepass = Gatepass::new(settings);
    }

    pub(crate) fn login(&self, options: LoginOptions) -> Attempt {
        let (remote, control) = Control::new();
        let (sender, heard) = channel();
        let options = LoginOptions { open_browser: false, control: Some(control), ..options };
        let waiting = self.gatepass.login(options, move |event| tell(&sender, &event));
        Attempt { remote, heard, waiting }
    }

    /// Signed in, by the short way.
    pub(crate) fn sign_in(&self) {
        let attempt = self.login(LoginOptions { flow: gatepass::Flow::Pkce, ..LoginOptions::default() });
        let answer = self.issuer.answer(&attempt.url());
        assert!(crate::issuer::browse(&answer).unwrap().contains("You are signed in"));
        attempt.end().unwrap();
    }

    pub(crate) fn signed_in(&self) -> bool {
        self.another().status().unwrap().is_some()
    }
}

impl Attempt {
    /// What is heard next.
    pub(crate) fn next(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).unwrap()
    }

    /// The address to open, which comes first.
    pub(crate) fn url(&self) -> String {
        match self.next() {
            Heard::Url(url) => url,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn end(self) -> Result<LoggedIn, Error> {
        self.waiting.wait().unwrap()
    }
}

fn another(issuer: &Issuer, folder: &TempDir) -> Gatepass {
    Gatepass::new(settings(issuer, folder))
}

fn settings(issuer: &Issuer, folder: &TempDir) -> Settings {
    let client = Client::new(&issuer.url, "client", "openid", "ES256", "preferred").unwrap();
    let mut settings = Settings::new(client, "gatepass-test", folder.path().to_owned());
    settings.storage.place = Place::File;
    settings
}

fn tell(heard: &Sender<Heard>, event: &Event<'_>) {
    let event = match event {
        Event::Waiting { url, .. } => Heard::Url(url.expose().clone()),
        Event::Handoff { url, words, comes_back, .. } => {
            Heard::Page(url.expose().clone(), (*words).to_owned(), *comes_back)
        }
        Event::Device { user_code, why, .. } => Heard::Device((*user_code).to_owned(), *why),
        Event::NoDevice(error) => Heard::NoDevice(*error),
        Event::Stranger(error) => Heard::Stranger(*error),
        Event::BadPaste(error) => Heard::BadPaste(*error),
        Event::Finishing => Heard::Finishing,
    };
    // A test that is over does not listen any more.
    let _ = heard.send(event);
}
