//! Doors for the tests of tests/corpora; nothing of this is in a release.

use gatepass_core::error::Error;
use gatepass_core::protocol::id_token::{Check, Vouched};
use gatepass_core::session::client::Client;
use gatepass_core::time::Timestamp;

use crate::drive::World;
use crate::login::{Event, LoginOptions, Way, login};
use crate::settings::Settings;

/// Signs in, by the library's own code, up to a session that nobody keeps.
pub async fn sign_in(
    client: Client,
    options: LoginOptions,
    tell: impl FnMut(Event<'_>) + Send + 'static,
) -> Result<Way, Error> {
    // Nothing is stored, so nothing is touched there.
    let world = World::new(&Settings::new(client.clone(), "gatepass-test", "nowhere".into()));
    login(&client, &world, options, Box::new(tell), async |_| Ok(())).await
}

/// Judges a signature, by the library's own code.
pub fn verify(check: Check) -> Result<Vouched, Error> {
    crate::verify::verify(check)
}

/// What time the library goes by.
pub fn now() -> Timestamp {
    crate::clock::now()
}
