//! What every endpoint needs at hand.

use std::net::SocketAddr;
use std::sync::Arc;

use gatepass_core::time::Timestamp;
use gatepass_core::url::{Issuer, Parts};
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::{Config, DpopNonce};
use crate::grant::client::{Client, Clients};
use crate::grant::organization::{self, Organization};
use crate::jose::{Algorithm, SigningKey};
use crate::keys::Keys;
use crate::mail::{Mailbox, Outbox};
use crate::random;
use crate::running::StartError;
use crate::store::Store;
use crate::talk;
use crate::upstream::Upstreams;

/// The authority's state; everything in it is shared and nothing of it changes, but the store and the mailbox.
pub(crate) struct App {
    /// Compared and sent exactly as configured.
    pub(crate) issuer: Issuer,
    /// The issuer without its trailing slash: the front of every address here.
    pub(crate) base: String,
    /// Scheme, host and port of the issuer.
    pub(crate) origin: String,
    /// The issuer's path, empty or beginning with a slash.
    pub(crate) path: String,
    pub(crate) cookies: CookieNames,
    pub(crate) clients: Clients,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) upstreams: Upstreams,
    pub(crate) web_origins: Vec<String>,
    pub(crate) keys: Keys,
    pub(crate) es256: SigningKey,
    pub(crate) rs256: SigningKey,
    pub(crate) store: Store,
    pub(crate) outbox: Arc<dyn Outbox>,
    /// The development mailbox, where it may be shown.
    pub(crate) mailbox: Option<Arc<Mailbox>>,
    pub(crate) letters_per_address: u32,
    pub(crate) device_codes_per_place: u32,
    /// Whose word on where people are is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) dpop_nonce: DpopNonce,
    pub(crate) log: bool,
    pub(crate) dev: bool,
    clock: Clock,
}

/// The names of our cookies.
pub(crate) struct CookieNames {
    /// The browser, signed in or not.
    pub(crate) browser: String,
    /// The session.
    pub(crate) session: String,
    /// `Path=..; Secure` and so on.
    pub(crate) attributes: String,
}

impl App {
    /// Reads the configuration, opens the store and its keys. `bound` is where the listener really is.
    pub(crate) async fn new(config: &Config, clock: Clock, bound: SocketAddr) -> Result<Self, StartError> {
        let text = config.issuer.clone().unwrap_or_else(|| format!("http://{bound}"));
        let issuer = Issuer::new(&text).map_err(|_| {
            StartError::Configuration("the issuer must be an https address, or http on this machine".into())
        })?;
        let base = text.strip_suffix('/').unwrap_or(&text).to_owned();
        let parts = Parts::split(&base, gatepass_core::field::Field::Issuer)
            .map_err(|_| StartError::Configuration("issuer".into()))?;
        let path = parts.path.to_owned();
        let origin = base[..base.len() - path.len()].to_owned();
        let cookies = CookieNames::new(parts.secure, &path, parts.port);
        let on_this_machine = parts.on_this_machine() && bound.ip().is_loopback();
        let clients = config.clients(&text, &base).map_err(StartError::Configuration)?;
        let mut organizations = config.organizations().map_err(StartError::Configuration)?;
        let trusted_proxies = config.proxies().map_err(StartError::Configuration)?;
        let connections = config.connections().map_err(StartError::Configuration)?;
        let upstreams = Upstreams::new(connections, &base);
        let store = Store::open(&config.database).await.map_err(StartError::Store)?;
        let keys = Keys::derive(&config.secret).map_err(|_| StartError::Machine)?;
        let now = clock.now();
        let es256 = signing_key(&store, &keys, Algorithm::ES256, now).await?;
        let rs256 = signing_key(&store, &keys, Algorithm::RS256, now).await?;
        let fresh = (0..organizations.len()).map(|_| random::bytes().map(organization::new_id));
        let fresh = fresh.collect::<Result<Vec<_>, _>>().map_err(|_| StartError::Machine)?;
        store.sync_organizations(&mut organizations, &fresh, now).await.map_err(StartError::Store)?;
        // SMTP comes here: with its settings, `outbox` is that and `mailbox` is nothing.
        let mailbox = Arc::new(Mailbox::default());
        if config.log {
            talk::say(&if on_this_machine {
                format!(
                    "no mail leaves this machine: sign-in links are shown at http://{bound}{path}/dev/mailbox"
                )
            } else {
                "no mail is sent yet: people sign in by a [[connection]]".to_owned()
            });
        }
        Ok(Self {
            issuer,
            base,
            origin,
            path,
            cookies,
            web_origins: clients.web_origins(),
            clients,
            organizations,
            upstreams,
            keys,
            es256,
            rs256,
            store,
            outbox: mailbox.clone(),
            mailbox: on_this_machine.then_some(mailbox),
            letters_per_address: config.letters_per_address.unwrap_or(if on_this_machine {
                u32::MAX
            } else {
                5
            }),
            device_codes_per_place: config.device_codes_per_place.unwrap_or(if on_this_machine {
                u32::MAX
            } else {
                100
            }),
            trusted_proxies,
            dpop_nonce: config.dpop_nonce,
            log: config.log,
            dev: config.dev,
            clock,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The public half of every key that signs here.
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [self.es256.jwk(), self.rs256.jwk()]})
    }

