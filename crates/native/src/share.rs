//! A token for somebody else's key: short, narrowed, and of no use to whoever carries it there (RFC 8693).

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::{Field, Message};
use gatepass_core::name::{Audience, Scopes};
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::protocol::token_exchange::{self, ACCESS_TOKEN, Presented};
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{Handout, Wanted};
use gatepass_core::session::record::{Part, Record};

use crate::clock;
use crate::drive::World;
use crate::random::OsDice;
use crate::sign::sign;

/// The longest that a token for another's key may live.
const LONGEST_LOAN: Duration = Duration::from_secs(300);

/// What is to be shared.
#[derive(Debug)]
pub struct Share {
    /// What the token is to allow: some of what the session may, never nothing.
    pub scopes: Scopes,
    /// For whom it is meant; without it, whatever the issuer takes for granted.
    pub audience: Option<Audience>,
    /// The thumbprint of the key that will use it (RFC 7638).
    pub thumbprint: String,
}

/// What was shared. It is bound to the key that was named, so its type is `DPoP`.
#[derive(Debug)]
pub struct Shared {
    /// The token.
    pub token: Secret,
    /// How long it lives from now.
    pub expires_in: Duration,
    /// What it allows.
    pub scopes: Scopes,
}

/// Shares. [`Error::NotBound`] says that this session cannot; an issuer that cannot refuses.
pub(crate) async fn share(world: &World, share: &Share) -> Result<Shared, Error> {
    let handout = world.access(Wanted::default()).await?;
    // After it, which may have refreshed: what is asked by is the record as it is now.
    let record = world.store.load(Part::Whole, clock::now())?.ok_or(Error::NotSignedIn)?;
    // Asked here too: a server that took an empty list for everything would give everything.
    if share.scopes.is_empty() || !record.view.scopes.contains_all(&share.scopes) {
        return Err(Error::Refused(Refusal::InvalidScope));
    }
    // A copy of an unbound token would be good in any hands that it passes through.
    if !record.view.bound {
        return Err(Error::NotBound);
    }
    let mut nonce = record.rest.as_ref().and_then(|rest| rest.nonce.clone());
    let mut retried = false;
    loop {
        let request = request(&record, &handout, share, nonce.as_deref())?;
        let response = world.ask(request).await?;
        match token_exchange::parse(&response, true) {
            // RFC 9449 section 8: once more with the nonce that came along.
            Err(Error::Refused(Refusal::UseDpopNonce)) if !retried && response.dpop_nonce.is_some() => {
                (nonce, retried) = (response.dpop_nonce, true);
            }
            Err(error) => return Err(error),
            Ok(shared) if shared.kind != ACCESS_TOKEN => return Err(Error::NotBound),
            Ok(shared) => {
                let scopes = lent(&share.scopes, shared.scope, shared.expires_in)?;
                return Ok(Shared { token: shared.token, expires_in: shared.expires_in, scopes });
            }
        }
    }
}

/// What a token for another's key allows, whoever made it: refused if it lives for longer than minutes, or allows more
/// than was asked for.
pub fn lent(asked: &Scopes, granted: Option<Scopes>, expires_in: Duration) -> Result<Scopes, Error> {
    let malformed = |field| Error::Malformed { message: Message::TokenResponse, field };
    if expires_in.is_zero() || expires_in > LONGEST_LOAN {
        return Err(malformed(Field::ExpiresIn));
    }
    // RFC 6749 section 5.1: where nothing is said, it is what was asked for.
    let granted = granted.unwrap_or_else(|| asked.clone());
    if asked.contains_all(&granted) { Ok(granted) } else { Err(malformed(Field::Scope)) }
}

fn request(
    record: &Record,
    handout: &Handout,
    share: &Share,
    nonce: Option<&str>,
) -> Result<gatepass_core::http::Request, Error> {
    let rest = record.rest.as_ref().ok_or(Error::Bug)?;
    let key = rest.key.as_ref().ok_or(Error::KeyLost)?;
    let (token, now) = (&handout.access.token, clock::now());
    let audiences: Vec<&Audience> = share.audience.iter().collect();
    let ask = token_exchange::Ask {
        subject: Presented { token, kind: ACCESS_TOKEN },
        actor: None,
        audiences: &audiences,
        scopes: &share.scopes,
        requested_kind: Some(ACCESS_TOKEN),
        thumbprint: Some(&share.thumbprint),
    };
    let proof = Unsigned::new(
        &key.public,
        "POST",
        rest.token_endpoint.without_query(),
        nonce,
        Some(token),
        now,
        &mut OsDice,
    )?;
    let signature = sign(key.private.as_ref().ok_or(Error::KeyLost)?, proof.signing_input())?;
    let proof = proof.signed(&signature)?;
    Ok(token_exchange::request(&rest.token_endpoint, &record.view.client_id, &ask).with_proof(Some(proof)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn nobody_lends_for_longer_or_for_more_than_was_asked() {
        let lent = |granted: Option<&str>, seconds| {
            lent(&scopes("openid email"), granted.map(scopes), Duration::from_secs(seconds))
        };
        let malformed = |field| Err(Error::Malformed { message: Message::TokenResponse, field });
        for seconds in [1, 300] {
            assert_eq!(lent(None, seconds), Ok(scopes("openid email")));
            assert_eq!(lent(Some("email"), seconds), Ok(scopes("email")));
            assert_eq!(lent(Some("email admin"), seconds), malformed(Field::Scope));
        }
        for seconds in [0, 301, u64::MAX] {
            assert_eq!(lent(None, seconds), malformed(Field::ExpiresIn));
        }
    }
}
