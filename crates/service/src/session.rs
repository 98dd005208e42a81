//! A live session: its end is the end of being online.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use headcount_core::AccountKey;
use headcount_core::limits::SESSION_NOTICES_MAX;
use headcount_presence::{Displacement, SessionKey};

use crate::live::Live;
use crate::notice::Notice;

/// Why a session ended without its client asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A newer login on the same platform took its place.
    SamePlatform,
    /// A newer login on a platform that does not go together with its own.
    OtherPlatform,
    /// The same client came back on another connection.
    Reconnected,
    /// The app's backend kicked the user or deleted the account.
    Kicked,
    /// The client did not take in what it was told.
    TooSlow,
}

impl From<Displacement> for Ending {
    fn from(reason: Displacement) -> Self {
        match reason {
            Displacement::Reconnected => Self::Reconnected,
            Displacement::SamePlatform => Self::SamePlatform,
            Displacement::OtherPlatform => Self::OtherPlatform,
        }
    }
}

/// What the service tells a session's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Something about a group of its user.
    Notice(Arc<Notice>),
    /// The session is over.
    Ended(Ending),
}

/// How the service reaches a session's connection, of which there is one.
#[derive(Debug, Default)]
pub struct SessionHandle {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Allocated by the first notice: most sessions never have one.
    notices: VecDeque<Arc<Notice>>,
    ending: Option<Ending>,
    /// The connection, while it waits.
    connection: Option<Waker>,
}

impl SessionHandle {
    /// Tells the connection that its session is over; the first reason stays.
    pub(crate) fn end(&self, ending: Ending) {
        self.tell(|waiting| {
            waiting.ending.get_or_insert(ending);
        });
    }

    /// Tells the connection something. One that takes nothing in is ended as too slow.
    pub(crate) fn notify(&self, notice: &Arc<Notice>) {
        self.tell(|waiting| {
            if waiting.notices.len() < SESSION_NOTICES_MAX {
                waiting.notices.push_back(Arc::clone(notice));
            } else {
                waiting.ending.get_or_insert(Ending::TooSlow);
            }
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.waiting();
        change(&mut waiting);
        let connection = waiting.connection.take();
        drop(waiting);
        if let Some(connection) = connection {
            connection.wake();
        }
    }

    /// Looks for the next thing to tell the client. Only the task that looked last is woken when there is
    /// one.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        let mut waiting = self.waiting();
        if let Some(notice) = waiting.notices.pop_front() {
            return Poll::Ready(SessionEvent::Notice(notice));
        }
        if let Some(ending) = waiting.ending {
            return Poll::Ready(SessionEvent::Ended(ending));
        }
        match &mut waiting.connection {
            Some(known) if known.will_wake(cx.waker()) => {}
            other => *other = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits for the next thing to tell the client.
    pub async fn next(&self) -> SessionEvent {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a session of the engine is reached.
#[derive(Clone, Debug)]
pub enum Reach {
    /// By its connection.
    Here(Arc<SessionHandle>),
    /// Through its node, which follows the same commits and the same rules and ends it by itself.
    Elsewhere,
}

impl Reach {
    pub(crate) fn end(&self, ending: Ending) {
        if let Self::Here(handle) = self {
            handle.end(ending);
        }
    }
}

/// An open session. Dropping it closes it, so that nobody stays online because a connection's task was
/// cancelled or failed.
#[derive(Debug)]
pub struct LiveSession {
    live: Arc<Live>,
    account: AccountKey,
    key: SessionKey,
    handle: Arc<SessionHandle>,
}

impl LiveSession {
    pub(crate) fn new(
        live: Arc<Live>,
        account: AccountKey,
        key: SessionKey,
        handle: Arc<SessionHandle>,
    ) -> Self {
        Self {
            live,
            account,
            key,
            handle,
        }
    }

    /// Whose session it is.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        self.account
    }

    /// How the service reaches it.
    #[must_use]
    pub fn handle(&self) -> &Arc<SessionHandle> {
        &self.handle
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.live.presence().session_closed(self.account, self.key);
    }
}
