//! Text that grows without leaving copies, and cutting at one ASCII character. The standard searchers know every pattern,
//! and cost the wasm 2 KB.

use alloc::string::String;

use zeroize::Zeroize;

use crate::kept::WIPED;

/// Makes room for `more` bytes. Text that grows by itself leaves its old place as it was; here it is wiped, because what
/// grows may hold secrets.
pub(crate) fn reserve(text: &mut String, more: usize) {
    if text.capacity() - text.len() < more {
        let mut larger = String::with_capacity(2 * text.len() + more);
        larger.push_str(text);
        if !WIPED {
            text.zeroize();
        }
        *text = larger;
    }
}

/// Bytes as text, if they are UTF-8. The standard check reads words at a time, for which it is twice as long.
pub fn utf8(bytes: &[u8]) -> Option<&str> {
    match bytes.utf8_chunks().next() {
        Some(chunk) => chunk.invalid().is_empty().then_some(chunk.valid()),
        None => Some(""),
    }
}

/// What stands before the first `byte`, and what behind it, if it is there. `byte` must be ASCII.
pub fn cut(text: &str, byte: u8) -> (&str, Option<&str>) {
    let at = text.as_bytes().iter().position(|other| *other == byte);
    match at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// The pieces between all `byte`s, the empty ones left out.
pub fn pieces(text: &str, byte: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        loop {
            let (piece, behind) = cut(rest?, byte);
            rest = behind;
            if !piece.is_empty() {
                return Some(piece);
            }
        }
    })
}

/// Whether a character may be shown to a person: no control character, and none that formats text and is not seen
/// (Unicode's category Cf, and the line separators), as it could turn what stands beside it around.
pub fn is_shown(character: char) -> bool {
    let unseen = matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !character.is_control() && !unseen
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::test;

    #[test]
    fn grows_by_wiping() {
        let mut text = String::from("secret");
        reserve(&mut text, 3);
        let roomy = text.capacity();
        assert!(text == "secret" && roomy >= 9);
        reserve(&mut text, roomy - 6);
        assert_eq!(text.capacity(), roomy, "there was room");
    }

    #[test]
    fn cuts_once_and_everywhere() {
        assert_eq!(cut("a=b=c", b'='), ("a", Some("b=c")));
        assert_eq!(cut("ä", b'='), ("ä", None));
        assert_eq!(cut("=", b'='), ("", Some("")));
        assert_eq!(pieces("&a&&ß&", b'&').collect::<Vec<_>>(), ["a", "ß"]);
        assert_eq!(pieces("", b'&').next(), None);
    }
}
