//! `[extension]`: the platform's browser extension, which may speak with this program.

use serde::Deserialize;

/// Under which ids browsers know it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserExtension {
    /// In Chromium and its kin: 32 letters from a to p.
    #[serde(default)]
    pub chromium: Vec<String>,
    /// In Firefox: `name@example` or a UUID in braces.
    #[serde(default)]
    pub firefox: Vec<String>,
}

impl BrowserExtension {
    pub(super) fn check(&self) -> Result<(), String> {
        let sound =
            self.chromium.iter().all(|id| is_chromium(id)) && self.firefox.iter().all(|id| is_firefox(id));
        if sound {
            return Ok(());
        }
        Err(String::from(
            "an id of `extension` is none: Chromium's have 32 letters from a to p, Firefox's look like `name@example`",
        ))
    }
}

/// Whether Chromium gives such ids: a hash of the extension's key, in sixteen letters.
pub(crate) fn is_chromium(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| (b'a'..=b'p').contains(&b))
}

/// Whether Firefox takes such ids (extensionworkshop.com, "Extensions and the add-on ID").
pub(crate) fn is_firefox(id: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let uuid = |text: &str| text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let braces = id.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    id.len() <= 80
        && (braces.is_some_and(uuid)
            || id
                .split_once('@')
                .is_some_and(|(name, place)| plain(name) && !place.is_empty() && plain(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_an_id() {
        assert!(is_chromium("abcdefghijklmnopabcdefghijklmnop"));
        for bad in ["", "abcdefghijklmnopabcdefghijklmno", "abcdefghijklmnopabcdefghijklmnoq", "*"] {
            assert!(!is_chromium(bad), "{bad}");
        }
        for good in ["gatepass@acme.example", "@acme", "{01234567-89ab-cdef-0123-456789abcdef}"] {
            assert!(is_firefox(good), "{good}");
        }
        for bad in ["", "acme", "a@", "a b@c", "{x}", "*@*"] {
            assert!(!is_firefox(bad), "{bad}");
        }
    }
}
