//! The shared store as a move fills it.
//!
//! From the first transaction to the last the log has no head. So no server can commit, one that opens the
//! database is told why it cannot, and a move that was broken off is seen as what it is.

use std::time::Duration;

use headcount_core::SdkAppId;
use headcount_core::limits::{MIGRATE_BATCH_ROWS, MIGRATE_STEP_MS_MAX, STORE_SILENT_MS_MAX};
use tokio::time::timeout;
use tokio_postgres::Row;

use super::columns::{Param, bound, get, integer, param, params};
use super::connection::{Connection, Rows, Target, too_slow};
use super::{OpenError, log, schema};
use crate::StoreError;
use crate::migrate::{Batch, Marks, TABLES, Table, Values};

/// A database that is being filled.
pub(crate) struct Import {
    connection: Connection,
}

/// What a database is to a move into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing was ever written to it.
    Empty,
    /// It has been written to.
    Used,
    /// Another move into it is under way, or was not finished.
    Unfinished,
}

impl Import {
    /// Opens the database at `url`, and makes its tables if there are none.
    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        let connection = Target::parse(url)?.connect().await?;
        within_step(schema::migrate(&connection)).await?;
        Ok(Self { connection })
    }

    /// Takes the database for a move if it is empty, and otherwise leaves it as it is.
    pub(crate) async fn begin(&self) -> Result<Found, StoreError> {
        within_step(async {
            self.begin_transaction().await?;
            let found = match log::set_aside(&self.connection).await? {
                None => Found::Unfinished,
                // Rows may have been made by other means than a server's commit.
                Some(0) if !self.has_rows().await? => Found::Empty,
                Some(_) => Found::Used,
            };
            let end = if found == Found::Empty {
                "COMMIT"
            } else {
                "ROLLBACK"
            };
            self.connection.batch(end).await?;
            Ok(found)
        })
        .await
    }

    async fn begin_transaction(&self) -> Result<(), StoreError> {
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             SET LOCAL idle_in_transaction_session_timeout = {STORE_SILENT_MS_MAX}"
        );
        self.connection.batch(&sql).await
    }

    async fn has_rows(&self) -> Result<bool, StoreError> {
        for table in TABLES {
            let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
            if !self.connection.rows(&sql, &[]).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds rows of a table, in a transaction by themselves.
    pub(crate) async fn insert(&self, table: &Table, batch: &Batch) -> Result<(), StoreError> {
        let places: Vec<_> = (1..=table.columns.len())
            .map(|place| format!("${place}"))
            .collect();
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) AS added",
            table.name,
            Table::list(table.columns, |column| column.postgres),
            places.join(", ")
        );
        let columns: Vec<_> = batch.columns.iter().map(array).collect();
        within_step(self.connection.execute(&sql, &columns)).await?;
        Ok(())
    }

    /// The next rows of a table behind a key, at most [`MIGRATE_BATCH_ROWS`].
    pub(crate) async fn page(&self, table: &Table, after: &[i64]) -> Result<Batch, StoreError> {
        let key = Table::list(table.key_columns(), |column| column.postgres);
        let places: Vec<_> = (1..=table.key).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE ({key}) > ({}) ORDER BY {key} LIMIT ${}",
            Table::list(table.columns, |column| column.postgres),
            table.name,
            places.join(", "),
            table.key + 1
        );
        let limit = bound(MIGRATE_BATCH_ROWS);
        let mut values: Vec<_> = after.iter().map(param).collect();
        values.push(param(&limit));
        let mut batch = Batch::new(table);
        for row in within_step(self.connection.rows(&sql, &values)).await? {
            push(&mut batch, &row)?;
        }
        Ok(batch)
    }

    /// The app and the id of a group, if there is one with this key.
    pub(crate) async fn group_id(&self, key: i64) -> Result<Option<(SdkAppId, String)>, StoreError> {
        let sql = "SELECT app, group_id FROM groups WHERE id = $1";
        let row = within_step(self.connection.row(sql, params![key])).await?;
        row.map(|row| Ok((get(&row, 0)?, get(&row, 1)?))).transpose()
    }

    /// Has the database look at what it now holds, so that it reads it by the right ways.
    pub(crate) async fn analyze(&self) -> Result<(), StoreError> {
        for table in TABLES {
            let sql = format!("ANALYZE {}", table.name);
            within_step(self.connection.batch(&sql)).await?;
        }
        Ok(())
    }

    /// Ends the move: from here on the database is one that servers run on.
    pub(crate) async fn finish(&self, marks: Marks) -> Result<(), StoreError> {
        within_step(async {
            self.begin_transaction().await?;
            let position = log::put_back(&self.connection).await?;
            let revision = integer(marks.app_revision);
            let sql = "UPDATE app_revision SET revision = $1 WHERE id = 1";
            self.connection.execute(sql, params![revision]).await?;
            self.advance("account_key", marks.account_key).await?;
            self.advance("group_key", marks.group_key).await?;
            log::append(&self.connection, position, &[]).await?;
            self.connection.batch("COMMIT").await
        })
        .await
    }

    /// Lets a sequence go on behind a key.
    async fn advance(&self, sequence: &str, used: i64) -> Result<(), StoreError> {
        // A sequence begins at 1 and cannot be set before that.
        if used > 0 {
            let sql = format!("SELECT setval('{sequence}', $1)");
            self.connection.rows(&sql, params![used]).await?;
        }
        Ok(())
    }
}

/// The values of a column as a parameter.
fn array(values: &Values) -> Param<'_> {
    match values {
        Values::Integers(values) => param(values),
        Values::Smalls(values) => param(values),
        Values::Texts(values) => param(values),
    }
}

fn push(batch: &mut Batch, row: &Row) -> Result<(), StoreError> {
    for (place, values) in batch.columns.iter_mut().enumerate() {
        match values {
            Values::Integers(values) => values.push(row.try_get(place)?),
            Values::Smalls(values) => values.push(row.try_get(place)?),
            Values::Texts(values) => values.push(row.try_get(place)?),
        }
    }
    Ok(())
}

async fn within_step<T, E: From<StoreError>>(step: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let done = timeout(Duration::from_millis(MIGRATE_STEP_MS_MAX), step).await;
    done.unwrap_or_else(|_| Err(too_slow("the database", MIGRATE_STEP_MS_MAX).into()))
}
