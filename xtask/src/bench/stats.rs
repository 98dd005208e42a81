//! Medians and percentiles.

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
    pub(super) p50_us: u32,
    pub(super) p99_us: u32,
    pub(super) max_us: u32,
}

impl Latency {
    /// Of some times in microseconds.
    pub(super) fn of(mut times_us: Vec<u32>) -> Self {
        times_us.sort_unstable();
        // The smallest time that this share of all is not above.
        let at = |percent: usize| {
            let rank = (times_us.len() * percent).div_ceil(100).max(1);
            times_us.get(rank - 1).copied().unwrap_or(0)
        };
        Self {
            count: times_us.len(),
            p50_us: at(50),
            p99_us: at(99),
            max_us: at(100),
        }
    }
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
        let latency = Latency::of((1..=200).rev().collect());
        assert_eq!((latency.p50_us, latency.p99_us, latency.max_us), (100, 198, 200));
        assert_eq!(
            Latency::of(vec![7]),
            Latency {
                count: 1,
                p50_us: 7,
                p99_us: 7,
                max_us: 7
            }
        );
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
