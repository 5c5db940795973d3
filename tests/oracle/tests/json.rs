//! Core's JSON reader and `serde_json` give the same verdict, except where core is stricter by rule.

use std::collections::BTreeMap;
use std::fmt;

use gatepass_core::field::{Field, Message};
use gatepass_core::http::MAX_BODY;
use gatepass_core::json::Object;
use gatepass_oracle::Source;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

const CASES: u64 = 20_000;
/// Fields by which both sides are asked what they read.
const NAMES: [&str; 6] = ["e", "sub", "exp", "scope", "ä", "🔑"];
/// Those of them that core has a field for.
const FIELDS: [Field; 4] = [Field::E, Field::Sub, Field::Exp, Field::Scope];
/// Values further down than this are refused by core; the document itself is at 0.
const MAX_DEPTH: usize = 32;

#[test]
fn sound_documents() {
    let accepted =
        (0..CASES).filter(|seed| verdict(*seed, document(&mut Source::new(*seed)).as_bytes())).count();
    // Otherwise the generator makes nothing but repeated keys, and this test says nothing.
    assert!(accepted > CASES as usize / 3, "only {accepted} of {CASES} were accepted");
}

#[test]
fn damaged_documents() {
    let refused = (0..CASES).filter(|seed| {
        let mut source = Source::new(*seed);
        let mut bytes = document(&mut source).into_bytes();
        for _ in 0..=source.below(3) {
            damage(&mut source, &mut bytes);
        }
        !verdict(*seed, &bytes)
    });
    let refused = refused.count();
    assert!(refused > CASES as usize / 3, "only {refused} of {CASES} were refused");
}

#[test]
fn the_edges_of_the_rules() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let long = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    for (text, accepted) in [
        ("{}", true),
        ("\u{feff}{}", false),
        ("[]", false),
        ("", false),
        ("{}{}", false),
        ("{\"a\":1,\"a\":1}", false),
        ("{\"a\":1,\"\\u0061\":1}", false),
        ("{\"a\":{\"b\":1,\"b\":2}}", false),
        ("{\"a\":{\"b\":1},\"b\":2}", true),
        ("{\"a\":\"\\ud83d\\udd11\"}", true),
        ("{\"a\":\"\\ud83d\"}", false),
        ("{\"a\":\"\\udd11\\ud83d\"}", false),
        ("{\"a\":01}", false),
        ("{\"a\":-}", false),
        ("{\"a\":-0}", true),
        ("{\"a\":1.}", false),
        ("{\"a\":1,}", false),
        ("{\"a\":\"\t\"}", false),
        ("{\"a\":\"\u{7f}\"}", true),
        (&nested(32), true),
        (&nested(33), false),
        (&long(MAX_BODY), true),
        (&long(MAX_BODY + 1), false),
    ] {
        let start: String = text.chars().take(60).collect();
        assert_eq!(verdict(0, text.as_bytes()), accepted, "{start}");
    }
}

/// Asks both, holds them against each other, and returns whether core accepted.
fn verdict(seed: u64, bytes: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
    let ours = Object::parse(bytes, Message::Record);
    let theirs = match serde_json::from_slice::<Read>(bytes) {
        Ok(Read::Object(members)) if bytes.len() <= MAX_BODY => Some(members),
        // Stricter by rule: only objects, and not too large.
        Ok(_) => None,
        // Core keeps numbers as they are written, so that none is too large for it.
        Err(error) if error.to_string().contains("number out of range") => return ours.is_ok(),
        Err(_) => None,
    };
    let theirs = theirs.filter(|members| {
        members.values().map(Read::depth).max().map_or(0, |deepest| deepest + 1) <= MAX_DEPTH
    });
    assert_eq!(ours.is_ok(), theirs.is_some(), "seed {seed}: {shown}");
    if let (Ok(ours), Some(theirs)) = (&ours, &theirs) {
        for field in FIELDS {
            let expected = theirs.get(field.as_str());
            assert_eq!(
                ours.has(field),
                expected.is_some_and(|value| !matches!(value, Read::Null)),
                "seed {seed}: {shown}"
            );
            match expected {
                Some(Read::Text(text)) => {
                    assert_eq!(ours.text(field).unwrap(), Some(text.as_str()), "seed {seed}: {shown}")
                }
                Some(Read::Flag(flag)) => {
                    assert_eq!(ours.flag(field).unwrap(), *flag, "seed {seed}: {shown}")
                }
                Some(Read::Whole(number)) => {
                    assert_eq!(ours.seconds(field).unwrap(), Some(*number), "seed {seed}: {shown}")
                }
                _ => {}
            }
        }
    }
    ours.is_ok()
}

