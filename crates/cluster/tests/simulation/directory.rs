//! The durable truth that all nodes share, and the log of its commits.

use std::collections::{BTreeMap, BTreeSet};

use headcount_core::{AccountKey, Change, GroupId, GroupKey, SdkAppId, UserId};

/// A directory that several nodes follow.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    groups_of: BTreeMap<AccountKey, BTreeSet<GroupKey>>,
    living: BTreeSet<GroupKey>,
    voided_to_s: BTreeMap<AccountKey, u64>,
    groups_made: u64,
    log: Vec<Change>,
}

impl Directory {
    /// The position of the latest commit.
    pub(crate) fn position(&self) -> u64 {
        self.log.len() as u64
    }

    /// The commits behind a position, each of one change.
    pub(crate) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &Change)> {
        let from = usize::try_from(position).expect("a position");
        (position + 1..).zip(&self.log[from..])
    }

    pub(crate) fn groups_of(&self, account: AccountKey) -> BTreeSet<GroupKey> {
        self.groups_of.get(&account).cloned().unwrap_or_default()
    }

    pub(crate) fn living(&self) -> Vec<GroupKey> {
        self.living.iter().copied().collect()
    }

    /// Whether a UserSig issued at this second holds.
    pub(crate) fn admits(&self, account: AccountKey, issued_at_s: u64) -> bool {
        self.voided_to_s
            .get(&account)
            .is_none_or(|&to_s| issued_at_s > to_s)
    }

    pub(crate) fn make_group(&mut self) {
        self.groups_made += 1;
        self.living.insert(GroupKey(self.groups_made));
    }

    /// Joins, or leaves when already in.
    pub(crate) fn toggle(&mut self, account: AccountKey, group: GroupKey) {
        let groups = self.groups_of.entry(account).or_default();
        let change = if groups.remove(&group) {
            Change::Left { account, group }
        } else {
            groups.insert(group);
            Change::Joined { account, group }
        };
        self.log.push(change);
    }

    pub(crate) fn dissolve(&mut self, group: GroupKey) {
        self.living.remove(&group);
        self.groups_of
            .values_mut()
            .for_each(|groups| groups.retain(|member_of| *member_of != group));
        self.log.push(Change::Dissolved {
            app: SdkAppId(1),
            id: GroupId::parse("g").expect("an id"),
            group,
        });
    }

    pub(crate) fn revoke(&mut self, account: AccountKey, at_s: u64) {
        self.voided_to_s.insert(account, at_s);
        self.log.push(Change::UserSigsRevoked {
            app: SdkAppId(1),
            user: UserId::parse("u").expect("a UserID"),
            account,
            at_s,
        });
    }
}
