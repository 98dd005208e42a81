//! Coming into a group and leaving it.

use headcount_core::limits::{ADD_MEMBERS_MAX, GROUPS_JOINED_MAX, REMOVE_MEMBERS_MAX};
use headcount_core::rules::{self, JoinVerdict};
use headcount_core::{AccountKey, Role, UserId};
use headcount_directory::{AddMembersError, AddedMember, Group, NewMember, StoreError};

use crate::caller::{Caller, Who};
use crate::groups::FindGroupError;
use crate::names::Names;
use crate::notice::News;
use crate::service::Service;

/// What became of one member to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOutcome {
    /// Has no account.
    Failed,
    /// Is a member now.
    Added,
    /// Was one already.
    AlreadyMember,
}

impl From<AddedMember> for AddOutcome {
    fn from(added: AddedMember) -> Self {
        match added {
            AddedMember::Added(_) => Self::Added,
            AddedMember::AlreadyMember(_) => Self::AlreadyMember,
            AddedMember::AccountAbsent => Self::Failed,
        }
    }
}

/// Why no member was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddError {
    /// There is no such group.
    Find(FindGroupError),
    /// More than 300 in one call.
    TooMany,
    /// The type has no members to add, or the user's role does not allow it.
    NotPermitted(&'static str),
    /// None of them has an account.
    AccountsAbsent,
    /// They would be more than the group may have.
    Full,
}

/// A member to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportMember {
    /// Who.
    pub user: String,
    /// As what.
    pub role: Role,
    /// Since when, Unix seconds; now when absent.
    pub joined_at_s: Option<u64>,
}

/// Why no member was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportMembersError {
    /// As when adding.
    Add(AddError),
    /// A join time that is not after the group's creation or not before now; the UserID is given.
    JoinTime(String),
}

/// Why members were not removed. None was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoveError {
    /// There is no such group.
    Find(FindGroupError),
    /// More than 500 in one call.
    TooMany,
    /// An AVChatRoom has nobody to remove.
    NoMembers,
    /// The user's role does not allow it, or it is about the owner.
    NotPermitted(&'static str),
}

/// How an attempt to join ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinOutcome {
    /// A member now.
    Joined,
    /// The group asks for approval: its owner, an admin or the app has to add the user.
    WaitsForApproval,
}

/// Why a user could not join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// There is no such group.
    Find(FindGroupError),
    /// Only users join.
    NotAUser,
    /// This group cannot be joined by id.
    NotPermitted,
    /// Is a member already.
    AlreadyMember,
    /// The group is full.
    Full,
    /// The user is in as many groups as a user may be.
    Quota,
}

/// Why a user could not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuitError {
    /// There is no such group.
    Find(FindGroupError),
    /// Only users leave.
    NotAUser,
    /// Is no member.
    NotMember,
    /// The owner of this type of group may not leave it.
    Owner,
}

macro_rules! find_errors {
    ($($error:ident),*) => {$(
        impl From<FindGroupError> for $error {
            fn from(error: FindGroupError) -> Self {
                Self::Find(error)
            }
        }
        impl From<StoreError> for $error {
            fn from(error: StoreError) -> Self {
                Self::Find(FindGroupError::Store(error))
            }
        }
    )*};
}

find_errors!(AddError, RemoveError, JoinError, QuitError);

impl From<AddMembersError> for AddError {
    fn from(error: AddMembersError) -> Self {
        match error {
            AddMembersError::GroupGone => Self::Find(FindGroupError::Absent),
            AddMembersError::Full => Self::Full,
            AddMembersError::Store(error) => Self::Find(FindGroupError::Store(error)),
        }
    }
}

