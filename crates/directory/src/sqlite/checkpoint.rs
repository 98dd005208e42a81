//! Checkpoints: moving committed pages from the log into the database file, off the commits' path.
//!
//! Commits append to the log. A thread of its own copies the log's pages into the database file while
//! commits go on, so it never reaches the end of the log, and the log can be started over only when the
//! end was reached. So when the thread has just caught up and the log is long, the writer copies the few
//! pages that are left itself, between two transactions, and the next transaction starts the log over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use headcount_core::limits::{
    STORE_BUSY_MS_MAX, STORE_CHECKPOINT_PAGES, STORE_LOG_PAGES_MAX, STORE_LOG_RESTART_MS_MAX,
    STORE_LOG_RESTART_PAGES,
};
use rusqlite::Connection;

/// Runs a checkpoint that waits for nobody and makes nobody wait. One that fails is tried again later:
/// the log holds all that was committed.
fn passive(connection: &Connection) {
    drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
}

/// Waits, though not long, until nobody reads from the log any more, so that it can be started over also
/// when one read always overlaps the next: those that begin meanwhile do without the log.
fn insistent(connection: &Connection) {
    drop(connection.busy_timeout(Duration::from_millis(STORE_LOG_RESTART_MS_MAX)));
    drop(connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())));
    drop(connection.busy_timeout(Duration::from_millis(STORE_BUSY_MS_MAX)));
}

/// Empties the log as far as readers allow, for a tidy folder after a stop.
pub(crate) fn last(connection: &Connection) {
    drop(connection.busy_timeout(Duration::ZERO));
    drop(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
}

/// The writer's view of the log, which decides when to checkpoint.
pub(crate) struct LogWatch {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    /// Pages that were in it when the thread was last asked.
    asked_at: u32,
    /// Pages from which on the writer no longer waits for the thread.
    patience_ends_at: u32,
    ask: SyncSender<()>,
    caught_up: Arc<AtomicBool>,
}

impl LogWatch {
    /// Watches the log through the writer's connection and starts the thread, which ends when the watch
    /// is dropped.
    pub(crate) fn start(
        writer: &mut Connection,
        checkpointer: Connection,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        // Registering fails on closed connections alone; without it the log is still emptied at close.
        drop(writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            seen.store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        })));
        let (ask, asked) = sync_channel(1);
        let caught_up = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&caught_up);
        let thread = thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || checkpoint_when_asked(&checkpointer, &asked, &tell))?;
        let watch = Self {
            pages,
            asked_at: 0,
            patience_ends_at: STORE_LOG_PAGES_MAX,
            ask,
            caught_up,
        };
        Ok((watch, thread))
    }

    /// Called by the writer between two transactions.
    pub(crate) fn between_transactions(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.asked_at {
            // The log was started over.
            self.asked_at = 0;
            self.patience_ends_at = STORE_LOG_PAGES_MAX;
        }
        if pages - self.asked_at >= STORE_CHECKPOINT_PAGES && self.ask.try_send(()).is_ok() {
            self.asked_at = pages;
        }
        let caught_up = self.caught_up.swap(false, Ordering::Acquire);
        if caught_up && pages >= STORE_LOG_RESTART_PAGES {
            passive(writer);
        } else if pages >= self.patience_ends_at {
            // A long read may keep the log from being started over: try again only when it has grown.
            self.patience_ends_at = pages.saturating_add(STORE_LOG_PAGES_MAX / 8);
            insistent(writer);
        }
    }
}

fn checkpoint_when_asked(connection: &Connection, asked: &Receiver<()>, caught_up: &AtomicBool) {
    while asked.recv().is_ok() {
        passive(connection);
        caught_up.store(true, Ordering::Release);
    }
}
