//! What the cases stand on: an open directory, its sink, and short words for what they do often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headcount_core::{AccountKey, Change, GroupId, GroupKey, GroupType, Role, SdkAppId, UserId};

use super::{Bench, RecordingSink};
use crate::{
    Account, Directory, Group, JoinedQuery, Member, MemberPage, NewGroup, NewMember, PageStart, Snapshot,
};

/// The app of most cases.
pub(super) const APP: SdkAppId = SdkAppId(1_400_000_001);
/// Another app.
pub(super) const OTHER_APP: SdkAppId = SdkAppId(1_400_000_002);
/// When things happen.
pub(super) const NOW_S: u64 = 1_700_000_000;

/// A membership.
pub(super) type Seat = (GroupKey, AccountKey);

/// An open directory and its sink.
pub(super) struct Stage {
    bench: Arc<dyn Bench>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) sink: Arc<RecordingSink>,
}

impl Stage {
    /// Opens the bench for the first time.
    pub(super) async fn new(bench: Arc<dyn Bench>) -> Self {
        let sink = Arc::new(RecordingSink::default());
        let directory = bench.open(sink.clone()).await;
        Self {
            bench,
            directory,
            sink,
        }
    }

    /// Closes the directory and opens it again.
    pub(super) async fn reopen(self) -> Self {
        drop(self.directory);
        Self::new(self.bench).await
    }

    /// Accounts of the usual app, made to exist.
    pub(super) async fn accounts<const N: usize>(&self, names: [&str; N]) -> [AccountKey; N] {
        let mut keys = [AccountKey(0); N];
        for (key, name) in keys.iter_mut().zip(names) {
            *key = self.account(APP, name).await.key;
        }
        keys
    }

    /// An account, made to exist.
    pub(super) async fn account(&self, app: SdkAppId, name: &str) -> Account {
        let account = self.directory.ensure_account(app, user(name), NOW_S).await;
        account.expect("the account is there")
    }

    /// A new group.
    pub(super) async fn create(&self, new: NewGroup) -> Group {
        let group = self.directory.create_group(new).await;
        group.expect("the group is new")
    }

    /// Adds ordinary members.
    pub(super) async fn add(&self, group: GroupKey, names: &[&str]) {
        let added = self.directory.add_members(group, members(names), NOW_S).await;
        added.expect("there is room for the members");
    }

    /// A living group of the usual app.
    pub(super) async fn group(&self, id: &str) -> Option<Group> {
        let found = self.directory.group(APP, group_id(id)).await;
        found.expect("the group is read")
    }

    /// All members of a group, by pages of two.
    pub(super) async fn roll(&self, group: GroupKey) -> Vec<Member> {
        let mut roll: Vec<Member> = Vec::new();
        loop {
            let after = roll.last().map_or(AccountKey(0), |last| last.account);
            let next = self.page(group, PageStart::After(after), 2, &[]).await;
            if next.is_empty() {
                return roll;
            }
            assert!(next[0].account > after, "a page starts behind the one before");
            roll.extend(next);
        }
    }

    /// One page of a group's members.
    pub(super) async fn page(
        &self,
        group: GroupKey,
        start: PageStart,
        limit: u32,
        roles: &[Role],
    ) -> Vec<Member> {
        let roles = roles.to_vec();
        let page = MemberPage { start, limit, roles };
        let members = self.directory.members(group, page).await;
        members.expect("the members are read")
    }

    /// The groups that a login would count an account in.
    pub(super) async fn groups_at_login(&self, account: AccountKey) -> Vec<GroupKey> {
        let facts = self.directory.login_facts(account).await;
        facts
            .expect("the facts are read")
            .expect("the account is there")
            .groups
    }
}

/// A user.
pub(super) fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a UserID")
}

/// Users.
pub(super) fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

/// A group id.
pub(super) fn group_id(id: &str) -> GroupId {
    GroupId::parse(id).expect("a group id")
}

/// An ordinary member to add.
pub(super) fn member(name: &str) -> NewMember {
    NewMember {
        user: user(name),
        role: Role::Member,
        joined_at_s: None,
    }
}

/// Ordinary members to add.
pub(super) fn members(names: &[&str]) -> Vec<NewMember> {
    names.iter().map(|name| member(name)).collect()
}

/// A public group with an owner and members.
pub(super) fn public(id: &str, owner: Option<&str>, names: &[&str]) -> NewGroup {
    NewGroup {
        app: APP,
        id: group_id(id),
        group_type: GroupType::Public,
        name: "a name".to_owned(),
        introduction: String::new(),
        notification: String::new(),
        face_url: String::new(),
        owner: owner.map(user),
        members: members(names),
        join_option: GroupType::Public.default_join_option(),
        invite_option: GroupType::Public.default_invite_option(),
        members_max: 200,
        support_topic: false,
        created_at_s: NOW_S,
    }
}

/// All groups of an account with or without topics.
pub(super) fn all_joined(support_topic: bool) -> JoinedQuery {
    JoinedQuery {
        types: GroupType::ALL.to_vec(),
        support_topic,
        offset: 0,
        limit: 1_000,
    }
}

/// Someone joined.
pub(super) fn joined(group: GroupKey, account: AccountKey) -> Change {
    Change::Joined { account, group }
}

/// Someone left.
pub(super) fn left(group: GroupKey, account: AccountKey) -> Change {
    Change::Left { account, group }
}

/// The memberships that `changes` lead to, checked for sense on the way: nobody joins twice, leaves
/// without having joined, or is heard of in a group after its end.
pub(super) fn replay(changes: &[Change]) -> BTreeSet<Seat> {
    let mut seats = BTreeSet::new();
    let mut dissolved = BTreeSet::new();
    for change in changes {
        match *change {
            Change::Joined { account, group } => {
                assert!(!dissolved.contains(&group), "joined after the end: {change:?}");
                assert!(seats.insert((group, account)), "joined twice: {change:?}");
            }
            Change::Left { account, group } => {
                assert!(
                    seats.remove(&(group, account)),
                    "left without joining: {change:?}"
                );
            }
            Change::Dissolved { group, .. } => {
                assert!(dissolved.insert(group), "dissolved twice: {change:?}");
                seats.retain(|&(of, _)| of != group);
            }
            Change::AccountDeleted { account, .. } => {
                assert!(
                    !seats.iter().any(|&(_, of)| of == account),
                    "deleted before leaving: {change:?}"
                );
            }
            Change::UserSigsRevoked { .. } => {}
        }
    }
    seats
}

/// The memberships in a snapshot, checked against the numbers that its groups show.
pub(super) fn recount(snapshot: &mut dyn Snapshot) -> BTreeSet<Seat> {
    let mut shown = BTreeMap::new();
    let each_group = &mut |group, _, _: &str, members| {
        shown.insert(group, members);
    };
    snapshot.groups(each_group).expect("the groups are read");
    let mut seats = BTreeSet::new();
    let mut order = Vec::new();
    let each_seat = &mut |group, account| {
        assert!(seats.insert((group, account)), "a membership was shown twice");
        if order.last() != Some(&group) {
            order.push(group);
        }
    };
    snapshot.memberships(each_seat).expect("the memberships are read");
    let distinct: BTreeSet<_> = order.iter().collect();
    assert_eq!(
        distinct.len(),
        order.len(),
        "the members of a group come together"
    );
    for &(group, _) in &seats {
        let members = shown.get_mut(&group).expect("members of a living group");
        *members = members.checked_sub(1).expect("no more members than shown");
    }
    assert!(
        shown.values().all(|&rest| rest == 0),
        "fewer members than shown: {shown:?}"
    );
    seats
}
