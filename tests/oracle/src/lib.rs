//! Core compared with well-known crates on the same input: see `tests/`. This library only makes the input.

/// Pseudo-random input from a seed (SplitMix64), so that every case can be had again.
#[derive(Debug)]
pub struct Source(u64);

impl Source {
    /// The case with this number.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One of several.
    pub const fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A text of up to `longest` characters out of `alphabet`.
    pub fn text(&mut self, alphabet: &str, longest: usize) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        let length = self.below(longest + 1);
        (0..length).map(|_| self.pick(&characters)).collect()
    }
}
