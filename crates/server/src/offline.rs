//! A shared database as a tool opens it, beside the servers that may be running on it.

use std::sync::Arc;

use headcount_core::Change;
use headcount_directory::CommitSink;
use headcount_directory::postgres::PostgresDirectory;
use tokio::runtime::Runtime;

use crate::Failure;

/// An open database, and what it runs on. Blocking.
pub(crate) struct OfflineDatabase {
    // Before the runtime that its tasks are in.
    directory: PostgresDirectory,
    runtime: Runtime,
}

impl OfflineDatabase {
    /// Opens the database at `url`, and makes its tables if there are none.
    pub(crate) fn open(url: &str) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::new)?;
        let directory = runtime
            .block_on(PostgresDirectory::open(url, Arc::new(Nobody)))
            .map_err(Failure::new)?;
        Ok(Self { directory, runtime })
    }

    /// Does something in it.
    pub(crate) fn run<'a, T, F: Future<Output = T> + 'a>(
        &'a self,
        act: impl FnOnce(&'a PostgresDirectory) -> F,
    ) -> T {
        self.runtime.block_on(act(&self.directory))
    }
}

/// Nobody is online in a tool.
struct Nobody;

impl CommitSink for Nobody {
    fn committed(&self, _position: u64, _changes: &[Change]) {}
}
