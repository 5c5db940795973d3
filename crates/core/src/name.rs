//! Names that travel on the wire or into a store, each a type of its own.

use alloc::string::String;
use core::fmt;

use crate::error::Error;
use crate::field::Field;
use crate::kept::Kept;
use crate::text::{cut, pieces};

fn printable(text: &str, field: Field) -> Result<Kept<String>, Error> {
    // RFC 6749 appendix A: client_id and its kin are %x20-7E.
    let printable = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if text.is_empty() || text.len() > 255 || !printable {
        return Err(Error::Configuration { field });
    }
    Ok(Kept::new(String::from(text)))
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $field:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Kept<String>);

        impl $type {
            /// Takes printable ASCII of 1 to 255 characters; anything else is [`Error::Configuration`].
            pub fn new(text: &str) -> Result<Self, Error> {
                printable(text, $field).map(Self)
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A client identifier (RFC 6749 section 2.2).
    ClientId,
    Field::ClientId
);
name!(
    /// Who signed in, as the issuer names them (OpenID Connect Core 1.0 section 2, `sub`).
    Subject,
    Field::Sub
);
name!(
    /// The person's own name for one of their accounts: `default`, `work`.
    Profile,
    Field::Profile
);

/// For whom an access token is meant. Issuers are told by one of two parameters, never by both: some refuse the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// By `audience`: a name that the issuer knows (RFC 8693 section 2.1 has the word; Auth0 and others take it
    /// everywhere).
    Named(Kept<String>),
    /// By `resource`: an address (RFC 8707 section 2).
    Resource(Kept<String>),
}

impl Audience {
    /// Takes a name of 1 to 255 printable ASCII characters.
    pub fn named(text: &str) -> Result<Self, Error> {
        printable(text, Field::Audience).map(Self::Named)
    }

    /// Takes an absolute address without a fragment (RFC 8707 section 2).
    pub fn resource(text: &str) -> Result<Self, Error> {
        let field = Field::Resource;
        let absolute = cut(text, b':').1.is_some_and(|rest| !rest.is_empty());
        if !absolute || cut(text, b'#').1.is_some() {
            return Err(Error::Configuration { field });
        }
        printable(text, field).map(Self::Resource)
    }

    /// The parameter and its value.
    pub fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::Named(name) => ("audience", name),
            Self::Resource(url) => ("resource", url),
        }
    }
}

/// The longest list of scopes, in bytes. Each scope is compared with those before it, and whoever sends a list must not
/// make that seconds.
const LONGEST_SCOPES: usize = 8192;

/// A set of scopes (RFC 6749 section 3.3), in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Kept<String>);

impl Scopes {
    /// Splits at spaces; a repeated scope counts once. More than 8,192 bytes are an error.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST_SCOPES {
            return Err(Error::Configuration { field: Field::Scope });
        }
        let mut scopes = Self::default();
        for scope in pieces(text, b' ') {
            // RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ).
            if scope.bytes().any(|byte| !matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
                return Err(Error::Configuration { field: Field::Scope });
            }
            if !scopes.contains(scope) {
                if !scopes.is_empty() {
                    scopes.0.push(' ');
                }
                scopes.0.push_str(scope);
            }
        }
        Ok(scopes)
    }

    /// Whether every scope of `other` is in this set.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// Whether this scope is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|known| known == scope)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        pieces(&self.0, b' ')
    }

    /// The form in which they travel: separated by spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn scopes_keep_order_and_count_once() {
        let scopes = Scopes::parse("openid  email openid").unwrap();
        assert_eq!(scopes.as_str(), "openid email");
        assert!(scopes.contains_all(&Scopes::parse("email").unwrap()));
        assert!(!scopes.contains_all(&Scopes::parse("email profile").unwrap()));
        assert!(Scopes::parse("a\"b").is_err());
        let many: String = (0..3000).map(|number| alloc::format!("s{number} ")).collect();
        assert!(Scopes::parse(&many).is_err(), "each is compared with those before it");
    }

    #[test]
    fn a_resource_is_an_absolute_address_without_a_fragment() {
        let api = Audience::resource("https://api.example/v1?x=1").unwrap();
        assert_eq!(api.parameter(), ("resource", "https://api.example/v1?x=1"));
        assert_eq!(Audience::named("platform").unwrap().parameter(), ("audience", "platform"));
        for bad in ["", "platform", "https://api.example/#x", "https:"] {
            assert_eq!(
                Audience::resource(bad),
                Err(Error::Configuration { field: Field::Resource }),
                "{bad}"
            );
        }
    }

    #[test]
    fn names_are_printable() {
        assert!(ClientId::new("gatepass-cli").is_ok());
        assert_eq!(ClientId::new(""), Err(Error::Configuration { field: Field::ClientId }));
        assert!(ClientId::new("a\nb").is_err());
    }
}
