//! A directory in maps, as plain as it can be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use headcount_core::{AccountKey, Change, GroupId, GroupKey, Role, SdkAppId, UserId};
use headcount_directory::{
    AddMembersError, AddedMember, CreateGroupError, Group, Member, NewGroup, NewMember,
};

#[derive(Default)]
pub(crate) struct Naive {
    accounts: HashMap<(SdkAppId, UserId), AccountKey>,
    groups: BTreeMap<GroupKey, NaiveGroup>,
    changes: Vec<Change>,
}

#[derive(Clone)]
struct NaiveGroup {
    new: NewGroup,
    owner: Option<UserId>,
    members: BTreeMap<AccountKey, Member>,
}

impl Naive {
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn account(&self, app: SdkAppId, user: &UserId) -> Option<AccountKey> {
        self.accounts.get(&(app, user.clone())).copied()
    }

    pub(crate) fn ensure(&mut self, app: SdkAppId, user: &UserId, key: AccountKey) {
        let known = self.accounts.entry((app, user.clone())).or_insert(key);
        assert_eq!(*known, key);
        assert_eq!(self.accounts.values().filter(|&&other| other == key).count(), 1);
    }

    pub(crate) fn delete(&mut self, app: SdkAppId, users: &[UserId]) -> Vec<bool> {
        let existed = users
            .iter()
            .map(|user| self.account(app, user).is_some())
            .collect();
        for user in users {
            let Some(account) = self.accounts.remove(&(app, user.clone())) else {
                continue;
            };
            for (&group, at) in &mut self.groups {
                if at.members.remove(&account).is_some() {
                    self.changes.push(Change::Left { account, group });
                }
                if at.new.app == app && at.owner.as_ref() == Some(user) {
                    at.owner = None;
                }
            }
            self.changes.push(Change::AccountDeleted {
                app,
                user: user.clone(),
                account,
            });
        }
        existed
    }

    pub(crate) fn create(&mut self, new: &NewGroup, key: GroupKey) -> Result<Group, CreateGroupError> {
        let same_id = |at: &&NaiveGroup| (at.new.app, &at.new.id) == (new.app, &new.id);
        if let Some(other) = self.groups.values().find(same_id) {
            let by_same_owner = new.owner.is_some() && other.owner == new.owner;
            return Err(CreateGroupError::IdTaken { by_same_owner });
        }
        let owner = new.owner.iter().map(|user| (user, Role::Owner, new.created_at_s));
        let others = new.members.iter().map(|member| {
            let joined_at_s = member.joined_at_s.unwrap_or(new.created_at_s);
            (&member.user, member.role, joined_at_s)
        });
        let mut members = BTreeMap::new();
        let mut changes = Vec::new();
        for (user, role, joined_at_s) in owner.chain(others) {
            let absent = || CreateGroupError::AccountAbsent(user.clone());
            let account = self.account(new.app, user).ok_or_else(absent)?;
            if !new.group_type.stores_members() || members.contains_key(&account) {
                continue;
            }
            let user = user.clone();
            let member = Member {
                account,
                user,
                role,
                joined_at_s,
            };
            members.insert(account, member);
            changes.push(Change::Joined { account, group: key });
        }
        if members.len() > new.members_max as usize {
            return Err(CreateGroupError::Full);
        }
        assert!(self.groups.keys().all(|&older| older < key), "keys grow");
        let group = NaiveGroup {
            new: new.clone(),
            owner: new.owner.clone(),
            members,
        };
        let answer = group.show(key);
        self.groups.insert(key, group);
        self.changes.extend(changes);
        Ok(answer)
    }

    pub(crate) fn dissolve(&mut self, group: GroupKey) -> bool {
        let Some(gone) = self.groups.remove(&group) else {
            return false;
        };
        let NewGroup { app, id, .. } = gone.new;
        self.changes.push(Change::Dissolved { app, id, group });
        true
    }

