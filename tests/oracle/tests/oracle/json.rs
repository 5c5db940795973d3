//! Core's JSON reader and `serde_json` read the same, except where core is stricter by rule.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use gatepass_core::field::{Field, Message};
use gatepass_core::http::MAX_BODY;
use gatepass_core::json::Object;
use gatepass_oracle::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Fields by which both sides are asked what they read.
const FIELDS: [Field; 4] = [Field::E, Field::Sub, Field::Exp, Field::Scope];
/// Core does not count to the end of 64 bits: the last few numbers are refused.
const LAST: u64 = u64::MAX / 10 * 10;
/// Values further down than this are refused by core; the document itself is at 0.
const MAX_DEPTH: usize = 32;

/// Whatever a server may write, in any of the spellings that the grammar has for it.
#[test]
fn sound_documents() {
    let accepted = share(&(object(), style()), |(object, style)| verdict(print(&object, &style).as_bytes()));
    // Otherwise the generator makes nothing but repeated keys, and this test says nothing.
    assert!(accepted > 0.5, "only {accepted} were accepted");
}

/// The same with bytes taken away, changed, put in, doubled or cut off.
#[test]
fn damaged_documents() {
    let accepted = share(&(object(), style(), vec(damage(), 1..4)), |(object, style, damages)| {
        let mut bytes = print(&object, &style).into_bytes();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        verdict(&bytes)
    });
    assert!((0.05..0.7).contains(&accepted), "both verdicts were seen: {accepted}");
}

/// No document at all.
#[test]
fn any_bytes() {
    let telling = select(TELLING.to_vec());
    share(&vec(prop_oneof![4 => telling, 1 => any::<u8>()], 0..40), |bytes| {
        verdict(&bytes)?;
        verdict(&[b"{\"e\":", bytes.as_slice(), b"}"].concat())
    });
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
        assert_eq!(verdict(text.as_bytes()).unwrap(), accepted, "{start}");
    }
}

/// Runs a property over `strategy`, and says how many of its cases core accepted.
fn share<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> Result<bool, TestCaseError>) -> f64 {
    let (accepted, all) = (Cell::new(0), Cell::new(0));
    let result =
        TestRunner::new(Config { source_file: Some(file!()), ..cases(4000) }).run(strategy, |value| {
            all.set(all.get() + 1);
            accepted.set(accepted.get() + u32::from(property(value)?));
            Ok(())
        });
    if let Err(error) = result {
        panic!("{error}");
    }
    f64::from(accepted.get()) / f64::from(all.get())
}

/// Asks both, holds them against each other, and returns whether core accepted.
fn verdict(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let ours = Object::parse(bytes, Message::Record);
    let theirs = match serde_json::from_slice(bytes) {
        Ok(Read::Object(members)) if bytes.len() <= MAX_BODY => Some(members),
        // Core keeps numbers as they are written; `serde_json` has no room for 1e999.
        Err(error) if error.to_string().contains("number out of range") => return Ok(ours.is_ok()),
        _ => None,
    };
    let theirs = theirs.filter(|members| {
        members.values().map(Read::depth).max().map_or(0, |deepest| deepest + 1) <= MAX_DEPTH
    });
    prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{}", String::from_utf8_lossy(bytes));
    if let (Ok(ours), Some(theirs)) = (&ours, &theirs) {
        same(ours, theirs)?;
    }
    Ok(ours.is_ok())
}

