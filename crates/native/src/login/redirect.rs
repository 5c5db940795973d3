//! The browser's way: an address that is opened, and its answer by the loopback listener or by a paste.

use gatepass_core::error::Error;
use gatepass_core::http::Response;
use gatepass_core::kept::Text;
use gatepass_core::protocol::authorize;
use gatepass_core::secret::Secret;
use gatepass_core::session::grant::Unproven;
use gatepass_core::session::login::{
    Authorization, Exchange, Exchanged, Pending, Rejected, Start, begin_with,
};
use gatepass_core::session::record::Record;
use gatepass_core::url::RedirectUri;
use tokio::sync::oneshot;

use super::dashboard::Handoff;
use super::{Authority, LoginOptions, Way};
use crate::clock;
use crate::drive::World;
use crate::loopback::Loopback;
use crate::pages::Page;
use crate::random::OsDice;

/// The listener, and what waits for its answer.
#[derive(Debug)]
pub(super) struct Redirect {
    /// None where a person brings the answer.
    pub(super) loopback: Option<Loopback>,
    /// Gone only while it is judged, and when it was answered.
    pub(super) pending: Option<Pending>,
    /// What a dashboard may send beside an authorization response.
    pub(super) handoff: Option<Handoff>,
}

/// The answer that moved a login on.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) brought: Brought,
    pub(super) way: Way,
    /// Where a browser waits for its page.
    pub(super) reply: Option<oneshot::Sender<Page>>,
}

/// What it brought.
#[derive(Debug)]
pub(super) enum Brought {
    Code(Exchange),
    Tokens(Unproven),
    Session(Record),
}

/// What an answer is.
#[derive(Debug)]
pub(super) enum Judged {
    Ours(Brought),
    Stranger(Error),
    Over(Error),
}

impl Redirect {
    /// Listens first, then says what to open.
    pub(super) async fn begin(
        authority: &Authority<'_>,
        world: &World,
        options: &LoginOptions,
    ) -> Result<(Self, Secret), Error> {
        let loopback = Loopback::bind(&options.address(), &options.page).await?;
        let (url, pending) = ask(authority, world, options, loopback.redirect_uri().clone()).await?;
        Ok((Self { loopback: Some(loopback), pending: Some(pending), handoff: None }, url))
    }

    /// Where the browser comes back to, if it does.
    pub(super) fn redirect_uri(&self) -> Option<&RedirectUri> {
        self.loopback.as_ref().map(Loopback::redirect_uri)
    }

    /// Judges an answer, by whatever way it came.
    pub(super) fn judge(&mut self, query: &str) -> Result<Judged, Error> {
        let callback = match authorize::parse(query) {
            Ok(callback) => callback,
            Err(error) => return Ok(Judged::Stranger(error)),
        };
        let pending = self.pending.take().ok_or(Error::Bug)?;
        Ok(match pending.redirected(callback) {
            Ok(exchange) => Judged::Ours(Brought::Code(exchange)),
            Err(Rejected::Stranger(pending, error)) => {
                self.pending = Some(*pending);
                Judged::Stranger(error)
            }
            Err(Rejected::Over(error)) => Judged::Over(error),
        })
    }
}

/// The address to open, and what waits for its answer.
pub(super) async fn ask(
    authority: &Authority<'_>,
    world: &World,
    options: &LoginOptions,
    redirect_uri: RedirectUri,
) -> Result<(Secret, Pending), Error> {
    let start = Start {
        redirect_uri,
        key: authority.key()?,
        prompt: options.prompt.as_deref().map(Text::from),
        login_hint: options.login_hint.as_deref().map(Text::from),
        max_age: options.max_age,
    };
    let Authority { client, provider, .. } = authority;
    let (authorization, pending) =
        begin_with(client, provider, start, &options.extra, clock::now(), &mut OsDice)?;
    let url = match authorization {
        Authorization::Open(url) => url,
        Authorization::Push(mut pushing) => {
            let response = world.ask(pushing.request()?).await?;
            pushing.pushed(&response)?
        }
    };
    Ok((url, pending))
}

/// The query of a pasted address, which has to be the redirect URI with an answer. A bare code is refused: without
/// the state, nothing says that it belongs to this login (RFC 6749 section 10.12).
pub(super) fn query(address: &Secret, redirect_uri: &RedirectUri) -> Result<Secret, Error> {
    // A terminal or a chat may have broken the line; an address has no blanks of its own.
    let address = Secret::new(address.expose().split_ascii_whitespace().collect::<String>());
    let query = address.expose().strip_prefix(redirect_uri.as_str()).and_then(|rest| rest.strip_prefix('?'));
    // Some issuers leave an empty fragment behind.
    let query = query.and_then(|query| query.split('#').next()).ok_or(Error::NotTheCallback)?;
    Ok(Secret::from(query))
}

/// Trades the code for tokens.
pub(super) async fn exchanged(world: &World, mut exchange: Exchange) -> Result<Unproven, Error> {
    loop {
        let response = ask_for_tokens(world, &exchange).await?;
        match exchange.parse(&response, clock::now())? {
            Exchanged::Tokens(unproven) => return Ok(unproven),
            Exchanged::Again(again) => exchange = again,
        }
    }
}

/// Asks once.
pub(super) async fn ask_for_tokens(world: &World, exchange: &Exchange) -> Result<Response, Error> {
    let proof = exchange.proof(clock::now(), &mut OsDice)?;
    let proof = super::device::signed_proof(proof, exchange.key())?;
    world.ask(exchange.request(proof)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_the_whole_address() {
        let redirect_uri = RedirectUri::new("http://127.0.0.1:4711/callback").unwrap();
        let read = |text: &str| query(&Secret::from(text), &redirect_uri).map(|query| query.expose().clone());
        for whole in [
            "http://127.0.0.1:4711/callback?code=c&state=s",
            "  http://127.0.0.1:4711/callback?code=c&\n state=s\r\n",
            "http://127.0.0.1:4711/callback?code=c&state=s#_=_",
        ] {
            assert_eq!(read(whole).unwrap(), "code=c&state=s", "{whole}");
        }
        for other in [
            "",
            "c",
            "code=c&state=s",
            "c#s",
            "http://127.0.0.1:4711/callback",
            "http://127.0.0.1:4712/callback?code=c&state=s",
            "http://127.0.0.1:4711/callback/?code=c&state=s",
            "https://issuer.example/authorize?client_id=c&redirect_uri=http://127.0.0.1:4711/callback?code=c",
        ] {
            assert_eq!(read(other), Err(Error::NotTheCallback), "{other}");
        }
    }
}
