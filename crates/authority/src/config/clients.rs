//! The clients of a configuration, and those of the house.

use gatepass_core::name::ClientId;
use gatepass_core::secret::Secret;
use serde::Deserialize;

use super::into_custody;
use crate::grant::client::{Client, Clients, GrantType};
use crate::grant::redirect;
use crate::jose::Algorithm;
use crate::keys::sha256;

/// All clients, or what is wrong with one. One of the same id takes the place of a built-in one, and of no other.
pub(super) fn check(
    configured: &[ClientConfig],
    mut clients: Vec<Client>,
    audiences: &[String],
) -> Result<Clients, String> {
    for (at, config) in configured.iter().enumerate() {
        if configured[..at].iter().any(|earlier| earlier.id == config.id) {
            return Err(format!("two clients have the id `{}`", config.id));
        }
        clients.retain(|client| client.id != config.id);
        clients.push(config.client(audiences)?);
    }
    Ok(Clients::new(clients))
}

/// What kind of program a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// Runs on a person's machine; loopback redirects may use any port.
    Native,
    /// Runs in a browser or on a server.
    Web,
}

/// A client as configured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Its `client_id`.
    pub id: String,
    /// Its name, as people see it.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: ClientKind,
    /// Where authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after a sign-out (OpenID Connect RP-Initiated Logout section 3.1). None unless it says so:
    /// a callback is no place to end at, and an address beside one that nobody registered is anybody's redirector.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// What it may come with. If nothing is said, codes and refresh tokens; device codes and token exchange too if it is
    /// native.
    #[serde(default)]
    pub grant_types: Option<Vec<GrantType>>,
    /// Its secret; a public client has none.
    #[serde(default, deserialize_with = "into_custody")]
    pub secret: Option<Secret>,
    /// RS256 unless it says otherwise (OpenID Connect Dynamic Registration section 2).
    #[serde(default)]
    pub id_token_alg: Option<Algorithm>,
    /// How long its access tokens live.
    #[serde(default)]
    pub access_token_seconds: Option<u64>,
    /// How long an unused refresh token lives.
    #[serde(default)]
    pub refresh_idle_seconds: Option<u64>,
    /// How long refreshing goes on at all.
    #[serde(default)]
    pub refresh_absolute_seconds: Option<u64>,
    /// Whether it gets refresh tokens without `offline_access`.
    #[serde(default)]
    pub always_refresh: bool,
    /// Whether it belongs to the house: no consent page, unless it is native.
    #[serde(default)]
    pub first_party: bool,
    /// The audiences it may ask for; the first is its default.
    #[serde(default)]
    pub audiences: Vec<String>,
}

impl ClientConfig {
    fn client(&self, audiences: &[String]) -> Result<Client, String> {
        let native = self.kind == ClientKind::Native;
        if ClientId::new(&self.id).is_err() {
            return Err("a client's `id` must be 1 to 255 printable characters".into());
        }
        let mut uris = self.redirect_uris.iter().chain(&self.post_logout_redirect_uris);
        if let Some(bad) = uris.find(|uri| !redirect::may_be_registered(uri, native)) {
            let rule = if native {
                "https, http on 127.0.0.1 or [::1], or a scheme with a dot; no fragment"
            } else {
                "https, or http on this machine; no fragment"
            };
            return Err(format!(
                "client `{}`: this redirect uri cannot be registered: {bad} ({rule})",
                self.id
            ));
        }
        let base = defaults(native, audiences);
        let lifetimes = self.lifetimes(&base).map_err(|words| format!("client `{}`: {words}", self.id))?;
        let grant_types = self.grant_types.clone().unwrap_or(base.grant_types);
        // A program may get its codes by a dashboard, and give no address of its own.
        if !native && self.redirect_uris.is_empty() && grant_types.contains(&GrantType::AuthorizationCode) {
            return Err(format!(
                "client `{}`: `redirect_uris` is empty, so nobody can come back to it",
                self.id
            ));
        }
        Ok(Client {
            id: self.id.clone(),
            name: self.name.clone(),
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            grant_types,
            secret: self.secret.as_ref().map(|secret| sha256(secret.expose())),
            id_token_alg: self.id_token_alg.unwrap_or(Algorithm::RS256),
            access_token_seconds: lifetimes.access,
            refresh_idle_seconds: lifetimes.idle,
            refresh_absolute_seconds: lifetimes.absolute,
            always_refresh: self.always_refresh,
            first_party: self.first_party,
            audiences: if self.audiences.is_empty() { base.audiences } else { self.audiences.clone() },
            native,
        })
    }

    /// How long its tokens live, or what is wrong with that.
    fn lifetimes(&self, base: &Client) -> Result<Lifetimes, String> {
        for (name, seconds) in [
            ("access_token_seconds", self.access_token_seconds),
            ("refresh_idle_seconds", self.refresh_idle_seconds),
            ("refresh_absolute_seconds", self.refresh_absolute_seconds),
        ] {
            if seconds == Some(0) {
                return Err(format!("`{name}` is 0"));
            }
        }
        let absolute = self.refresh_absolute_seconds.unwrap_or(base.refresh_absolute_seconds);
        // A limit that is only the default gives way to one that is said.
        let idle = self.refresh_idle_seconds.unwrap_or_else(|| base.refresh_idle_seconds.min(absolute));
        if idle > absolute {
            return Err(format!(
                "`refresh_idle_seconds` is {idle}, longer than the {absolute} of `refresh_absolute_seconds`"
            ));
        }
        let access = self.access_token_seconds.unwrap_or(base.access_token_seconds);
        Ok(Lifetimes { access, idle, absolute })
    }
}

