//! The connection, which is opened when it is needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headcount_core::limits::RELAY_OPEN_MS_MAX;
use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError};
use tokio::time::timeout;

use super::settings::Target;

/// An open connection, for as many commands at once as there are callers.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends a command and waits for its answer.
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        match self {
            Self::Server(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

/// Which opening a connection came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opening(u64);

/// The way to Redis.
pub(super) struct Link(Arc<Shared>);

struct Shared {
    target: Target,
    held: Mutex<Held>,
    /// Held by whoever opens a connection.
    opening: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    opening: Opening,
}

impl Link {
    pub(super) fn new(target: Target) -> Self {
        Self(Arc::new(Shared {
            target,
            held: Mutex::default(),
            opening: Arc::default(),
        }))
    }

    /// The open connection, or a new one.
    pub(super) async fn connection(&self) -> Result<(Connection, Opening), RedisError> {
        if let Some(open) = self.0.open() {
            return Ok(open);
        }
        let opening = Arc::clone(&self.0.opening).lock_owned().await;
        if let Some(open) = self.0.open() {
            return Ok(open);
        }
        let shared = Arc::clone(&self.0);
        // A task of its own: if this call has no time left, the next one finds the connection open.
        let task = tokio::spawn(async move {
            let opened = shared.open_new().await;
            drop(opening);
            opened
        });
        task.await.map_err(std::io::Error::other)?
    }

    /// Forgets a connection, unless there is a newer one. Calls that use it are not disturbed.
    pub(super) fn abandon(&self, opening: Opening) {
        let mut held = self.0.held();
        if held.opening == opening {
            held.connection = None;
        }
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Option<(Connection, Opening)> {
        let held = self.held();
        held.connection
            .clone()
            .map(|connection| (connection, held.opening))
    }

    async fn open_new(&self) -> Result<(Connection, Opening), RedisError> {
        let in_time = timeout(Duration::from_millis(RELAY_OPEN_MS_MAX), self.target.open());
        let late = |_| RedisError::from((ErrorKind::Io, "it took too long to connect"));
        let connection = in_time.await.map_err(late)??;
        let mut held = self.held();
        held.opening.0 += 1;
        held.connection = Some(connection.clone());
        Ok((connection, held.opening))
    }
}
