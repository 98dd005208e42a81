//! The shared store is a directory, also for several servers at once.

#[path = "postgres/outages.rs"]
mod outages;
#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/tls.rs"]
mod tls;
#[path = "postgres/together.rs"]
mod together;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use headcount_directory::conformance::{Bench, run_all};
use headcount_directory::postgres::PostgresDirectory;
use headcount_directory::{CommitSink, Directory};
use testbed::Postgres;

/// The PostgreSQL that all tests share which do not stop it. It ends with the process.
fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(Postgres::start)
}

/// One database.
struct Database(String);

#[async_trait]
impl Bench for Database {
    async fn open(&self, sink: Arc<dyn CommitSink>) -> Arc<dyn Directory> {
        let directory = PostgresDirectory::open(&self.0, sink).await;
        Arc::new(directory.expect("the database is there"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_shared_store_conforms() {
    run_all(|| Database(postgres().create_database())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_shared_store_conforms_behind_a_pooler_that_lends_connections_for_a_transaction() {
    let mut behind = Postgres::start();
    let first = behind.create_database();
    let pooled = behind.pooled(&first);
    assert_ne!(first, pooled);
    let address = pooled.rsplit_once('/').expect("a URL").0.to_owned();
    run_all(move || {
        let url = behind.create_database();
        let database = url.rsplit_once('/').expect("a URL").1;
        Database(format!("{address}/{database}"))
    })
    .await;
}