/// Asks both for each field, by each question that core answers.
pub(crate) fn same(ours: &Object, theirs: &BTreeMap<String, Read>) -> Result<(), TestCaseError> {
    for field in FIELDS {
        // `null` stands for absence, as servers in the field use it.
        let expected = theirs.get(field.as_str()).filter(|value| !matches!(value, Read::Null));
        prop_assert_eq!(ours.has(field), expected.is_some());
        let (text, flag, seconds) = (ours.text(field), ours.flag(field), ours.seconds(field));
        let (object, objects, texts) = (ours.object(field), ours.objects(field), ours.texts(field));
        // Nothing is read as what it is not.
        let absent = expected.is_none();
        prop_assert_eq!(text.is_ok(), absent || matches!(expected, Some(Read::Text(_))));
        prop_assert_eq!(flag.is_ok(), absent || matches!(expected, Some(Read::Flag(_))));
        prop_assert_eq!(object.is_ok(), absent || matches!(expected, Some(Read::Object(_))));
        prop_assert_eq!(objects.is_ok(), absent || matches!(expected, Some(Read::Array(_))));
        match expected {
            None => prop_assert_eq!((text, flag, seconds), (Ok(None), Ok(false), Ok(None))),
            Some(Read::Text(expected)) => prop_assert_eq!(text, Ok(Some(expected.as_str()))),
            Some(Read::Flag(expected)) => prop_assert_eq!(flag, Ok(*expected)),
            Some(Read::Whole(expected)) if *expected < LAST => prop_assert_eq!(seconds, Ok(Some(*expected))),
            Some(Read::Whole(_)) => prop_assert_eq!(seconds, Err(ours.blame(field))),
            // Of other numbers core reads those that are times: neither negative nor made smaller by an exponent.
            // `serde_json` may be wrong in the last bit, as long as its feature `float_roundtrip` is off.
            Some(Read::OtherNumber(expected)) => match seconds {
                Ok(seconds) => {
                    let difference = (seconds.unwrap() as f64 - expected.trunc()).abs();
                    prop_assert!(difference <= expected * f64::EPSILON, "{:?} {}", seconds, expected);
                }
                Err(error) => prop_assert_eq!(error, ours.blame(field)),
            },
            Some(Read::Object(expected)) => same(object.unwrap().unwrap(), expected)?,
            Some(Read::Array(expected)) => {
                let their_texts: Option<Vec<_>> = expected.iter().map(Read::text).collect();
                prop_assert_eq!(texts.ok(), their_texts);
                let their_objects: Vec<_> = expected.iter().filter_map(Read::object).collect();
                let our_objects = objects.unwrap();
                prop_assert_eq!(our_objects.len(), their_objects.len());
                for (ours, theirs) in our_objects.into_iter().zip(their_objects) {
                    same(ours, theirs)?;
                }
            }
            Some(Read::Null) => unreachable!("counted as absent"),
        }
    }
    Ok(())
}

