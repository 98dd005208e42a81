//! What goes into a directory and what comes out.

use std::fmt;

use headcount_core::{
    AccountKey, GroupId, GroupKey, GroupType, InviteOption, JoinOption, Role, SdkAppId, UserId,
};

/// The store failed underneath: a full disk, a lost connection, a damaged file. The text is for the
/// operator's log and never for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// An app could not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateAppError {
    /// Its number is taken.
    Taken,
    /// The store failed.
    Store(StoreError),
}

/// One account to import; profile values that are `None` stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountImport {
    /// The UserID.
    pub user: UserId,
    /// The nick name.
    pub nick: Option<String>,
    /// The URL of a picture.
    pub face_url: Option<String>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub key: AccountKey,
    /// Its app.
    pub app: SdkAppId,
    /// Its UserID.
    pub user: UserId,
    /// The nick name, empty when never set.
    pub nick: String,
    /// The URL of a picture, empty when never set.
    pub face_url: String,
    /// UserSigs issued up to this second are void; `None` when none was ever revoked.
    pub usersigs_void_to_s: Option<u64>,
}

/// What a login has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFacts {
    /// The account.
    pub account: Account,
    /// The living groups it is a member of, in the order of their keys.
    pub groups: Vec<GroupKey>,
}

/// A group to create. Limits and forms were checked by the caller; that ids are free and accounts exist
/// is checked here, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// The app.
    pub app: SdkAppId,
    /// The id.
    pub id: GroupId,
    /// The type.
    pub group_type: GroupType,
    /// The name.
    pub name: String,
    /// The introduction.
    pub introduction: String,
    /// The notification.
    pub notification: String,
    /// The URL of a picture.
    pub face_url: String,
    /// The owner, who becomes a member where members are stored.
    pub owner: Option<UserId>,
    /// Members beside the owner, each once.
    pub members: Vec<NewMember>,
    /// How one joins.
    pub join_option: JoinOption,
    /// Who invites.
    pub invite_option: InviteOption,
    /// Most members it may have.
    pub members_max: u32,
    /// Whether it is a community with topics.
    pub support_topic: bool,
    /// When it counts as created.
    pub created_at_s: u64,
}

impl NewGroup {
    /// The group as it is once it was created.
    pub(crate) fn created(self, key: GroupKey, members: u32) -> Group {
        Group {
            key,
            app: self.app,
            id: self.id,
            group_type: self.group_type,
            name: self.name,
            introduction: self.introduction,
            notification: self.notification,
            face_url: self.face_url,
            owner: self.owner,
            join_option: self.join_option,
            invite_option: self.invite_option,
            members,
            members_max: self.members_max,
            support_topic: self.support_topic,
            created_at_s: self.created_at_s,
        }
    }
}

/// A group could not be created; nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateGroupError {
    /// The id belongs to a living group; `by_same_owner` when that has the same owner.
    IdTaken {
        /// Whether the owner of that group is the owner named here.
        by_same_owner: bool,
    },
    /// The owner or a member has no account.
    AccountAbsent(UserId),
    /// More members than `members_max`.
    Full,
    /// The store failed.
    Store(StoreError),
}

/// A living group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub key: GroupKey,
    /// The app.
    pub app: SdkAppId,
    /// The id.
    pub id: GroupId,
    /// The type.
    pub group_type: GroupType,
    /// The name.
    pub name: String,
    /// The introduction.
    pub introduction: String,
    /// The notification.
    pub notification: String,
    /// The URL of a picture.
    pub face_url: String,
    /// The owner, if it has one.
    pub owner: Option<UserId>,
    /// How one joins.
    pub join_option: JoinOption,
    /// Who invites.
    pub invite_option: InviteOption,
    /// Members now.
    pub members: u32,
    /// Most members it may have.
    pub members_max: u32,
    /// Whether it is a community with topics.
    pub support_topic: bool,
    /// When it was created.
    pub created_at_s: u64,
}

/// A member to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// Who.
    pub user: UserId,
    /// As what: `Member` or `Admin`.
    pub role: Role,
    /// Since when; `None` is now.
    pub joined_at_s: Option<u64>,
}

/// What became of one member to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddedMember {
    /// Is a member now.
    Added(AccountKey),
    /// Was one already; nothing changed.
    AlreadyMember(AccountKey),
    /// Has no account.
    AccountAbsent,
}

/// Members could not be added; none was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddMembersError {
    /// The group is gone.
    GroupGone,
    /// They would be more than the group may have.
    Full,
    /// The store failed.
    Store(StoreError),
}

/// The members that were removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovedMembers {
    /// Those who had been members.
    pub removed: Vec<AccountKey>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountKey,
    /// Its UserID.
    pub user: UserId,
    /// The role.
    pub role: Role,
    /// Since when.
    pub joined_at_s: u64,
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// Behind this account.
    After(AccountKey),
    /// Behind this many rows; its cost grows with the number, so it is for small groups.
    Offset(u32),
}

/// Which members to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPage {
    /// Where it starts.
    pub start: PageStart,
    /// Most members on it.
    pub limit: u32,
    /// Only these roles; empty is all.
    pub roles: Vec<Role>,
}

/// Which of an account's groups to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedQuery {
    /// Only these types; empty is none.
    pub types: Vec<GroupType>,
    /// Only groups with this setting.
    pub support_topic: bool,
    /// Behind this many.
    pub offset: u32,
    /// Most groups on the page.
    pub limit: u32,
}

/// One page of an account's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinedGroups {
    /// How many there are on all pages.
    pub total: u32,
    /// The page.
    pub groups: Vec<JoinedGroup>,
}

/// A group and the account's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedGroup {
    /// The group.
    pub group: Group,
    /// The account's role.
    pub role: Role,
    /// Since when.
    pub joined_at_s: u64,
}

macro_rules! from_store_error {
    ($($error:ty),*) => {$(
        impl From<StoreError> for $error {
            fn from(error: StoreError) -> Self {
                Self::Store(error)
            }
        }
    )*};
}

from_store_error!(CreateAppError, CreateGroupError, AddMembersError);
