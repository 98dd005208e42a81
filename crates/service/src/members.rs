//! Who is in a group.

use headcount_core::limits::{COMMUNITY_MEMBER_PAGE_MAX, MEMBER_PAGE_MAX, ROLE_ACCOUNTS_MAX};
use headcount_core::{AccountKey, GroupType, Role, TinyId};
use headcount_directory::{Member, MemberPage, PageStart, StoreError};

use crate::caller::Caller;
use crate::groups::FindGroupError;
use crate::names::Names;
use crate::service::Service;

/// Where a page of members starts, as the caller says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberCursor<'a> {
    /// `Next` of the page before; empty or `0` for the first.
    Next(&'a str),
    /// Behind so many members; not for communities.
    Offset(u32),
}

/// One page of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// The type of the group.
    pub group_type: GroupType,
    /// Members of the group, on all pages and of every role.
    pub total: u32,
    /// The page, each with whether the member is online.
    pub members: Vec<(Member, bool)>,
    /// Where the next page starts; `None` at the end, and where pages go by offset.
    pub next: Option<TinyId>,
}

/// Why members cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListMembersError {
    /// There is no such group.
    Find(FindGroupError),
    /// An AVChatRoom has no list, or the user is no member.
    NotPermitted(&'static str),
    /// The cursor is not one of this list; the text says what it takes.
    Cursor(&'static str),
}

/// Why roles cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolesError {
    /// There is no such group.
    Find(FindGroupError),
    /// More than 500 accounts.
    TooMany,
    /// An AVChatRoom has no roles to tell, or the user is no member.
    NotPermitted(&'static str),
}

impl From<StoreError> for ListMembersError {
    fn from(error: StoreError) -> Self {
        Self::Find(FindGroupError::Store(error))
    }
}

impl From<StoreError> for RolesError {
    fn from(error: StoreError) -> Self {
        Self::Find(FindGroupError::Store(error))
    }
}

impl Service {
    /// One page of a group's members. `limit` is cut to the largest page of the group's type.
    pub async fn list_members(
        &self,
        caller: &Caller,
        id: &str,
        roles: Vec<Role>,
        cursor: MemberCursor<'_>,
        limit: u32,
    ) -> Result<MemberList, ListMembersError> {
        let group = self
            .find_group(caller, id)
            .await
            .map_err(ListMembersError::Find)?;
        if !group.group_type.stores_members() {
            return Err(ListMembersError::NotPermitted(
                "an AVChatRoom keeps no list of members",
            ));
        }
        if self.acting_role(caller, &group).await?.is_none() {
            return Err(ListMembersError::NotPermitted(
                "only members may list a group's members",
            ));
        }
        let is_community = group.group_type == GroupType::Community;
        let start = match (is_community, cursor) {
            (true, MemberCursor::Next(next)) => PageStart::After(account_after(next)?),
            (true, MemberCursor::Offset(0)) => PageStart::After(AccountKey(0)),
            (true, MemberCursor::Offset(_)) => {
                return Err(ListMembersError::Cursor(
                    "a community is listed with Next, not with Offset",
                ));
            }
            (false, MemberCursor::Next(_)) => PageStart::Offset(0),
            (false, MemberCursor::Offset(offset)) => PageStart::Offset(offset),
        };
        let limit = limit.min(if is_community {
            COMMUNITY_MEMBER_PAGE_MAX
        } else {
            MEMBER_PAGE_MAX
        });
        let page = MemberPage { start, limit, roles };
        let members = self.directory.members(group.key, page).await?;
        let full = is_community && members.len() >= limit as usize;
        let next = members.last().filter(|_| full).map(|last| last.account.into());
        let presence = self.live.presence();
        let members = members.into_iter().map(|member| {
            let online = presence.is_online(member.account);
            (member, online)
        });
        Ok(MemberList {
            group_type: group.group_type,
            total: group.members,
            members: members.collect(),
            next,
        })
    }

    /// The role of each of these users, in the same order; `None` for strangers.
    pub async fn roles(
        &self,
        caller: &Caller,
        id: &str,
        users: &[String],
    ) -> Result<Vec<Option<Role>>, RolesError> {
        let group = self.find_group(caller, id).await.map_err(RolesError::Find)?;
        if !group.group_type.stores_members() {
            return Err(RolesError::NotPermitted(
                "an AVChatRoom keeps no roles of members",
            ));
        }
        if users.len() > ROLE_ACCOUNTS_MAX {
            return Err(RolesError::TooMany);
        }
        if self.acting_role(caller, &group).await?.is_none() {
            return Err(RolesError::NotPermitted("only members may ask for roles"));
        }
        let names = Names::parse(users.iter().map(String::as_str));
        let found = self.directory.member_of(group.key, names.known()).await?;
        let role = |member: Option<Option<Member>>| member.flatten().map(|member| member.role);
        Ok(names.place(found).into_iter().map(role).collect())
    }
}

/// The account behind a `Next`.
fn account_after(next: &str) -> Result<AccountKey, ListMembersError> {
    if matches!(next, "" | "0") {
        return Ok(AccountKey(0));
    }
    let account = next.parse().ok().and_then(|number| TinyId(number).account());
    account.ok_or(ListMembersError::Cursor(
        "Next must be empty or the Next of the page before",
    ))
}
