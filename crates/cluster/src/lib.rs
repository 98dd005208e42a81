//! Many nodes that count as one: what each tells the others, and how it gets there.
//!
//! [`Relay`] is what nodes meet in. [`LocalRelay`] is the one of nodes that share a process,
//! [`redis::RedisRelay`] that of nodes which share a Redis. A new relay is done when it passes `conformance`.

#[cfg(feature = "conformance")]
pub mod conformance;
mod local;
pub mod redis;
mod relay;

pub use local::LocalRelay;
pub use relay::{Entry, Incarnation, LogPosition, Relay, RelayError, RollRow};
