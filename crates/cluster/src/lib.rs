//! Many nodes that count as one: what each tells the others, and how it gets there.
//!
//! [`Relay`] is what nodes meet in. [`LocalRelay`] is the one of nodes that share a process.

mod local;
mod relay;

pub use local::LocalRelay;
pub use relay::{Entry, Incarnation, LogPosition, Relay, RelayError, RollRow};
