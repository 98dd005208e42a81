//! A few connections for statements that are a transaction by themselves: all reads, and cleaning up.
//!
//! Statements of different callers follow each other on a connection without waiting for answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use headcount_core::limits::{STORE_READ_MS_MAX, STORE_READERS_MAX, STORE_READS_WAITING_MAX};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::Row;

use super::columns::Param;
use super::connection::{Connection, Rows, Target, too_slow};
use crate::StoreError;

/// The connections, made when first needed and made anew when broken.
pub(crate) struct Pool {
    target: Arc<Target>,
    places: [Place; STORE_READERS_MAX],
    next: AtomicUsize,
    /// Statements that wait or are under way.
    turns: Semaphore,
}

#[derive(Default)]
struct Place(Mutex<Option<Arc<Connection>>>);

impl Place {
    /// The connection that stands here; those who come while it is made wait for it.
    async fn connection(&self, target: &Target) -> Result<Arc<Connection>, StoreError> {
        let mut place = self.0.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        *place = None;
        let connection = Arc::new(target.connect().await?);
        *place = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Lets the next caller connect anew: this connection has fallen silent.
    fn give_up(&self) {
        // Whoever holds the place is connecting anew already, or has just found it sound.
        if let Ok(mut place) = self.0.try_lock() {
            *place = None;
        }
    }
}

impl Pool {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            places: Default::default(),
            next: AtomicUsize::new(0),
            turns: Semaphore::new(STORE_READS_WAITING_MAX),
        }
    }

    /// Runs a statement that writes, and returns how many rows it wrote. What it did is unknown when it
    /// fails.
    pub(crate) async fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let place = self.place();
        within(place, async {
            let _turn = self.turn().await;
            let connection = place.connection(&self.target).await?;
            connection.execute(sql, params).await
        })
        .await
    }

    fn place(&self) -> &Place {
        &self.places[self.next.fetch_add(1, Ordering::Relaxed) % STORE_READERS_MAX]
    }

    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so this cannot fail.
        self.turns.acquire().await.ok()
    }
}

#[async_trait]
impl Rows for Pool {
    async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let place = self.place();
        within(place, async {
            let _turn = self.turn().await;
            let connection = place.connection(&self.target).await?;
            connection.rows(sql, params).await
        })
        .await
    }
}

/// Does some work with the connection of a place, within the time that a read may take.
async fn within<T>(
    place: &Place,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let done = timeout(Duration::from_millis(STORE_READ_MS_MAX), work).await;
    done.unwrap_or_else(|_| {
        place.give_up();
        Err(too_slow("the database", STORE_READ_MS_MAX))
    })
}
