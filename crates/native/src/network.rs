//! What stands between this machine and a server: proxies and certificates, by the variables that set them.
//!
//! `reqwest` and the platform's certificate store read these variables themselves; this file says what they read, for
//! reports.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gatepass_core::error::Error;

use crate::http;

/// What is in effect for requests to other machines. To this machine no proxy is ever asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The variable that names a proxy, and the proxy without its credentials.
    pub proxy: Option<(&'static str, String)>,
    /// The variable that names what is asked directly, and its list.
    pub no_proxy: Option<(&'static str, String)>,
    /// The settings that name certificates to trust, each with its file or folder; `ca_file` is added to what this
    /// machine trusts, the variables replace that.
    pub ca: Vec<(&'static str, PathBuf)>,
}

impl Network {
    /// Reads the environment; `ca_file` is that of the settings.
    pub fn in_effect(ca_file: Option<&Path>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "it reports what others read, and configures nothing")]
        Self::of(|name| std::env::var_os(name), ca_file)
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>, ca_file: Option<&Path>) -> Self {
        let text = |names: [&'static str; 2]| {
            // The first that is set counts, even if it is empty: that is how a proxy is switched off.
            let (name, value) = names.into_iter().find_map(|name| Some((name, variable(name)?)))?;
            let value = value.into_string().ok().filter(|value| !value.is_empty())?;
            Some((name, value))
        };
        let proxy = text(["HTTPS_PROXY", "https_proxy"]).or_else(|| text(["ALL_PROXY", "all_proxy"]));
        let own = ca_file.map(|path| ("ca_file", path.to_owned()));
        let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(|name| {
            Some((name, PathBuf::from(variable(name).filter(|value| !value.is_empty())?)))
        });
        Self {
            proxy: proxy.map(|(name, value)| (name, without_credentials(&value))),
            no_proxy: text(["NO_PROXY", "no_proxy"]),
            ca: own.into_iter().chain(named).collect(),
        }
    }

    /// Whether each file of [`Network::ca`] can be read and holds certificates; the first that does not is named. Without
    /// one that can be used, requests end in [`Error::Certificates`].
    pub fn check(&self) -> Result<(), (&'static str, Error)> {
        for (name, path) in &self.ca {
            let sound = match *name {
                // A list of folders, of which one is enough.
                "SSL_CERT_DIR" => std::env::split_paths(path).any(|folder| folder.is_dir()),
                _ => http::certificates(path).is_ok(),
            };
            if !sound {
                return Err((name, Error::Certificates));
            }
        }
        Ok(())
    }
}

/// `http://user:password@proxy:8080` without the two.
fn without_credentials(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(set: &[(&str, &str)]) -> Network {
        let find = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Network::of(find, None)
    }

    #[test]
    fn says_what_is_in_effect_without_passwords() {
        let proxy = |set: &[(&str, &str)]| network(set).proxy;
        assert_eq!(proxy(&[]), None);
        for (value, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://ada:p@ss@proxy.example:3128/x?y", "http://proxy.example:3128"),
            ("ada:secret@proxy.example:3128", "proxy.example:3128"),
        ] {
            assert_eq!(proxy(&[("https_proxy", value)]), Some(("https_proxy", String::from(shown))));
        }
        let all = [("HTTPS_PROXY", ""), ("https_proxy", "http://a"), ("all_proxy", "http://b")];
        assert_eq!(proxy(&all), Some(("all_proxy", String::from("http://b"))), "empty switches off");
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let found = network(&[("SSL_CERT_FILE", file.to_str().unwrap())]);
        assert_eq!(found.check(), Err(("SSL_CERT_FILE", Error::Certificates)), "not there");
        std::fs::write(&file, "no certificate").unwrap();
        assert_eq!(found.check(), Err(("SSL_CERT_FILE", Error::Certificates)), "none in it");
        assert_eq!(network(&[("SSL_CERT_DIR", folder.path().to_str().unwrap())]).check(), Ok(()));
    }
}
