//! Time and chance of these tests.

use std::sync::atomic::{AtomicU64, Ordering};

use headcount_core::{Clock, Entropy};

const START_S: u64 = 1_800_000_000;

/// Stands still until it is moved, always at the last millisecond of a second.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    elapsed_s: AtomicU64,
}

impl TestClock {
    pub(crate) fn advance_s(&self, seconds: u64) {
        self.elapsed_s.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn wall_ms(&self) -> u64 {
        (START_S + self.elapsed_s.load(Ordering::SeqCst)) * 1000 + 999
    }

    fn monotonic_us(&self) -> u64 {
        self.elapsed_s.load(Ordering::SeqCst) * 1_000_000
    }
}

/// The same every time: a splitmix64 generator.
#[derive(Debug, Default)]
pub(crate) struct Dice(AtomicU64);

impl Entropy for Dice {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