impl Service {
    /// Adds members by the app, or by a member who invites them. One outcome each, in the order given.
    pub async fn add_members(
        &self,
        caller: &Caller,
        id: &str,
        users: &[String],
    ) -> Result<Vec<AddOutcome>, AddError> {
        let group = self.group_with_room_for(caller, id, users.len()).await?;
        let role = self.acting_role(caller, &group).await?;
        if !caller.is_admin() && !rules::may_invite(group.group_type, group.invite_option, role) {
            return Err(AddError::NotPermitted(
                "this group does not let you invite members",
            ));
        }
        let wanted = users
            .iter()
            .map(|name| (name.as_str(), Role::Member, None))
            .collect::<Vec<_>>();
        let added = self.add(&group, &wanted).await?;
        let newcomers = added.iter().filter_map(|added| match added {
            AddedMember::Added(account) => Some(*account),
            AddedMember::AlreadyMember(_) | AddedMember::AccountAbsent => None,
        });
        self.tell(caller, &group, News::Added, newcomers);
        Ok(added.into_iter().map(AddOutcome::from).collect())
    }

    /// Takes over members with their role and join time. One outcome each, in the order given.
    pub async fn import_members(
        &self,
        caller: &Caller,
        id: &str,
        members: &[ImportMember],
    ) -> Result<Vec<AddOutcome>, ImportMembersError> {
        let group = self
            .group_with_room_for(caller, id, members.len())
            .await
            .map_err(ImportMembersError::Add)?;
        let now_s = self.clock.wall_s();
        let in_time = |at_s: u64| at_s >= group.created_at_s && at_s <= now_s;
        if let Some(member) = members
            .iter()
            .find(|member| member.joined_at_s.is_some_and(|at_s| !in_time(at_s)))
        {
            return Err(ImportMembersError::JoinTime(member.user.clone()));
        }
        let wanted: Vec<_> = members
            .iter()
            .map(|member| (member.user.as_str(), member.role, member.joined_at_s))
            .collect();
        let added = self.add(&group, &wanted).await.map_err(ImportMembersError::Add)?;
        Ok(added.into_iter().map(AddOutcome::from).collect())
    }

    async fn group_with_room_for(&self, caller: &Caller, id: &str, users: usize) -> Result<Group, AddError> {
        let group = self.find_group(caller, id).await?;
        if !group.group_type.stores_members() {
            return Err(AddError::NotPermitted(
                "an AVChatRoom is entered by its users themselves",
            ));
        }
        if users > ADD_MEMBERS_MAX {
            return Err(AddError::TooMany);
        }
        Ok(group)
    }

    async fn add(
        &self,
        group: &Group,
        wanted: &[(&str, Role, Option<u64>)],
    ) -> Result<Vec<AddedMember>, AddError> {
        let names = Names::parse(wanted.iter().map(|&(name, ..)| name));
        let members = names
            .each()
            .zip(wanted)
            .filter_map(|(user, &(_, role, joined_at_s))| {
                Some(NewMember {
                    user: user?.clone(),
                    role,
                    joined_at_s,
                })
            });
        let added = self
            .directory
            .add_members(group.key, members.collect(), self.clock.wall_s())
            .await?;
        let outcome = |added: Option<AddedMember>| added.unwrap_or(AddedMember::AccountAbsent);
        let outcomes: Vec<_> = names.place(added).into_iter().map(outcome).collect();
        let all_absent = outcomes
            .iter()
            .all(|outcome| *outcome == AddedMember::AccountAbsent);
        if all_absent && !outcomes.is_empty() {
            return Err(AddError::AccountsAbsent);
        }
        Ok(outcomes)
    }

    /// Removes members; strangers are passed over.
    pub async fn remove_members(
        &self,
        caller: &Caller,
        id: &str,
        users: &[String],
    ) -> Result<(), RemoveError> {
        let group = self.find_group(caller, id).await?;
        if !group.group_type.stores_members() {
            return Err(RemoveError::NoMembers);
        }
        if users.len() > REMOVE_MEMBERS_MAX {
            return Err(RemoveError::TooMany);
        }
        let users = Names::parse(users.iter().map(String::as_str)).known();
        if group.owner.as_ref().is_some_and(|owner| users.contains(owner)) {
            return Err(RemoveError::NotPermitted(
                "the owner cannot be removed: change the owner first",
            ));
        }
        if !caller.is_admin() {
            let actor = self.acting_role(caller, &group).await?;
            let targets = self.directory.member_of(group.key, users.clone()).await?;
            let may = |role| rules::may_remove(group.group_type, actor, role);
            let allowed = targets.iter().flatten().all(|member| may(member.role)) && may(Role::Member);
            if !allowed {
                return Err(RemoveError::NotPermitted(
                    "your role does not let you remove these members",
                ));
            }
        }
        let removed = self.directory.remove_members(group.key, users).await?;
        let removed = removed.ok_or(FindGroupError::Absent)?.removed;
        self.tell(caller, &group, News::Removed, removed);
        Ok(())
    }

