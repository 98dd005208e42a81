//! The directory of this server: in its data folder, or in a database that several servers share.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use headcount_directory::postgres::PostgresDirectory;
use headcount_directory::sqlite::SqliteDirectory;
use headcount_directory::{CommitSink, Directory, StoreError};

use crate::Failure;

/// An open directory.
pub(crate) enum Store {
    /// In a data folder, for this server alone.
    Embedded(Arc<SqliteDirectory>),
    /// In a PostgreSQL.
    Shared(Arc<PostgresDirectory>),
}

impl Store {
    /// Opens the store of a data folder.
    pub(crate) fn embedded(folder: &Path, sink: Arc<dyn CommitSink>) -> Result<Self, Failure> {
        let directory = SqliteDirectory::open(folder, sink).map_err(Failure::new)?;
        Ok(Self::Embedded(Arc::new(directory)))
    }

    /// Opens the database at `url`.
    pub(crate) async fn shared(url: &str, sink: Arc<dyn CommitSink>) -> Result<Self, Failure> {
        let directory = PostgresDirectory::open(url, sink).await.map_err(Failure::new)?;
        Ok(Self::Shared(Arc::new(directory)))
    }

    /// What the service asks.
    pub(crate) fn directory(&self) -> Arc<dyn Directory> {
        match self {
            Self::Embedded(directory) => Arc::clone(directory) as _,
            Self::Shared(directory) => Arc::clone(directory) as _,
        }
    }

    /// Waits until the directory cannot be followed any more; the embedded one always can.
    pub(crate) async fn failed(&self) -> StoreError {
        match self {
            Self::Embedded(_) => pending().await,
            Self::Shared(directory) => directory.failed().await,
        }
    }

    /// Finishes what is under way. The directory must not be in use any more.
    pub(crate) async fn close(self) {
        match self {
            Self::Embedded(directory) => {
                if let Some(directory) = Arc::into_inner(directory) {
                    directory.close().await;
                }
            }
            Self::Shared(directory) => {
                if let Some(directory) = Arc::into_inner(directory) {
                    directory.close().await;
                }
            }
        }
    }
}
