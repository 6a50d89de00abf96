//! Random numbers: [`Rng`] for the commands that pick something, [`Drand48`] for Lua's `math.random`.
//!
//! Neither is fit for secrets.

use std::hash::{BuildHasher, RandomState};

/// SplitMix64, by Guy Steele, Doug Lea and Christine Flood, "Fast splittable pseudorandom number generators"
/// (OOPSLA 2014): a counter with an odd step, mixed so that the bits of successive counts look unrelated.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// The same seed gives the same sequence.
    pub(crate) fn seeded(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// Seeded with what the standard library takes from the system for its hash maps.
    pub(crate) fn from_entropy() -> Rng {
        Rng::seeded(RandomState::new().hash_one(0u64))
    }

    #[inline]
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`, each as likely as the next; 0 when `n` is 0.
    ///
    /// The upper half of a product with `n` is the number. The lower half tells the few draws apart that would favour
    /// some numbers: Daniel Lemire, "Fast random integer generation in an interval" (ACM TOMACS 29, 2019).
    #[inline]
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let surplus = n.wrapping_neg() % n;
            while (product as u64) < surplus {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }
}

/// The 48-bit linear congruential generator of POSIX's `drand48` family, which Redis put behind `math.random` so that
/// a script draws the same numbers on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Drand48 {
    state: u64,
}

impl Drand48 {
    const MASK: u64 = (1 << 48) - 1;
    /// What a seed leaves in the lowest 16 bits.
    const LOW: u64 = 0x330e;

    /// As a server that has just started.
    pub(crate) fn new() -> Drand48 {
        Drand48 { state: 0x1234_abcd << 16 | Self::LOW }
    }

    /// What `math.randomseed` does.
    pub(crate) fn seed(&mut self, seed: i32) {
        self.state = u64::from(seed as u32) << 16 | Self::LOW;
    }

    /// The next number of 31 bits.
    pub(crate) fn next_i31(&mut self) -> i32 {
        self.state = self.state.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & Self::MASK;
        (self.state >> 17) as i32
    }

    /// What `math.random()` returns: from 0 up to, but not including, 1.
    #[cfg(test)]
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.next_i31() % i32::MAX) / f64::from(i32::MAX)
    }
}

#[cfg(test)]
#[path = "rng/tests.rs"]
mod tests;
