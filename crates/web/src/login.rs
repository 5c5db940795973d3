//! Signing in, in two page loads: `begin` ends where the page is left, `finish` starts where it is come back to.

use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::Error;
use gatepass_core::protocol::authorize;
use gatepass_core::protocol::discovery::{self, Provider};
use gatepass_core::protocol::jwks;
use gatepass_core::secret::Secret;
use gatepass_core::session::login::{self, Exchange, Exchanged, Rejected, Start, Unproven, wants_key};
use gatepass_core::session::record::BoundKey;
use gatepass_core::session::save::SaveSession;
use sha2::{Digest, Sha256};
use web_sys::CryptoKey;

use crate::drive::{Key, drive};
use crate::random::BrowserDice;
use crate::site::Site;
use crate::{clock, http, sign, verify};

/// Begins a login and keeps what waits for its redirect; gives the address to go to.
pub async fn begin(site: &Site, prompt: Option<String>, login_hint: Option<String>) -> Result<Secret, Error> {
    let provider = provider(site).await?;
    let (public, key) = if wants_key(&site.client, &provider)? {
        let (public, key) = sign::generate().await?;
        (Some(BoundKey { public, private: None }), Some(key))
    } else {
        (None, None)
    };
    let start = Start { redirect_uri: site.redirect_uri.clone(), key: public, prompt, login_hint };
    let now = clock::now();
    let (url, pending) = login::begin(&site.client, &provider, start, now, &mut BrowserDice)?;
    site.store.put_pending(&digest(pending.state()), &pending, key.as_ref(), now).await?;
    Ok(url)
}

/// Finishes the login that `url` is the callback of, and keeps the session.
pub async fn finish(site: &Site, url: &str) -> Result<(), Error> {
    let query = url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let callback = authorize::parse(query)?;
    let state = callback.state.as_ref().ok_or(Error::StateMismatch)?;
    // Taken is taken: whatever happens below, this state and this code are spent.
    let taken = site.store.take_pending(&digest(state)).await?;
    let (pending, key) = taken.ok_or(Error::StateMismatch)?;
    let exchange = pending.redirected(callback).map_err(|rejected| match rejected {
        Rejected::Stranger(_, error) | Rejected::Over(error) => error,
    })?;
    let unproven = exchanged(exchange, key.as_ref()).await?;
    let keys = jwks::parse(&http::send(&unproven.jwks_request()).await?)?;
    let vouched = verify::verify(unproven.check(&keys)?).await?;
    let record = unproven.prove(&vouched, clock::now(), &mut BrowserDice)?;
    let mut save = SaveSession::new(record);
    drive(&mut save, site, Key::Brought(key)).await;
    save.finish()
}

/// Code for tokens, with one more try if the server wants its nonce in the proof (RFC 9449 section 8).
async fn exchanged(mut exchange: Exchange, key: Option<&CryptoKey>) -> Result<Unproven, Error> {
    loop {
        let proof = match exchange.proof(clock::now(), &mut BrowserDice)? {
            Some(unsigned) => {
                let signature = sign::sign(key.ok_or(Error::KeyLost)?, unsigned.signing_input()).await?;
                Some(unsigned.signed(&signature)?)
            }
            None => None,
        };
        let response = http::send(&exchange.request(proof)).await?;
        match exchange.parse(&response, clock::now())? {
            Exchanged::Again(again) => exchange = again,
            Exchanged::Tokens(unproven) => return Ok(unproven),
        }
    }
}

async fn provider(site: &Site) -> Result<Provider, Error> {
    if let Some(provider) = site.provider.borrow().as_ref() {
        return Ok(provider.clone());
    }
    let issuer = &site.client.issuer;
    let provider = discovery::parse(&http::send(&discovery::request(issuer)?).await?, issuer)?;
    site.provider.replace(Some(provider.clone()));
    Ok(provider)
}

/// What names a pending login in the store: a store that is read does not give the state away.
fn digest(state: &Secret) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(state.expose().as_bytes()))
}
