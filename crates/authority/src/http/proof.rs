//! The proof that comes in the `DPoP` header (RFC 9449 section 4.3), and the nonce that goes out.

use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

use super::answer::Failure;
use crate::app::App;
use crate::config::DpopNonce;
use crate::grant::dpop::{self, Expected, Proof};
use crate::grant::refused::Refused;

/// Checks the proof of a request to this endpoint, if it has one. Whether it is the first of its kind, [`once`] says.
pub(crate) fn check(
    app: &App,
    headers: &HeaderMap,
    method: &Method,
    endpoint: &str,
    access_token: Option<&str>,
) -> Result<Option<Proof>, Refused> {
    let mut proofs = headers.get_all("dpop").iter();
    let Some(proof) = proofs.next() else { return Ok(None) };
    // RFC 9449 section 4.3 point 1.
    if proofs.next().is_some() {
        return Err(Refused::Proof("more than one header"));
    }
    let url = format!("{}{endpoint}", app.base);
    let expected = Expected {
        method: method.as_str(),
        url: &url,
        now: app.now(),
        access_token,
        nonce_key: (app.dpop_nonce == DpopNonce::Required).then_some(&app.keys.nonce),
    };
    Ok(Some(dpop::verify(proof.to_str().map_err(|_| Refused::Proof("form"))?, &expected)?))
}

/// Remembers a proof, so that it passes once, and gives the thumbprint of its key. Only after the grant that it goes
/// with was found: anybody can make proofs, and what nobody granted must not fill the store.
pub(crate) async fn once<'a>(app: &App, proof: Option<&'a Proof>) -> Result<Option<&'a str>, Failure> {
    let Some(proof) = proof else { return Ok(None) };
    if app.store.remember_proof(proof).await? {
        Ok(Some(&proof.jkt))
    } else {
        Err(Refused::ProofReplayed.into())
    }
}

/// Hands out the nonce for the next proof (RFC 9449 section 8.2).
pub(crate) fn offer_nonce(app: &App, mut response: Response) -> Response {
    if app.dpop_nonce == DpopNonce::Required
        && let Ok(nonce) = HeaderValue::from_str(&dpop::nonce(&app.keys.nonce, app.now()))
    {
        response.headers_mut().insert("dpop-nonce", nonce);
    }
    response
}
