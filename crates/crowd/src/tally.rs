//! Latencies, counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// The longest time that is told apart from longer ones: a minute, in microseconds.
const LONGEST_US: u64 = 60_000_000;

/// Times in microseconds, to three digits.
#[derive(Debug)]
pub(crate) struct Times(Mutex<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3);
        Self(Mutex::new(histogram.expect("the bounds are valid")))
    }
}

impl Times {
    pub(crate) fn record(&self, us: u64) {
        self.histogram().saturating_record(us.max(1));
    }

    fn histogram(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what `other` has, and empties it.
    pub(crate) fn take(&self, other: &Self) {
        let mut theirs = other.histogram();
        // Both have the same bounds.
        let added = self.histogram().add(&*theirs);
        debug_assert!(added.is_ok(), "the bounds are the same");
        theirs.reset();
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram().len()
    }

    /// The percentiles, or nothing when nothing was counted.
    pub(crate) fn json(&self) -> Option<Value> {
        let histogram = self.histogram();
        let at = |percent: f64| histogram.value_at_percentile(percent);
        (!histogram.is_empty())
            .then(|| json!({ "p50": at(50.0), "p99": at(99.0), "p999": at(99.9), "max": histogram.max() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_what_was_taken_together() {
        let (all, some) = (Times::default(), Times::default());
        (1..=500).for_each(|us| all.record(us));
        (501..=1000).for_each(|us| some.record(us));
        all.take(&some);
        assert_eq!((all.count(), some.count()), (1000, 0));
        assert_eq!(
            all.json(),
            Some(json!({ "p50": 500, "p99": 990, "p999": 1000, "max": 1000 }))
        );
        assert_eq!(some.json(), None);
    }
}
