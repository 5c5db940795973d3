//! Personal access tokens: what a person gives a machine that cannot sign in by itself.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::name::Scopes;
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;

use crate::keys::{base64url, sha256};

/// What a personal token starts with, so that scanners find lost ones.
pub(crate) const PREFIX: &str = "gpp_";

/// How old a sign-in may be that makes a token in a page or for a bare session, in seconds.
pub(crate) const FRESH_SECONDS: u64 = 600;

/// How many living tokens one person may have.
pub(crate) const MOST: u32 = 100;

const DAY: u64 = 24 * 3600;
const SHIPPED_LIFE: u64 = 90 * DAY;
const LONGEST_LIFE: u64 = 366 * DAY;
const LONGEST_NAME: usize = 100;
const CHECKSUM: usize = 4;

/// What is known of a token. Not the token.
#[derive(Clone, Debug)]
pub(crate) struct PersonalToken {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// The token of these fresh bytes. Behind them stands a checksum: a scanner tells a token from noise without asking.
pub(crate) fn mint(random: &[u8; 32]) -> Secret {
    let mut bytes = random.to_vec();
    bytes.extend_from_slice(&checksum(random));
    Secret::new(format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&bytes)))
}

/// The hash under which a token is kept, or nothing if it was never ours. No database is asked before this.
pub(crate) fn read(token: &str) -> Option<[u8; 32]> {
    let bytes = Base64UrlUnpadded::decode_vec(token.strip_prefix(PREFIX)?).ok()?;
    let (random, sum) = bytes.split_at_checked(32)?;
    (sum == checksum(random)).then(|| sha256(token))
}

/// A name as people give it: something to read on one line, in one direction.
pub(crate) fn name(text: &str) -> Option<&str> {
    let text = text.trim();
    // The marks by which text turns around (UAX #9 section 2) make one name look like another.
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let sound = !text.is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text.chars().any(|c| c.is_control() || turns(c));
    sound.then_some(text)
}

/// How long a token lives. None lives for ever: a forgotten one has to end by itself.
pub(crate) fn life(asked: Option<u64>) -> Option<u64> {
    let life = asked.unwrap_or(SHIPPED_LIFE);
    (1..=LONGEST_LIFE).contains(&life).then_some(life)
}

/// What a token may do: what the token that made it may, but for refreshing, which it never does.
pub(crate) fn scope(made_by: &Scopes) -> String {
    let kept: Vec<&str> = made_by.iter().filter(|scope| *scope != "offline_access").collect();
    kept.join(" ")
}

fn checksum(random: &[u8]) -> [u8; CHECKSUM] {
    let hash = sha256([PREFIX.as_bytes(), base64url(random).as_bytes()].concat());
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_recognised_without_a_store() {
        let token = mint(&[7; 32]);
        let text = token.expose();
        assert_eq!((text.len(), &text[..4]), (52, "gpp_"));
        assert_eq!(read(text), Some(sha256(text)));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&String::from_utf8(changed).unwrap()), None, "{at}");
        }
        for bad in ["", "gpp_", &text[..51], &format!("{text}A"), &format!(" {text}")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_and_lives_have_limits() {
        assert_eq!(name("  CI of the plotter "), Some("CI of the plotter"));
        let long = "ä".repeat(100);
        assert_eq!(name(&long), Some(&*long));
        for bad in ["", "  ", "a\nb", "a\u{1b}[2Jb", "a\u{202e}b", &"x".repeat(101)] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
        assert_eq!((life(None), life(Some(1))), (Some(90 * DAY), Some(1)));
        assert_eq!((life(Some(0)), life(Some(366 * DAY + 1)), life(Some(u64::MAX))), (None, None, None));
    }

    #[test]
    fn a_token_never_refreshes() {
        assert_eq!(scope(&Scopes::parse("openid offline_access email").unwrap()), "openid email");
    }
}
