//! Core compared with well-known crates on the same input: verdicts and bytes in `tests/`, times in `benches/`. This
//! library makes what both need.

mod issuer;

use proptest::test_runner::{Config, RngSeed};

pub use crate::issuer::{Issuer, StoredKey, verify};

/// How a property is run: the same cases every time. More of them are asked for by proptest's own variables
/// (`PROPTEST_CASES=100000 PROPTEST_RNG_SEED=7 cargo test -p gatepass-oracle`); what fails is kept in
/// `proptest-regressions` and tried first from then on.
pub fn cases(number: u32) -> Config {
    let asked = Config::default();
    let rng_seed = match asked.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0x6761_7465),
        fixed => fixed,
    };
    Config { cases: asked.cases.max(number), rng_seed, ..asked }
}
