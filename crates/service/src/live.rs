//! What changes with every commit and every login: the engine, and the groups known to it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_core::{AccountKey, Change, MultiLogin};
use headcount_directory::CommitSink;
use headcount_presence::{LatestChange, LoginTicket, NewSession, Opened, Presence, Refused, SessionKey};

use crate::catalog::Catalog;
use crate::session::{Ending, SessionHandle};

/// The presence engine behind its lock, and the groups whose numbers are read without it. It is the
/// directory's [`CommitSink`], so the engine follows every commit before the commit is answered.
pub struct Live {
    presence: Mutex<Presence<Arc<SessionHandle>>>,
    catalog: Catalog,
    sessions_opened: AtomicU64,
    latest_change: LatestChange,
}

impl Live {
    /// Nobody online, no group known.
    #[must_use]
    pub fn new(rules: MultiLogin) -> Arc<Self> {
        let presence = Presence::new(rules);
        Arc::new(Self {
            latest_change: presence.latest_change(),
            presence: Mutex::new(presence),
            catalog: Catalog::default(),
            sessions_opened: AtomicU64::new(0),
        })
    }

    /// The engine. Held for the time of one call of it; never across an await.
    pub(crate) fn presence(&self) -> MutexGuard<'_, Presence<Arc<SessionHandle>>> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn next_session(&self) -> SessionKey {
        SessionKey(self.sessions_opened.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn latest_change(&self) -> LatestChange {
        self.latest_change.clone()
    }

    /// Accounts online now, over all apps.
    #[must_use]
    pub fn online_accounts(&self) -> usize {
        self.presence().online_accounts()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl CommitSink for Live {
    fn committed(&self, _position: u64, changes: &[Change]) {
        // First out of the catalog, so that a reader who looks a group up meanwhile cannot put a handle
        // back that the engine no longer feeds.
        for change in changes {
            if let Change::Dissolved { app, id, group } = change {
                self.catalog.forget(*app, id, *group);
            }
        }
        let mut presence = self.presence();
        for session in changes.iter().flat_map(|change| presence.apply(change)) {
            session.handle.end(Ending::Kicked);
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
        new: NewSession<Arc<SessionHandle>>,
        groups: Vec<headcount_core::GroupKey>,
    ) -> Result<Opened<Arc<SessionHandle>>, Refused> {
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
