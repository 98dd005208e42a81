//! What can be told of a node's place in the cluster.

use headcount_presence::NodeNumber;
use tokio::sync::watch;

use crate::peer::PeerState;
use crate::relay::Incarnation;

/// How a node sees the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterStatus {
    /// This run of this node.
    pub node: Incarnation,
    /// Its name.
    pub name: String,
    /// Whether it can count: it has read the roll, every node in it is gone or has told all its sessions,
    /// and knows those of this one. Once true it stays true while the relay is away: the node then goes on
    /// with the last it knew.
    pub ready: bool,
    /// How long the relay has not answered, milliseconds; 0 while it does.
    pub relay_silent_ms: u64,
    /// The last entry of its log that the relay has.
    pub entries: u64,
    /// The commit up to which it has followed the directory.
    pub position: u64,
    /// The other nodes.
    pub peers: Vec<PeerStatus>,
}

/// How a node sees another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// That run of that node.
    pub node: Incarnation,
    /// What this node's engine calls it.
    pub number: NodeNumber,
    /// Its name.
    pub name: String,
    /// Where its operators' listener is, if it says so.
    pub ops: Option<String>,
    /// What is known of it.
    pub state: PeerState,
    /// How long it has been silent while the relay answered, milliseconds.
    pub silent_ms: u64,
    /// The last entry of its log that was read.
    pub entries: u64,
    /// Its sessions, as far as they are known.
    pub sessions: usize,
}

/// Where a node leaves its status for others to read.
#[derive(Debug)]
pub struct StatusBoard(watch::Sender<ClusterStatus>);

impl StatusBoard {
    pub(crate) fn new(node: Incarnation, name: String) -> Self {
        Self(watch::Sender::new(ClusterStatus {
            node,
            name,
            ready: false,
            relay_silent_ms: 0,
            entries: 0,
            position: 0,
            peers: Vec::new(),
        }))
    }

    /// The status of a moment ago.
    #[must_use]
    pub fn read(&self) -> ClusterStatus {
        self.0.borrow().clone()
    }

    /// Waits until the node can count.
    pub async fn ready(&self) {
        // The sender lives as long as this, so it does not fail.
        let _ = self.0.subscribe().wait_for(|status| status.ready).await;
    }

    pub(crate) fn write(&self, status: ClusterStatus) {
        self.0.send_replace(status);
    }
}
