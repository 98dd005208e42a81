//! A live session: its end is the end of being online.

use std::sync::{Arc, OnceLock};

use headcount_core::AccountKey;
use headcount_presence::{Displacement, SessionKey};
use tokio::sync::Notify;

use crate::live::Live;

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

/// How the service reaches a session's connection. A session ends once, so there is one thing to say.
#[derive(Debug, Default)]
pub struct SessionHandle {
    ending: OnceLock<Ending>,
    wake: Notify,
}

impl SessionHandle {
    /// Tells the connection that its session is over; the first reason stays.
    pub(crate) fn end(&self, ending: Ending) {
        if self.ending.set(ending).is_ok() {
            self.wake.notify_one();
        }
    }

    /// Waits until the service ends the session.
    pub async fn ended(&self) -> Ending {
        loop {
            if let Some(&ending) = self.ending.get() {
                return ending;
            }
            self.wake.notified().await;
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
