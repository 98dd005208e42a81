//! Waiting for another process until a condition holds.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything here may take, on a machine that does other things as well.
const WAIT_MS_MAX: u64 = 20_000;
/// The time between two looks.
const LOOK_MS: u64 = 5;

/// Looks again and again until there is something to see.
///
/// # Panics
///
/// When there is still nothing after 20 seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "another process is waited for in real time"
)]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_millis(WAIT_MS_MAX);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "{what}: not within {WAIT_MS_MAX} ms");
        thread::sleep(Duration::from_millis(LOOK_MS));
    }
}
