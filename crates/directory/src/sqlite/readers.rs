//! Readers: connections that see what is committed, beside the writer.

use std::sync::{Arc, Mutex, PoisonError};

use headcount_core::limits::STORE_READERS_MAX;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open::Database;
use crate::StoreError;

/// A bounded number of reading connections, opened when first needed.
pub(crate) struct Readers {
    database: Database,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            idle: Arc::default(),
            turns: Arc::new(Semaphore::new(STORE_READERS_MAX)),
        }
    }

    /// Runs `body` on a thread for blocking work, in one read transaction: all it reads is of one moment.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|error| StoreError(error.to_string()))?;
        let idle = Arc::clone(&self.idle);
        let database = self.database.clone();
        let read = move || {
            // Held until the connection is back, also when the asker has gone away meanwhile.
            let _turn = turn;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| database.reader(), Ok)?;
            let result = in_transaction(&connection, body)?;
            // A connection that failed is not put back.
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            Ok(result)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| StoreError(format!("a read of the directory stopped: {error}")))?
    }
}

fn in_transaction<T>(
    connection: &Connection,
    body: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = body(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(result)
}
