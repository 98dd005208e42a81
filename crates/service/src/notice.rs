//! What users are told of their groups when others change them.

use std::sync::Arc;

use headcount_core::limits::TOLD_ACCOUNTS_MAX;
use headcount_core::{AccountKey, GroupId, GroupType};
use headcount_directory::Group;
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::service::Service;
use crate::session::Reach;

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
        let mut elsewhere = Vec::new();
        let mut presence = self.live.presence();
        for account in accounts
            .into_iter()
            .filter(|account| caller.account() != Some(*account))
        {
            let sessions = presence.sessions(account);
            for session in sessions {
                if let Reach::Here(handle) = &session.handle {
                    handle.notify(&notice);
                }
            }
            if sessions.iter().any(|session| !session.is_here()) {
                elsewhere.push(account);
            }
        }
        for some in elsewhere.chunks(TOLD_ACCOUNTS_MAX) {
            presence.tell_elsewhere(some.to_vec(), notice.write());
        }
    }
}

/// A notice on its way to another node.
#[derive(Deserialize, Serialize)]
struct Written {
    news: u8,
    group: String,
    group_name: String,
    group_type: String,
    operator: String,
    at_s: u64,
    random: u32,
}

impl Notice {
    /// The notice for another node to [read](Self::read).
    fn write(&self) -> Vec<u8> {
        let written = Written {
            news: match self.news {
                News::Added => 0,
                News::Removed => 1,
                News::Dissolved => 2,
            },
            group: self.group.as_str().to_owned(),
            group_name: self.group_name.clone(),
            group_type: self.group_type.wire_name().to_owned(),
            operator: self.operator.clone(),
            at_s: self.at_s,
            random: self.random,
        };
        // A vector takes everything, so this fails for no notice.
        postcard::to_stdvec(&written).unwrap_or_default()
    }

    /// A notice that another node wrote.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let written: Written = postcard::from_bytes(bytes).ok()?;
        Some(Self {
            news: match written.news {
                0 => News::Added,
                1 => News::Removed,
                2 => News::Dissolved,
                _ => return None,
            },
            group: GroupId::parse(&written.group).ok()?,
            group_name: written.group_name,
            group_type: GroupType::from_wire(&written.group_type)?,
            operator: written.operator,
            at_s: written.at_s,
            random: written.random,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_node_writes_another_reads() {
        for (news, group_type) in [
            (News::Added, GroupType::Public),
            (News::Removed, GroupType::Community),
            (News::Dissolved, GroupType::Work),
        ] {
            let notice = Notice {
                news,
                group: GroupId::parse("@TGS#_a").unwrap(),
                group_name: "a name".to_owned(),
                group_type,
                operator: "administrator".to_owned(),
                at_s: 1_700_000_000,
                random: u32::MAX >> 1,
            };
            assert_eq!(Notice::read(&notice.write()), Some(notice));
        }
        assert_eq!(Notice::read(b""), None);
        assert_eq!(Notice::read(&[9; 40]), None);
    }
}
