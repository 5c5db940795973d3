//! Core's JSON reader against the JSON Parsing Test Suite (`json-test-suite/README.md`).
//!
//! Core reads objects alone, so that each file is read as the value of a field; as it is it is read too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gatepass_core::field::Message;
use gatepass_core::json::Object;

use crate::json::{Read, same};

/// What the suite wants accepted and core refuses: which of two values is meant, two readers may decide differently.
const REPEATED_KEYS: [&str; 2] = ["y_object_duplicated_key", "y_object_duplicated_key_and_value"];

/// Where the suite leaves the choice to the reader: the beginning of a file's name, whether it is accepted, and why.
const CHOICES: [(&str, bool, &str); 5] = [
    ("i_number_", true, "a number is kept as it is written; who asks for one says what it has room for"),
    ("i_object_key_lone_2nd_surrogate", false, "half a character is no text"),
    (
        "i_string_",
        false,
        "all of these hold half a character, or an encoding that is not UTF-8 (RFC 8259 section 8.1)",
    ),
    ("i_structure_500_nested_arrays", false, "no message of a server is that deep"),
    ("i_structure_UTF-8_BOM_empty_object", false, "no byte order mark is added (RFC 8259 section 8.1)"),
];

#[test]
fn what_must_be_accepted() {
    let files = files("y_");
    assert_eq!(files.len(), 95, "all of the suite");
    for (name, bytes) in files {
        let wrapped = wrapped(&bytes);
        let ours = Object::parse(&wrapped, Message::Record);
        assert_eq!(ours.is_ok(), !REPEATED_KEYS.contains(&name.as_str()), "{name}");
        let (Ok(ours), Ok(theirs)) = (ours, serde_json::from_slice::<BTreeMap<String, Read>>(&wrapped))
        else {
            continue;
        };
        same(&ours, &theirs).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Without the field around it, an object is accepted and nothing else is.
        let object = theirs.values().all(|value| value.object().is_some());
        assert_eq!(accepted(&bytes), object, "{name}");
    }
}

#[test]
fn what_must_be_refused() {
    let mut files = files("n_");
    files.push(("n_structure_100000_opening_arrays".to_owned(), b"[".repeat(100_000)));
    files.push(("n_structure_open_array_object".to_owned(), b"[{\"\":".repeat(50_000)));
    assert_eq!(files.len(), 188, "all of the suite");
    for (name, bytes) in files {
        assert!(!accepted(&bytes), "{name}");
        assert!(!accepted(&wrapped(&bytes)), "{name}");
    }
}

#[test]
fn what_is_left_to_the_reader() {
    let files = files("i_");
    assert_eq!(files.len(), 35, "all of the suite");
    for (name, bytes) in files {
        let choice = CHOICES.iter().find(|(beginning, ..)| name.starts_with(beginning));
        let (_, expected, why) = choice.unwrap_or_else(|| panic!("{name} is not decided"));
        assert_eq!(accepted(&wrapped(&bytes)), *expected, "{name}: {why}");
    }
}

fn accepted(bytes: &[u8]) -> bool {
    Object::parse(bytes, Message::Record).is_ok()
}

/// The file as the field `e`.
fn wrapped(bytes: &[u8]) -> Vec<u8> {
    [b"{\"e\":", bytes, b"}"].concat()
}

fn files(beginning: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("json-test-suite");
    let mut files = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name.starts_with(beginning) {
            files.push((name.to_owned(), fs::read(&path).unwrap()));
        }
    }
    files
}
