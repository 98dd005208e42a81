//! Medians and percentiles.

use std::time::Duration;

/// The middle of some numbers, the mean of the two in the middle for an even count.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// How long things took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) count: usize,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) max: Duration,
}

impl Latency {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        // The smallest time that this share of all is not above.
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).copied().unwrap_or_default()
        };
        Self {
            count: times.len(),
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

/// In microseconds, with all that there is behind the point.
pub(super) fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000_000.0
}

/// In milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median([]).is_nan());
    }

    #[test]
    fn percentiles() {
        let times = |us: &[u64]| us.iter().copied().map(Duration::from_micros).collect();
        let [p50, p99, max] = [100, 198, 200].map(Duration::from_micros);
        let descending: Vec<_> = (1..=200).rev().collect();
        let count = 200;
        assert_eq!(Latency::of(times(&descending)), Latency { count, p50, p99, max });
        let [p50, p99, max] = [7; 3].map(Duration::from_micros);
        assert_eq!(
            Latency::of(times(&[7])),
            Latency {
                count: 1,
                p50,
                p99,
                max
            }
        );
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
