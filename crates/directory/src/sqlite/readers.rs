//! Readers: threads with a connection each that see what is committed, beside the writer.
//!
//! Threads of their own, and not whichever is free: a connection's files stay on the thread that opened
//! them, and a read costs two wake-ups, or none while others wait.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use headcount_core::limits::{STORE_READERS_MAX, STORE_READS_WAITING_MAX};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::open::Database;
use crate::StoreError;

/// A bounded number of reading connections, opened when first needed.
pub(crate) struct Readers {
    queue: Arc<Queue>,
    /// Reads that wait or are under way.
    turns: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

type Read = Box<dyn FnOnce(&mut Reader) + Send>;

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    reads: VecDeque<Read>,
    closed: bool,
}

/// What a reading thread has.
struct Reader {
    database: Database,
    connection: Option<Connection>,
}

impl Readers {
    pub(crate) fn start(database: &Database) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let start = |number| {
            let queue = Arc::clone(&queue);
            let mut reader = Reader {
                database: database.clone(),
                connection: None,
            };
            thread::Builder::new()
                .name(format!("reader-{number}"))
                .spawn(move || {
                    while let Some(read) = queue.next() {
                        read(&mut reader);
                    }
                })
        };
        let threads: io::Result<_> = (0..STORE_READERS_MAX).map(start).collect();
        Ok(Self {
            turns: Arc::new(Semaphore::new(STORE_READS_WAITING_MAX)),
            threads: threads?,
            queue,
        })
    }

    /// Runs `body` in one read transaction: all it reads is of one moment.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_statements(|connection| in_transaction(connection, body))
            .await
    }

    /// Runs `body`, of which each statement reads of a moment of its own.
    pub(crate) async fn read_statements<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError("a read of the directory stopped".to_owned());
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| stopped())?;
        let (asker, answer) = oneshot::channel();
        self.queue.push(Box::new(move |reader| {
            // Held until the connection is free, also when the asker has gone away meanwhile.
            let _turn = turn;
            if !asker.is_closed() {
                // What waits for an answer is told by the drop of `asker` when the read panics.
                if let Some(result) = reader.run(body) {
                    drop(asker.send(result));
                }
            }
        }));
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.waiting().closed = true;
        self.queue.news.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, read: Read) {
        self.waiting().reads.push_back(read);
        self.news.notify_one();
    }

    /// The next read, when there is one; `None` when there will be none.
    fn next(&self) -> Option<Read> {
        let idle = |waiting: &mut Waiting| waiting.reads.is_empty() && !waiting.closed;
        let waiting = self.news.wait_while(self.waiting(), idle);
        waiting.unwrap_or_else(PoisonError::into_inner).reads.pop_front()
    }
}

impl Reader {
    /// Runs a read; `None` when it panicked. A connection that failed is not used again.
    fn run<T>(
        &mut self,
        body: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Option<Result<T, StoreError>> {
        let kept = self.connection.take();
        let connection = match kept.map_or_else(|| self.database.reader(), Ok) {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error.into())),
        };
        let result = catch_unwind(AssertUnwindSafe(|| body(&connection))).ok()?;
        if result.is_ok() {
            self.connection = Some(connection);
        }
        Some(result.map_err(StoreError::from))
    }
}

fn in_transaction<T>(
    connection: &Connection,
    body: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = body(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(result)
}
