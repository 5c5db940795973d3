//! What the live view asks of the sessions: one function each, none of which knows a screen.

use std::sync::mpsc::{self, Sender};

use gatepass::{
    Account, Confirm, Control, Event, LoginOptions, Organization, Secret, Status, Timestamp, Via, View,
    Wanted, Way,
};

use crate::args::Login;
use crate::commands::login;
use crate::commands::status::account;
use crate::context::Context;
use crate::email::Email;
use crate::organizations;
use crate::profiles::Rules;
use crate::tui::model::{Code, Progress, Row, Session, SignedOut, Wording};
use crate::words::Trouble;

/// The words of the program.
pub(crate) fn wording(context: &Context) -> Wording {
    Wording {
        title: context.app.title().to_owned(),
        given: context.given.as_ref().map(|given| given.source.words().to_owned()),
        organizations: organizations::are_configured(context),
        email_first: context.app.login.email_first,
        is_own: context.app.is_own(),
        errors: context.app.messages.errors.clone(),
        values: context.values(),
    }
}

/// The accounts of this program: the one in effect first, then all others that are signed in here, then those that a
/// folder has a rule for.
pub(crate) fn accounts(context: &Context, current: &str) -> Result<Vec<Row>, Trouble> {
    let mut profiles = vec![context.profile.name.clone(), current.to_owned()];
    let (issuer, client_id) = (context.issuer.as_ref(), context.client_id.as_ref());
    let here = |account: &Account| {
        issuer.is_some_and(|issuer| issuer.value == account.issuer)
            && client_id.is_some_and(|client_id| client_id.value == account.client_id)
    };
    let listed = context.gatepass()?.accounts().list()?;
    profiles.extend(listed.into_iter().filter(here).map(|account| account.profile));
    profiles.extend(Rules::read(&context.folder)?.0.into_values());
    let mut rows: Vec<Row> = Vec::new();
    for profile in profiles {
        if rows.iter().any(|row| row.profile == profile) {
            continue;
        }
        let gatepass = context.gatepass_of(&profile)?;
        let session = gatepass.status().map(|status| status.as_ref().map(session)).map_err(Trouble::from);
        let organization = organizations::chosen(&gatepass).unwrap_or_default();
        rows.push(Row { profile, session, organization });
    }
    Ok(rows)
}

fn session(status: &Status) -> Session {
    let view = &status.view;
    Session {
        account: account(view).to_owned(),
        subject: view.identity.subject.as_str().to_owned(),
        issuer: view.issuer.as_str().to_owned(),
        client_id: view.client_id.as_str().to_owned(),
        scope: view.scopes.as_str().to_owned(),
        bound: view.bound,
        refreshes: view.refreshes,
        signed_in_at: view.signed_in_at,
        expires_at: status.access_expires_at,
        storage: status.keeping.as_str(),
    }
}

/// The organizations of an account.
pub(crate) fn organizations(context: &Context, profile: &str) -> Result<Vec<Organization>, Trouble> {
    let listed = organizations::list(context, &context.gatepass_of(profile)?)?;
    Ok(listed.into_iter().map(|listed| Organization { id: listed.id, name: listed.name }).collect())
}

/// Chooses one of them, or none.
pub(crate) fn choose(
    context: &Context,
    profile: &str,
    organization: Option<Organization>,
) -> Result<Option<Organization>, Trouble> {
    context.gatepass_of(profile)?.accounts().set_organization(organization.clone())?;
    Ok(organization)
}

/// Gets a new access token, which stays where it is kept. Gives whether it is kept.
pub(crate) fn refresh(context: &Context, profile: &str) -> Result<bool, Trouble> {
    let handout =
        context.gatepass_of(profile)?.access(Wanted { force: true, ..Wanted::default() }).wait()??;
    Ok(handout.saved)
}

