//! Moving an install from the embedded store into an empty shared one.
//!
//! Everything keeps its key. What is read is of one moment; a server may run on the data folder meanwhile,
//! and what it commits after that moment is not moved. Until the move is finished no server can use the
//! database.

mod compare;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use headcount_core::limits::{MIGRATE_BATCHES_AHEAD, MIGRATE_GROUPS_NAMED_MAX};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinHandle, spawn_blocking};

pub use compare::Difference;
pub(crate) use table::{Batch, GROUPS, Kind, TABLES, Table, Values};

use crate::postgres::import::{Found, Import};
use crate::sqlite::export::Export;
pub(crate) use crate::sqlite::export::Marks;
use crate::{StoreError, postgres, sqlite};
use compare::{Uncounted, first_difference};

/// Why an install cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MigrateError {
    /// The data folder cannot be opened.
    Source(sqlite::OpenError),
    /// The database cannot be opened.
    Target(postgres::OpenError),
    /// The database has been written to.
    NotEmpty,
    /// Another move into the database is under way, or was not finished.
    Unfinished,
    /// A text has the character with the number 0 in it, which PostgreSQL cannot store.
    Unfit(String),
    /// One of the two failed.
    Store(StoreError),
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => write!(f, "{error}"),
            Self::Target(error) => write!(f, "{error}"),
            Self::NotEmpty => f.write_str(
                "the database is not empty: apps, accounts or groups are or were in it; move into a fresh \
                 database",
            ),
            Self::Unfinished => f.write_str(
                "another copy into the database is under way, or was not finished; if it was broken off, \
                 drop its tables and sequences or use a fresh database",
            ),
            Self::Unfit(text) => write!(
                f,
                "a text has a character with the number 0 in it, which PostgreSQL cannot store: {text}; \
                 change it first"
            ),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MigrateError {}

impl From<sqlite::OpenError> for MigrateError {
    fn from(error: sqlite::OpenError) -> Self {
        Self::Source(error)
    }
}

impl From<postgres::OpenError> for MigrateError {
    fn from(error: postgres::OpenError) -> Self {
        Self::Target(error)
    }
}

impl From<StoreError> for MigrateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being moved: `members`, for example.
    pub rows: &'static str,
    /// How many of them are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// A move under way. Dropped before it is [finished](Self::finish) it leaves a database that no server opens
/// and into which nothing can be moved.
pub struct Migration {
    source: Arc<Mutex<Export>>,
    target: Import,
    marks: Marks,
    /// How many rows of each table there are.
    totals: [u64; TABLES.len()],
}

impl Migration {
    /// Begins to move what is committed in a data folder now into the database at `url`, in the form that
    /// [`PostgresDirectory::open`](postgres::PostgresDirectory::open) takes. Makes the database's tables if
    /// there are none; otherwise an error leaves the database as it was.
    pub async fn begin(folder: &Path, url: &str) -> Result<Self, MigrateError> {
        let folder = folder.to_owned();
        let looking = spawn_blocking(move || look(&folder));
        let (source, marks, totals) = looking.await.map_err(|_| panicked())??;
        let target = Import::open(url).await?;
        match target.begin().await? {
            Found::Used => Err(MigrateError::NotEmpty),
            Found::Unfinished => Err(MigrateError::Unfinished),
            Found::Empty => Ok(Self {
                source: Arc::new(Mutex::new(source)),
                target,
                marks,
                totals,
            }),
        }
    }

    /// What there is to move.
    #[must_use]
    pub fn totals(&self) -> Vec<Progress> {
        let tables = TABLES.into_iter().zip(self.totals);
        tables
            .map(|(table, total)| Progress {
                rows: table.rows,
                done: 0,
                total,
            })
            .collect()
    }

    /// Copies everything, and tells how far it is after each transaction.
    pub async fn copy(&self, told: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
        for (table, mut progress) in TABLES.into_iter().zip(self.totals()) {
            told(progress);
            let (mut batches, reading) = self.read(table);
            while let Some(batch) = batches.recv().await {
                self.target.insert(table, &batch).await?;
                progress.done += batch.len() as u64;
                told(progress);
            }
            reading.await.map_err(|_| panicked())??;
        }
        self.target.analyze().await
    }

