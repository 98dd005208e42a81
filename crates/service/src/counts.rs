//! Many groups at once: their numbers in one call, and what has changed since the last look.

use std::sync::Arc;

use headcount_core::GroupId;
use headcount_core::limits::COUNTED_GROUPS_MAX;
use headcount_directory::{Group, StoreError};
use headcount_presence::{Headcount, LatestChange, Numbers};

use crate::caller::Caller;
use crate::catalog::KnownGroup;
use crate::groups::FindGroupError;
use crate::service::Service;

/// The numbers of several groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The wall clock before the first of them was read, Unix milliseconds.
    pub as_of_ms: u64,
    /// Each with its own verdict, in the order asked.
    pub groups: Vec<Result<Numbers, FindGroupError>>,
}

/// Why there are no counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountsError {
    /// No group was named.
    Nothing,
    /// More than 500 groups.
    TooMany,
    /// The directory failed.
    Store(StoreError),
}

/// Several groups, watched for changes: a look compares one integer for each, takes no lock of the engine
/// and allocates nothing.
#[derive(Debug)]
pub struct Watch {
    latest: LatestChange,
    /// The latest change of any group at the last look.
    looked_at: Option<u64>,
    groups: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    headcount: Arc<Headcount>,
    /// The stamp from which on a change is news.
    news_from: u64,
    /// Its place among the groups found.
    place: usize,
}

/// What a look sees of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It has these numbers now.
    Numbers(Numbers),
    /// It is gone, and will not be seen again.
    Dissolved,
}

/// A watch of the groups that there are, and the ids of those that there are not.
#[derive(Debug)]
pub struct Watching {
    /// The groups found.
    pub watch: Watch,
    /// Their ids, in the order asked.
    pub ids: Vec<String>,
    /// The others, and why.
    pub missing: Vec<(String, FindGroupError)>,
}

impl Service {
    /// The numbers of up to 500 groups of any type, for the app's backend. Groups that were asked for
    /// before cost no look at the directory, all others one together.
    pub async fn online_member_nums(&self, caller: &Caller, ids: &[String]) -> Result<Counts, CountsError> {
        if ids.is_empty() {
            return Err(CountsError::Nothing);
        }
        if ids.len() > COUNTED_GROUPS_MAX {
            return Err(CountsError::TooMany);
        }
        let known = self.known_groups(caller, ids).await.map_err(CountsError::Store)?;
        let as_of_ms = self.clock.wall_ms();
        let groups = known.into_iter().map(|known| {
            let headcount = known?.headcount;
            let numbers = headcount.numbers();
            if headcount.is_dissolved() {
                return Err(FindGroupError::Absent);
            }
            Ok(numbers)
        });
        Ok(Counts {
            as_of_ms,
            groups: groups.collect(),
        })
    }

    /// Watches groups for the app's backend. `since` is what an earlier watch of the same groups returned
    /// from its last look: the first look then sees what has changed since, and without it every group.
    pub async fn watch(
        &self,
        caller: &Caller,
        ids: Vec<String>,
        since: Option<u64>,
    ) -> Result<Watching, StoreError> {
        let known = self.known_groups(caller, &ids).await?;
        let latest = self.live.latest_change();
        // A stamp from the future was never given out by this server: such a watcher knows nothing.
        let since = since.filter(|&since| since <= latest.stamp());
        let news_from = since.map_or(0, |since| since + 1);
        let mut groups = Vec::with_capacity(ids.len());
        let (mut found, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for (id, known) in ids.into_iter().zip(known) {
            match known {
                Ok(known) => {
                    groups.push(Watched {
                        headcount: known.headcount,
                        news_from,
                        place: found.len(),
                    });
                    found.push(id);
                }
                Err(error) => missing.push((id, error)),
            }
        }
        let watch = Watch {
            latest,
            looked_at: None,
            groups,
        };
        Ok(Watching {
            watch,
            ids: found,
            missing,
        })
    }

    /// Living groups with the handles of their numbers, in the order asked, from memory or from one read
    /// of the directory.
    async fn known_groups(
        &self,
        caller: &Caller,
        ids: &[String],
    ) -> Result<Vec<Result<KnownGroup, FindGroupError>>, StoreError> {
        let app = caller.sdkappid();
        let found = self.live.catalog().get_all(app, ids).into_iter().zip(ids);
        let mut unknown = Vec::new();
        let mut groups = Vec::with_capacity(ids.len());
        for (at, (known, id)) in found.enumerate() {
            groups.push(match (known, GroupId::parse(id)) {
                (Some(known), _) => Ok(known),
                (None, Err(reason)) => Err(FindGroupError::BadId(reason)),
                (None, Ok(id)) => {
                    unknown.push((at, id));
                    Err(FindGroupError::Absent)
                }
            });
        }
        while !unknown.is_empty() {
            let ticket = self.live.catalog().before_read();
            let wanted = unknown.iter().map(|(_, id)| id.clone()).collect();
            let read = self.directory.groups(app, wanted).await?;
            let remember = |group: Group| {
                self.live
                    .catalog()
                    .remember(ticket, app, group.id, || KnownGroup {
                        key: group.key,
                        group_type: group.group_type,
                        headcount: self.live.presence().headcount(group.key),
                    })
            };
            let mut again = Vec::new();
            for ((at, id), group) in unknown.into_iter().zip(read) {
                let Some(group) = group else { continue };
                match remember(group) {
                    Some(known) => groups[at] = Ok(known),
                    // Some group was dissolved during the read, maybe this one; look again.
                    None => again.push((at, id)),
                }
            }
            unknown = again;
        }
        Ok(groups)
    }
}

impl Watch {
    /// Tells `each` of every group that has changed since the last look, by its place among those found.
    /// Returns the stamp to go on from after a look like this one.
    pub fn look(&mut self, mut each: impl FnMut(usize, Sight)) -> u64 {
        // Before the groups: what changes during the look has a later stamp, and is seen by the next one.
        let latest = self.latest.stamp();
        if self.looked_at.replace(latest) == Some(latest) {
            return latest;
        }
        self.groups.retain_mut(|group| {
            let changed = group.headcount.changed();
            if changed < group.news_from {
                return true;
            }
            group.news_from = changed + 1;
            let numbers = group.headcount.numbers();
            // After the numbers, which are gone with the group.
            if group.headcount.is_dissolved() {
                each(group.place, Sight::Dissolved);
                return false;
            }
            each(group.place, Sight::Numbers(numbers));
            true
        });
        latest
    }

    /// Whether every group is gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.groups.is_empty()
    }
}
