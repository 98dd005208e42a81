//! Commands: what waits for the writer.

use std::pin::Pin;

use async_trait::async_trait;
use headcount_core::Change;
use tokio::sync::oneshot;

use super::connection::Connection;
use crate::StoreError;

/// A command whose types were forgotten, so that commands of all kinds share a queue and a transaction.
#[async_trait]
pub(crate) trait Command: Send {
    /// About how many rows it touches.
    fn rows(&self) -> usize;

    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool;

    /// Runs inside a transaction and adds what it changed. `false` when that has to be undone. The answer
    /// is kept until the transaction has ended. Runs again when the transaction has to.
    async fn run(&mut self, db: &Connection, changes: &mut Vec<Change>) -> bool;

    /// Answers: what `run` came to, or that the transaction failed.
    fn answer(self: Box<Self>, ended: Result<(), StoreError>);
}

/// What a command's body comes to by and by.
pub(crate) type Running<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// A command's body: it may be run more than once with the same input.
pub(crate) type Body<I, T, E> = for<'a> fn(&'a Connection, &'a I, &'a mut Vec<Change>) -> Running<'a, T, E>;

/// A [`Command`] with its types.
pub(crate) struct Typed<I, T, E> {
    pub(crate) rows: usize,
    pub(crate) input: I,
    pub(crate) body: Body<I, T, E>,
    pub(crate) result: Option<Result<T, E>>,
    pub(crate) asker: oneshot::Sender<Result<T, E>>,
}

#[async_trait]
impl<I, T, E> Command for Typed<I, T, E>
where
    I: Send + Sync,
    T: Send,
    E: From<StoreError> + Send,
{
    fn rows(&self) -> usize {
        self.rows
    }

    fn abandoned(&self) -> bool {
        self.asker.is_closed()
    }

    async fn run(&mut self, db: &Connection, changes: &mut Vec<Change>) -> bool {
        let result = (self.body)(db, &self.input, changes).await;
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
