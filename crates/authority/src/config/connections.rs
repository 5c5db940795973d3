//! `[[connection]]`: organizations that sign their people in themselves.

use gatepass_core::name::ClientId;
use gatepass_core::secret::Secret;
use gatepass_core::url::Issuer;
use serde::Deserialize;

use super::into_custody;
use super::organizations::each;
use crate::grant::address;
use crate::grant::upstream::Connection;

/// An OpenID provider to which people of some domains are sent, as configured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionConfig {
    /// Its name in addresses: the provider sends people back to `/oauth/callback/ID`.
    pub id: String,
    /// Its name, as people see it.
    pub name: String,
    /// The provider's issuer, exactly as its metadata has it.
    pub issuer: String,
    /// The id under which we are registered there.
    pub client_id: String,
    /// Our secret there; without one, PKCE alone protects the code.
    #[serde(default, deserialize_with = "into_custody")]
    pub client_secret: Option<Secret>,
    /// Whoever has an address of one of these domains signs in there, and nowhere else.
    pub domains: Vec<String>,
}

/// All connections, checked, or what is wrong with one.
pub(super) fn check(configs: &[ConnectionConfig]) -> Result<Vec<Connection>, String> {
    let mut known: Vec<Connection> = Vec::new();
    for config in configs {
        let connection = config.check()?;
        for other in &known {
            if other.id == connection.id {
                return Err(format!("connection `{}`: its id is there twice", config.id));
            }
            if let Some(domain) = other.domains.iter().find(|domain| connection.domains.contains(domain)) {
                return Err(format!("connections `{}` and `{}` both have {domain}", other.id, config.id));
            }
        }
        known.push(connection);
    }
    Ok(known)
}

impl ConnectionConfig {
    fn check(&self) -> Result<Connection, String> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.bytes().all(plain) {
            return Err("a connection's `id` must be 1 to 64 lower-case letters, digits and dashes".into());
        }
        let wrong = |words: &str| format!("connection `{}`: {words}", self.id);
        let issuer = Issuer::new(&self.issuer)
            .map_err(|_| wrong("its `issuer` must be an https address, or http on this machine"))?;
        if ClientId::new(&self.client_id).is_err() {
            return Err(wrong("its `client_id` must be 1 to 255 printable characters"));
        }
        if self.domains.is_empty() {
            return Err(wrong("without `domains` nobody is ever sent there"));
        }
        Ok(Connection {
            id: self.id.clone(),
            name: self.name.clone(),
            issuer,
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.as_ref().map(Secret::duplicate),
            domains: each(&self.domains, address::normal_domain, &self.id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfigFile;
    use super::*;

    const GOOD: &str = "id = 'oidc'\nname = 'Acme'\nissuer = 'https://idp.example'\nclient_id = 'us'\n";

    fn connections(lines: &str) -> Result<Vec<Connection>, String> {
        check(&ConfigFile::parse(&format!("[[connection]]\n{GOOD}{lines}"))?.connection)
    }

    #[test]
    fn files_give_connections() {
        let known = connections("client_secret = 's'\ndomains = ['Acme.Example']").unwrap();
        assert_eq!((&*known[0].id, &*known[0].domains[0]), ("oidc", "acme.example"));
        assert_eq!(known[0].client_secret.as_ref().unwrap().expose(), "s");
        assert!(connections("domains = ['a.example']").unwrap()[0].client_secret.is_none());
    }

    #[test]
    fn mistakes_are_named() {
        let again = GOOD.replace("'oidc'", "'other'");
        for (lines, words) in [
            ("domains = []", "`domains`"),
            ("domains = ['@a.example']", "@a.example"),
            ("domains = ['a.example']\nscope = 'x'", "`scope`"),
            (&*format!("domains = ['a.example']\n[[connection]]\n{GOOD}domains = ['b.example']"), "twice"),
            (
                &*format!("domains = ['a.example']\n[[connection]]\n{again}domains = ['A.example']"),
                "both have a.example",
            ),
        ] {
            let wrong = connections(lines).err().unwrap();
            assert!(wrong.contains(words), "{lines}: {wrong}");
        }
        for (good, bad) in [("'oidc'", "'a/b'"), ("https://idp", "http://idp"), ("'us'", "''")] {
            let text = format!("[[connection]]\n{GOOD}domains = ['a.example']").replace(good, bad);
            assert!(check(&ConfigFile::parse(&text).unwrap().connection).is_err(), "{bad}");
        }
        let secret = connections("client_secret = 4711471147114711").err().unwrap();
        assert!(!secret.contains("4711"), "{secret}");
    }
}
