//! Many nodes that count as one: what each tells the others, and how it gets there.
//!
//! Every node holds the sessions of all of them in its engine: its own, and those that the others tell of.
//! So a count is a read of memory, an account with sessions on several nodes counts once, and a node that
//! ends takes away its sessions and nothing else. [`Node`] is one node's part: it writes what happens here
//! into a log and follows the logs of the others. [`Relay`] is what they meet in;
//! [`redis::RedisRelay`] is that of nodes which share a Redis. A new relay is done when it passes `conformance`.

#[cfg(feature = "conformance")]
pub mod canary;
#[cfg(not(feature = "conformance"))]
mod canary;
#[cfg(feature = "conformance")]
pub mod conformance;
mod host;
#[cfg(feature = "conformance")]
mod local;
mod node;
mod outbox;
mod peer;
mod peers;
pub mod redis;
mod relay;
mod row;
mod status;
mod wire;

pub use host::Host;
#[cfg(feature = "conformance")]
pub use local::LocalRelay;
pub use node::{Node, NodeSettings};
pub use peer::PeerState;
pub use relay::{Entry, Incarnation, LogPosition, Relay, RelayError, RollRow};
pub use status::{ClusterStatus, PeerStatus, StatusBoard};
