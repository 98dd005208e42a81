//! The embedded store is a directory.

use std::sync::Arc;

use async_trait::async_trait;
use headcount_directory::conformance::{Bench, run_all};
use headcount_directory::sqlite::SqliteDirectory;
use headcount_directory::{CommitSink, Directory};
use tempfile::TempDir;

struct Folder(TempDir);

#[async_trait]
impl Bench for Folder {
    async fn open(&self, sink: Arc<dyn CommitSink>) -> Arc<dyn Directory> {
        Arc::new(SqliteDirectory::open(self.0.path(), sink).expect("the folder is free"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_store_conforms() {
    run_all(|| Folder(TempDir::new().unwrap())).await;
}
