//! From tokens that nobody has vouched for to a session that is kept, whatever way they came.

use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::http::Request;
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

/// How long the end of a failed login may wait for the issuer.
const GIVE_BACK: Duration = Duration::from_secs(3);

/// Whom to ask, and when.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) confirm: Option<Confirm>,
    pub(super) expected_email: Option<String>,
}

/// Asks where there is doubt, and keeps the session.
pub(super) async fn settle<K>(
    world: &World,
    record: Record,
    way: Way,
    doubt: Doubt,
    reply: &mut Option<oneshot::Sender<Page>>,
    keep: impl FnOnce(Record) -> K,
) -> Result<(), Error>
where
    K: Future<Output = Result<(), Error>>,
{
    if !doubt.settled(&record.view, way, reply).await? {
        if let Some(grant) = Grant::of(&record) {
            grant.give_back(world).await;
        }
        return Err(Error::Declined);
    }
    let grant = Grant::of(&record);
    let kept = keep(record).await;
    if let (Err(_), Some(grant)) = (&kept, grant) {
        grant.give_back_alone(world).await;
    }
    kept
}

/// Proves who signed in. Tokens that prove nobody are nobody's.
pub(super) async fn proven(world: &World, unproven: Unproven) -> Result<Record, Error> {
    let grant = unproven.farewell().map(|(farewell, apart)| Grant { farewell, apart });
    let proven = prove(world, unproven).await;
    if let (Err(_), Some(grant)) = (&proven, grant) {
        grant.give_back_alone(world).await;
    }
    proven
}

async fn prove(world: &World, unproven: Unproven) -> Result<Record, Error> {
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
            Some(confirm) if other || matches!(way, Way::Paste | Way::TypedCode) => {
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

/// What gives a grant back, if its issuer takes it.
struct Grant {
    farewell: Request,
    /// Whether its issuer tells the sessions of one person apart.
    apart: bool,
}

impl Grant {
    fn of(record: &Record) -> Option<Self> {
        let rest = record.rest.as_ref()?;
        let endpoint = rest.revocation_endpoint.as_ref()?;
        let farewell = revoke::request(endpoint, &record.view.client_id, rest.refresh_token.as_ref()?);
        Some(Self { farewell, apart: rest.forgives_replay })
    }

    /// Gives back what never became a session: its tokens are gone with this process, and it would live on at the
    /// issuer. But where a session is kept here, RFC 7009 section 2.1 lets an issuer end that one too, unless it tells
    /// them apart.
    async fn give_back_alone(self, world: &World) {
        if self.apart || !matches!(world.store.keeping(), Ok(Some(_))) {
            self.give_back(world).await;
        }
    }

    /// Gives it back where nobody wants it. The issuer ends it by itself if it does not hear of it.
    async fn give_back(self, world: &World) {
        drop(tokio::time::timeout(GIVE_BACK, world.ask(self.farewell)).await);
    }
}