    /// A user joins a group by its id.
    pub async fn join(&self, caller: &Caller, id: &str) -> Result<JoinOutcome, JoinError> {
        let Who::User { account, user } = &caller.who else {
            return Err(JoinError::NotAUser);
        };
        let group = self.find_group(caller, id).await?;
        if group.group_type.stores_members() && self.role_of(group.key, user).await?.is_some() {
            return Err(JoinError::AlreadyMember);
        }
        match rules::join(group.group_type, group.join_option) {
            JoinVerdict::Refused => Err(JoinError::NotPermitted),
            JoinVerdict::NeedsApproval => Ok(JoinOutcome::WaitsForApproval),
            JoinVerdict::Joined if group.group_type.stores_members() => {
                self.become_member(&group, *account, user).await
            }
            JoinVerdict::Joined => self.enter_room(caller, *account, id).await,
        }
    }

    async fn become_member(
        &self,
        group: &Group,
        account: AccountKey,
        user: &UserId,
    ) -> Result<JoinOutcome, JoinError> {
        if self.directory.joined_count(account, GROUPS_JOINED_MAX).await? >= GROUPS_JOINED_MAX {
            return Err(JoinError::Quota);
        }
        let member = NewMember {
            user: user.clone(),
            role: Role::Member,
            joined_at_s: None,
        };
        let added = self
            .directory
            .add_members(group.key, vec![member], self.clock.wall_s())
            .await;
        match added {
            Ok(outcomes) => match outcomes.first() {
                Some(AddedMember::Added(_)) => Ok(JoinOutcome::Joined),
                Some(AddedMember::AlreadyMember(_)) => Err(JoinError::AlreadyMember),
                Some(AddedMember::AccountAbsent) | None => Err(JoinError::NotAUser),
            },
            Err(AddMembersError::GroupGone) => Err(JoinError::Find(FindGroupError::Absent)),
            Err(AddMembersError::Full) => Err(JoinError::Full),
            Err(AddMembersError::Store(error)) => Err(error.into()),
        }
    }

    /// Being in a room is being there: nothing is stored, and it ends with the user's last session.
    async fn enter_room(
        &self,
        caller: &Caller,
        account: AccountKey,
        id: &str,
    ) -> Result<JoinOutcome, JoinError> {
        let room = self.known_group(caller, id).await?.headcount;
        if self.live.presence().room_entered(account, &room) {
            Ok(JoinOutcome::Joined)
        } else if room.is_dissolved() {
            Err(JoinError::Find(FindGroupError::Absent))
        } else if self.live.presence().is_in_room(account, room.group()) {
            Err(JoinError::AlreadyMember)
        } else {
            Err(JoinError::NotPermitted)
        }
    }

    /// A user leaves a group.
    pub async fn quit(&self, caller: &Caller, id: &str) -> Result<(), QuitError> {
        let Who::User { account, user } = &caller.who else {
            return Err(QuitError::NotAUser);
        };
        let group = self.find_group(caller, id).await?;
        if !group.group_type.stores_members() {
            let left = self.live.presence().room_left(*account, group.key);
            return if left { Ok(()) } else { Err(QuitError::NotMember) };
        }
        let role = self.role_of(group.key, user).await?.ok_or(QuitError::NotMember)?;
        if !rules::may_quit(group.group_type, role) {
            return Err(QuitError::Owner);
        }
        let removed = self
            .directory
            .remove_members(group.key, vec![user.clone()])
            .await?;
        match removed {
            None => Err(QuitError::Find(FindGroupError::Absent)),
            Some(removed) if removed.removed.is_empty() => Err(QuitError::NotMember),
            Some(_) => Ok(()),
        }
    }
}
