//! The dashboard in Chromium, looked at through what a person sees in it.

use serde_json::json;

use crate::demo::chromium::Chromium;
use crate::demo::story::shortened;
use crate::demo::visitor::Visitor;
use crate::failure::Failure;

/// The page is asked for its own module, so that there is one place that knows who the dashboard is to its issuer.
const TOKEN: &str = "import('./site.js').then((site) => site.openSite()).then((gatepass) => gatepass.getAccessToken())\
    .then(({ value, type }) => ({ value, type }))";

/// An open dashboard.
#[derive(Debug)]
pub(crate) struct Dashboard<'a> {
    page: &'a mut Chromium,
    address: String,
}

impl<'a> Dashboard<'a> {
    pub(crate) fn open(page: &'a mut Chromium, issuer: &str) -> Result<Self, Failure> {
        let dashboard = Self { page, address: address(issuer) };
        dashboard.page.open(&dashboard.address)?;
        Ok(dashboard)
    }

    /// Signs in, without a word where the browser is known to the authority already.
    pub(crate) fn sign_in(&mut self) -> Result<(), Failure> {
        self.state("signed-out")?;
        self.page.press("sign-in")?;
        self.state("signed-in")
    }

    /// Loads the page again; who is signed in must be there without anybody's doing.
    pub(crate) fn reload(&mut self) -> Result<(), Failure> {
        // A mark on the old page tells it from the new one.
        self.page.evaluate("document.body.dataset.state = 'old'")?;
        self.page.open(&self.address)?;
        self.state("signed-in")
    }

    /// Presses "Refresh now"; gives what the page says then.
    pub(crate) fn refresh(&mut self) -> Result<String, Failure> {
        self.page.press("refresh")?;
        self.settled("refresh", "refreshed")
    }

    /// Presses "Sign out"; gives what the page says then.
    pub(crate) fn sign_out(&mut self) -> Result<String, Failure> {
        self.page.press("sign-out")?;
        self.state("signed-out")?;
        self.settled("sign-out", "You are signed out.")
    }

    /// What the page shows of the session.
    pub(crate) fn shown(&mut self) -> Result<String, Failure> {
        let mut lines = Vec::new();
        for (label, id) in [
            ("Account:", "account"),
            ("Issuer: ", "issuer"),
            ("Token:  ", "countdown"),
            ("Session:", "bound"),
        ] {
            let text = self.page.until(
                &format!("`{id}` on the dashboard"),
                &format!("document.getElementById('{id}')?.textContent.trim()"),
            )?;
            lines.push(format!("{label} {}", text.as_str().unwrap_or_default()));
        }
        Ok(lines.join("\n"))
    }

    /// The access token, shortened.
    pub(crate) fn token(&mut self) -> Result<String, Failure> {
        let token = self.page.evaluate(TOKEN)?;
        token["value"]
            .as_str()
            .map(shortened)
            .ok_or_else(|| Failure::new("the dashboard has no access token"))
    }

    fn state(&mut self, state: &str) -> Result<(), Failure> {
        let script = format!("document.body.dataset.state === {}", json!(state));
        self.page.until(&format!("the dashboard to be {state}"), &script).map(drop)
    }

    /// The page's own words, once a button has done its work.
    fn settled(&mut self, button: &str, words: &str) -> Result<String, Failure> {
        let script = format!(
            "document.getElementById('{button}').ariaBusy !== 'true' && document.getElementById('error').hidden && \
             (document.getElementById('state').textContent.includes({words}) ? \
             document.getElementById('state').textContent : '')",
            words = json!(words)
        );
        let said = self.page.until(&format!("\"{words}\" on the dashboard"), &script)?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }
}

/// Where the authority serves it.
pub(crate) fn address(issuer: &str) -> String {
    format!("{issuer}/dashboard/")
}
