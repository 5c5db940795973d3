//! What a fuzzer started from or found, and what lies near it, through the same bodies (`fuzz/README.md`).

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use gatepass_core::testing::{SeededDice, fuzz};

use crate::layers::crates;
use crate::test;

/// Damaged copies of the seeds of one target.
const MUTATIONS: u64 = 3000;

struct Target {
    name: &'static str,
    body: fn(&[u8]),
}

const TARGETS: [Target; 11] = [
    Target { name: "callback", body: fuzz::callback },
    Target { name: "device_response", body: fuzz::device_response },
    Target { name: "discovery", body: fuzz::discovery },
    Target { name: "id_token", body: fuzz::id_token },
    Target { name: "json", body: |bytes| fuzz::json(bytes, &serde_json_accepts) },
    Target { name: "jwks", body: fuzz::jwks },
    Target { name: "metadata_others", body: fuzz::metadata_others },
    Target { name: "record", body: fuzz::record },
    Target { name: "token_response", body: fuzz::token_response },
    Target { name: "transaction_answers", body: fuzz::transaction_answers },
    // The other reader of addresses is no dependency of this crate; fuzz/ has it.
    Target { name: "url", body: |bytes| fuzz::url(bytes, &|_| None) },
];

fn serde_json_accepts(bytes: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Err(error) if error.to_string().contains("number out of range") => None,
        verdict => Some(verdict.is_ok()),
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = crates().join("../fuzz").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn run(target: &str, body: fn(&[u8]), name: &str, bytes: &[u8]) {
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    assert!(catch_unwind(AssertUnwindSafe(|| body(bytes))).is_ok(), "{target}, {name}: {:?}", shown());
}

#[test]
fn every_seed_and_what_lies_near_it() {
    for (number, Target { name: target, body }) in TARGETS.iter().enumerate() {
        let seeds: Vec<_> = files(&format!("seeds/{target}"))
            .iter()
            .map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), fs::read(file).unwrap()))
            .collect();
        assert!(seeds.len() > 5, "{target} has {} seeds", seeds.len());
        for (name, bytes) in &seeds {
            run(target, *body, name, bytes);
        }
        let mut dice = SeededDice::new(number as u64);
        for round in 0..MUTATIONS {
            let mut bytes = pick(&mut dice, &seeds).1.clone();
            for _ in 0..=dice.number() % 4 {
                damage(&mut dice, &mut bytes, &seeds);
            }
            run(target, *body, &format!("round {round}"), &bytes);
        }
    }
}

#[test]
fn every_target_is_run_here() {
    let names = |folder: &str| -> BTreeSet<String> {
        files(folder).iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let here: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names("targets"), here);
    assert_eq!(names("seeds"), here);
}

fn pick<'a, T>(dice: &mut SeededDice, from: &'a [T]) -> &'a T {
    &from[(dice.number() % from.len() as u64) as usize]
}

fn place(dice: &mut SeededDice, bytes: &[u8]) -> usize {
    (dice.number() % (bytes.len() as u64 + 1)) as usize
}

/// One bit, byte or stretch otherwise.
fn damage(dice: &mut SeededDice, bytes: &mut Vec<u8>, seeds: &[(String, Vec<u8>)]) {
    let [one, other] = [place(dice, bytes), place(dice, bytes)];
    let (start, end) = (one.min(other), one.max(other));
    match dice.number() % 7 {
        0 if start < bytes.len() => bytes[start] ^= 1 << (dice.number() % 8),
        1 if start < bytes.len() => {
            bytes[start] = *pick(dice, b"{}[]\",:\\.=&%+-0129aeuntf/#\0\x1f\x7f\xff\n")
        }
        2 => drop(bytes.drain(start..end.min(start + 8))),
        3 => bytes.insert(start, *pick(dice, b"{}[]\",:\\.=&%+-0129aeuntf/#\0\x1f\x7f\xff\n")),
        4 => {
            let stretch = bytes[start..end.min(start + 40)].to_vec();
            drop(bytes.splice(end..end, stretch));
        }
        5 => {
            let stranger = &pick(dice, seeds).1;
            let from = place(dice, stranger);
            bytes.splice(start..end, stranger[from..].iter().copied()).for_each(drop);
        }
        _ => bytes.truncate(end),
    }
}
