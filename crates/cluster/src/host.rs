//! The rest of a node, as its part in the cluster sees it.

use headcount_core::AccountKey;
use headcount_presence::{Displaced, Presence};

/// The rest of a node.
pub trait Host: Send + Sync + 'static {
    /// How a session's connection is reached.
    type Handle: Send;

    /// Calls the engine, under its lock: the call must be short.
    fn with_presence<R>(&self, act: impl FnOnce(&mut Presence<Self::Handle>) -> R) -> R;

    /// The handle of a session that is not here.
    fn elsewhere(&self) -> Self::Handle;

    /// A session of this node ended for one that opened on another.
    fn displaced(&self, ended: Displaced<Self::Handle>);

    /// Another node has a message for sessions that these accounts may have here.
    fn told(&self, accounts: &[AccountKey], message: &[u8]);
}
