//! The durable truth: apps, accounts, groups and members.
//!
//! [`Directory`] is the one interface. Behind it are `sqlite::SqliteDirectory`, the embedded store of one
//! server, and `postgres::PostgresDirectory`, which several servers share. A new backend is done when it
//! passes `conformance`.
//!
//! # Promises of every backend
//!
//! - What a method answered `Ok` is on disk: it survives `kill -9` and power loss.
//! - Each method is atomic: it happens as a whole or not at all.
//! - Every commit is reported to the [`CommitSink`] before the method that caused it returns, and commits
//!   are reported one after another in the order in which they became visible to readers.

#[cfg(feature = "conformance")]
pub mod conformance;
mod directory;
pub mod migrate;
mod model;
pub mod postgres;
pub mod sqlite;

pub use directory::{Announce, CommitSink, Directory, Snapshot};
pub use model::{
    Account, AccountImport, AddMembersError, AddedMember, CreateAppError, CreateGroupError, Group,
    JoinedGroup, JoinedGroups, JoinedQuery, LoginFacts, Member, MemberPage, NewGroup, NewMember, PageStart,
    RemovedMembers, StoreError,
};
