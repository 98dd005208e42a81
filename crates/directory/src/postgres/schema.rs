//! The tables, and the way from an older form of them to the present one.

use std::time::Duration;

use headcount_core::limits::{STORE_RERUN_PAUSE_MS, STORE_RERUNS_MAX};

use super::OpenError;
use super::columns::{bound, get, params};
use super::connection::{Connection, Rows};
use crate::StoreError;

/// What has been done to the tables, in order. `schema_version` counts how many of these a database has
/// seen. Never change one that was released: add the next.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_first.sql")];

/// Brings the tables to the present form, in one transaction. Servers that start together wait for the
/// first of them.
pub(crate) async fn migrate(db: &Connection) -> Result<(), OpenError> {
    let mut pause_ms = STORE_RERUN_PAUSE_MS;
    let mut last = StoreError(String::new());
    for _ in 0..STORE_RERUNS_MAX {
        match try_to_migrate(db).await {
            // Two that make the same table at once meet in the database's own tables.
            Err(OpenError::Store(error)) => last = error,
            done => return done,
        }
        if db.is_closed() {
            break;
        }
        drop(db.batch("ROLLBACK").await);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        pause_ms *= 2;
    }
    Err(OpenError::Store(last))
}

async fn try_to_migrate(db: &Connection) -> Result<(), OpenError> {
    // Mostly there is nothing to do, and then nothing that would need the right to do it is tried.
    if let Ok(version) = version(db, "SELECT version FROM schema_version WHERE id = 1").await
        && pending(version)?.is_empty()
    {
        return Ok(());
    }
    db.batch(
        "CREATE TABLE IF NOT EXISTS schema_version (id SMALLINT PRIMARY KEY, version BIGINT NOT NULL); \
         INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING",
    )
    .await?;
    db.batch("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    // Others wait here, and then find nothing left to do.
    let found = version(db, "SELECT version FROM schema_version WHERE id = 1 FOR UPDATE").await?;
    for migration in pending(found)? {
        db.batch(migration).await?;
    }
    let sql = "UPDATE schema_version SET version = $1 WHERE id = 1";
    db.execute(sql, params![bound(MIGRATIONS.len())]).await?;
    Ok(db.batch("COMMIT").await?)
}

async fn version(db: &Connection, sql: &str) -> Result<u64, StoreError> {
    get(&db.one_row(sql, &[]).await?, 0)
}

/// The migrations that a database has not seen.
fn pending(found: u64) -> Result<&'static [&'static str], OpenError> {
    let seen = usize::try_from(found).ok();
    seen.and_then(|seen| MIGRATIONS.get(seen..))
        .ok_or(OpenError::NewerVersion {
            found,
            known: MIGRATIONS.len(),
        })
}
