//! What must not be seen: one wrapper, whose doors are a list.
//!
//! `tests/core/lists.rs` names every file that may call [`Secret::expose`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::kept::Kept;

/// A value that is wiped when dropped, compared in constant time and never printed.
///
/// It lies in one place: what is moved is its address, which leaves no copies on the stack and is smaller wasm.
///
/// It has no `Clone` and no `Serialize`: a copy is asked for by name ([`Secret::duplicate`]) and a stored form is
/// written by `session/record.rs` alone.
pub struct Secret<T: Zeroize = String>(Kept<T>);

/// A secret made of bytes rather than text: a key, a signed-in record, a body.
pub type SecretBytes = Secret<Vec<u8>>;

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(Kept::new(value))
    }

    /// The door. Each file that opens it is listed, with its reason, in `tests/core/lists.rs`.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + Clone> Secret<T> {
    /// A second custodian of the same value, where two owners are meant (a token saved and handed out).
    #[inline(never)]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    /// Constant time for values of one length; lengths themselves are not secret.
    fn eq(&self, other: &Self) -> bool {
        (*self.0).as_ref().ct_eq((*other.0).as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

// A page wipes the whole memory of a transaction instead (www/shared/instance.js).
#[cfg(not(all(target_arch = "wasm32", feature = "wiped")))]
impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<Kept<String>> for Secret {
    fn from(text: Kept<String>) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(String::from(text))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::test;

    #[test]
    fn never_prints() {
        let secret = Secret::from("canary");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[redacted] [redacted] Some([redacted])"
        );
    }

    #[test]
    fn compares_by_value() {
        assert!(Secret::from("a") == Secret::from("a"));
        assert!(Secret::from("a") != Secret::from("b"));
        assert!(Secret::from("a") != Secret::from("aa"));
    }
}
