//! Races: logins, logouts, joins, leaves, kicks, deletions and dissolutions at once, over the real store.
//!
//! `windows` holds a login between its read of the directory and its opening and lets one thing happen
//! there. The test below throws everything at a small universe from many tasks, audits while it goes on,
//! and compares every number with its own books whenever all is quiet. `HEADCOUNT_SEED=<seed>` repeats
//! the plan of one seed alone.

mod books;
mod plan;
#[path = "../testkit/mod.rs"]
mod testkit;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use books::Books;
use headcount_core::{MultiLogin, MultiLoginPolicy};
use plan::Op;
use testkit::{Dice, World, stage};

const SEEDS: u64 = 24;
const ROUNDS_A_SEED: u64 = 16;
const OPS_A_ROUND: u64 = 64;
/// How often each must have happened to an account in the window of its login, over all seeds. A race
/// that never meets the window proves nothing about it.
const SEEN_AT_LEAST: u32 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_stay_exact_while_everything_races() {
    if let Ok(seed) = std::env::var("HEADCOUNT_SEED") {
        let seed = seed.parse().expect("HEADCOUNT_SEED is a number");
        race(seed).await;
        return;
    }
    let mut seen = BTreeMap::new();
    let mut audits = 0;
    for seed in 0..SEEDS {
        // In a task of its own, so that a failure can be told together with the seed.
        let raced = tokio::spawn(race(seed)).await;
        let raced = raced.unwrap_or_else(|error| panic!("HEADCOUNT_SEED={seed} failed: {error}"));
        audits += raced.audits;
        for (what, times) in raced.seen_in_window {
            *seen.entry(what).or_insert(0) += times;
        }
    }
    println!("{audits} audits during the races; in the windows of logins: {seen:?}");
    assert!(u64::from(audits) >= SEEDS * ROUNDS_A_SEED, "only {audits} audits");
    for what in ["joined", "left", "dissolved", "deleted", "revoked"] {
        let times = seen.get(what).copied().unwrap_or(0);
        assert!(times >= SEEN_AT_LEAST, "only {times} times in a window: {what}");
    }
}

struct Raced {
    audits: u32,
    seen_in_window: BTreeMap<&'static str, u32>,
}

async fn race(seed: u64) -> Raced {
    let world = World::with(rules(seed), seed).await;
    let books = Arc::new(Books::default());
    let dice = Dice::new(seed);
    world.stage.logins_linger.store(true, Ordering::SeqCst);
    let mut audits = 0;
    for round in 0..ROUNDS_A_SEED {
        let ops: Vec<Op> = (0..OPS_A_ROUND).map(|_| plan::choose(&dice)).collect();
        audits += run(&world, &books, round, ops).await;
        books.settle(&world, round).await;
        world.audit().await;
    }
    let seen_in_window = stage::lock(&world.stage.seen_in_window).clone();
    Raced {
        audits,
        seen_in_window,
    }
}

fn rules(seed: u64) -> MultiLogin {
    if seed.is_multiple_of(2) {
        return MultiLogin::default();
    }
    MultiLogin {
        policy: MultiLoginPolicy::Multi,
        web_instances: 3,
        native_instances: 2,
    }
}

/// Runs all these at once, audits as long as they run, and returns how often.
async fn run(world: &Arc<World>, books: &Arc<Books>, round: u64, ops: Vec<Op>) -> u32 {
    let over = Arc::new(AtomicBool::new(false));
    let auditor = {
        let (world, over) = (Arc::clone(world), Arc::clone(&over));
        tokio::spawn(async move {
            let mut audits = 0;
            while !over.load(Ordering::SeqCst) {
                world.audit().await;
                audits += 1;
            }
            audits
        })
    };
    let time_goes_by = {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(1));
            loop {
                every.tick().await;
                world.clock.advance_s(1);
            }
        })
    };
    let mut tasks = tokio::task::JoinSet::new();
    for op in ops {
        let (world, books) = (Arc::clone(world), Arc::clone(books));
        tasks.spawn(async move { plan::act(&world, &books, round, op).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task fails");
    }
    over.store(true, Ordering::SeqCst);
    time_goes_by.abort();
    auditor.await.expect("every audit during the race is clean")
}
