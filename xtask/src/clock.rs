//! Real time, which is what these commands measure.

use std::time::Instant;

/// This moment.
#[expect(clippy::disallowed_methods, reason = "these commands measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
