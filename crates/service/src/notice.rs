//! What users are told of their groups when others change them.

use std::sync::Arc;

use headcount_core::{AccountKey, GroupId, GroupType};
use headcount_directory::Group;

use crate::caller::Caller;
use crate::service::Service;

/// Something that happened to a user's place in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub news: News,
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub group_name: String,
    /// Its type.
    pub group_type: GroupType,
    /// Who did it.
    pub operator: String,
    /// When, Unix seconds.
    pub at_s: u64,
    /// Tells notices apart.
    pub random: u32,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The user is a member now.
    Added,
    /// The user was removed.
    Removed,
    /// The group is gone.
    Dissolved,
}

impl Service {
    /// Tells the sessions of these accounts. Whoever did it knows already.
    pub(crate) fn tell(
        &self,
        caller: &Caller,
        group: &Group,
        news: News,
        accounts: impl IntoIterator<Item = AccountKey>,
    ) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any 31 of the random bits will do"
        )]
        let random = (self.entropy.next_u64() as u32) >> 1;
        let notice = Arc::new(Notice {
            news,
            group: group.id.clone(),
            group_name: group.name.clone(),
            group_type: group.group_type,
            operator: caller.name().to_owned(),
            at_s: self.clock.wall_s(),
            random,
        });
        let presence = self.live.presence();
        for account in accounts
            .into_iter()
            .filter(|account| caller.account() != Some(*account))
        {
            for session in presence.sessions(account) {
                session.handle.notify(&notice);
            }
        }
    }
}
