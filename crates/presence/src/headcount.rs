//! The numbers of a group, readable without a lock, and the stamps that tell which ones are new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use headcount_core::{GroupKey, Platform, PlatformSet};

/// How many members of one group are online. The engine alone writes it; anyone may read it.
#[derive(Debug)]
pub struct Headcount {
    group: GroupKey,
    /// The stamp of its latest change, stored after the numbers.
    changed: AtomicU64,
    online: AtomicU32,
    on_platform: [AtomicU32; Platform::ALL.len()],
    dissolved: AtomicBool,
}

/// The numbers of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Members online.
    pub online: u32,
    /// Members with a session on each platform, in the order of [`Platform::ALL`]. One on two platforms is
    /// in both numbers, one with two devices of a platform once in its number.
    pub by_platform: [u32; Platform::ALL.len()],
}

impl Headcount {
    /// Begins at nobody, as of the latest change there was: whoever saw an earlier group of the same id
    /// learns that its number is another now.
    pub(crate) fn new(group: GroupKey, stamps: &Stamps) -> Self {
        Self {
            group,
            changed: AtomicU64::new(stamps.last),
            online: AtomicU32::new(0),
            on_platform: Default::default(),
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

    /// All numbers, each as it is at its own moment of the reading.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        Numbers {
            online: self.online(),
            by_platform: self
                .on_platform
                .each_ref()
                .map(|count| count.load(Ordering::Acquire)),
        }
    }

    /// The stamp of the latest change. Numbers read after it are as new as it says, or newer; a newer one
    /// has a later stamp.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed.load(Ordering::Acquire)
    }

    /// Whether the group is gone.
    #[must_use]
    pub fn is_dissolved(&self) -> bool {
        self.dissolved.load(Ordering::Acquire)
    }

    /// An account that counts here has sessions on `after` now, and had them on `before`; an empty set is
    /// not being here. In a dissolved group, which a set may still name, nothing moves.
    pub(crate) fn moved(&self, before: PlatformSet, after: PlatformSet, stamps: &mut Stamps) {
        let touched = before.difference(after);
        if touched.is_empty() || self.is_dissolved() {
            return;
        }
        if before.is_empty() != after.is_empty() {
            count(&self.online, before.is_empty());
        }
        for platform in touched.iter() {
            count(&self.on_platform[platform.index()], after.contains(platform));
        }
        stamps.stamp(&self.changed);
    }

    pub(crate) fn dissolve(&self, stamps: &mut Stamps) {
        self.dissolved.store(true, Ordering::Release);
        for number in self.on_platform.iter().chain([&self.online]) {
            number.store(0, Ordering::Release);
        }
        stamps.stamp(&self.changed);
    }
}

/// One up or down. The engine is the only writer and `&mut Stamps` is its alone, so reading and then
/// writing loses nothing, and costs a third of an atomic addition.
fn count(number: &AtomicU32, up: bool) {
    let before = number.load(Ordering::Relaxed);
    debug_assert!(up || before > 0, "counted below zero");
    let after = if up {
        before.wrapping_add(1)
    } else {
        before.wrapping_sub(1)
    };
    number.store(after, Ordering::Release);
}

/// The stamps of one engine: every change of a group's numbers has its own, later than all before.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    last: u64,
    latest: LatestChange,
}

impl Stamps {
    /// Gives a change its stamp, after its numbers were stored, and then says that there is one.
    fn stamp(&mut self, changed: &AtomicU64) {
        self.last += 1;
        changed.store(self.last, Ordering::Release);
        self.latest.0.store(self.last, Ordering::Release);
    }

    pub(crate) fn latest(&self) -> LatestChange {
        self.latest.clone()
    }
}

/// The stamp of an engine's latest change, readable without a lock.
#[derive(Clone, Debug, Default)]
pub struct LatestChange(Arc<AtomicU64>);

impl LatestChange {
    /// The stamp. Whatever is read after it from a [`Headcount`] is as new as it says, or newer: to learn
    /// what has changed since, keep it and look for headcounts whose own stamp is later.
    #[must_use]
    pub fn stamp(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