/// Signs out, here first.
pub(crate) fn sign_out(context: &Context, profile: &str) -> Result<SignedOut, Trouble> {
    let done = context.gatepass_of(profile)?.sign_out().wait()??;
    let account = account(&done.view).to_owned();
    Ok(SignedOut { account, revoked: done.revoked.map_err(Trouble::from) })
}

/// Removes a session that cannot be read.
pub(crate) fn forget(context: &Context, profile: &str) -> Result<SignedOut, Trouble> {
    context.gatepass_of(profile)?.forget()?;
    let reason = String::from("it was not told, as the session was removed without being read");
    Ok(SignedOut { account: profile.to_owned(), revoked: Err(Trouble::Usage(reason)) })
}

/// What the person does while a sign-in waits. Dropping it gives the sign-in up.
#[derive(Debug)]
pub(crate) struct Remote {
    sign_in: gatepass::Remote,
    answer: Sender<bool>,
}

impl Remote {
    /// Hands in the address at which a browser on another machine ended.
    pub(crate) fn paste(&self, address: Secret) {
        self.sign_in.paste(address);
    }

    /// Asks for a code for another device.
    pub(crate) fn device_code(&self) {
        self.sign_in.device_code();
    }

    /// Answers [`Progress::Confirm`].
    pub(crate) fn keep(&self, keep: bool) {
        // A sign-in that is over asks nothing any more.
        let _ = self.answer.send(keep);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.sign_in.give_up();
    }
}

/// Signs in, by the work that is given back; `tell` hears how it goes, and at last that it is done.
pub(crate) fn sign_in<T: Fn(Progress) + Clone + Send + 'static>(
    context: &Context,
    profile: &str,
    email: Option<&Email>,
    open_browser: bool,
    tell: T,
) -> Result<(Remote, impl FnOnce() + Send + use<T>), Trouble> {
    let gatepass = context.gatepass_of(profile)?;
    let how = Login { no_browser: !open_browser, ..Login::default() };
    let (sign_in, control) = Control::new();
    let (answer, answers) = mpsc::channel();
    let ask = tell.clone();
    let confirm = Confirm::new(move |view: &View, _: Way| {
        ask(Progress::Confirm(account(view).to_owned()));
        answers.recv().unwrap_or(false)
    });
    let options = login::options(context, &how, email)?;
    let options = LoginOptions { control: Some(control), confirm: Some(confirm), ..options };
    let by_dashboard = options.via != Via::Issuer;
    let work = move || {
        let (now, hear) = (gatepass.now(), tell.clone());
        let result = gatepass.login(options, move |event| hear(progress(&event, now, by_dashboard))).wait();
        let result = result.and_then(|result| result.map(drop));
        tell(Progress::Done(result.map_err(|error| login::trouble(error, by_dashboard, false))));
    };
    Ok((Remote { sign_in, answer }, work))
}

fn progress(event: &Event<'_>, now: Timestamp, by_dashboard: bool) -> Progress {
    match event {
        Event::Waiting { url, opened, limit } => {
            let address = url.expose().clone();
            Progress::Open { address, words: None, opened: *opened, until: now.plus(*limit) }
        }
        Event::Handoff { url, words, opened, limit, .. } => {
            let (address, words) = (url.expose().clone(), Some((*words).to_owned()));
            Progress::Open { address, words, opened: *opened, until: now.plus(*limit) }
        }
        Event::Device { user_code, verification_uri, verification_uri_complete, expires_at, .. } => {
            Progress::Code(Code {
                code: (*user_code).to_owned(),
                address: (*verification_uri).to_owned(),
                whole: verification_uri_complete.unwrap_or(verification_uri).to_owned(),
                until: *expires_at,
            })
        }
        Event::Stranger(_) => Progress::Stranger,
        Event::BadPaste(error) => Progress::Refused(login::trouble(*error, by_dashboard, false)),
        Event::NoDevice(error) => Progress::Refused(Trouble::Core(*error)),
        Event::Finishing => Progress::Finishing,
    }
}
