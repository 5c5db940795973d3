//! The way back: a browser that is signed in as this session is, by an address that is good once.

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::{Field, Message};
use gatepass_core::json::Object;
use gatepass_core::name::Audience;
use gatepass_core::protocol::discovery;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::Wanted;
use gatepass_core::session::client::Client;
use gatepass_core::session::record::Purpose;
use gatepass_core::url::Endpoint;

use crate::drive::World;
use crate::metadata;
use crate::request::{Ask, Body, Origin, request};

/// An address that signs a browser in, once, after it has asked.
#[derive(Debug)]
pub struct SessionLink {
    /// Whoever has it can sign in until it is used: it stands in no command line.
    pub url: Secret,
    /// How long it is good.
    pub expires_in: Duration,
}

/// Asks for one. `None` where the issuer makes none, or leads to no such page. A session that may not, as one that is bound
/// to no key or was begun by a device code, is [`Refusal::UnauthorizedClient`].
pub(crate) async fn ask(
    client: &Client,
    api: &[Origin],
    world: &World,
    return_to: Option<&str>,
) -> Result<Option<SessionLink>, Error> {
    let response = metadata::fetch(world, &client.issuer).await?;
    let Some(endpoint) =
        discovery::read(&response, &client.issuer)?.endpoint(Field::GatepassSessionLinkEndpoint)?
    else {
        return Ok(None);
    };
    let fields = return_to.map(|address| (String::from("return_to"), Secret::from(address)));
    let ask = Ask {
        wanted: Wanted { purpose: for_the_issuer(client)?, ..Wanted::default() },
        ..Ask::post(endpoint.as_str(), Body::Form(fields.into_iter().collect()))?
    };
    let response = request(client, api, world, ask).await?;
    match response.status {
        201 => read(response.body.expose(), client).map(Some),
        // RFC 6750 section 3.1: the token is good, and not for this.
        403 => Err(Error::Refused(Refusal::UnauthorizedClient)),
        // The page is none that the issuer knows.
        400 if return_to.is_some() => Ok(None),
        _ => Err(Error::Unreachable),
    }
}

/// A token for the issuer itself, where the usual one is for somebody else.
fn for_the_issuer(client: &Client) -> Result<Purpose, Error> {
    let issuer = client.issuer.as_str();
    let other = client.audience.as_ref().is_some_and(|audience| audience.parameter().1 != issuer);
    let audience = if other { Some(Audience::named(issuer)?) } else { None };
    Ok(Purpose { audience, scopes: None })
}

fn read(body: &[u8], client: &Client) -> Result<SessionLink, Error> {
    let object = Object::parse(body, Message::SessionLink)?;
    let url = object.required(Field::Url)?;
    // The browser is sent nowhere but to the issuer itself.
    let endpoint = Endpoint::new(url, Field::Url).map_err(|_| object.blame(Field::Url))?;
    if Origin::of_url(endpoint.as_str())? != Origin::of_url(client.issuer.as_str())? {
        return Err(object.blame(Field::Url));
    }
    let seconds = object.seconds(Field::ExpiresIn)?.unwrap_or(60);
    Ok(SessionLink { url: Secret::from(url), expires_in: Duration::from_secs(seconds) })
}
