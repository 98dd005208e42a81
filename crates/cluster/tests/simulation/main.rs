//! Many nodes, one seed: real nodes on a clock that only this test moves, over a relay, a directory and
//! machines that fail in every way they can. Whatever happens, the promises are checked: at once where they
//! hold at once, within a second on other nodes while all is well, and exactly, within seconds, after
//! anything went wrong.
//!
//! `HEADCOUNT_SEEDS` sets how many seeds are tried, `HEADCOUNT_SEED` tries one alone.

mod dice;
mod directory;
mod link;
mod place;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use headcount_cluster::canary::{self, Canary};

use world::World;

/// Seeds that are tried unless said otherwise.
const SEEDS: u64 = 5_000;

/// Runs a seed to its end and gives its trace; panics when a promise is broken.
fn run(seed: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(seed);
        world.run().await;
        world.trace
    })
}

/// Whether a seed finds something.
fn finds(seed: u64) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(seed))).is_err()
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

#[test]
fn every_seed_keeps_the_promises() {
    if let Some(seed) = number("HEADCOUNT_SEED") {
        run(seed);
        return;
    }
    let (next, seeds) = (AtomicU64::new(0), number("HEADCOUNT_SEEDS").unwrap_or(SEEDS));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            if finds(seed) {
                next.store(seeds, Ordering::Relaxed);
                panic!(
                    "a promise is broken, with a lease of {} ms: HEADCOUNT_SEED={seed} shows it again",
                    World::lease_ms()
                );
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

#[test]
fn a_seed_runs_the_same_each_time() {
    for seed in 0..5 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

#[test]
fn faults_that_are_put_in_are_found() {
    for fault in [Canary::LostEntries, Canary::UntoldSessions, Canary::DeafSilence] {
        canary::set(Some(fault));
        let found = (0..SEEDS).find(|&seed| finds(seed));
        canary::set(None);
        assert!(found.is_some(), "{fault:?} was not found");
        println!("{fault:?} is found by seed {found:?}");
    }
}
