//! Chance that can be repeated: numbers drawn from a seed, which every test that uses them prints.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// A stream of numbers (SplitMix64); the same seed gives the same stream.
pub struct Random(u64);

impl Random {
    /// Seeded by `HOOKFLOW_TEST_SEED`, or else by the clock. The seed is printed, and shown when the test fails.
    pub fn for_test(name: &str) -> Random {
        let given = std::env::var("HOOKFLOW_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
        let seed = given.unwrap_or_else(clock);
        println!("{name}: repeat this with HOOKFLOW_TEST_SEED={seed}");
        Random(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range.
    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + (self.number() % (range.end - range.start) as u64) as usize
    }

    /// A stream of its own, for a thread.
    pub fn fork(&mut self) -> Random {
        Random(self.number())
    }
}
