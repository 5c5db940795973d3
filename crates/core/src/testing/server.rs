//! A scripted server: small enough to be a value that is copied and compared, and yet of several kinds.

use alloc::string::{String, ToString};

use crate::field::Message;
use crate::form::Query;
use crate::http::{Request, Response};
use crate::json::Writer;

/// How a server treats a refresh token that it has seen before. Every kind ends a whole sign-in, never a token alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerKind {
    /// Bound to a key. A replay of the token before the newest gets the newest again, as long as it takes; an older
    /// one ends the session.
    Forgiving,
    /// Bound to nothing. A replay of the token before the newest gets the newest again until a window has passed; after
    /// that, and for an older one, the session ends.
    Window,
    /// Bound to nothing, and any replay ends the session.
    Strict,
    /// Bound to a key, and yet any replay ends the session.
    StrictBound,
}

impl ServerKind {
    /// Whether its sessions are bound to a key.
    pub const fn binds(self) -> bool {
        matches!(self, Self::Forgiving | Self::StrictBound)
    }

    /// Whether its metadata promises that a replay is forgiven.
    pub const fn forgives(self) -> bool {
        matches!(self, Self::Forgiving | Self::Window)
    }
}

/// A refresh token: from which sign-in, and the how manieth of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefreshToken {
    /// The sign-in.
    pub family: u8,
    /// Counts from 0.
    pub number: u8,
}

impl RefreshToken {
    /// As it travels: `refresh-1`, and `refresh-1-of-2` for another sign-in than the first.
    pub fn text(self) -> String {
        name("refresh-", self.number, self.family)
    }

    /// Reads what [`RefreshToken::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("refresh-")?;
        let (number, family) = text.split_once("-of-").unwrap_or((text, "0"));
        Some(Self { family: family.parse().ok()?, number: number.parse().ok()? })
    }
}

fn name(what: &str, number: u8, family: u8) -> String {
    let number = number.to_string();
    match family {
        0 => [what, &number].concat(),
        _ => [what, &number, "-of-", &family.to_string()].concat(),
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// New tokens.
    Refresh {
        /// The token presented.
        token: RefreshToken,
        /// Whether a proof came along.
        proven: bool,
    },
    /// The end of a sign-in.
    Revoke(RefreshToken),
}

impl Call {
    /// Reads a request.
    ///
    /// # Panics
    ///
    /// If it is none that core makes about a token of this server.
    pub fn read(request: &Request) -> Self {
        let body = request.body.as_ref().map_or("", |body| body.expose());
        let mut form = Query::parse(body, Message::TokenResponse).expect("a request that core made");
        let mut token = |name| {
            form.take(name)
                .map(|token| RefreshToken::parse(token.expose()).expect("a token that the server gave"))
        };
        match (token("token"), token("refresh_token")) {
            (Some(token), None) => Self::Revoke(token),
            (None, Some(token)) => {
                let proven = request.headers.iter().any(|(name, _)| *name == "dpop");
                Self::Refresh { token, proven }
            }
            _ => panic!("neither a refresh nor a revocation"),
        }
    }
}

/// What the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// New tokens.
    Tokens {
        /// The next refresh token.
        token: RefreshToken,
        /// How often this one was given before: the access token is another each time.
        again: u8,
        /// Whether they are bound to a key.
        bound: bool,
    },
    /// `invalid_grant`.
    InvalidGrant,
    /// `use_dpop_nonce`.
    WantsNonce,
    /// Revoked, or never known.
    Revoked,
    /// A status without a body that means anything.
    Status(u16),
}

impl Reply {
    /// As it travels; an `id_token` comes along with tokens only.
    pub fn response(self, id_token: Option<&str>) -> Response {
        let error = |error| answer(400, None, Writer::new().text("error", error).finish());
        match self {
            Self::Tokens { token, again, bound } => {
                let mut access = name("access-", token.number, token.family);
                if again > 0 {
                    access = [&access, "-again-", &again.to_string()].concat();
                }
                let text = Writer::new()
                    .text("access_token", &access)
                    .text("token_type", if bound { "DPoP" } else { "Bearer" })
                    .number("expires_in", 3600)
                    .text("refresh_token", &token.text())
                    .some("id_token", id_token);
                answer(200, None, text.finish())
            }
            Self::InvalidGrant => error("invalid_grant"),
            Self::WantsNonce => {
                answer(400, Some("nonce-1"), Writer::new().text("error", "use_dpop_nonce").finish())
            }
            Self::Revoked => answer(200, None, String::new()),
            Self::Status(status) => answer(status, None, String::new()),
        }
    }
}

fn answer(status: u16, nonce: Option<&'static str>, body: String) -> Response {
    let header = |name: &str| match name {
        "content-type" => Some(String::from("application/json")),
        "dpop-nonce" => nonce.map(String::from),
        _ => None,
    };
    Response::new(status, &header, body.into_bytes())
}

/// One sign-in and all tokens that came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Family {
    /// The number of the newest refresh token.
    pub newest: u8,
    /// How often the newest was given out beyond the first time.
    pub again: u8,
    /// Whether the window for a replay of the token before has passed.
    pub window_passed: bool,
    /// Whether the server ended it.
    pub ended: bool,
    /// Whether somebody asked for its end.
    pub revoked: bool,
}

impl Family {
    /// Whether its newest token would be taken.
    pub const fn is_alive(&self) -> bool {
        !self.ended && !self.revoked
    }
}

/// How many sign-ins a server knows.
pub const FAMILIES: usize = 4;

/// The server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// What it does about replays.
    pub kind: ServerKind,
    /// What it knows.
    pub families: [Family; FAMILIES],
}

impl Server {
    /// A server with sign-ins of which nothing was used yet.
    pub fn new(kind: ServerKind) -> Self {
        Self { kind, families: [Family::default(); FAMILIES] }
    }

    /// What it knows of a token's sign-in.
    pub const fn family(&self, token: RefreshToken) -> &Family {
        &self.families[token.family as usize]
    }

    /// Does what a request asks for.
    pub fn receive(&mut self, call: Call) -> Reply {
        match call {
            Call::Refresh { token, proven } => self.refresh(token, proven),
            Call::Revoke(token) => {
                self.families[usize::from(token.family)].revoked = true;
                Reply::Revoked
            }
        }
    }

    fn refresh(&mut self, token: RefreshToken, proven: bool) -> Reply {
        let kind = self.kind;
        let family = &mut self.families[usize::from(token.family)];
        if !family.is_alive() || token.number > family.newest || (kind.binds() && !proven) {
            return Reply::InvalidGrant;
        }
        let before = token.number + 1 == family.newest;
        if token.number == family.newest {
            *family = Family { newest: family.newest + 1, ..Family::default() };
        } else if kind.forgives() && before && !family.window_passed {
            family.again += 1;
        } else {
            family.ended = true;
            return Reply::InvalidGrant;
        }
        let token = RefreshToken { family: token.family, number: family.newest };
        Reply::Tokens { token, again: family.again, bound: kind.binds() }
    }

    /// Lets the window pass, where there is one.
    pub fn pass_window(&mut self) {
        if self.kind == ServerKind::Window {
            self.families.iter_mut().for_each(|family| family.window_passed = true);
        }
    }
}
