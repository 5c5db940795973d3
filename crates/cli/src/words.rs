//! The words for what went wrong: who is at fault first, and separately what to do about it.

use gatepass::{Error, Field, Message, Refusal};

use crate::exit::Exit;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The command line, the manifest or the environment is wrong.
    Usage(String),
    /// A server that is not the issuer's sign-in said something else than was agreed.
    Server(String),
    /// Something below.
    Core(Error),
    /// The same in a login by a dashboard, where a code is typed and the dashboard chooses the account.
    Dashboard {
        error: Error,
        /// Whether `--via` said so, as the next command line has to do.
        said: bool,
    },
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl Trouble {
    /// The exit code.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Server(_) => Exit::Failed,
            Self::Core(error) | Self::Dashboard { error, .. } => Exit::of(*error),
        }
    }

    /// The stable name, for `--json`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Server(_) => "server",
            Self::Core(error) | Self::Dashboard { error, .. } => error.code(),
        }
    }

    /// What happened: lower case, no full stop, nothing that a server said.
    pub(crate) fn message(&self) -> String {
        let error = match self {
            Self::Usage(message) | Self::Server(message) => return message.clone(),
            Self::Dashboard { error: Error::NotTheCallback, .. } => return NO_CODE.to_owned(),
            Self::Dashboard { error: Error::Refused(Refusal::InvalidGrant), .. } => {
                return UNKNOWN_CODE.to_owned();
            }
            Self::Core(error) | Self::Dashboard { error, .. } => *error,
        };
        let text = match error {
            Error::Configuration { field } => return format!("`{field}` cannot be used"),
            Error::NotSignedIn => "nobody is signed in",
            Error::StateMismatch => "an answer came that belongs to no login of ours",
            Error::LoginExpired => "nobody signed in before the time was up",
            Error::NotTheCallback => "that is not the whole address at which the browser ended",
            Error::Declined => "the account that was signed in is not the one that was wanted",
            Error::NoSuchLogin => "no login waits under that handle",
            Error::OtherOrigin => "this session's token is not for that address",
            Error::PortTaken { port } => return format!("another program listens at port {port}"),
            Error::Untrusted => "the server's certificate is not trusted on this machine",
            Error::Certificates => "the certificates that this machine is set to trust cannot be read",
            Error::Malformed { message, field } => {
                return format!("the server's {message} cannot be read: `{field}` is wrong");
            }
            Error::IssuerMismatch => "the answer comes from another issuer than the one that was asked",
            Error::BadSignature => {
                "the server's ID token is not signed by a key and algorithm that can be trusted"
            }
            Error::BadClaim { claim } => {
                return format!("the server's ID token is refused: its `{claim}` is wrong");
            }
            Error::NotBound => "the server's answer is not bound to this session's key",
            Error::Unsupported { feature } => return format!("the server does not offer {feature}"),
            Error::Refused(refusal) => return refused(refusal),
            Error::SessionEnded => "the session is over: the server does not accept it any more",
            Error::SessionLost => "the session is over: the answer to an earlier refresh was lost on its way",
            Error::Unreachable => "the server cannot be reached or is out of order",
            Error::Busy => "another process has been refreshing this session for too long",
            Error::Moved => "another process changed this session at the same moment",
            Error::StoreUnavailable => {
                "no session can be kept here: there is no keyring, or its folder cannot be written"
            }
            Error::StoreLocked => "the keyring is locked or does not answer",
            Error::StoreCorrupt => "the stored session cannot be read",
            Error::NotSaved => "the new session could not be saved",
            Error::StoreTaken => {
                "the file that would keep the session has another account's, or something else"
            }
            Error::StoreExposed => {
                "a folder that would keep the session belongs to somebody else, or others can write in it"
            }
            Error::KeyLost => "the key of this session is gone",
            Error::NoDice => "the operating system gives no randomness",
            _ => "a promise inside gatepass does not hold",
        };
        text.to_owned()
    }

    /// What to do about it; `command` gives a command of this program as the person types it. `own` says that this is
    /// the `gatepass` command, whose person may write a manifest; `issuer` is whom it asks.
    pub(crate) fn hint(
        &self,
        command: &dyn Fn(&str) -> String,
        own: bool,
        issuer: Option<&str>,
    ) -> Option<String> {
        let error = match self {
            Self::Core(error) => error,
            Self::Dashboard { error, said } => {
                let way = if *said { " --via dashboard" } else { "" };
                let again = |words: &str| command(&words.replacen("login", &format!("login{way}"), 1));
                return match error {
                    Error::Declined => Some(format!(
                        "change the account in the dashboard, or run `{}`",
                        command("login --via browser")
                    )),
                    Error::NotTheCallback => Some(String::from(
                        "type what the page of this login shows; where its browser ended at an address, copy the whole of that",
                    )),
                    // Of the other way, or of none.
                    Error::StateMismatch | Error::Unsupported { .. } => {
                        Self::Core(*error).hint(command, own, issuer)
                    }
                    _ => Self::Core(*error).hint(&again, own, issuer),
                };
            }
            _ => return None,
        };
        Some(match error {
            Error::NotSignedIn | Error::SessionEnded | Error::SessionLost | Error::KeyLost => {
                format!("run `{}`", command("login"))
            }
            Error::LoginExpired => {
                format!("run `{}` again, or give it more time with --timeout", command("login"))
            }
            Error::Refused(Refusal::AccessDenied) => {
                format!("run `{}` again if that was a mistake", command("login"))
            }
            Error::Unreachable => {
                let address = issuer.map(|issuer| format!(" ({issuer})")).unwrap_or_default();
                format!("check the network and the issuer's address{address}; nobody is signed out by this")
            }
            Error::IssuerMismatch => String::from(
                "check that the issuer is spelled exactly as the server spells it, slash at the end and all",
            ),
            Error::Unsupported { feature: Field::GatepassHandoffEndpoint } => format!(
                "its dashboard could only give its own session away, to a browser on this machine, where the manifest says `move = true`; `{}` goes to the issuer",
                command("login --via browser")
            ),
            Error::Refused(Refusal::InvalidClient) => {
                String::from("check the client id, and that the server has the client")
            }
            // RFC 6749 section 5.2: it is known, and not for this grant.
            Error::Refused(Refusal::UnauthorizedClient) => String::from(
                "the server has this client for something else: a page's, or without this way to sign in (at gatepass-authority, `type = \"native\"` and the grant in `grant_types`)",
            ),
            Error::BadSignature => String::from(
                "check `id_token_signed_response_alg` in the manifest: it must be what the client is registered with (`gatepass-cli` at gatepass-authority: ES256)",
            ),
            Error::Malformed { message: Message::Discovery, .. } => String::from(
                "is this the issuer's address? its /.well-known/openid-configuration must answer",
            ),
            Error::NotTheCallback => String::from(
                "copy the whole address from the browser's address bar, at the end of this login: it holds `code` or `error`, and `state`",
            ),
            Error::StateMismatch => {
                format!(
                    "that address is of another login: take the one of this login, or run `{}` again",
                    command("login")
                )
            }
            Error::NoSuchLogin => format!(
                "`--finish` takes the handle that `{0}` gave; the page's code is asked for then. A login that has ended or run out, or of another profile, begins again with `{0}`",
                command("login --start")
            ),
            Error::Declined => {
                format!("run `{}` and sign in as the other account", command("login --switch"))
            }
            Error::Refused(Refusal::InvalidTarget) => String::from(
                "the issuer does not give this client tokens for that audience: check `audience`, and `resource` of [credentials], in the manifest, and what the issuer allows the client",
            ),
            Error::Configuration { field: Field::Scope } => String::from(
                "scopes are words with one space between them, such as `openid email`; without quotes and backslashes",
            ),
            Error::Busy | Error::Moved => String::from("try again"),
            Error::StoreUnavailable if !own => {
                String::from("start a keyring (gnome-keyring, kwallet) and try again")
            }
            Error::StoreUnavailable => String::from(
                "start a keyring (gnome-keyring, kwallet), or allow a plain file: `storage.fallback = \"file\"` in a manifest given with --app; GATEPASS_HOME can name another folder",
            ),
            Error::StoreLocked => String::from("unlock the keyring and try again; nothing was changed"),
            Error::StoreCorrupt => {
                format!("remove it with `{}`, then run `{}`", command("logout --forget"), command("login"))
            }
            Error::StoreTaken if !own => String::from("sign the other account out first"),
            Error::StoreTaken => String::from(
                "sign the other account out first, or let `storage.file` in the manifest name another file: `{profile}` in it stands for the account",
            ),
            Error::StoreExposed => String::from("make it yours alone: chown it, and `chmod go-w` it"),
            Error::NotSaved => String::from("make room or unlock the keyring, then try again"),
            Error::BadClaim { claim: Field::Exp | Field::Iat }
            | Error::Refused(Refusal::InvalidDpopProof) => String::from("check this machine's clock"),
            Error::Bug => String::from("please report this"),
            _ => return None,
        })
    }
}

