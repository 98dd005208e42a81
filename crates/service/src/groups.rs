//! Finding, showing and dissolving groups.

use headcount_core::limits::{GROUP_INFO_MAX, GROUP_INFO_MEMBERS_MAX, NOTIFIED_MEMBERS_MAX};
use headcount_core::{AccountKey, BadGroupId, GroupId, GroupKey, Role, UserId, rules};
use headcount_directory::{Group, Member, MemberPage, PageStart, StoreError};

use crate::caller::Caller;
use crate::notice::News;
use crate::service::Service;

/// Why a group was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindGroupError {
    /// The id has no valid form.
    BadId(BadGroupId),
    /// Never seen in this app, or dissolved.
    Absent,
    /// The directory failed.
    Store(StoreError),
}

impl From<StoreError> for FindGroupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a group was not dissolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DissolveError {
    /// There is no such group.
    Find(FindGroupError),
    /// The user's role does not allow it.
    NotPermitted,
}

/// Why the profiles of several groups cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupInfoError {
    /// More than 50 groups.
    TooManyGroups,
    /// The members of all groups together do not fit into one answer.
    TooManyMembers,
}

/// A group as its caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// The group; of an AVChatRoom, `members` is who is present.
    pub group: Group,
    /// Its members, when asked for and not too many to list here.
    pub members: Vec<Member>,
}

/// A group with the caller's own place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfInfo {
    /// The group; of an AVChatRoom, `members` is who is present.
    pub group: Group,
    /// The caller's membership; `None` for a stranger.
    pub member: Option<Member>,
}

impl Service {
    /// A living group by the id that a caller gave.
    pub(crate) async fn find_group(&self, caller: &Caller, id: &str) -> Result<Group, FindGroupError> {
        let id = GroupId::parse(id).map_err(FindGroupError::BadId)?;
        let group = self.directory.group(caller.sdkappid(), id).await?;
        let mut group = group.ok_or(FindGroupError::Absent)?;
        if !group.group_type.stores_members() {
            group.members = self.live.presence().online_in(group.key);
        }
        Ok(group)
    }

    /// A user's role in a group that stores its members.
    pub(crate) async fn role_of(&self, group: GroupKey, user: &UserId) -> Result<Option<Role>, StoreError> {
        let member = self
            .directory
            .member_of(group, vec![user.clone()])
            .await?
            .pop()
            .flatten();
        Ok(member.map(|member| member.role))
    }

    /// The role in which a caller acts on a group: an admin of the app has the owner's.
    pub(crate) async fn acting_role(
        &self,
        caller: &Caller,
        group: &Group,
    ) -> Result<Option<Role>, StoreError> {
        match caller.user() {
            None => Ok(Some(Role::Owner)),
            Some(user) if group.owner.as_ref() == Some(user) => Ok(Some(Role::Owner)),
            Some(user) => self.role_of(group.key, user).await,
        }
    }

    /// Dissolves a group.
    pub async fn dissolve_group(&self, caller: &Caller, id: &str) -> Result<(), DissolveError> {
        let group = self.find_group(caller, id).await.map_err(DissolveError::Find)?;
        let store = |error| DissolveError::Find(FindGroupError::Store(error));
        let role = self.acting_role(caller, &group).await.map_err(store)?;
        if !caller.is_admin() && !rules::may_dissolve(group.group_type, role) {
            return Err(DissolveError::NotPermitted);
        }
        let members = self.members_to_tell(&group).await.map_err(store)?;
        if !self.directory.dissolve_group(group.key).await.map_err(store)? {
            return Err(DissolveError::Find(FindGroupError::Absent));
        }
        self.tell(caller, &group, News::Dissolved, members);
        Ok(())
    }

    /// The members of a group that is not too large to tell each of them.
    pub(crate) async fn members_to_tell(&self, group: &Group) -> Result<Vec<AccountKey>, StoreError> {
        if !group.group_type.stores_members() || group.members > NOTIFIED_MEMBERS_MAX {
            return Ok(Vec::new());
        }
        let page = MemberPage {
            start: PageStart::Offset(0),
            limit: NOTIFIED_MEMBERS_MAX,
            roles: Vec::new(),
        };
        let members = self.directory.members(group.key, page).await?;
        Ok(members.into_iter().map(|member| member.account).collect())
    }

    /// The profiles of several groups, each with its own verdict, in the order asked. Members are listed
    /// when `with_members` and the group is not larger than an ordinary one may be.
    pub async fn group_infos(
        &self,
        caller: &Caller,
        ids: &[String],
        with_members: bool,
    ) -> Result<Vec<Result<GroupInfo, FindGroupError>>, GroupInfoError> {
        if ids.len() > GROUP_INFO_MAX {
            return Err(GroupInfoError::TooManyGroups);
        }
        let mut infos = Vec::with_capacity(ids.len());
        let mut listed = 0;
        for id in ids {
            let info = self.group_info(caller, id, with_members).await;
            listed += info.as_ref().map_or(0, |info| info.members.len());
            if listed > GROUP_INFO_MEMBERS_MAX as usize {
                return Err(GroupInfoError::TooManyMembers);
            }
            infos.push(info);
        }
        Ok(infos)
    }

    async fn group_info(
        &self,
        caller: &Caller,
        id: &str,
        with_members: bool,
    ) -> Result<GroupInfo, FindGroupError> {
        let group = self.find_group(caller, id).await?;
        let listable = group.group_type.stores_members() && group.members <= GROUP_INFO_MEMBERS_MAX;
        let members = if with_members && listable {
            let start = PageStart::Offset(0);
            let page = MemberPage {
                start,
                limit: GROUP_INFO_MEMBERS_MAX,
                roles: Vec::new(),
            };
            self.directory.members(group.key, page).await?
        } else {
            Vec::new()
        };
        Ok(GroupInfo { group, members })
    }

    /// A group as a user sees it, with the user's own place in it. A closed group is absent to strangers.
    pub async fn self_info(&self, caller: &Caller, id: &str) -> Result<SelfInfo, FindGroupError> {
        let group = self.find_group(caller, id).await?;
        let member = match caller.user() {
            Some(user) => self
                .directory
                .member_of(group.key, vec![user.clone()])
                .await?
                .pop()
                .flatten(),
            None => None,
        };
        if member.is_none() && !caller.is_admin() && !rules::visible_to_strangers(group.group_type) {
            return Err(FindGroupError::Absent);
        }
        Ok(SelfInfo { group, member })
    }
}
