//! This server's part in a cluster.

use std::net::SocketAddr;
use std::sync::Arc;

use headcount_cluster::redis::RedisRelay;
use headcount_cluster::{Incarnation, Node, StatusBoard};
use headcount_core::{Clock, Entropy};
use headcount_service::Live;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::clock::SystemEntropy;
use crate::config::{Config, Shared};

/// A node that takes part.
pub(crate) struct Membership {
    task: JoinHandle<()>,
    leave: CancellationToken,
    board: Arc<StatusBoard>,
}

impl Membership {
    /// Begins to take part: in the background, and also when Redis is not there yet.
    pub(crate) fn begin(
        config: &Config,
        shared: &Shared,
        ops_listen: SocketAddr,
        live: &Arc<Live>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let relay = RedisRelay::connect(&shared.redis).map_err(Failure::new)?;
        let node = Node::new(
            config.node(ops_listen),
            Incarnation(SystemEntropy.next_u64()),
            Arc::new(relay),
            Arc::clone(live),
            Arc::clone(clock),
        );
        let board = node.board();
        let leave = CancellationToken::new();
        let task = tokio::spawn(node.run(leave.clone().cancelled_owned()));
        Ok(Self { task, leave, board })
    }

    /// Where its status is read.
    pub(crate) fn board(&self) -> Arc<StatusBoard> {
        Arc::clone(&self.board)
    }

    /// Takes leave of the other nodes, after the last session is over.
    pub(crate) async fn end(self) {
        self.leave.cancel();
        // A panic has printed itself.
        let _ = self.task.await;
    }
}