/// Of what was typed where a dashboard's code was waited for.
const NO_CODE: &str = "that is not the page's code: eight letters, as GTFJ-FVNZ";
const UNKNOWN_CODE: &str = "the server does not know this code: mistyped, expired or used before";

fn refused(refusal: Refusal) -> String {
    let text = match refusal {
        Refusal::AccessDenied => "access was denied in the browser",
        Refusal::InvalidGrant => "the server does not accept the code: it has expired or was used before",
        Refusal::InvalidClient => "the server does not know this client",
        Refusal::UnauthorizedClient => {
            "the server knows no client of this name that may sign in from a terminal like this"
        }
        Refusal::InvalidDpopProof => "the server does not accept the proof of this session's key",
        Refusal::TemporarilyUnavailable | Refusal::ServerError => "the server is out of order for the moment",
        other => return format!("the server refuses: {}", other.code()),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_mend_has_a_hint() {
        for (error, word) in [
            (Error::Refused(Refusal::InvalidTarget), "`audience`"),
            (Error::Configuration { field: Field::Scope }, "one space"),
            (Error::Declined, "`acme login --switch`"),
            (Error::NoSuchLogin, "`acme login --start`"),
            (Error::StateMismatch, "another login"),
            (Error::NotTheCallback, "`state`"),
        ] {
            let hint = hint(&Trouble::Core(error)).unwrap();
            assert!(hint.contains(word), "{error:?}: {hint}");
        }
    }

    #[test]
    fn a_login_by_the_dashboard_has_words_of_its_own() {
        let by = |error, said| Trouble::Dashboard { error, said };
        assert_eq!(by(Error::NotTheCallback, false).message(), NO_CODE);
        assert_eq!(by(Error::Refused(Refusal::InvalidGrant), false).message(), UNKNOWN_CODE);
        assert_eq!(by(Error::Declined, false).message(), Trouble::Core(Error::Declined).message());
        assert_eq!(by(Error::NotTheCallback, false).code(), Error::NotTheCallback.code());
        // Following a hint keeps to the way that was taken.
        for (error, said, words) in [
            (Error::LoginExpired, true, "`acme login --via dashboard`"),
            (Error::LoginExpired, false, "`acme login`"),
            (Error::NoSuchLogin, true, "`acme login --via dashboard --start`"),
            (Error::Declined, true, "`acme login --via browser`"),
        ] {
            let hint = hint(&by(error, said)).unwrap();
            assert!(hint.contains(words) && !hint.contains("--switch"), "{hint}");
        }
    }

    #[test]
    fn who_cannot_be_reached_is_named() {
        let named = hint(&Trouble::Core(Error::Unreachable)).unwrap();
        assert!(named.contains("(https://login.acme.example)"), "{named}");
    }

    fn hint(trouble: &Trouble) -> Option<String> {
        trouble.hint(&|words| format!("acme {words}"), false, Some("https://login.acme.example"))
    }
}
