//! `[login]`: how a person signs in.

use serde::Deserialize;

/// How a person signs in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// `auto`, `pkce` or `device_code`; `--auth-flow` says otherwise.
    pub flow: AuthFlow,
    /// `browser` goes to the issuer, `dashboard` to a page of the dashboard; `--via` says otherwise.
    pub via: Through,
    /// That page; `/cli` of `dashboard`, unless it says otherwise.
    pub handoff: Option<String>,
    /// Whether the dashboard may give its own session away, where the issuer gives this program none of its own.
    #[serde(rename = "move")]
    pub moves: bool,
    /// Whether to ask for an e-mail address first, whose domain finds the organization's own sign-in.
    pub email_first: bool,
    /// Loopback ports, tried in this order; any free one if empty.
    pub ports: Vec<u16>,
    /// The path of the redirect URI.
    pub path: String,
    /// What the redirect URI calls this machine: `127.0.0.1` or `localhost`. The socket is always 127.0.0.1.
    pub host: String,
    /// How long a login waits, in seconds.
    pub timeout: u64,
    /// After how many seconds without an answer a device code joins the browser.
    pub device_code_after: Option<u64>,
    /// Whether an organization is chosen at sign-in.
    pub organization: bool,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            flow: AuthFlow::Auto,
            via: Through::Browser,
            handoff: None,
            moves: false,
            email_first: false,
            ports: Vec::new(),
            path: String::from("/callback"),
            host: String::from("127.0.0.1"),
            timeout: 300,
            device_code_after: None,
            organization: false,
        }
    }
}

impl SignIn {
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.path.starts_with('/') || self.path.contains(['?', '#']) {
            return Err(String::from("`login.path` must be a path such as `/callback`"));
        }
        if !["127.0.0.1", "localhost"].contains(&self.host.as_str()) {
            return Err(String::from("`login.host` must be `127.0.0.1` or `localhost`"));
        }
        if self.timeout == 0 {
            return Err(String::from("`login.timeout` must be one second at least"));
        }
        let page = self.handoff.as_deref();
        if page.is_some_and(|page| gatepass::Endpoint::new(page, gatepass::Field::Resource).is_err()) {
            return Err(String::from("`login.handoff` must be an https address without a fragment"));
        }
        if self.via == Through::Dashboard { self.check_dashboard() } else { Ok(()) }
    }

    /// What a dashboard cannot do.
    fn check_dashboard(&self) -> Result<(), String> {
        if self.flow == AuthFlow::DeviceCode {
            return Err(String::from(
                "`login.via = \"dashboard\"` and `login.flow = \"device_code\"` exclude each other",
            ));
        }
        if self.email_first {
            return Err(String::from(
                "`login.email_first` is for `login.via = \"browser\"`: a dashboard asks for itself",
            ));
        }
        Ok(())
    }
}

/// Which way a login takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum AuthFlow {
    /// What fits the machine: a browser, and a device code where there is none or it does not come back.
    #[default]
    Auto,
    /// A browser on this machine.
    Pkce,
    /// A code to type on another device.
    DeviceCode,
}

/// Where a login sends the browser.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Through {
    /// To the issuer's own sign-in.
    #[default]
    Browser,
    /// To the dashboard, in which you may be signed in already.
    Dashboard,
}
