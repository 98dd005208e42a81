//! The tail: every commit of every server, told to the sink one by one in the order of the commits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use headcount_core::Change;
use headcount_core::limits::STORE_LOG_LOOK_MS;
use tokio::sync::{Mutex, watch};

use super::connection::Rows;
use super::log::{self, Portion};
use super::pool::Pool;
use crate::{CommitSink, StoreError};

/// Follows the log.
pub(crate) struct Tail {
    pool: Arc<Pool>,
    sink: Arc<dyn CommitSink>,
    /// The last commit that the sink was told. Held while it is told the next ones.
    position: Mutex<u64>,
    /// Why the log can be followed no more.
    failed: watch::Sender<Option<StoreError>>,
}

impl Tail {
    /// Begins at the log's present end, and tells the sink where that is.
    pub(crate) async fn start(pool: Arc<Pool>, sink: Arc<dyn CommitSink>) -> Result<Self, StoreError> {
        let head = log::head(pool.as_ref()).await?;
        sink.committed(head, &[]);
        Ok(Self {
            pool,
            sink,
            position: Mutex::new(head),
            failed: watch::Sender::new(None),
        })
    }

    /// Looks for commits of other servers until the log can be followed no more.
    pub(crate) async fn follow(&self) {
        while self.check().is_ok() {
            tokio::time::sleep(Duration::from_millis(STORE_LOG_LOOK_MS)).await;
            // A database that does not answer is asked again; what it has by then is not lost.
            drop(self.catch_up().await);
        }
    }

    /// Tells the sink all that is committed.
    pub(crate) async fn catch_up(&self) -> Result<(), StoreError> {
        let mut position = self.position.lock().await;
        self.read_up_to(self.pool.as_ref(), &mut position, u64::MAX).await
    }

    /// Tells the sink all up to a commit, if it was not told yet.
    pub(crate) async fn reach(&self, wanted: u64) -> Result<(), StoreError> {
        let mut position = self.position.lock().await;
        self.read_up_to(self.pool.as_ref(), &mut position, wanted).await
    }

    /// Tells the sink a commit of this server, after all earlier ones.
    pub(crate) async fn committed(&self, own: u64, changes: &[Change]) -> Result<(), StoreError> {
        let mut position = self.position.lock().await;
        self.read_up_to(self.pool.as_ref(), &mut position, own - 1)
            .await?;
        // It may have been among what was read.
        if *position < own {
            self.tell(&mut position, own, changes)?;
        }
        Ok(())
    }

    /// Runs `at_cut` while the sink was told exactly what `snapshot` shows. The snapshot's first read is
    /// made here.
    pub(crate) async fn cut(
        &self,
        snapshot: &dyn Rows,
        at_cut: Box<dyn FnOnce() + Send>,
    ) -> Result<(), StoreError> {
        let mut position = self.position.lock().await;
        let head = log::head(snapshot).await?;
        // Read in the snapshot itself: it has no later commit than it shows.
        self.read_up_to(snapshot, &mut position, head).await?;
        catch_unwind(AssertUnwindSafe(at_cut))
            .map_err(|_| StoreError("the caller's part of a cut panicked".to_owned()))
    }

    /// An error when the log can be followed no more.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.failed.borrow().clone().map_or(Ok(()), Err)
    }

    /// Waits until the log can be followed no more, and says why.
    pub(crate) async fn failed(&self) -> StoreError {
        let mut failed = self.failed.subscribe();
        let reason = failed.wait_for(Option::is_some).await;
        // The sender lives as long as this does.
        reason.map_or_else(
            |_| lost("is closed"),
            |reason| reason.clone().unwrap_or_else(|| lost("is closed")),
        )
    }

    /// Tells the sink commits until it was told `wanted` or all there are.
    async fn read_up_to(&self, db: &dyn Rows, position: &mut u64, wanted: u64) -> Result<(), StoreError> {
        self.check()?;
        while *position < wanted {
            let portion = log::after(db, *position).await?;
            let head = portion.head;
            self.tell_portion(position, portion)?;
            if *position >= head {
                break;
            }
        }
        Ok(())
    }

    fn tell_portion(&self, position: &mut u64, portion: Portion) -> Result<(), StoreError> {
        let Portion { head, commits } = portion;
        if head < *position {
            return Err(self.fail("ends before what was read of it: the database was set back"));
        }
        if commits.is_empty() && head > *position {
            return Err(self.fail("no longer reaches back to where this server stopped"));
        }
        for commit in commits {
            if commit.position != *position + 1 {
                return Err(self.fail("no longer reaches back to where this server stopped"));
            }
            let changes = log::read(&commit.changes).map_err(|error| self.fail(&error.0))?;
            self.tell(position, commit.position, &changes)?;
        }
        Ok(())
    }

    fn tell(&self, position: &mut u64, next: u64, changes: &[Change]) -> Result<(), StoreError> {
        // What it did not take in cannot be told again: part of it may have been.
        catch_unwind(AssertUnwindSafe(|| self.sink.committed(next, changes)))
            .map_err(|_| self.fail("has a commit that this server failed to take in"))?;
        *position = next;
        Ok(())
    }

    fn fail(&self, why: &str) -> StoreError {
        let reason = lost(why);
        self.failed.send_replace(Some(reason.clone()));
        reason
    }
}

fn lost(why: &str) -> StoreError {
    StoreError(format!("the log of commits {why}"))
}