    /// The key for a client's ID tokens.
    pub(crate) const fn id_token_key(&self, client: &Client) -> &SigningKey {
        match client.id_token_alg {
            Algorithm::ES256 => &self.es256,
            Algorithm::RS256 => &self.rs256,
        }
    }
}

impl CookieNames {
    fn new(secure: bool, path: &str, port: Option<u16>) -> Self {
        let (prefix, suffix) = match (secure, path.is_empty()) {
            // RFC 6265bis section 4.1.3.2: only this host, only by https, only as a whole.
            (true, true) => ("__Host-", String::new()),
            (true, false) => ("__Secure-", String::new()),
            // Cookies know no ports: two authorities on one machine would sign each other out.
            (false, _) => ("", port.map(|port| format!("_{port}")).unwrap_or_default()),
        };
        let cookie_path = if path.is_empty() { "/" } else { path };
        let secure = if secure { "; Secure" } else { "" };
        Self {
            browser: format!("{prefix}gatepass_browser{suffix}"),
            session: format!("{prefix}gatepass_session{suffix}"),
            attributes: format!("; Path={cookie_path}; HttpOnly; SameSite=Lax{secure}"),
        }
    }
}

/// The key of this secret and algorithm; made at the first start, by whichever process comes first.
async fn signing_key(
    store: &Store,
    keys: &Keys,
    algorithm: Algorithm,
    now: Timestamp,
) -> Result<SigningKey, StartError> {
    let context = algorithm.name();
    let mut sealed = store.signing_key(&keys.namespace, context).await.map_err(StartError::Store)?;
    if sealed.is_none() {
        let fresh = algorithm.generate().and_then(|pkcs8| keys.signing.seal(&pkcs8, context));
        let fresh = fresh.map_err(|_| StartError::Machine)?;
        store.offer_signing_key(&keys.namespace, context, &fresh, now).await.map_err(StartError::Store)?;
        sealed = store.signing_key(&keys.namespace, context).await.map_err(StartError::Store)?;
    }
    let opened = sealed.and_then(|sealed| keys.signing.open(&sealed, context)).ok_or(StartError::Machine)?;
    SigningKey::from_pkcs8(algorithm, &opened).map_err(|_| StartError::Machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_names_follow_the_issuer() {
        let root = CookieNames::new(true, "", None);
        assert_eq!(root.session, "__Host-gatepass_session");
        assert_eq!(root.attributes, "; Path=/; HttpOnly; SameSite=Lax; Secure");
        let below = CookieNames::new(true, "/auth", None);
        assert_eq!(below.session, "__Secure-gatepass_session");
        assert_eq!(below.attributes, "; Path=/auth; HttpOnly; SameSite=Lax; Secure");
        let local = CookieNames::new(false, "", Some(9400));
        assert_eq!(local.session, "gatepass_session_9400");
        assert_eq!(local.attributes, "; Path=/; HttpOnly; SameSite=Lax");
    }
}
