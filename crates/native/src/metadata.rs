//! What an issuer says of itself, asked for at one place after the other, as long as nothing is there.

use gatepass_core::error::Error;
use gatepass_core::http::Response;
use gatepass_core::protocol::discovery;
use gatepass_core::url::Issuer;

use crate::drive::World;

/// The answer of the last place that was asked.
pub(crate) async fn fetch(world: &World, issuer: &Issuer) -> Result<Response, Error> {
    let [appended, inserted] = discovery::requests(issuer)?;
    let response = world.ask(appended).await?;
    if discovery::is_absent(&response) { world.ask(inserted).await } else { Ok(response) }
}
