//! The presence engine: sessions and membership changes in, exact headcounts out.
//!
//! A pure state machine: no IO, no clock, no randomness, no async. The caller owns it behind one lock,
//! feeds it every login, logout and committed [`Change`](headcount_core::Change), and acts on what each
//! call returns. Counts are read through [`Headcount`] handles without that lock, and each change of a
//! count has a stamp, so that a watcher sees with one look what has changed since its last.
//!
//! # Why the counts are exact
//!
//! An online account carries the set of groups it counts in, and a group's number moves only when that
//! set does. The set starts as a read of the directory, so the engine has to know of every membership
//! change that commits while that read is under way: [`Presence::login_started`] opens a record before
//! the read, changes are noted in it in the order of their commits, and [`Presence::session_opened`]
//! replays them over what was read. A change that the read already saw is replayed in vain, a change
//! that it missed is not missed here, and for each group the last change wins.
//!
//! # Several nodes
//!
//! An engine [among others](Presence::among_nodes) holds the sessions of all nodes: those of its own, and
//! those that the others [tell of](Event). An account counts once whatever the number of nodes it has
//! sessions on, because it is one entry here; when a node ends, its sessions are taken out, and whoever has
//! another one elsewhere has counted all the time. Each node follows the same commits, so the groups of an
//! account, once told, need not be told again.

mod digest;
mod headcount;
mod journal;
mod pending;
mod presence;
mod recent;
mod session;

pub use digest::SessionDigest;
pub use headcount::{Headcount, LatestChange, Numbers};
pub use journal::{Event, SessionFacts, Taken};
pub use pending::LoginTicket;
pub use presence::{Cut, Presence};
pub use session::{
    Arrival, Displaced, Displacement, NewSession, NodeNumber, Opened, Refused, Session, SessionKey,
};