/// In seconds.
struct Lifetimes {
    access: u64,
    idle: u64,
    absolute: u64,
}

/// The house's own clients.
pub(super) fn built_in(base: &str, audiences: &[String]) -> Vec<Client> {
    let cli = Client {
        id: "gatepass-cli".into(),
        name: "Gatepass CLI".into(),
        redirect_uris: vec!["http://127.0.0.1/callback".into()],
        ..defaults(true, audiences)
    };
    let dashboard = Client {
        id: "gatepass-dashboard".into(),
        name: "Gatepass dashboard".into(),
        redirect_uris: vec![format!("{base}/dashboard/callback.html")],
        ..defaults(false, audiences)
    };
    vec![cli, dashboard]
}

fn defaults(native: bool, audiences: &[String]) -> Client {
    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    Client {
        id: String::new(),
        name: String::new(),
        native,
        first_party: true,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        // A page is in a browser already, and a stranger's script in it must not take tokens elsewhere.
        grant_types: if native {
            GrantType::ALL.to_vec()
        } else {
            vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
        },
        secret: None,
        id_token_alg: Algorithm::ES256,
        access_token_seconds: HOUR,
        // A browser's session has the limits of document 002; a terminal's is for weeks.
        refresh_idle_seconds: if native { 30 * DAY } else { 6 * HOUR },
        refresh_absolute_seconds: if native { 365 * DAY } else { 12 * HOUR },
        always_refresh: true,
        audiences: audiences.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Config, ConfigFile};
    use super::*;

    fn clients(file: &str) -> Result<Clients, String> {
        let mut config = Config::new(PathBuf::new(), Secret::from("x"));
        config.apply(ConfigFile::parse(file)?);
        config.clients("https://i.example/", "https://i.example")
    }

    #[test]
    fn files_add_and_replace_clients() {
        let known = clients(
            "[[client]]\nid = 'app'\nname = 'App'\ntype = 'web'\nredirect_uris = ['https://a.example/cb']\nsecret = 's'",
        )
        .unwrap();
        let app = known.find("app").unwrap();
        assert_eq!((app.id_token_alg, app.secret, app.native), (Algorithm::RS256, Some(sha256("s")), false));
        assert_eq!(app.audiences, ["https://i.example/"]);
        let dashboard = known.find("gatepass-dashboard").unwrap();
        assert_eq!(dashboard.redirect_uris, ["https://i.example/dashboard/callback.html"]);
        assert!(clients("built_in_clients = false").unwrap().find("gatepass-cli").is_none());
    }

    #[test]
    fn a_client_says_what_it_may_come_with_and_for_how_long() {
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        let file = format!(
            "[[client]]\nid = 'tv'\nname = 'TV'\ntype = 'native'\nredirect_uris = []\naudiences = ['a', 'b']\n\
             grant_types = ['{device}']\naccess_token_seconds = 60\nrefresh_idle_seconds = 120\n\
             refresh_absolute_seconds = 240"
        );
        let known = clients(&file).unwrap();
        let tv = known.find("tv").unwrap();
        assert_eq!(tv.grant_types, [GrantType::DeviceCode]);
        assert_eq!(
            (tv.access_token_seconds, tv.refresh_idle_seconds, tv.refresh_absolute_seconds),
            (60, 120, 240)
        );
        assert_eq!(tv.audience(Some("b")), Ok("b"));
        // If nothing is said, a program may use all, a page what a page needs.
        assert_eq!(known.find("gatepass-cli").unwrap().grant_types, GrantType::ALL);
        assert!(known.find("gatepass-dashboard").unwrap().may_use(GrantType::DeviceCode).is_err());
        let unknown = clients(&file.replace(device, "password")).err().unwrap();
        assert!(unknown.contains("line 7"), "{unknown}");
    }

    #[test]
    fn mistakes_are_named() {
        let bad =
            "[[client]]\nid = 'app'\nname = 'App'\ntype = 'native'\nredirect_uris = ['http://localhost/cb']";
        assert!(clients(bad).err().unwrap().ends_with(
            "http://localhost/cb (https, http on 127.0.0.1 or [::1], or a scheme with a dot; no fragment)"
        ));
        let page = |more: &str| format!("[[client]]\nid = 'app'\nname = 'App'\ntype = 'web'\n{more}\n");
        let good = page("redirect_uris = ['https://a.example/cb']");
        for (file, words) in [
            (
                page("redirect_uris = ['http://a.example/cb']"),
                "(https, or http on this machine; no fragment)",
            ),
            (page("redirect_uris = []"), "`redirect_uris` is empty"),
            (format!("{good}{good}"), "two clients have the id `app`"),
            (format!("{good}access_token_seconds = 0"), "client `app`: `access_token_seconds` is 0"),
            (format!("{good}refresh_idle_seconds = 0"), "`refresh_idle_seconds` is 0"),
            (format!("{good}refresh_absolute_seconds = 0"), "`refresh_absolute_seconds` is 0"),
            (format!("{good}refresh_idle_seconds = 86400"), "86400, longer than the 43200"),
            (
                format!("{good}refresh_idle_seconds = 61\nrefresh_absolute_seconds = 60"),
                "61, longer than the 60",
            ),
        ] {
            let said = clients(&file).err().unwrap();
            assert!(said.contains(words), "{said}");
        }
        let short = clients(&format!("{good}refresh_absolute_seconds = 60")).unwrap();
        assert_eq!(short.find("app").unwrap().refresh_idle_seconds, 60);
    }
}
