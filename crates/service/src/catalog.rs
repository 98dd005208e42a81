//! The groups whose numbers can be read without the directory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use headcount_core::{GroupId, GroupKey, GroupType, SdkAppId};
use headcount_presence::Headcount;

/// What never changes about a living group, and the handle of its number.
#[derive(Clone, Debug)]
pub(crate) struct KnownGroup {
    pub(crate) key: GroupKey,
    pub(crate) group_type: GroupType,
    pub(crate) headcount: Arc<Headcount>,
}

/// Filled as groups are asked for; a dissolved group is forgotten in the moment its commit is reported.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    groups: RwLock<Groups>,
}

#[derive(Debug, Default)]
struct Groups {
    by_app: HashMap<SdkAppId, HashMap<GroupId, KnownGroup>>,
    dissolved: u64,
}

/// Taken before a group is read from the directory. An entry made from that read is refused when any
/// group was dissolved since: it might be that one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadTicket(u64);

impl Catalog {
    pub(crate) fn get(&self, app: SdkAppId, id: &str) -> Option<KnownGroup> {
        self.with(app, id, KnownGroup::clone)
    }

    /// Looks at a known group without cloning its handle.
    pub(crate) fn with<T>(&self, app: SdkAppId, id: &str, look: impl FnOnce(&KnownGroup) -> T) -> Option<T> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.by_app.get(&app)?.get(id).map(look)
    }

    /// Each of these groups that is known, in the same order, as of one moment.
    pub(crate) fn get_all(&self, app: SdkAppId, ids: &[String]) -> Vec<Option<KnownGroup>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let known = groups.by_app.get(&app);
        let get = |id: &String| known?.get(id.as_str()).cloned();
        ids.iter().map(get).collect()
    }

    pub(crate) fn before_read(&self) -> ReadTicket {
        ReadTicket(
            self.groups
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .dissolved,
        )
    }

    /// Remembers a group read from the directory; `None` when the read may be out of date.
    pub(crate) fn remember(
        &self,
        ticket: ReadTicket,
        app: SdkAppId,
        id: GroupId,
        make: impl FnOnce() -> KnownGroup,
    ) -> Option<KnownGroup> {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        if groups.dissolved != ticket.0 {
            return None;
        }
        Some(
            groups
                .by_app
                .entry(app)
                .or_default()
                .entry(id)
                .or_insert_with(make)
                .clone(),
        )
    }

    pub(crate) fn forget(&self, app: SdkAppId, id: &GroupId, group: GroupKey) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.dissolved += 1;
        if let Some(known) = groups.by_app.get_mut(&app) {
            // The id may already belong to a later group.
            if known.get(id.as_str()).is_some_and(|entry| entry.key == group) {
                known.remove(id.as_str());
            }
        }
    }
}
