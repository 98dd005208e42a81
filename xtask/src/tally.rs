//! Counting tests by what test runners print.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) fn failed(failed: u64) -> Self {
        Self { passed: 0, failed }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Reads a line of one runner; most lines count nothing.
pub(crate) type Reader = fn(&str) -> Tally;

/// Reads a line of a Rust test: `test result: ok. 3 passed; 0 failed; ...`.
pub(crate) fn libtest(line: &str) -> Tally {
    let Some((_, counts)) = line
        .strip_prefix("test result: ")
        .and_then(|rest| rest.split_once(". "))
    else {
        return Tally::default();
    };
    let count = |name: &str| {
        let item = counts.split("; ").find_map(|item| item.strip_suffix(name));
        item.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
    };
    Tally {
        passed: count(" passed"),
        failed: count(" failed"),
    }
}

/// Reads a line of Node's runner: `# pass 3`, with `ℹ` for `#` in its other format. A test that did not
/// run to its end proves nothing, so what is cancelled, skipped or still to do counts as failed.
pub(crate) fn node(line: &str) -> Tally {
    let counted = line
        .strip_prefix("# ")
        .or_else(|| line.strip_prefix("ℹ "))
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(name, number)| Some((name, number.trim().parse().ok()?)));
    match counted {
        Some(("pass", passed)) => Tally { passed, failed: 0 },
        Some(("fail" | "cancelled" | "skipped" | "todo", failed)) => Tally::failed(failed),
        _ => Tally::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(reader: Reader, text: &str) -> Tally {
        let mut sum = Tally::default();
        text.lines().for_each(|line| sum += reader(line));
        sum
    }

    #[test]
    fn rust_tests_are_summed() {
        let text = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: ok. 40 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(
            sum(libtest, text),
            Tally {
                passed: 41,
                failed: 1
            }
        );
        assert_eq!(
            sum(libtest, "test result: nonsense\n1 passed; 1 failed"),
            Tally::default()
        );
    }

    #[test]
    fn node_tests_are_summed() {
        let text = "✔ one (1.5ms)\nℹ tests 6\nℹ suites 1\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\n\
            ℹ todo 1\nℹ duration_ms 70.4";
        assert_eq!(sum(node, text), Tally { passed: 2, failed: 4 });
        let text = "# Subtest: one\nok 1 - one\n1..1\n# tests 1\n# pass 1\n# fail 0\n";
        assert_eq!(sum(node, text), Tally { passed: 1, failed: 0 });
        assert_eq!(sum(node, "  # pass 7\nℹ passing by 7"), Tally::default());
    }
}
