//! What the operator decides. The form of document 002 (YAML and its environment names) is a later issue.

mod connections;
mod organizations;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use gatepass_core::name::ClientId;
use gatepass_core::secret::Secret;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use crate::grant::client::{Client, Clients, GrantType};
use crate::grant::organization::Organization;
use crate::grant::redirect;
use crate::grant::upstream::Connection;
use crate::jose::Algorithm;
use crate::keys::sha256;

pub use connections::ConnectionConfig;
pub use organizations::OrganizationConfig;

/// Everything that an authority is started with.
#[derive(Debug)]
pub struct Config {
    /// The issuer, used exactly as written; derived from the listener if absent.
    pub issuer: Option<String>,
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The SQLite file.
    pub database: PathBuf,
    /// The one secret from which every key is derived.
    pub secret: Secret,
    /// Clients beside the built-in ones; one of the same id takes its place.
    pub clients: Vec<ClientConfig>,
    /// Whether `gatepass-cli` and `gatepass-dashboard` are known.
    pub built_in_clients: bool,
    /// The audiences of clients that name none; the issuer itself if empty.
    pub audiences: Vec<String>,
    /// Who belongs together.
    pub organizations: Vec<OrganizationConfig>,
    /// Who signs people of which domain in.
    pub connections: Vec<ConnectionConfig>,
    /// Whether proofs need a server nonce.
    pub dpop_nonce: DpopNonce,
    /// The folder with `dashboard`, `web` and `assets`.
    pub www: Option<PathBuf>,
    /// How many letters one browser may have sent to one address in a quarter of an hour; all browsers at one place
    /// together three times, everybody ten times as many. If nothing is said, five where letters really leave; the
    /// development mailbox needs no protection from letters.
    pub letters_per_address: Option<u32>,
    /// How many device codes may be asked for from one place in ten minutes. If nothing is said, a hundred; on this machine
    /// alone, without limit.
    pub device_codes_per_place: Option<u32>,
    /// The proxies in front, as addresses or networks: `X-Forwarded-For` is believed from them alone.
    pub trusted_proxies: Vec<String>,
    /// Whether each request is a line on stderr.
    pub log: bool,
    /// Whether pages say what else the log alone says: for whoever builds an application on this machine.
    pub dev: bool,
}

impl Config {
    /// A listener on a free loopback port, everything else as shipped.
    pub fn new(database: PathBuf, secret: Secret) -> Self {
        Self {
            issuer: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database,
            secret,
            clients: Vec::new(),
            built_in_clients: true,
            audiences: Vec::new(),
            organizations: Vec::new(),
            connections: Vec::new(),
            dpop_nonce: DpopNonce::Off,
            www: None,
            letters_per_address: None,
            device_codes_per_place: None,
            trusted_proxies: Vec::new(),
            log: false,
            dev: false,
        }
    }

    /// A secret for one run: whatever it signs ends with it.
    pub fn fresh_secret() -> Result<Secret, gatepass_core::error::Error> {
        crate::random::token()
    }

    /// Takes over what a file says.
    pub fn apply(&mut self, file: ConfigFile) {
        self.issuer = file.issuer.or_else(|| self.issuer.take());
        self.listen = file.listen.unwrap_or(self.listen);
        self.audiences = file.audiences;
        self.built_in_clients = file.built_in_clients.unwrap_or(true);
        self.dpop_nonce = file.dpop_nonce;
        self.letters_per_address = file.letters_per_address.or(self.letters_per_address);
        self.device_codes_per_place = file.device_codes_per_place.or(self.device_codes_per_place);
        self.trusted_proxies = file.trusted_proxies;
        self.clients = file.client;
        self.organizations = file.organization;
        self.connections = file.connection;
    }

    /// All organizations, checked, or what is wrong with one.
    pub(crate) fn organizations(&self) -> Result<Vec<Organization>, String> {
        organizations::check(&self.organizations)
    }

    /// All proxies in front, or what is wrong with one.
    pub(crate) fn proxies(&self) -> Result<Vec<IpNet>, String> {
        let read = |text: &String| {
            text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                format!("`trusted_proxies`: this is no address and no network, such as 10.0.0.0/8: {text}")
            })
        };
        self.trusted_proxies.iter().map(read).collect()
    }

    /// All connections, checked, or what is wrong with one.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>, String> {
        connections::check(&self.connections)
    }

    /// All clients, checked, or what is wrong with one.
    pub(crate) fn clients(&self, issuer: &str, base: &str) -> Result<Clients, String> {
        let audiences =
            if self.audiences.is_empty() { vec![issuer.to_owned()] } else { self.audiences.clone() };
        let mut clients = if self.built_in_clients { built_in(base, &audiences) } else { Vec::new() };
        for config in &self.clients {
            clients.retain(|client| client.id != config.id);
            clients.push(config.client(&audiences)?);
        }
        Ok(Clients::new(clients))
    }
}

/// Whether proofs need a server nonce (RFC 9449 section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DpopNonce {
    /// Every proof must carry one.
    Required,
    /// No proof needs one.
    #[default]
    Off,
}

