//! The way by a dashboard: its page is opened with the request in the fragment, and the answer comes by the loopback
//! listener, by a code that the page shows and a person types, or as the dashboard's own session.

use gatepass_core::dice::token;
use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::protocol::handoff::{self, NAME};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Dpop;
use gatepass_core::session::grant::Unproven;
use gatepass_core::session::handoff::{Begun, Start, Tried, Typed, begin as begin_handoff};
use gatepass_core::session::login::{Pending, Rejected};
use gatepass_core::url::RedirectUri;

use super::options::{Dashboard, Via};
use super::redirect::{Brought, Judged, Redirect, ask_for_tokens};
use super::{Authority, LoginOptions};
use crate::clock;
use crate::drive::World;
use crate::hpke::{Context, Receiver};
use crate::loopback::{Address, Loopback, RedirectHost};
use crate::random::OsDice;

/// What a dashboard may send beside an authorization response.
#[derive(Debug)]
pub(super) struct Handoff {
    /// The key for its session, and what that is sealed with; none where the issuer gives us one of our own.
    moves: Option<(Receiver, Secret)>,
}

/// The page to open.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) url: Secret,
    pub(super) words: String,
}

/// Listens first, unless the browser cannot come back here, then says what to open.
pub(super) async fn begin(
    authority: &Authority<'_>,
    options: &LoginOptions,
    dashboard: &Dashboard,
    comes_back: bool,
) -> Result<(Redirect, Page), Error> {
    let moves = takes_session(authority, dashboard, comes_back)?;
    let loopback = if comes_back {
        // A path that nobody guesses, so that no page of another program knows where to knock.
        let path = format!("/gatepass/{}", token(&mut OsDice)?.expose());
        let address = Address { ports: options.ports.clone(), path, host: RedirectHost::Literal };
        Some(Loopback::bind_for(&address, &options.page, Some(&dashboard.page)).await?)
    } else {
        None
    };
    let redirect_uri = loopback.as_ref().map(|loopback| loopback.redirect_uri().clone());
    let receiver = moves.then(Receiver::generate).transpose()?;
    let begun = ask(authority, options, dashboard, redirect_uri, receiver.as_ref())?;
    let page = page(dashboard, &begun);
    let Begun { pending, transcript, .. } = begun;
    let handoff = Handoff { moves: receiver.map(|receiver| (receiver, transcript)) };
    Ok((Redirect { loopback, pending: Some(pending), handoff: Some(handoff) }, page))
}

/// The same without a listener: the page shows a code, which a person brings.
pub(super) fn unattended(
    authority: &Authority<'_>,
    options: &LoginOptions,
    dashboard: &Dashboard,
) -> Result<(Page, Pending), Error> {
    takes_session(authority, dashboard, false)?;
    let begun = ask(authority, options, dashboard, None, None)?;
    Ok((page(dashboard, &begun), begun.pending))
}

/// Whether the dashboard may send its own session, or why there is nothing that it could send.
fn takes_session(authority: &Authority<'_>, dashboard: &Dashboard, comes_back: bool) -> Result<bool, Error> {
    let key = authority.binds()?;
    if authority.delegates {
        // Its grant is of use to nobody without our key, or it is not given.
        return if key { Ok(false) } else { Err(Error::Configuration { field: Field::Dpop }) };
    }
    if !dashboard.moves || !comes_back {
        return Err(Error::Unsupported { feature: Field::GatepassHandoffEndpoint });
    }
    if authority.client.dpop == Dpop::Required {
        return Err(Error::Unsupported { feature: Field::DpopBinding });
    }
    Ok(true)
}

fn ask(
    authority: &Authority<'_>,
    options: &LoginOptions,
    dashboard: &Dashboard,
    redirect_uri: Option<RedirectUri>,
    receiver: Option<&Receiver>,
) -> Result<Begun, Error> {
    let unknown = |field| Err(Error::Configuration { field });
    let organization = match options.extra.as_slice() {
        [] => None,
        [(name, value)] if name == "organization" => Some(value.clone()),
        _ => return unknown(Field::RepeatedParameter),
    };
    for (asked, field) in [
        (options.prompt.is_some(), Field::Prompt),
        (options.login_hint.is_some(), Field::LoginHint),
        (options.max_age.is_some(), Field::MaxAge),
    ] {
        if asked {
            return unknown(field);
        }
    }
    let start = Start { redirect_uri, key: authority.key()?, device: dashboard.device.clone(), organization };
    let Authority { client, provider, .. } = authority;
    begin_handoff(client, provider, start, receiver.map(Receiver::public), clock::now(), &mut OsDice)
}