/// A document as `serde_json` reads it, with the one rule added that it leaves to its callers: no repeated keys.
enum Read {
    Null,
    Flag(bool),
    Whole(u64),
    OtherNumber,
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl Read {
    /// How many levels lie below this value.
    fn depth(&self) -> usize {
        let deepest = match self {
            Self::Array(values) => values.iter().map(Self::depth).max(),
            Self::Object(members) => members.values().map(Self::depth).max(),
            _ => None,
        };
        deepest.map_or(0, |depth| depth + 1)
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Read, E> {
        Ok(Read::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Read, E> {
        Ok(Read::Flag(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Read, E> {
        Ok(Read::Whole(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Read, E> {
        Ok(Read::OtherNumber)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Read, E> {
        Ok(Read::OtherNumber)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Read, E> {
        Ok(Read::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Read, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Read::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Read, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, Read>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated key"));
            }
        }
        Ok(Read::Object(members))
    }
}

/// A document as a server might write it, with all that the grammar permits.
fn document(source: &mut Source) -> String {
    let mut text = String::new();
    object(source, &mut text, 0);
    space(source, &mut text);
    text
}

fn object(source: &mut Source, text: &mut String, depth: usize) {
    space(source, text);
    text.push('{');
    for (number, plain) in NAMES.iter().enumerate().take(source.below(5)) {
        text.push_str(if number > 0 { "," } else { "" });
        space(source, text);
        let name = source.pick(&NAMES);
        // Mostly distinct names: one in eight documents repeats one, at times under another spelling.
        let name = if source.below(8) == 0 { name.to_owned() } else { format!("{name}{number}") };
        let name = if source.below(3) == 0 { (*plain).to_owned() } else { name };
        string(source, text, &name);
        space(source, text);
        text.push(':');
        value(source, text, depth + 1);
    }
    space(source, text);
    text.push('}');
}

fn value(source: &mut Source, text: &mut String, depth: usize) {
    space(source, text);
    match source.below(if depth > 5 { 6 } else { 8 }) {
        0 => text.push_str(source.pick(&["null", "true", "false"])),
        1 => text.push_str(source.pick(&["0", "-0", "7", "1900000000", "18446744073709551615", "-12"])),
        2 => text.push_str(source.pick(&["0.5", "1e3", "1E+2", "-2.5e-3", "10.25"])),
        3..=5 => {
            let content = source.text("ab \"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}ä€🔑\u{ffff}", 12);
            string(source, text, &content);
        }
        6 => object(source, text, depth),
        _ => {
            text.push('[');
            for number in 0..source.below(4) {
                text.push_str(if number > 0 { "," } else { "" });
                value(source, text, depth + 1);
            }
            space(source, text);
            text.push(']');
        }
    }
    space(source, text);
}

/// A string with each character in one of the spellings that it has.
fn string(source: &mut Source, text: &mut String, content: &str) {
    text.push('"');
    for character in content.chars() {
        let must = character < ' ' || matches!(character, '"' | '\\');
        if !must && source.below(4) > 0 {
            text.push(character);
            continue;
        }
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '/' => "\\/",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ => "",
        };
        if !short.is_empty() && source.below(2) == 0 {
            text.push_str(short);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let hex = if source.below(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            text.push_str(&hex);
        }
    }
    text.push('"');
}

fn space(source: &mut Source, text: &mut String) {
    if source.below(4) == 0 {
        text.push_str(&source.text(" \t\r\n", 3));
    }
}

/// Takes a byte away, changes one, puts one in, doubles a piece, or cuts the end off.
fn damage(source: &mut Source, bytes: &mut Vec<u8>) {
    const TELLING: &[u8] = b"{}[]:,\"\\/ \t\n0123456789.+-eEutfnrl\0\x1f\x7f\x80\xc3\xed\xf0\xff";
    if bytes.is_empty() {
        return;
    }
    let at = source.below(bytes.len());
    let byte = source.pick(TELLING);
    match source.below(5) {
        0 => drop(bytes.remove(at)),
        1 => bytes[at] = byte,
        2 => bytes.insert(at, byte),
        3 => {
            let piece = bytes[at..(at + 1 + source.below(6)).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => bytes.truncate(at),
    }
}
