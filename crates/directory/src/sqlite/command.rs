//! Commands: what waits for the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use headcount_core::Change;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::snapshot::SqliteSnapshot;
use crate::StoreError;

/// What the writer is told to do.
pub(crate) enum Order {
    /// Run a command.
    Command(Box<dyn Command>),
    /// Freeze the truth.
    Cut(Cut),
}

/// A command whose types were forgotten, so that commands of all kinds share a queue and a transaction.
pub(crate) trait Command: Send {
    /// About how many rows it touches.
    fn rows(&self) -> usize;

    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool;

    /// Runs inside a transaction and adds what it changed. `false` when that has to be undone. The answer
    /// is kept until the transaction has ended.
    fn run(&mut self, connection: &Connection, changes: &mut Vec<Change>) -> bool;

    /// Answers: what `run` came to, or that the transaction failed.
    fn answer(self: Box<Self>, ended: Result<(), StoreError>);
}

/// A command's body.
type Body<T, E> = Box<dyn FnOnce(&Connection, &mut Vec<Change>) -> Result<T, E> + Send>;

/// A [`Command`] with its types.
pub(crate) struct Typed<T, E> {
    rows: usize,
    body: Option<Body<T, E>>,
    result: Option<Result<T, E>>,
    asker: oneshot::Sender<Result<T, E>>,
}

impl<T, E> Typed<T, E> {
    /// A command that touches about `rows` rows and answers to `asker`.
    pub(crate) fn new(rows: usize, body: Body<T, E>, asker: oneshot::Sender<Result<T, E>>) -> Self {
        Self {
            rows,
            body: Some(body),
            result: None,
            asker,
        }
    }
}

impl<T: Send, E: From<StoreError> + Send> Command for Typed<T, E> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn abandoned(&self) -> bool {
        self.asker.is_closed()
    }

    fn run(&mut self, connection: &Connection, changes: &mut Vec<Change>) -> bool {
        let Some(body) = self.body.take() else {
            return false;
        };
        // What a panic leaves half done in the database is rolled back with the savepoint; nothing else
        // is shared with the body.
        let result = catch_unwind(AssertUnwindSafe(|| body(connection, changes))).unwrap_or_else(|_| {
            Err(E::from(StoreError(
                "a command of the directory panicked".to_owned(),
            )))
        });
        let succeeded = result.is_ok();
        self.result = Some(result);
        succeeded
    }

    fn answer(self: Box<Self>, ended: Result<(), StoreError>) {
        let result = match (ended, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(E::from(StoreError(
                "a command of the directory was not run".to_owned(),
            ))),
            (Err(error), _) => Err(E::from(error)),
        };
        // An asker that is gone needs no answer.
        drop(self.asker.send(result));
    }
}

/// An order to freeze the truth between two commits.
pub(crate) struct Cut {
    /// Runs at the cut.
    pub(crate) at_cut: Box<dyn FnOnce() + Send>,
    /// Gets the truth as it was then.
    pub(crate) asker: oneshot::Sender<Result<SqliteSnapshot, StoreError>>,
}

impl Cut {
    /// Cuts. No transaction may be under way.
    pub(crate) fn carry_out(self, connection: rusqlite::Result<Connection>) {
        let Self { at_cut, asker } = self;
        let snapshot = connection
            .and_then(SqliteSnapshot::take)
            .map_err(StoreError::from)
            .and_then(|snapshot| match catch_unwind(AssertUnwindSafe(at_cut)) {
                Ok(()) => Ok(snapshot),
                Err(_) => Err(StoreError("the caller's part of a cut panicked".to_owned())),
            });
        drop(asker.send(snapshot));
    }
}
