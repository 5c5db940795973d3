//! Core's base64url against `base64ct`, which is strict too.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::base64url;
use gatepass_core::testing::SeededDice;

#[test]
fn encodes_and_decodes_alike() {
    let mut dice = SeededDice::new(11);
    let mut accepted = 0;
    for seed in 0..20_000 {
        let length = (dice.number() % 70) as usize;
        let bytes: Vec<u8> = (0..length).map(|_| dice.number() as u8).collect();
        let text = base64url::encode(&bytes);
        assert_eq!(text, Base64UrlUnpadded::encode_string(&bytes), "seed {seed}");
        // One letter changed, added or taken away: both must say the same of it.
        let mut letters = text.into_bytes();
        let letter = b"Aa0_-+/= \n."[(dice.number() % 11) as usize];
        match dice.number() % 3 {
            0 if !letters.is_empty() => *letters.last_mut().unwrap() = letter,
            1 => letters.push(letter),
            _ => drop(letters.pop()),
        }
        let changed = String::from_utf8(letters).unwrap();
        let (ours, theirs) = (base64url::decode(&changed), Base64UrlUnpadded::decode_vec(&changed).ok());
        assert_eq!(ours, theirs, "seed {seed}: {changed}");
        accepted += u32::from(ours.is_some());
    }
    assert!((1000..19_000).contains(&accepted), "both verdicts were seen: {accepted}");
}
