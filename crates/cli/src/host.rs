//! The host of a manifest's `[credentials]`, and the host that another program asks for.

use std::fmt;

use gatepass_core::field::Field;
use gatepass_core::url::Parts;

/// A host name or an address, with the port where it is not the usual one: `git.acme.example`, `localhost:8080`.
///
/// It is only ever made of an address that core can trust, so `https`, or `http` on this machine: a token must not
/// travel in plain text because a caller was set up so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(String);

impl Host {
    /// Of a whole address.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let url = url.to_ascii_lowercase();
        let parts = Parts::split(&url, Field::Resource).ok()?;
        let usual = if parts.secure { 443 } else { 80 };
        Some(match parts.port.filter(|port| *port != usual) {
            Some(port) => Self(format!("{}:{port}", parts.host)),
            None => Self(parts.host.to_owned()),
        })
    }

    /// Of a host and its port, as `https` has them.
    pub(crate) fn new(text: &str) -> Option<Self> {
        Self::of("https", text)
    }

    /// Of a scheme, and a host and its port.
    pub(crate) fn of(scheme: &str, text: &str) -> Option<Self> {
        // A path, a query or a user would make it an address, and a scheme could bring a host of its own.
        let sound = ["http", "https"].contains(&scheme) && !text.contains(['/', '?', '@']);
        sound.then(|| Self::of_url(&format!("{scheme}://{text}")))?
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_name() {
        let of = |url: &str| Host::of_url(url).map(|host| host.0);
        for url in [
            "https://git.acme.example",
            "https://Git.Acme.Example:443/a/b.git?x",
            "HTTPS://git.acme.example/",
        ] {
            assert_eq!(of(url).as_deref(), Some("git.acme.example"), "{url}");
        }
        assert_eq!(of("https://git.acme.example:8443/").as_deref(), Some("git.acme.example:8443"));
        assert_eq!(of("http://127.0.0.1:8080/").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(of("http://localhost:80/").as_deref(), Some("localhost"));
        assert_eq!(Host::new("Git.acme.example:443"), Host::of_url("https://git.acme.example"));
    }

    #[test]
    fn what_callers_might_read_otherwise_is_no_host() {
        for url in [
            "http://git.acme.example/",
            "ssh://git.acme.example/",
            "https://git.acme.example@evil.example/",
            "https://evil.example\\@git.acme.example/",
            "https://evil.example#git.acme.example",
            "https://git.acme.example:0443/",
            "https://git.acme.example\n/",
            "git.acme.example",
            "https://",
            "",
        ] {
            assert_eq!(Host::of_url(url), None, "{url}");
        }
        for text in
            ["git.acme.example/x", "a@git.acme.example", "git.acme.example?x", "https://git.acme.example", ""]
        {
            assert_eq!(Host::new(text), None, "{text}");
        }
        assert_eq!(Host::of("http", "localhost:8080"), Host::of_url("http://localhost:8080/"));
        for (scheme, text) in [
            ("http", "git.acme.example"),
            ("ssh", "git.acme.example"),
            ("https://git.acme.example/x", "evil.example"),
            ("https", "git.acme.example/../evil"),
            ("https", "git.acme.example\r"),
        ] {
            assert_eq!(Host::of(scheme, text), None, "{scheme} {text}");
        }
    }
}
