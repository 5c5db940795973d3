//! What people sent: each file of `transcripts` is a report of `doctor --trace`, and plays.

use std::fs;
use std::path::Path;

use gatepass_core::testing::replay;

use crate::test;

/// A new one is a file; its first line says what it was about.
#[test]
fn all_of_them_play() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/core/transcripts");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(replay(&text), Ok(()), "{}", path.display());
        played += 1;
    }
    assert!(played > 0);
}
