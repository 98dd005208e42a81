//! A batch: commands that share a transaction.

use std::sync::Arc;
use std::time::Duration;

use headcount_core::Change;
use headcount_core::limits::{
    STORE_RERUN_PAUSE_MS, STORE_RERUNS_MAX, STORE_SILENT_MS_MAX, STORE_WRITE_MS_MAX,
};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::command::Command;
use super::connection::{Connection, Target, too_slow};
use super::log;
use super::tail::Tail;
use crate::StoreError;

/// The commands, and whom their commit is told.
pub(crate) struct Batch {
    pub(crate) commands: Vec<Box<dyn Command>>,
    pub(crate) target: Arc<Target>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) dissolved: Arc<Notify>,
}

/// How a transaction ended.
enum Ended {
    /// As this commit.
    Committed { position: u64, changes: Vec<Change> },
    /// It wrote nothing, and saw all up to this commit.
    Nothing { seen: u64 },
}

impl Batch {
    /// Runs the commands and answers them. Nobody is answered before the sink was told, and the sink not
    /// before the commit. Takes a connection and gives it back, or one in its place, if it is sound.
    pub(crate) async fn carry_out(mut self, connection: Option<Connection>) -> Option<Connection> {
        let mut connection = connection;
        let limit = Duration::from_millis(STORE_WRITE_MS_MAX);
        let ended = match timeout(limit, self.run(&mut connection)).await {
            Ok(ended) => ended,
            Err(_) => Err(too_slow("the database", STORE_WRITE_MS_MAX)),
        };
        if ended.is_err() {
            // What its transaction came to is unknown; with the connection it ends.
            connection = None;
        }
        let told = match ended {
            Ok(ended) => tell(&self.tail, &self.dissolved, ended).await,
            Err(error) => Err(error),
        };
        for command in self.commands {
            command.answer(told.clone());
        }
        connection
    }

    /// Runs the transaction, again when it met another one.
    async fn run(&mut self, connection: &mut Option<Connection>) -> Result<Ended, StoreError> {
        self.tail.check()?;
        let mut pause_ms = STORE_RERUN_PAUSE_MS;
        for _ in 0..STORE_RERUNS_MAX {
            let db = match connection.take().filter(|connection| !connection.is_closed()) {
                Some(connection) => connection,
                None => self.target.connect().await?,
            };
            let ended = self.transaction(&db).await;
            let wants_rerun = db.wants_rerun();
            if ended.is_ok() || !wants_rerun {
                *connection = Some(db);
                return ended;
            }
            if db.batch("ROLLBACK").await.is_ok() {
                *connection = Some(db);
            }
            sleep(Duration::from_millis(pause_ms)).await;
            pause_ms *= 2;
        }
        Err(StoreError(format!(
            "a transaction met another one {STORE_RERUNS_MAX} times"
        )))
    }

    async fn transaction(&mut self, db: &Connection) -> Result<Ended, StoreError> {
        db.start_over();
        db.batch(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             SET LOCAL idle_in_transaction_session_timeout = {STORE_SILENT_MS_MAX}"
        ))
        .await?;
        let position = log::next_position(db).await?;
        let mut changes = Vec::new();
        self.run_commands(db, &mut changes).await?;
        if db.written() == 0 {
            db.batch("ROLLBACK").await?;
            return Ok(Ended::Nothing { seen: position - 1 });
        }
        // Sent one behind the other. Should the first fail, the second rolls back.
        let (appended, committed) = tokio::join!(
            biased;
            log::append(db, position, &changes),
            db.batch("COMMIT")
        );
        appended.and(committed)?;
        Ok(Ended::Committed { position, changes })
    }

    /// Runs each command; one that fails leaves no trace. An error is the whole transaction's.
    async fn run_commands(&mut self, db: &Connection, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        let mut savepoint = "SAVEPOINT command";
        for command in &mut self.commands {
            if command.abandoned() {
                continue;
            }
            let before = changes.len();
            // Sent one behind the other. Should the first fail, the others do.
            let (saved, succeeded) = tokio::join!(biased; db.batch(savepoint), command.run(db, changes));
            saved?;
            if db.wants_rerun() {
                return Err(StoreError("the transaction has to be run again".to_owned()));
            }
            savepoint = "RELEASE SAVEPOINT command; SAVEPOINT command";
            if !succeeded {
                changes.truncate(before);
                db.batch("ROLLBACK TO SAVEPOINT command").await?;
            }
        }
        Ok(())
    }
}

/// Tells the sink what the answers rest on.
async fn tell(tail: &Tail, dissolved: &Notify, ended: Ended) -> Result<(), StoreError> {
    match ended {
        Ended::Committed { position, changes } => {
            tail.committed(position, &changes).await?;
            let is_dissolved = |change: &Change| matches!(change, Change::Dissolved { .. });
            if changes.iter().any(is_dissolved) {
                dissolved.notify_one();
            }
            Ok(())
        }
        Ended::Nothing { seen } => tail.reach(seen).await,
    }
}
