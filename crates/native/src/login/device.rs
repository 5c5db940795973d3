//! The way by a code that is typed on any device (RFC 8628).

use gatepass_core::error::Error;
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::secret::Secret;
use gatepass_core::session::device::{Polled, Waiting, begin};
use gatepass_core::session::grant::Unproven;
use gatepass_core::session::record::BoundKey;
use gatepass_core::url::Endpoint;

use super::{Authority, DeviceCode};
use crate::clock;
use crate::drive::World;
use crate::random::OsDice;
use crate::sign::sign;

/// Asks for a code (section 3.1).
pub(super) async fn code(
    world: &World,
    authority: &Authority<'_>,
    endpoint: &Endpoint,
    extra: Vec<(String, String)>,
) -> Result<(DeviceCode, Waiting), Error> {
    let Authority { client, provider, .. } = authority;
    let (request, asking) = begin(client, provider, endpoint, authority.key()?, &extra, clock::now())?;
    let response = world.ask(request).await?;
    asking.parse(&response, clock::now())
}

/// Asks again and again until the person has decided (sections 3.4 and 3.5): core says when, and what a lost answer
/// means.
pub(super) async fn signed(world: &World, mut waiting: Waiting) -> Result<Unproven, Error> {
    loop {
        pause(&waiting).await?;
        match ask(world, waiting).await? {
            Polled::Tokens(unproven) => return Ok(unproven),
            Polled::Again(again) => waiting = again,
        }
    }
}

/// Sleeps until it is time. The machine may have slept for longer, and then the code has run out.
pub(super) async fn pause(waiting: &Waiting) -> Result<(), Error> {
    tokio::time::sleep(waiting.wait(clock::now())?).await;
    waiting.wait(clock::now()).map(drop)
}

/// Asks once.
pub(super) async fn ask(world: &World, waiting: Waiting) -> Result<Polled, Error> {
    let proof = signed_proof(waiting.proof(clock::now(), &mut OsDice)?, waiting.key())?;
    let response = world.send(waiting.request(proof)).await?;
    waiting.parse(response.as_ref(), clock::now())
}

/// Signs a proof of possession, where the session is to be bound to a key (RFC 9449).
pub(super) fn signed_proof(proof: Option<Unsigned>, key: Option<&BoundKey>) -> Result<Option<Secret>, Error> {
    let Some(proof) = proof else { return Ok(None) };
    let private = key.and_then(|key| key.private.as_ref()).ok_or(Error::KeyLost)?;
    let signature = sign(private, proof.signing_input())?;
    proof.signed(&signature).map(Some)
}
