//! What changes with every commit and every login: the engine, and the groups and apps known beside it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_cluster::Host;
use headcount_core::limits::{RELAY_CHANGES_MAX, RELAY_EVENTS_MAX};
use headcount_core::{AccountKey, Change, GroupKey, MultiLogin};
use headcount_directory::CommitSink;
use headcount_presence::{
    Displaced, LatestChange, LoginTicket, NewSession, Opened, Presence, Refused, SessionKey,
};

use crate::apps::Apps;
use crate::catalog::Catalog;
use crate::notice::Notice;
use crate::session::{Ending, Reach};

/// The presence engine behind its lock, and what is read without it: groups whose numbers are known, and
/// apps. It is the directory's [`CommitSink`], so the engine follows every commit before the commit is
/// answered; and among several nodes the cluster's [`Host`].
pub struct Live {
    presence: Mutex<Presence<Reach>>,
    catalog: Catalog,
    apps: Apps,
    sessions_opened: AtomicU64,
    latest_change: LatestChange,
}

impl Live {
    /// Nobody online, no group known, and no other node.
    #[must_use]
    pub fn new(rules: MultiLogin) -> Arc<Self> {
        Self::over(Presence::new(rules))
    }

    /// The same for one of several nodes.
    #[must_use]
    pub fn among_nodes(rules: MultiLogin) -> Arc<Self> {
        Self::over(Presence::among_nodes(rules, RELAY_EVENTS_MAX, RELAY_CHANGES_MAX))
    }

    fn over(presence: Presence<Reach>) -> Arc<Self> {
        Arc::new(Self {
            latest_change: presence.latest_change(),
            presence: Mutex::new(presence),
            catalog: Catalog::default(),
            apps: Apps::default(),
            sessions_opened: AtomicU64::new(0),
        })
    }

    /// The engine. Held for the time of one call of it; never across an await.
    pub(crate) fn presence(&self) -> MutexGuard<'_, Presence<Reach>> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn apps(&self) -> &Apps {
        &self.apps
    }

    pub(crate) fn next_session(&self) -> SessionKey {
        SessionKey(self.sessions_opened.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn latest_change(&self) -> LatestChange {
        self.latest_change.clone()
    }

    /// Accounts online now, over all apps and nodes.
    #[must_use]
    pub fn online_accounts(&self) -> usize {
        self.presence().online_accounts()
    }

    /// Drops what is remembered of what a change ends. Before the engine hears of it: a reader who looks
    /// meanwhile cannot put a handle back that the engine no longer feeds.
    fn forget(&self, change: &Change) {
        match change {
            Change::Dissolved { app, id, group } => self.catalog.forget(*app, id, *group),
            Change::AccountDeleted { app, user, .. } | Change::UserSigsRevoked { app, user, .. } => {
                self.apps.forget_usersigs(*app, user.as_str());
            }
            Change::Joined { .. } | Change::Left { .. } => {}
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl CommitSink for Live {
    fn committed(&self, position: u64, changes: &[Change]) {
        for change in changes {
            self.forget(change);
        }
        let mut presence = self.presence();
        presence.commit_began(position);
        for session in changes.iter().flat_map(|change| presence.apply(change)) {
            session.handle.end(Ending::Kicked);
        }
    }
}

impl Host for Live {
    type Handle = Reach;

    fn with_presence<R>(&self, act: impl FnOnce(&mut Presence<Reach>) -> R) -> R {
        act(&mut self.presence())
    }

    fn elsewhere(&self) -> Reach {
        Reach::Elsewhere
    }

    fn displaced(&self, ended: Displaced<Reach>) {
        ended.session.handle.end(ended.reason.into());
    }

    fn told(&self, accounts: &[AccountKey], message: &[u8]) {
        let Some(notice) = Notice::read(message).map(Arc::new) else {
            tracing::warn!("a node told something that this one does not understand");
            return;
        };
        let presence = self.presence();
        let sessions = accounts.iter().flat_map(|&account| presence.sessions(account));
        for session in sessions {
            if let Reach::Here(handle) = &session.handle {
                handle.notify(&notice);
            }
        }
    }
}

/// A login under way. Dropping it gives the login up.
pub(crate) struct PendingLogin {
    live: Arc<Live>,
    ticket: Option<LoginTicket>,
}

impl PendingLogin {
    pub(crate) fn start(live: &Arc<Live>, account: AccountKey) -> Self {
        let ticket = live.presence().login_started(account);
        Self {
            live: Arc::clone(live),
            ticket: Some(ticket),
        }
    }

    /// Opens the session and tells those that ended for it.
    pub(crate) fn open(
        mut self,
        new: NewSession<Reach>,
        groups: Vec<GroupKey>,
    ) -> Result<Opened<Reach>, Refused> {
        let Some(ticket) = self.ticket.take() else {
            unreachable!("a ticket is taken once")
        };
        let opened = self.live.presence().session_opened(ticket, new, groups)?;
        for displaced in &opened.displaced {
            displaced.session.handle.end(displaced.reason.into());
        }
        Ok(opened)
    }
}

impl Drop for PendingLogin {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.live.presence().login_aborted(ticket);
        }
    }
}
