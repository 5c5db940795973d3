//! The token that a host gets.

use std::time::Duration;

use gatepass::{Audience, Error, MIN_TTL, Purpose, Scopes, Secret, Timestamp, TokenType, Wanted};

use crate::commands::status;
use crate::context::Context;
use crate::manifest::Credential;
use crate::words::Trouble;

/// How long a token must live still where the caller is not told when it ends.
const UNTOLD: Duration = Duration::from_secs(5 * 60);

/// A token for one host.
#[derive(Debug)]
pub(super) struct Token {
    secret: Secret,
    /// When it ends, by this machine's clock; a given token does not say.
    pub(super) expires_at: Option<Timestamp>,
    /// The account whose token it is; a given token does not say.
    pub(super) account: Option<String>,
}

/// Whether the caller learns when the token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The protocol has a place for it.
    Told,
    /// The token is used for as long as the caller likes.
    Untold,
}

impl Token {
    /// The token of a host: the given one, or one of the session for this audience.
    pub(super) fn of(context: &Context, entry: &Credential, expiry: Expiry) -> Result<Self, Trouble> {
        let min_ttl = if expiry == Expiry::Told { MIN_TTL } else { UNTOLD };
        Self::wanted(context, entry, Wanted { min_ttl, ..Wanted::default() })
    }

    /// Refreshes what a server did not accept, unless somebody has done that already. The session stays: the next `get`
    /// finds the new token, and nothing has to be remembered until then.
    pub(super) fn rejected(context: &Context, entry: &Credential, rejected: &Secret) -> Result<(), Trouble> {
        if context.given.is_some() {
            return Ok(());
        }
        let stored = Self::wanted(context, entry, Wanted { min_ttl: Duration::ZERO, ..Wanted::default() })?;
        if stored.secret == *rejected {
            Self::wanted(context, entry, Wanted { force: true, ..Wanted::default() })?;
        }
        Ok(())
    }

    fn wanted(context: &Context, entry: &Credential, wanted: Wanted) -> Result<Self, Trouble> {
        if let Some(given) = &context.given {
            status::warn_visible(context);
            return Ok(Self { secret: given.token.duplicate(), expires_at: None, account: None });
        }
        let purpose = purpose(entry)?;
        let handout = context.gatepass()?.access(Wanted { purpose, ..wanted }).wait()??;
        // RFC 9449 section 7.1: a bound token is refused without a proof, which the callers here cannot make.
        if handout.access.token_type == TokenType::Dpop {
            return Err(Trouble::Usage(format!(
                "the session's tokens are bound to a key, and a program that asks for one here cannot prove it: say `dpop = \"off\"` in the manifest and run `{}` again",
                context.command("login")
            )));
        }
        if !handout.saved {
            let why = Trouble::from(Error::NotSaved).message();
            context.talk.say(&format!("warning: {why}; this token is good"));
        }
        let account = Some(status::account(&handout.view).to_owned());
        Ok(Self { secret: handout.access.token, expires_at: Some(handout.access.expires_at), account })
    }

    /// The token itself.
    pub(super) fn text(&self) -> &str {
        self.secret.expose()
    }
}

fn purpose(entry: &Credential) -> Result<Purpose, Trouble> {
    let audience = match (&entry.audience, &entry.resource) {
        (Some(name), _) => Some(Audience::named(name)?),
        (None, resource) => resource.as_deref().map(Audience::resource).transpose()?,
    };
    let scopes = entry.scope.as_deref().map(Scopes::parse).transpose()?;
    Ok(Purpose { audience, scopes })
}
