//! The main job: how many members of a group are online right now.

use headcount_core::{GroupId, GroupType, rules};
use headcount_directory::StoreError;

use crate::caller::{Caller, Who};
use crate::catalog::KnownGroup;
use crate::groups::FindGroupError;
use crate::service::Service;

/// Why there is no count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountError {
    /// No such group, by the given id.
    Find(FindGroupError),
    /// The command does not count groups of this type.
    WrongType(GroupType),
    /// The user is no member.
    NotMember,
}

impl From<StoreError> for CountError {
    fn from(error: StoreError) -> Self {
        Self::Find(FindGroupError::Store(error))
    }
}

impl Service {
    /// The count for the app's backend, when the group is already known: one look-up, one atomic read,
    /// no await. `None` is no verdict, ask [`Service::online_member_num`].
    #[must_use]
    pub fn known_online_member_num(
        &self,
        caller: &Caller,
        id: &str,
        counts: impl Fn(GroupType) -> bool,
    ) -> Option<Result<u32, CountError>> {
        if !caller.is_admin() {
            return None;
        }
        self.live.catalog().with(caller.sdkappid(), id, |known| {
            if counts(known.group_type) {
                Ok(known.headcount.online())
            } else {
                Err(CountError::WrongType(known.group_type))
            }
        })
    }

    /// How many members of a group are online, for callers and groups of every kind. `counts` says which
    /// types the command serves.
    pub async fn online_member_num(
        &self,
        caller: &Caller,
        id: &str,
        counts: impl Fn(GroupType) -> bool,
    ) -> Result<u32, CountError> {
        let known = self.known_group(caller, id).await.map_err(CountError::Find)?;
        if !counts(known.group_type) {
            return Err(CountError::WrongType(known.group_type));
        }
        if let Who::User { account, user } = &caller.who {
            let is_member = self.live.presence().counts_in(*account, known.key);
            let role = if is_member {
                None
            } else {
                self.role_of(known.key, user).await?
            };
            if !is_member && !rules::may_count_online(known.group_type, role) {
                return Err(CountError::NotMember);
            }
        }
        Ok(known.headcount.online())
    }

    /// A living group with the handle of its number, from memory or from the directory.
    pub(crate) async fn known_group(&self, caller: &Caller, id: &str) -> Result<KnownGroup, FindGroupError> {
        let app = caller.sdkappid();
        loop {
            if let Some(known) = self.live.catalog().get(app, id) {
                return Ok(known);
            }
            let parsed = GroupId::parse(id).map_err(FindGroupError::BadId)?;
            let ticket = self.live.catalog().before_read();
            let group = self
                .directory
                .group(app, parsed.clone())
                .await?
                .ok_or(FindGroupError::Absent)?;
            let known = self.live.catalog().remember(ticket, app, parsed, || KnownGroup {
                key: group.key,
                group_type: group.group_type,
                headcount: self.live.presence().headcount(group.key),
            });
            // `None`: some group was dissolved during the read, maybe this one; look again.
            if let Some(known) = known {
                return Ok(known);
            }
        }
    }
}
