//! The latest commits, for what other nodes tell as of an earlier one.

use std::collections::{HashMap, VecDeque};

use headcount_core::{AccountKey, Change, GroupKey};

use crate::pending::Record;

/// The changes of the latest commits, each with the position of its commit. A node that is behind this one
/// tells of groups as it knows them; what has been committed since is replayed over that.
#[derive(Debug)]
pub(crate) struct Recent {
    most: usize,
    /// In the order of their positions.
    order: VecDeque<(u64, Key)>,
    of_account: HashMap<AccountKey, VecDeque<(u64, Change)>>,
    dissolved: HashMap<GroupKey, u64>,
    /// Every change of a later commit than this is here.
    complete_after: u64,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Account(AccountKey),
    Group(GroupKey),
}

impl Recent {
    /// Keeps up to `most` changes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            order: VecDeque::new(),
            of_account: HashMap::new(),
            dissolved: HashMap::new(),
            complete_after: 0,
        }
    }

    /// Begins at a commit: nothing before it is known.
    pub(crate) fn begin(&mut self, position: u64) {
        self.complete_after = self.complete_after.max(position);
    }

    pub(crate) fn note(&mut self, position: u64, change: &Change) {
        let key = match *change {
            Change::Joined { account, .. }
            | Change::Left { account, .. }
            | Change::AccountDeleted { account, .. }
            | Change::UserSigsRevoked { account, .. } => {
                let of_account = self.of_account.entry(account).or_default();
                of_account.push_back((position, change.clone()));
                Key::Account(account)
            }
            Change::Dissolved { group, .. } => {
                self.dissolved.insert(group, position);
                Key::Group(group)
            }
        };
        self.order.push_back((position, key));
        while self.order.len() > self.most {
            self.forget_oldest();
        }
    }

    /// Forgets the commits up to a position, which nobody is behind any more.
    pub(crate) fn forget_up_to(&mut self, position: u64) {
        while self.order.front().is_some_and(|&(oldest, _)| oldest <= position) {
            self.forget_oldest();
        }
        self.complete_after = self.complete_after.max(position);
    }

    fn forget_oldest(&mut self) {
        let Some((position, key)) = self.order.pop_front() else {
            return;
        };
        self.complete_after = self.complete_after.max(position);
        match key {
            Key::Account(account) => {
                if let Some(changes) = self.of_account.get_mut(&account) {
                    changes.pop_front();
                    if changes.is_empty() {
                        self.of_account.remove(&account);
                    }
                }
            }
            Key::Group(group) => {
                self.dissolved.remove(&group);
            }
        }
    }

    /// The position from which on everything is known.
    pub(crate) fn complete_after(&self) -> u64 {
        self.complete_after
    }

    /// What happened to an account in later commits than `position`.
    pub(crate) fn since(&self, account: AccountKey, position: u64) -> Record {
        let mut record = Record::default();
        let changes = self.of_account.get(&account).into_iter().flatten();
        changes
            .filter(|(at, _)| *at > position)
            .for_each(|(_, change)| record.follow(change));
        record
    }

    /// Whether a group was dissolved in one of the commits that are kept.
    pub(crate) fn was_dissolved(&self, group: GroupKey) -> bool {
        self.dissolved.contains_key(&group)
    }
}
