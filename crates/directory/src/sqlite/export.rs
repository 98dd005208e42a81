//! The embedded store as it is read for a move, beside a running server or without one.

use std::path::Path;

use headcount_core::limits::MIGRATE_BATCH_ROWS;
use rusqlite::{Connection, OptionalExtension, Row};

use super::open::Database;
use super::{OpenError, apps};
use crate::StoreError;
use crate::migrate::{Batch, Kind, TABLES, Table, Values};

/// All that a data folder held in one moment. While it lives, the log of a running server grows. Blocking.
pub(crate) struct Export {
    connection: Connection,
}

/// What is stored besides rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The number that rises with every change of an app.
    pub(crate) app_revision: u64,
    /// The largest key that an account ever had; 0 if there never was one.
    pub(crate) account_key: i64,
    /// The largest key that a group ever had; 0 if there never was one.
    pub(crate) group_key: i64,
}

impl Export {
    /// Freezes what is committed in a folder now, without taking it from the server that may be running.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = Database::create(folder)?;
        let mut lock = None;
        let connection = database.writer(|| {
            // Tables of an older form may belong to an older server that is running.
            lock = Some(database.lock()?);
            Ok(())
        })?;
        connection.pragma_update(None, "query_only", true)?;
        // BEGIN alone freezes nothing: the first read does.
        connection.execute_batch("BEGIN; SELECT 1 FROM app_revision;")?;
        Ok(Self { connection })
    }

    /// How many rows of a table are to be moved.
    pub(crate) fn count(&self, table: &Table) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {} {}", table.name, table.living);
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// What is stored besides rows.
    pub(crate) fn marks(&self) -> Result<Marks, StoreError> {
        Ok(Marks {
            app_revision: apps::revision(&self.connection)?,
            account_key: self.largest_key("account")?,
            group_key: self.largest_key("groups")?,
        })
    }

    fn largest_key(&self, table: &str) -> rusqlite::Result<i64> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let largest = self.connection.query_row(sql, [table], |row| row.get(0));
        Ok(largest.optional()?.unwrap_or(0))
    }

    /// A text that PostgreSQL cannot store, if there is one: it has the character with the number 0 in it.
    pub(crate) fn unfit_text(&self) -> Result<Option<String>, StoreError> {
        for table in TABLES {
            let texts = table.columns.iter().filter(|column| column.kind == Kind::Text);
            for column in texts {
                if let Some(key) = self.with_zero(table, column.sqlite)? {
                    return Ok(Some(format!("{} {key}: {}", table.name, column.sqlite)));
                }
            }
        }
        Ok(None)
    }

    /// The key of a row whose text in this column has a zero in it.
    fn with_zero(&self, table: &Table, column: &str) -> rusqlite::Result<Option<String>> {
        let sql = format!(
            "SELECT concat_ws(' ', {}) FROM (SELECT * FROM {} {}) WHERE instr({column}, char(0)) > 0 LIMIT 1",
            Table::list(table.key_columns(), |column| column.sqlite),
            table.name,
            table.living,
        );
        self.connection.query_row(&sql, [], |row| row.get(0)).optional()
    }

    /// Reads the rows of a table in the order of their keys and gives each batch away, until it is not
    /// wanted. Each but the last has [`MIGRATE_BATCH_ROWS`].
    pub(crate) fn read(
        &self,
        table: &Table,
        mut wanted: impl FnMut(Batch) -> bool,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(&format!(
            "SELECT {} FROM {} {} ORDER BY {}",
            Table::list(table.columns, |column| column.sqlite),
            table.name,
            table.living,
            Table::list(table.key_columns(), |column| column.sqlite),
        ))?;
        let mut rows = statement.query([])?;
        let mut batch = Batch::new(table);
        while let Some(row) = rows.next()? {
            push(&mut batch, row)?;
            if batch.len() == MIGRATE_BATCH_ROWS && !wanted(std::mem::replace(&mut batch, Batch::new(table)))
            {
                return Ok(());
            }
        }
        if batch.len() > 0 {
            wanted(batch);
        }
        Ok(())
    }
}

fn push(batch: &mut Batch, row: &Row<'_>) -> rusqlite::Result<()> {
    for (place, values) in batch.columns.iter_mut().enumerate() {
        match values {
            Values::Integers(values) => values.push(row.get(place)?),
            Values::Smalls(values) => values.push(row.get(place)?),
            Values::Texts(values) => values.push(row.get(place)?),
        }
    }
    Ok(())
}