fn page(dashboard: &Dashboard, begun: &Begun) -> Page {
    let (page, fragment) = (dashboard.page.as_str(), begun.fragment.expose());
    let mut url = String::with_capacity(page.len() + 1 + fragment.len());
    url.push_str(page);
    url.push('#');
    url.push_str(fragment);
    Page { url: Secret::new(url), words: begun.words.clone() }
}

impl Redirect {
    /// Judges a form. What is no session of a dashboard is judged like any answer.
    pub(super) fn judge_form(&mut self, form: &Secret) -> Result<Judged, Error> {
        let moved = match (&self.handoff, handoff::parse(form.expose())) {
            (Some(Handoff { moves: Some(_) }), Ok(Some(moved))) => moved,
            (_, Err(error)) => return Ok(Judged::Stranger(error)),
            _ => return self.judge(form.expose()),
        };
        let pending = self.pending.take().ok_or(Error::Bug)?;
        let sealed = match pending.moved(moved) {
            Ok(sealed) => sealed,
            Err(Rejected::Stranger(pending, error)) => {
                self.pending = Some(*pending);
                return Ok(Judged::Stranger(error));
            }
            Err(Rejected::Over(error)) => return Ok(Judged::Over(error)),
        };
        let Some(Handoff { moves: Some((receiver, transcript)) }) = &self.handoff else {
            return Err(Error::Bug);
        };
        let psk = sealed.psk()?;
        let context = Context {
            psk: &psk,
            psk_id: NAME.as_bytes(),
            info: transcript.expose().as_bytes(),
            aad: sealed.aad().as_bytes(),
        };
        let plain = receiver.open(&context, sealed.enc(), sealed.ciphertext());
        Ok(match plain.and_then(|plain| sealed.opened(&plain, &mut OsDice)) {
            Ok(record) => Judged::Ours(Brought::Session(record)),
            Err(error) => Judged::Over(error),
        })
    }

    /// Trades a code that a person typed, if this is one and a dashboard is waited for. What is no such code is `None`;
    /// one that the issuer does not know leaves the login waiting, with `Err` inside.
    pub(super) async fn typed(
        &mut self,
        world: &World,
        text: &Secret,
    ) -> Result<Option<Result<Brought, Error>>, Error> {
        let Some(code) = self.handoff.as_ref().and_then(|_| handoff::typed_code(text.expose())) else {
            return Ok(None);
        };
        let pending = self.pending.take().ok_or(Error::Bug)?;
        Ok(Some(match tried(world, pending.typed(code)).await? {
            Ok(unproven) => Ok(Brought::Tokens(unproven)),
            Err(pending) => {
                self.pending = Some(*pending);
                Err(MISTYPED)
            }
        }))
    }
}

/// Trades a typed code for tokens; one that the issuer does not know gives the login back.
pub(super) async fn tried(world: &World, mut typed: Typed) -> Result<Result<Unproven, Box<Pending>>, Error> {
    loop {
        let response = ask_for_tokens(world, typed.exchange()).await?;
        match typed.parse(&response, clock::now())? {
            Tried::Tokens(unproven) => return Ok(Ok(unproven)),
            Tried::Mistyped(pending) => return Ok(Err(pending)),
            Tried::Again(again) => typed = again,
        }
    }
}

/// What a person hears of a code that the issuer does not know.
pub(super) const MISTYPED: Error = Error::Refused(gatepass_core::error::Refusal::InvalidGrant);

impl LoginOptions {
    /// The dashboard, if it is one that the browser is sent to.
    pub(super) const fn dashboard(&self) -> Option<&Dashboard> {
        match &self.via {
            Via::Dashboard(dashboard) => Some(dashboard),
            Via::Issuer => None,
        }
    }
}
