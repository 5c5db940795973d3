//! No secret is printed, shown for every type: those that hold one are built here with a canary in each place of it, and
//! a type that is neither built here nor made of harmless parts fails.
//!
//! Errors are held against the same canaries in `hostile`, field by field; they have no room for any.

mod build;
mod types;

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use gatepass_core::error::Error;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::kept::Kept;
use gatepass_core::protocol::id_token::Check;

use self::types::Types;
use crate::test;

/// What was printed, by the path of the type.
#[derive(Default)]
struct Shown(BTreeMap<String, String>);

impl Shown {
    fn show<T: Debug>(&mut self, value: &T) {
        let name = type_name::<T>().split('<').next().unwrap_or_default();
        let name = name.strip_prefix("gatepass_core::").unwrap_or(name).to_owned();
        let (line, block) = (format!("{value:?}"), format!("{value:#?}"));
        for text in [&line, &block] {
            let close: String = text.chars().filter(|character| !character.is_whitespace()).collect();
            // As text, as the bytes of `canary`, or as its base64url.
            for canary in ["canary", "99,97,110,97,114,121", "Y2FuYXJ5"] {
                assert!(!close.contains(canary), "{name} shows: {text}");
            }
        }
        let all = self.0.entry(name).or_default();
        all.push_str(&line);
        all.push('\n');
    }
}

#[test]
fn what_holds_a_secret_prints_none() {
    let mut shown = Shown::default();
    build::protocol(&mut shown);
    build::login(&mut shown);
    build::device(&mut shown);
    build::handoff(&mut shown);
    build::session(&mut shown);
    let types = Types::read();
    let built: BTreeSet<String> = shown.0.keys().cloned().collect();
    let secretive = types.secretive();
    let new: Vec<_> = secretive.difference(&built).collect();
    assert!(new.is_empty(), "{new:?} hold a secret and are not built in tests/core/canary/build.rs");
    let gone: Vec<_> = built.difference(&secretive).collect();
    assert!(gone.is_empty(), "{gone:?} are built in tests/core/canary/build.rs and hold no secret");
    for (name, text) in &shown.0 {
        for place in types.places(name) {
            assert!(holds(text, &place), "{name} was printed without a secret behind `{place}`");
        }
    }
}

/// Whether a secret stands in what follows `place` somewhere: the value of a field, or what a variant holds.
fn holds(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let whole = !before.is_some_and(|character| character.is_alphanumeric() || character == '_');
        whole && value(&text[at + place.len()..]).contains("[redacted]")
    })
}

/// The text up to the comma or bracket that ends it.
fn value(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ',' | ')' | ']' | '}' if depth == 0 => return &text[..at],
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    text
}

#[test]
fn a_place_without_a_secret_is_noticed() {
    let text = r#"Two { a: None, b: Some(("\")", [redacted])), c: [1, 2] } Open([redacted]) Shut(7)"#;
    for (place, expected) in
        [("a: ", false), ("b: ", true), ("c: ", false), ("Open(", true), ("Shut(", false)]
    {
        assert_eq!(holds(text, place), expected, "{place}");
    }
    assert!(!holds("long_b: [redacted]", "b: "), "another name that ends alike");
}

#[test]
fn what_is_verified_is_not_printed() {
    let key = Kept::new(PublicKey::P256 { x: [3; 32], y: [4; 32] });
    let [signed, signature] = [b"canary".to_vec(), b"canary".to_vec()];
    // Together they are a token, although neither is called one.
    Shown::default().show(&Check { algorithm: Algorithm::Es256, key, signed, signature });
}

#[test]
fn an_error_has_no_room_for_content() {
    const fn plain<T: Copy + 'static>() -> usize {
        size_of::<T>()
    }
    assert_eq!(plain::<Error>(), 4, "an error is numbers");
    assert_eq!(plain::<Algorithm>(), 1);
}

#[test]
fn text_outside_of_secrets_is_listed() {
    let listed: BTreeSet<String> = types::PLAIN.iter().map(|(field, _)| (*field).to_owned()).collect();
    let found = Types::read().plain();
    let (new, old): (Vec<_>, Vec<_>) =
        (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(new.is_empty() && old.is_empty(), "printed and not listed: {new:#?}; listed and gone: {old:#?}");
    for field in &found {
        let name = field.rsplit('.').next().unwrap();
        let suspicious = types::SUSPICIOUS.iter().any(|word| name.contains(word));
        assert!(!suspicious || types::CLEARED.contains(&field.as_str()), "{field} is called like a secret");
    }
}
