//! Creating and importing groups.

use headcount_core::limits::{
    CREATE_MEMBERS_MAX, GROUP_FACE_URL_BYTES_MAX, GROUP_INTRODUCTION_BYTES_MAX, GROUP_NAME_BYTES_MAX,
    GROUP_NOTIFICATION_BYTES_MAX, GROUPS_OWNED_MAX,
};
use headcount_core::{BadGroupId, GroupId, GroupType, InviteOption, JoinOption, Role, UserId};
use headcount_directory::{CreateGroupError as DirectoryRefusal, Group, NewGroup, NewMember, StoreError};

use crate::caller::{Caller, Who};
use crate::notice::News;
use crate::service::Service;

/// A group to create, as the caller describes it.
#[derive(Clone, Debug)]
pub struct CreateGroup {
    /// The type.
    pub group_type: GroupType,
    /// An id of the caller's choice.
    pub id: Option<String>,
    /// The name.
    pub name: String,
    /// The introduction.
    pub introduction: String,
    /// The notification.
    pub notification: String,
    /// The URL of a picture.
    pub face_url: String,
    /// The owner; for a user it is the user itself.
    pub owner: Option<String>,
    /// First members beside the owner, as `Member` or `Admin`.
    pub members: Vec<(String, Role)>,
    /// How one joins; the type decides when absent.
    pub join_option: Option<JoinOption>,
    /// Who invites; the type decides when absent.
    pub invite_option: Option<InviteOption>,
    /// Most members; the type decides when absent.
    pub members_max: Option<u32>,
    /// A community with topics.
    pub support_topic: bool,
    /// When it was created elsewhere, Unix seconds: it is imported, and nobody is told.
    pub created_at_s: Option<u64>,
}