    pub(crate) fn add(
        &mut self,
        group: GroupKey,
        new: &[NewMember],
        now_s: u64,
    ) -> Result<Vec<AddedMember>, AddMembersError> {
        let mut at = self
            .groups
            .get(&group)
            .cloned()
            .ok_or(AddMembersError::GroupGone)?;
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        for member in new {
            let Some(account) = self.account(at.new.app, &member.user) else {
                outcomes.push(AddedMember::AccountAbsent);
                continue;
            };
            if at.members.contains_key(&account) {
                outcomes.push(AddedMember::AlreadyMember(account));
                continue;
            }
            let row = Member {
                account,
                user: member.user.clone(),
                role: member.role,
                joined_at_s: member.joined_at_s.unwrap_or(now_s),
            };
            at.members.insert(account, row);
            outcomes.push(AddedMember::Added(account));
            changes.push(Change::Joined { account, group });
        }
        if at.members.len() > at.new.members_max as usize {
            return Err(AddMembersError::Full);
        }
        self.groups.insert(group, at);
        self.changes.extend(changes);
        Ok(outcomes)
    }

    pub(crate) fn remove(&mut self, group: GroupKey, users: &[UserId]) -> Option<Vec<AccountKey>> {
        let accounts = &self.accounts;
        let at = self.groups.get_mut(&group)?;
        let mut removed = Vec::new();
        for user in users {
            let Some(&account) = accounts.get(&(at.new.app, user.clone())) else {
                continue;
            };
            if at.members.remove(&account).is_none() {
                continue;
            }
            if at.owner.as_ref() == Some(user) {
                at.owner = None;
            }
            removed.push(account);
            self.changes.push(Change::Left { account, group });
        }
        Some(removed)
    }

    pub(crate) fn accounts(&self) -> Vec<(SdkAppId, UserId, AccountKey)> {
        let all = self.accounts.iter();
        all.map(|((app, user), &key)| (*app, user.clone(), key)).collect()
    }

    pub(crate) fn groups(&self) -> Vec<(SdkAppId, GroupId, Group)> {
        let all = self.groups.iter();
        all.map(|(&key, at)| (at.new.app, at.new.id.clone(), at.show(key)))
            .collect()
    }

    pub(crate) fn groups_of(&self, account: AccountKey) -> Vec<GroupKey> {
        let all = self.groups.iter();
        all.filter(|(_, at)| at.members.contains_key(&account))
            .map(|(&key, _)| key)
            .collect()
    }

    pub(crate) fn owned_by(&self, account: AccountKey) -> u32 {
        let mine = |at: &&NaiveGroup| {
            let owner = at.owner.as_ref();
            owner.and_then(|owner| self.account(at.new.app, owner)) == Some(account)
        };
        u32::try_from(self.groups.values().filter(mine).count()).expect("few")
    }

    pub(crate) fn members(&self, group: GroupKey) -> Vec<Member> {
        let members = self
            .groups
            .get(&group)
            .map(|at| at.members.values().cloned().collect());
        members.unwrap_or_default()
    }

    pub(crate) fn seats(&self) -> BTreeSet<(GroupKey, AccountKey)> {
        let all = self.groups.iter();
        all.flat_map(|(&key, at)| at.members.keys().map(move |&account| (key, account)))
            .collect()
    }
}

impl NaiveGroup {
    fn show(&self, key: GroupKey) -> Group {
        let new = self.new.clone();
        Group {
            key,
            app: new.app,
            id: new.id,
            group_type: new.group_type,
            name: new.name,
            introduction: new.introduction,
            notification: new.notification,
            face_url: new.face_url,
            owner: self.owner.clone(),
            join_option: new.join_option,
            invite_option: new.invite_option,
            members: u32::try_from(self.members.len()).expect("few"),
            members_max: new.members_max,
            support_topic: new.support_topic,
            created_at_s: new.created_at_s,
        }
    }
}