/// The file given by `--config`. An unknown key is a mistake, not a wish.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    issuer: Option<String>,
    listen: Option<SocketAddr>,
    #[serde(default)]
    audiences: Vec<String>,
    built_in_clients: Option<bool>,
    #[serde(default)]
    dpop_nonce: DpopNonce,
    letters_per_address: Option<u32>,
    device_codes_per_place: Option<u32>,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    #[serde(default)]
    client: Vec<ClientConfig>,
    #[serde(default)]
    organization: Vec<OrganizationConfig>,
    #[serde(default)]
    connection: Vec<ConnectionConfig>,
}

impl ConfigFile {
    /// Reads TOML.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| in_words(text, &error))
    }
}

/// What is wrong, and where. Never the line itself, as toml would print it, nor a value: either may be a secret.
fn in_words(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    // Of serde's own sentences, this one names a key and the others name the value that they found.
    let message = match message.rsplit_once(", expected ") {
        Some((_, expected)) if !message.starts_with("unknown field") => format!("expected {expected}"),
        _ => message.to_owned(),
    };
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("the configuration, line {}: {message}", before.matches('\n').count() + 1),
        None => format!("the configuration: {message}"),
    }
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
            return Err(format!("client `{}`: this redirect uri cannot be registered: {bad}", self.id));
        }
        let base = defaults(native, audiences);
        Ok(Client {
            id: self.id.clone(),
            name: self.name.clone(),
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            grant_types: self.grant_types.clone().unwrap_or(base.grant_types),
            secret: self.secret.as_ref().map(|secret| sha256(secret.expose())),
            id_token_alg: self.id_token_alg.unwrap_or(Algorithm::RS256),
            access_token_seconds: self.access_token_seconds.unwrap_or(base.access_token_seconds),
            refresh_idle_seconds: self.refresh_idle_seconds.unwrap_or(base.refresh_idle_seconds),
            refresh_absolute_seconds: self.refresh_absolute_seconds.unwrap_or(base.refresh_absolute_seconds),
            always_refresh: self.always_refresh,
            first_party: self.first_party,
            audiences: if self.audiences.is_empty() { base.audiences } else { self.audiences.clone() },
            native,
        })
    }
}

fn into_custody<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// The house's own clients.
fn built_in(base: &str, audiences: &[String]) -> Vec<Client> {
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
    fn proxies_are_addresses_and_networks() {
        let proxies = |file: &str| {
            let mut config = Config::new(PathBuf::new(), Secret::from("x"));
            config.apply(ConfigFile::parse(file).unwrap());
            config.proxies()
        };
        let shown = proxies("trusted_proxies = ['10.0.0.0/8', '::1', '192.0.2.7']").unwrap();
        let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
        assert_eq!(proxies("").unwrap(), []);
        for bad in ["localhost", "10.0.0.0/33", "*", ""] {
            assert!(proxies(&format!("trusted_proxies = ['{bad}']")).is_err(), "{bad}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(clients("isuer = 'x'").err().unwrap().contains("isuer"));
        let bad =
            "[[client]]\nid = 'app'\nname = 'App'\ntype = 'native'\nredirect_uris = ['http://localhost/cb']";
        assert!(clients(bad).err().unwrap().contains("http://localhost/cb"));
        let wrong = clients("\n\nlisten = 'here'").err().unwrap();
        assert!(wrong.starts_with("the configuration, line 3: "), "{wrong}");
    }

    #[test]
    fn mistakes_never_show_a_secret() {
        const SECRET: &str = "hunter2hunter2";
        for line in [
            // The mistake is the secret's line, and its kind one of every sort.
            "secret = \"hunter2hunter2",
            "secret = 'hunter2hunter2",
            "secret = hunter2hunter2",
            "secret = \"hunter2hunter2\" oops",
            "secret = \"\\q hunter2hunter2\"",
            "secret = [\"hunter2hunter2\"]",
            "secret = { value = \"hunter2hunter2\" }",
            "secrte = \"hunter2hunter2\"",
            "secret \"hunter2hunter2\"",
            "secret: hunter2hunter2",
            "secret = \"x\"\nsecret = \"hunter2hunter2\"",
            // The secret stands where something else belongs.
            "first_party = \"hunter2hunter2\"",
            "type = \"hunter2hunter2\"",
            "id_token_alg = \"hunter2hunter2\"",
            "access_token_seconds = \"a, expected hunter2hunter2\"",
        ] {
            let words = ConfigFile::parse(&format!("[[client]]\n{line}\n")).err().unwrap();
            assert!(!words.contains(SECRET) && words.contains("line "), "{line}: {words}");
        }
        let number = ConfigFile::parse("[[client]]\nsecret = 4711471147114711").err().unwrap();
        assert!(!number.contains("4711"), "{number}");
        let unknown = ConfigFile::parse("[[client]]\n\nsecrte = \"x\"").err().unwrap();
        assert!(unknown.contains("line 3") && unknown.contains("`secrte`"), "{unknown}");
    }
}
