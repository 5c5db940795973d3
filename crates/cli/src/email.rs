//! An e-mail address before the login: its domain finds the organization's own sign-in.

use crate::args::Login;
use crate::context::Context;
use crate::manifest::Through;
use crate::words::Trouble;

/// An address that a person gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    /// Takes an address, if it looks like one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        let sound = !local.is_empty()
            && text.len() <= 254
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            && !local.contains(|c: char| c.is_whitespace() || c.is_control());
        sound.then(|| Self(text.to_owned()))
    }

    /// The whole of it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`, in lower case.
    pub(crate) fn domain(&self) -> String {
        self.0.rsplit_once('@').map_or(&*self.0, |(_, domain)| domain).to_ascii_lowercase()
    }
}

/// The address of `--email`, or the one that the person types where the manifest asks for it. Enter alone goes to the
/// login page that everybody has, and so does a login without a terminal to ask at.
pub(crate) fn ask(context: &Context, how: &Login) -> Result<Option<Email>, Trouble> {
    if let Some(text) = &how.email {
        let wrong = || Trouble::Usage(String::from("--email is not an e-mail address"));
        return Email::parse(text).map(Some).ok_or_else(wrong);
    }
    let there = context.environment.person && !context.talk.is_json();
    // A dashboard asks for itself.
    let wanted = context.app.login.email_first && how.via != Some(Through::Dashboard);
    if !wanted || !there {
        return Ok(None);
    }
    loop {
        match context.talk.ask("Email:").as_deref() {
            None | Some("") => return Ok(None),
            Some(text) => match Email::parse(text) {
                Some(email) => return Ok(Some(email)),
                None => {
                    context.talk.say("that is not an e-mail address; press Enter alone to go on without one")
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domain_is_taken_apart() {
        assert_eq!(Email::parse(" Ada@Example.COM ").unwrap().domain(), "example.com");
        for bad in ["", "ada", "@b.example", "a@b", "a b@c.example", "a@b.example&x=y", "a@.example"] {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
    }
}
