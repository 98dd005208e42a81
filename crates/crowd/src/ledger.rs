//! What the count must be: what was begun and what was confirmed, of logins and of ends.
//!
//! No server can be asked for the count of a moment that its client knows to the microsecond. But an
//! answer must lie between what was certainly so all the while and what may have been so at any time:
//! whoever was acknowledged before the question and had not begun to leave before the answer is counted,
//! and nobody is who had not begun to come before the answer or was confirmed gone before the question.

use std::sync::atomic::{AtomicU64, Ordering};

/// The book of one community. All its numbers only grow.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    logins_begun: AtomicU64,
    logins_acknowledged: AtomicU64,
    logins_failed: AtomicU64,
    ends_begun: AtomicU64,
    ends_confirmed: AtomicU64,
}

/// What was known before a question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    acknowledged: u64,
    /// Ends that were confirmed, and logins that had failed.
    gone: u64,
}

/// What an answer must lie between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Bounds {
    pub(crate) fn contain(&self, count: u64) -> bool {
        (self.least..=self.most).contains(&count)
    }
}

impl Ledger {
    pub(crate) fn login_begins(&self) {
        self.logins_begun.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn login_acknowledged(&self) {
        self.logins_acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn login_failed(&self) {
        self.logins_failed.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn end_begins(&self) {
        self.ends_begun.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn end_confirmed(&self) {
        self.ends_confirmed.fetch_add(1, Ordering::SeqCst);
    }

    /// Sessions that are online for certain.
    pub(crate) fn live(&self) -> u64 {
        let ends = self.ends_begun.load(Ordering::SeqCst);
        self.logins_acknowledged
            .load(Ordering::SeqCst)
            .saturating_sub(ends)
    }

    /// To be called before a question is sent.
    pub(crate) fn before_asking(&self) -> Asked {
        let ends_confirmed = self.ends_confirmed.load(Ordering::SeqCst);
        Asked {
            acknowledged: self.logins_acknowledged.load(Ordering::SeqCst),
            gone: ends_confirmed + self.logins_failed.load(Ordering::SeqCst),
        }
    }

    /// To be called after the answer to it has come.
    pub(crate) fn bounds(&self, asked: Asked) -> Bounds {
        let ends_begun = self.ends_begun.load(Ordering::SeqCst);
        Bounds {
            least: asked.acknowledged.saturating_sub(ends_begun),
            most: self
                .logins_begun
                .load(Ordering::SeqCst)
                .saturating_sub(asked.gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(ledger: &Ledger) {
        ledger.login_begins();
        ledger.login_acknowledged();
    }

    #[test]
    fn at_rest_there_is_one_right_answer() {
        let ledger = Ledger::default();
        (0..5).for_each(|_| log_in(&ledger));
        ledger.end_begins();
        ledger.end_confirmed();
        let asked = ledger.before_asking();
        assert_eq!(ledger.bounds(asked), Bounds { least: 4, most: 4 });
        assert_eq!(ledger.live(), 4);
    }

    #[test]
    fn what_happens_meanwhile_may_be_seen_or_not() {
        let ledger = Ledger::default();
        (0..5).for_each(|_| log_in(&ledger));
        let asked = ledger.before_asking();
        log_in(&ledger);
        ledger.login_begins();
        ledger.end_begins();
        let bounds = ledger.bounds(asked);
        assert_eq!(bounds, Bounds { least: 4, most: 7 });
        assert!(bounds.contain(4) && bounds.contain(7) && !bounds.contain(3) && !bounds.contain(8));
    }

    #[test]
    fn an_end_counts_as_soon_as_it_is_confirmed() {
        let ledger = Ledger::default();
        (0..2).for_each(|_| log_in(&ledger));
        ledger.end_begins();
        assert_eq!(
            ledger.bounds(ledger.before_asking()),
            Bounds { least: 1, most: 2 }
        );
        ledger.end_confirmed();
        assert_eq!(
            ledger.bounds(ledger.before_asking()),
            Bounds { least: 1, most: 1 }
        );
        ledger.login_begins();
        ledger.login_failed();
        assert_eq!(
            ledger.bounds(ledger.before_asking()),
            Bounds { least: 1, most: 1 }
        );
    }
}
