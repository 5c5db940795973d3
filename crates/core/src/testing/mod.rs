//! A world for tests: seeded dice, virtual time, a store and a server that can fail at any step; and a way through every
//! order in which concurrent actors can move ([`interleave`]). A transcript of the field is played again by [`replay`].

pub mod fuzz;
pub mod interleave;
pub mod replay;
pub mod server;
mod world;

pub use replay::{Divergence, replay};
pub use server::ServerKind;
pub use world::{Fault, MemoryStore, World, advance, record, run};

use crate::dice::Dice;
use crate::error::Error;

/// Dice that fall the same way every time (SplitMix64). Never for anything but tests.
#[derive(Debug)]
pub struct SeededDice(u64);

impl SeededDice {
    /// Dice with this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Dice for SeededDice {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.number().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}