/// A document as `serde_json` reads it, with the one rule added that it leaves to its callers: no repeated keys.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Null,
    Flag(bool),
    Whole(u64),
    OtherNumber(f64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl Read {
    /// How many levels lie below this value.
    pub(crate) fn depth(&self) -> usize {
        let deepest = match self {
            Self::Array(values) => values.iter().map(Self::depth).max(),
            Self::Object(members) => members.values().map(Self::depth).max(),
            _ => None,
        };
        deepest.map_or(0, |depth| depth + 1)
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) const fn object(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Object(members) = self { Some(members) } else { None }
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

    fn visit_i64<E: Error>(self, value: i64) -> Result<Read, E> {
        Ok(Read::OtherNumber(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Read, E> {
        Ok(Read::OtherNumber(value))
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

/// A document before it is spelled. Numbers are texts already: each has many spellings of its own.
#[derive(Clone, Debug)]
enum Json {
    Word(&'static str),
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

fn object() -> impl Strategy<Value = Json> {
    let number = prop_oneof![
        "(0|[1-9][0-9]{0,18})",
        "-?(0|[1-9][0-9]{0,9})([.][0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        select(vec!["18446744073709551615", "18446744073709551616", "-0", "9007199254740993", "1E400"])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        select(vec!["null", "true", "false"]).prop_map(Json::Word),
        number.prop_map(Json::Number),
        text().prop_map(Json::Text),
    ];
    let value = leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![vec(inner.clone(), 0..6).prop_map(Json::Array), members(inner)]
    });
    members(value)
}

fn members(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    let name = prop_oneof![
        4 => select(FIELDS.to_vec()).prop_map(|field| field.as_str().to_owned()),
        1 => text(),
    ];
    (vec((name, value), 0..6), prop::bool::weighted(0.03)).prop_map(|(mut members, repeats)| {
        let mut known = BTreeSet::new();
        members.retain(|(name, _)| repeats || known.insert(name.clone()));
        Json::Object(members)
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", "[ -~äß€\u{7f}\u{ffff}🔑\n\r\t\u{8}\u{c}\u{1}]{0,12}", any::<String>()]
}

/// Choices of spelling, one after the other and round again; zeros are the plainest.
fn style() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..40)
}

fn print(document: &Json, style: &[u8]) -> String {
    let mut printer = Printer { style: style.iter().cycle(), text: String::new() };
    printer.value(document);
    printer.text
}

struct Printer<'a> {
    style: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    text: String,
}

impl Printer<'_> {
    /// A number below `end`, mostly 0.
    fn choice(&mut self, end: u8) -> u8 {
        let byte = self.style.next().copied().unwrap_or(0);
        if byte < 128 { 0 } else { byte % end }
    }

    fn space(&mut self) {
        for _ in 0..self.choice(4) {
            let space = [" ", "\t", "\n", "\r"][usize::from(self.choice(4))];
            self.text.push_str(space);
        }
    }

    fn value(&mut self, value: &Json) {
        self.space();
        match value {
            Json::Word(word) => self.text.push_str(word),
            Json::Number(number) => self.text.push_str(number),
            Json::Text(text) => self.string(text),
            Json::Array(values) => self.list('[', values, ']', Self::value),
            Json::Object(members) => self.list('{', members, '}', |printer, (name, value)| {
                printer.space();
                printer.string(name);
                printer.space();
                printer.text.push(':');
                printer.value(value);
            }),
        }
        self.space();
    }

    fn list<T>(&mut self, open: char, items: &[T], close: char, print: impl Fn(&mut Self, &T)) {
        self.text.push(open);
        for (number, item) in items.iter().enumerate() {
            self.text.push_str(if number > 0 { "," } else { "" });
            print(self, item);
        }
        self.space();
        self.text.push(close);
    }

    /// A string with each character in one of the spellings that it has.
    fn string(&mut self, content: &str) {
        self.text.push('"');
        for character in content.chars() {
            let must = character < ' ' || matches!(character, '"' | '\\');
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
            match self.choice(4) {
                0 | 1 if !must => self.text.push(character),
                0..=2 if !short.is_empty() => self.text.push_str(short),
                choice => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let lower = format!("\\u{unit:04x}");
                        let upper = format!("\\u{unit:04X}");
                        self.text.push_str(if choice == 2 { &lower } else { &upper });
                    }
                }
            }
        }
        self.text.push('"');
    }
}

/// The bytes that mean something to a reader of JSON or UTF-8.
const TELLING: &[u8] = b"{}[]:,\"\\/ \t\n0123456789.+-eEutfnrl\0\x1f\x7f\x80\xc3\xed\xf0\xff";

/// One thing that goes wrong on the way.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Remove(Index),
    Change(Index, u8),
    Insert(Index, u8),
    Double(Index, usize),
    Cut(Index),
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    let byte = || select(TELLING.to_vec());
    prop_oneof![
        at().prop_map(Damage::Remove),
        (at(), byte()).prop_map(|(at, byte)| Damage::Change(at, byte)),
        (at(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        (at(), 1..8_usize).prop_map(|(at, length)| Damage::Double(at, length)),
        at().prop_map(Damage::Cut),
    ]
}

impl Damage {
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Remove(at) => drop(bytes.remove(at.index(length))),
            Self::Change(at, byte) => bytes[at.index(length)] = *byte,
            Self::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Self::Double(at, piece) => {
                let at = at.index(length);
                let piece = bytes[at..(at + piece).min(length)].to_vec();
                bytes.splice(at..at, piece);
            }
            Self::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
}
