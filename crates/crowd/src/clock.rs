//! Real time, which is what a crowd measures.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static STARTED: LazyLock<Instant> = LazyLock::new(now);

/// This moment.
#[expect(clippy::disallowed_methods, reason = "a crowd measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Microseconds since the first call.
pub(crate) fn now_us() -> u64 {
    u64::try_from(STARTED.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Seconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "UserSigs are issued now")]
pub(crate) fn wall_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
