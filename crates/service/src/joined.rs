//! The groups of an account.

use headcount_core::limits::JOINED_PAGE_MAX;
use headcount_core::{GroupType, UserId};
use headcount_directory::{JoinedGroups, JoinedQuery, StoreError};

use crate::caller::Caller;
use crate::service::Service;

/// Which groups to list.
#[derive(Clone, Debug)]
pub struct JoinedList {
    /// Whose.
    pub user: String,
    /// Of which types.
    pub types: Vec<GroupType>,
    /// Communities with topics, instead of everything else.
    pub support_topic: bool,
    /// Behind so many.
    pub offset: u32,
    /// Most on the page; cut to 5,000.
    pub limit: u32,
}

/// Why groups cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinedError {
    /// A user may list its own groups only.
    NotPermitted,
    /// No such account.
    AccountAbsent,
    /// The directory failed.
    Store(StoreError),
}

impl From<StoreError> for JoinedError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Service {
    /// One page of the groups that an account is a member of.
    pub async fn joined_groups(
        &self,
        caller: &Caller,
        list: JoinedList,
    ) -> Result<JoinedGroups, JoinedError> {
        let user = UserId::parse(&list.user).map_err(|_| JoinedError::AccountAbsent)?;
        if caller.user().is_some_and(|caller| *caller != user) {
            return Err(JoinedError::NotPermitted);
        }
        let account = self
            .directory
            .accounts(caller.sdkappid(), vec![user])
            .await?
            .pop()
            .flatten();
        let account = account.ok_or(JoinedError::AccountAbsent)?;
        let query = JoinedQuery {
            types: list.types,
            support_topic: list.support_topic,
            offset: list.offset,
            limit: list.limit.min(JOINED_PAGE_MAX),
        };
        Ok(self.directory.joined_groups(account.key, query).await?)
    }
}