/// Why a group was not created. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateGroupError {
    /// A field has too many bytes, or too few.
    Length {
        /// Its wire name.
        field: &'static str,
        /// Most bytes.
        bytes_max: usize,
    },
    /// A field has a value that does not go together with the others; the text says which and why.
    Parameter(&'static str),
    /// The id is not one that a group of this type may be given.
    BadId(BadGroupId),
    /// More than 100 first members.
    TooManyMembers,
    /// This type, or this caller, may not do that; the text says what.
    NotPermitted(&'static str),
    /// The id belongs to another group.
    IdTaken {
        /// Which has the same owner.
        by_same_owner: bool,
    },
    /// The owner or a member has no account.
    AccountAbsent(String),
    /// More members than the group may have.
    MemberLimit,
    /// The user owns as many groups as a user may.
    Quota,
    /// The directory failed.
    Store(StoreError),
}

impl From<StoreError> for CreateGroupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Attempts to find an assigned id that is free. Ids have 60 random bits: a second one is hardly ever needed.
const ASSIGNED_ID_TRIES: usize = 8;

impl Service {
    /// Creates a group with its owner and first members.
    pub async fn create_group(
        &self,
        caller: &Caller,
        create: CreateGroup,
    ) -> Result<Group, CreateGroupError> {
        check_texts(&create)?;
        if create.support_topic && create.group_type != GroupType::Community {
            return Err(CreateGroupError::Parameter(
                "SupportTopic is for Type Community only",
            ));
        }
        if create.members.len() > CREATE_MEMBERS_MAX {
            return Err(CreateGroupError::TooManyMembers);
        }
        if !create.members.is_empty() && !create.group_type.stores_members() {
            return Err(CreateGroupError::NotPermitted(
                "an AVChatRoom is created without MemberList",
            ));
        }
        let owner = self.owner_of_new_group(caller, &create).await?;
        let importing = create.created_at_s.is_some();
        let created = match self.describe(caller, create, owner)? {
            (group, true) => self.create_with_assigned_id(group).await?,
            (group, false) => self.directory.create_group(group).await?,
        };
        if !importing {
            // The group exists by now: if its members cannot be read to be told, they are not told.
            let members = self.members_to_tell(&created).await.unwrap_or_default();
            self.tell(caller, &created, News::Added, members);
        }
        Ok(created)
    }

    async fn owner_of_new_group(
        &self,
        caller: &Caller,
        create: &CreateGroup,
    ) -> Result<Option<UserId>, CreateGroupError> {
        let named = create.owner.as_deref().filter(|name| !name.is_empty());
        match &caller.who {
            Who::Admin(_) => named.map(user).transpose(),
            Who::User { account, user } => {
                if named.is_some_and(|name| name != user.as_str()) {
                    return Err(CreateGroupError::NotPermitted(
                        "a user creates groups of its own only",
                    ));
                }
                if self.directory.owned_count(*account, GROUPS_OWNED_MAX).await? >= GROUPS_OWNED_MAX {
                    return Err(CreateGroupError::Quota);
                }
                Ok(Some(user.clone()))
            }
        }
    }

    /// The group as the directory takes it, and whether its id is still to be assigned.
    fn describe(
        &self,
        caller: &Caller,
        create: CreateGroup,
        owner: Option<UserId>,
    ) -> Result<(NewGroup, bool), CreateGroupError> {
        let group_type = create.group_type;
        let custom = create.id.as_deref().filter(|id| !id.is_empty());
        let id = match custom {
            Some(id) => GroupId::parse_custom(id, group_type).map_err(CreateGroupError::BadId)?,
            None => GroupId::assigned(group_type, self.entropy.next_u64()),
        };
        let capacity = match group_type {
            GroupType::Community => self.settings.community_members_max,
            GroupType::AvChatRoom => u32::MAX,
            GroupType::Work | GroupType::Public | GroupType::Meeting => self.settings.group_members_max,
        };
        let members = create.members.into_iter().map(|(name, role)| {
            Ok(NewMember {
                user: user(&name)?,
                role,
                joined_at_s: create.created_at_s,
            })
        });
        let group = NewGroup {
            app: caller.sdkappid(),
            id,
            group_type,
            name: create.name,
            introduction: create.introduction,
            notification: create.notification,
            face_url: create.face_url,
            owner,
            members: members.collect::<Result<_, CreateGroupError>>()?,
            join_option: create
                .join_option
                .unwrap_or_else(|| group_type.default_join_option()),
            invite_option: create
                .invite_option
                .unwrap_or_else(|| group_type.default_invite_option()),
            members_max: create
                .members_max
                .filter(|&most| most > 0)
                .map_or(capacity, |most| most.min(capacity)),
            support_topic: create.support_topic,
            created_at_s: create.created_at_s.unwrap_or_else(|| self.clock.wall_s()),
        };
        Ok((group, custom.is_none()))
    }

    async fn create_with_assigned_id(&self, mut group: NewGroup) -> Result<Group, CreateGroupError> {
        for _ in 0..ASSIGNED_ID_TRIES {
            match self.directory.create_group(group.clone()).await {
                Err(DirectoryRefusal::IdTaken { .. }) => {
                    group.id = GroupId::assigned(group.group_type, self.entropy.next_u64());
                }
                other => return Ok(other?),
            }
        }
        Err(CreateGroupError::IdTaken { by_same_owner: false })
    }
}

fn user(name: &str) -> Result<UserId, CreateGroupError> {
    // A name that is no UserID cannot have been imported.
    UserId::parse(name).map_err(|_| CreateGroupError::AccountAbsent(name.to_owned()))
}

fn check_texts(create: &CreateGroup) -> Result<(), CreateGroupError> {
    let fields = [
        ("Name", &create.name, GROUP_NAME_BYTES_MAX),
        ("Introduction", &create.introduction, GROUP_INTRODUCTION_BYTES_MAX),
        ("Notification", &create.notification, GROUP_NOTIFICATION_BYTES_MAX),
        ("FaceUrl", &create.face_url, GROUP_FACE_URL_BYTES_MAX),
    ];
    if create.name.is_empty() {
        return Err(CreateGroupError::Parameter("Name must not be empty"));
    }
    for (field, text, bytes_max) in fields {
        if text.len() > bytes_max {
            return Err(CreateGroupError::Length { field, bytes_max });
        }
    }
    Ok(())
}

impl From<DirectoryRefusal> for CreateGroupError {
    fn from(refusal: DirectoryRefusal) -> Self {
        match refusal {
            DirectoryRefusal::IdTaken { by_same_owner } => Self::IdTaken { by_same_owner },
            DirectoryRefusal::AccountAbsent(user) => Self::AccountAbsent(user.to_string()),
            DirectoryRefusal::Full => Self::MemberLimit,
            DirectoryRefusal::Store(error) => Self::Store(error),
        }
    }
}