    /// Compares all that is in the database, row by row, with what should be, and the number of members of
    /// each group with its rows in the database. Returns the first difference of each table, or else groups
    /// with a wrong number. Nothing means that all is well.
    pub async fn verify(&self, told: &mut dyn FnMut(Progress)) -> Result<Vec<Difference>, StoreError> {
        let mut differences = Vec::new();
        let mut uncounted = Uncounted::default();
        for (table, progress) in TABLES.into_iter().zip(self.totals()) {
            let difference = self.verify_table(table, progress, &mut uncounted, told).await?;
            differences.extend(difference);
        }
        if differences.is_empty() {
            differences = self.wrong_groups(&uncounted).await?;
        }
        Ok(differences)
    }

    async fn verify_table(
        &self,
        table: &'static Table,
        mut progress: Progress,
        uncounted: &mut Uncounted,
        told: &mut dyn FnMut(Progress),
    ) -> Result<Option<Difference>, StoreError> {
        told(progress);
        let (mut batches, reading) = self.read(table);
        let mut after = vec![i64::MIN; table.key];
        while let Some(source) = batches.recv().await {
            let target = self.target.page(table, &after).await?;
            if let Some(difference) = first_difference(table, &source, &target) {
                return Ok(Some(difference));
            }
            uncounted.add(table, &target);
            after = target.key(table, target.len() - 1);
            progress.done += target.len() as u64;
            told(progress);
        }
        reading.await.map_err(|_| panicked())??;
        let beyond = self.target.page(table, &after).await?;
        Ok(first_difference(table, &Batch::new(table), &beyond))
    }

    async fn wrong_groups(&self, uncounted: &Uncounted) -> Result<Vec<Difference>, StoreError> {
        let mut differences = Vec::new();
        for (group, excess) in uncounted.wrong().take(MIGRATE_GROUPS_NAMED_MAX) {
            let what = match self.target.group_id(group).await? {
                Some((app, id)) => format!(
                    "the group {id} of app {app} shows {} members {} than it has",
                    excess.unsigned_abs(),
                    if excess > 0 { "more" } else { "fewer" }
                ),
                None => format!("there are {} members of no group", excess.unsigned_abs()),
            };
            differences.push(Difference::of_row(&GROUPS, &[group], what));
        }
        Ok(differences)
    }

    /// Hands the database over to servers: new keys follow the largest that were ever used.
    pub async fn finish(self) -> Result<(), StoreError> {
        self.target.finish(self.marks).await
    }

    /// Has a table read on a thread of its own, somewhat ahead of whoever takes the batches. When they are
    /// no longer taken it ends.
    fn read(&self, table: &'static Table) -> (Receiver<Batch>, JoinHandle<Result<(), StoreError>>) {
        let (sender, batches) = mpsc::channel(MIGRATE_BATCHES_AHEAD);
        let source = Arc::clone(&self.source);
        let reading = spawn_blocking(move || {
            let source = source.lock().unwrap_or_else(PoisonError::into_inner);
            source.read(table, |batch| sender.blocking_send(batch).is_ok())
        });
        (batches, reading)
    }
}

/// Opens a data folder, and sees what there is to move.
fn look(folder: &Path) -> Result<(Export, Marks, [u64; TABLES.len()]), MigrateError> {
    let source = Export::open(folder)?;
    if let Some(text) = source.unfit_text()? {
        return Err(MigrateError::Unfit(text));
    }
    let marks = source.marks()?;
    let mut totals = [0; TABLES.len()];
    for (total, table) in totals.iter_mut().zip(TABLES) {
        *total = source.count(table)?;
    }
    Ok((source, marks, totals))
}

fn panicked() -> StoreError {
    StoreError("the reading of the data folder panicked".to_owned())
}
