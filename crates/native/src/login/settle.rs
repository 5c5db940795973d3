//! From tokens that nobody has vouched for to a session that is kept, whatever way they came.

use gatepass_core::error::Error;
use gatepass_core::protocol::jwks::{self, Refetch};
use gatepass_core::protocol::revoke;
use gatepass_core::session::grant::Unproven;
use gatepass_core::session::record::{Record, View};
use tokio::sync::oneshot;

use super::{Confirm, Way};
use crate::clock;
use crate::drive::World;
use crate::pages::Page;
use crate::random::OsDice;
use crate::verify::verify;

/// Whom to ask, and when.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) confirm: Option<Confirm>,
    pub(super) expected_email: Option<String>,
}

/// Proves who signed in, asks where there is doubt, and keeps the session.
pub(super) async fn settle<K>(
    world: &World,
    unproven: Unproven,
    way: Way,
    doubt: Doubt,
    reply: &mut Option<oneshot::Sender<Page>>,
    keep: impl FnOnce(Record) -> K,
) -> Result<(), Error>
where
    K: Future<Output = Result<(), Error>>,
{
    let record = proven(world, unproven).await?;
    if !doubt.settled(&record.view, way, reply).await? {
        give_back(world, &record).await;
        return Err(Error::Declined);
    }
    keep(record).await
}

async fn proven(world: &World, unproven: Unproven) -> Result<Record, Error> {
    let mut refetch = Refetch::new();
    let check = loop {
        let keys = jwks::parse(&world.ask(unproven.jwks_request()).await?)?;
        match unproven.check(&keys) {
            // The key may be newer than what a cache in between had; this is asked once.
            Err(error) if refetch.helps(error, clock::now()) => {}
            checked => break checked?,
        }
    };
    let vouched = verify(check)?;
    unproven.prove(&vouched, clock::now(), &mut OsDice)
}

impl Doubt {
    /// Whether this is the session that was meant.
    async fn settled(
        self,
        view: &View,
        way: Way,
        reply: &mut Option<oneshot::Sender<Page>>,
    ) -> Result<bool, Error> {
        let other = self.expected_email.is_some_and(|expected| {
            !view.identity.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(&expected))
        });
        // An answer that was carried here by hand may be somebody else's gift: their account, which would then be used
        // for this person's work.
        match self.confirm {
            Some(confirm) if other || way == Way::Paste => {
                let view = view.clone();
                // A browser that loads for as long as a person thinks would look stuck, and say nothing of the question.
                if let Some(reply) = reply.take() {
                    let _ = reply.send(Page::Question);
                }
                // A person thinks for longer than pages and pings can wait.
                tokio::task::spawn_blocking(move || confirm.ask(&view, way)).await.map_err(|_| Error::Bug)
            }
            _ => Ok(!other),
        }
    }
}

/// Gives a grant back that nobody wants. The issuer ends it by itself if it does not hear of it.
async fn give_back(world: &World, record: &Record) {
    let Some(rest) = &record.rest else { return };
    if let (Some(endpoint), Some(token)) = (&rest.revocation_endpoint, &rest.refresh_token) {
        drop(world.ask(revoke::request(endpoint, &record.view.client_id, token)).await);
    }
}
