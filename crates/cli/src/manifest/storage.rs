//! `[storage]`: where sessions are kept.

use serde::Deserialize;

/// Where sessions are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// In a sealed file, in the keyring itself, or in a plain file.
    pub place: Place,
    /// What to do where there is no keyring.
    pub fallback: Fallback,
    /// The service name in the keyring.
    pub service: Option<String>,
    /// The plain file, of `place = "file"` or of the fallback: `~/.acme/credentials.json`. `{profile}` stands for the
    /// profile's name.
    pub file: Option<String>,
    /// A file that says who is signed in since when, for people and other programs to read.
    pub state: Option<String>,
    /// Whether the kernel may keep the key of cached tokens for as long as they live (Linux).
    pub cache: bool,
}

impl Default for Storage {
    fn default() -> Self {
        let (place, fallback) = (Place::default(), Fallback::default());
        Self { place, fallback, service: None, file: None, state: None, cache: true }
    }
}

impl Storage {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.place == Place::File && self.file.is_none() {
            return Err(String::from(
                "`storage.place = \"file\"` needs `storage.file`, the path of the file",
            ));
        }
        if self.file.as_ref().is_some_and(|file| file.replace("{profile}", "").contains(['{', '}'])) {
            return Err(String::from("`storage.file` may hold `{profile}`, and no other name in braces"));
        }
        Ok(())
    }
}

/// Where a session is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In a sealed file, its keys in the keyring.
    #[default]
    Sealed,
    /// In the keyring, and nothing on disk.
    Keyring,
    /// In a plain file for its owner alone.
    File,
}

/// What to do where there is no keyring.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Refuse to sign in.
    #[default]
    Deny,
    /// Keep the session in a plain file for its owner alone, and say so.
    File,
    /// Keep it in a sealed file whose keys a passphrase opens.
    Passphrase,
}
