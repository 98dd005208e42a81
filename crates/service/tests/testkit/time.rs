//! Time and chance that tests own.

use std::sync::atomic::{AtomicU64, Ordering};

use headcount_core::{Clock, Entropy};

/// A clock that stands still until it is moved, always at the last millisecond of a second: whoever waits
/// for the second to pass waits a millisecond at a time.
#[derive(Debug)]
pub(crate) struct TestClock {
    elapsed_s: AtomicU64,
    /// How often somebody has looked at it.
    pub(crate) looks: AtomicU64,
}

const START_S: u64 = 1_800_000_000;

impl TestClock {
    pub(crate) fn new() -> Self {
        Self {
            elapsed_s: AtomicU64::new(0),
            looks: AtomicU64::new(0),
        }
    }

    pub(crate) fn advance_s(&self, seconds: u64) {
        self.elapsed_s.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn wall_ms(&self) -> u64 {
        self.looks.fetch_add(1, Ordering::SeqCst);
        (START_S + self.elapsed_s.load(Ordering::SeqCst)) * 1000 + 999
    }

    fn monotonic_us(&self) -> u64 {
        self.elapsed_s.load(Ordering::SeqCst) * 1_000_000
    }
}

/// Chance that is the same for the same seed: a splitmix64 generator.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for Dice {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
