//! `[credentials."HOST"]`: the token that a host gets, for `credential`.

use serde::Deserialize;

use crate::host::Host;

/// What a host gets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// For whom the token is meant, by a name that the issuer knows.
    pub audience: Option<String>,
    /// For whom the token is meant, by an address (RFC 8707), where the issuer wants it so.
    pub resource: Option<String>,
    /// With fewer scopes than the session has.
    pub scope: Option<String>,
    /// The user name that goes with it, where the protocol wants one.
    pub username: Option<String>,
    /// For Cargo: what comes before the token in `Authorization`; `Bearer`, unless it says otherwise.
    pub scheme: Option<String>,
    /// For AWS: the endpoint of STS, which gives keys for the token.
    pub sts: Option<String>,
    /// For AWS: the role whose keys they are.
    pub role_arn: Option<String>,
}

impl Credential {
    pub(super) fn check(&self, host: &str) -> Result<(), String> {
        let refused = |what: &str| Err(format!("`credentials.\"{}\"` {what}", host.escape_debug()));
        // What is written is what is shown and compared: one host, one spelling.
        if Host::new(host).is_none_or(|known| known.as_str() != host) {
            return refused(
                "must be a host in small letters, such as `git.acme.example` or `localhost:8080`",
            );
        }
        if self.audience.is_some() && self.resource.is_some() {
            return refused("can have `audience` or `resource`, not both");
        }
        // It becomes a line for git and half of a pair for Basic (RFC 7617 section 2).
        let sound = |text: &String| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic() && b != b':');
        if !self.username.as_ref().is_none_or(|username| !username.is_empty() && sound(username)) {
            return refused("has a `username` with a colon or a control character");
        }
        if !self
            .scheme
            .as_ref()
            .is_none_or(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        {
            return refused("has a `scheme` that is no word");
        }
        if self.sts.is_some() != self.role_arn.is_some() {
            return refused("needs both `sts` and `role_arn`, or neither");
        }
        if self.sts.as_ref().is_some_and(|sts| Host::of_url(sts).is_none()) {
            return refused("has an `sts` that is no https address");
        }
        Ok(())
    }
}
