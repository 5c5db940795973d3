//! What the operator decides. The form of document 002 (YAML and its environment names) is a later issue.

mod clients;
mod connections;
mod organizations;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use gatepass_core::secret::Secret;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use crate::grant::client::Clients;
use crate::grant::organization::Organization;
use crate::grant::upstream::Connection;

pub use clients::{ClientConfig, ClientKind};
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

    /// Whether the folder with the pages is there.
    pub(crate) fn check_www(&self) -> Result<(), String> {
        match &self.www {
            Some(www) if !www.is_dir() => Err(format!("`--www`: there is no such folder: {}", www.display())),
            _ => Ok(()),
        }
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
        let built_in = if self.built_in_clients { clients::built_in(base, &audiences) } else { Vec::new() };
        clients::check(&self.clients, built_in, &audiences)
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

fn into_custody<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(ConfigFile::parse("isuer = 'x'").err().unwrap().contains("isuer"));
        let wrong = ConfigFile::parse("\n\nlisten = 'here'").err().unwrap();
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
