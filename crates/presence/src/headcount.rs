//! The number of a group, readable without a lock.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use headcount_core::GroupKey;

/// How many members of one group are online. The engine alone writes it; anyone may read it.
#[derive(Debug)]
pub struct Headcount {
    group: GroupKey,
    online: AtomicU32,
    dissolved: AtomicBool,
}

impl Headcount {
    pub(crate) fn new(group: GroupKey) -> Self {
        Self {
            group,
            online: AtomicU32::new(0),
            dissolved: AtomicBool::new(false),
        }
    }

    /// The group it counts.
    #[must_use]
    pub fn group(&self) -> GroupKey {
        self.group
    }

    /// Members online at this moment.
    #[must_use]
    pub fn online(&self) -> u32 {
        self.online.load(Ordering::Acquire)
    }

    /// Whether the group is gone.
    #[must_use]
    pub fn is_dissolved(&self) -> bool {
        self.dissolved.load(Ordering::Acquire)
    }

    pub(crate) fn add_one(&self) {
        if !self.is_dissolved() {
            self.online.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// A set may still name a dissolved group; leaving it moves nothing.
    pub(crate) fn remove_one(&self) {
        if !self.is_dissolved() {
            let before = self.online.fetch_sub(1, Ordering::AcqRel);
            debug_assert!(before > 0, "{:?} counted below zero", self.group);
        }
    }

    pub(crate) fn dissolve(&self) {
        self.dissolved.store(true, Ordering::Release);
        self.online.store(0, Ordering::Release);
    }
}
