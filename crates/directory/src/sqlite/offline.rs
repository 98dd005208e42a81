//! The embedded store for tools, beside a running server or without one.

use std::path::Path;

use headcount_core::{App, SdkAppId};
use rusqlite::{Connection, TransactionBehavior};

use super::apps;
use super::open::{Database, OpenError};
use crate::{CreateAppError, StoreError};

/// A data folder as a tool opens it: without taking it from the server that may be running. Blocking.
#[derive(Debug)]
pub struct OfflineDirectory {
    connection: Connection,
}

/// A living group whose number of members is not that of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftedGroup {
    /// The group's id.
    pub id: String,
    /// Its app.
    pub app: SdkAppId,
    /// The number of members it shows.
    pub shown: i64,
    /// The number of its member rows.
    pub counted: i64,
}

/// What a check of the stored truth found. Nothing, when both lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// Groups with a wrong number of members.
    pub drifted: Vec<DriftedGroup>,
    /// Damage of the database file, in the words of the database.
    pub problems: Vec<String>,
}

impl StoreCheck {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.drifted.is_empty() && self.problems.is_empty()
    }
}

impl OfflineDirectory {
    /// Opens the store in a data folder, creating it when there is none.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = Database::create(folder)?;
        let mut lock = None;
        let connection = database.writer(|| {
            // Tables of an older form may belong to an older server that is running.
            lock = Some(database.lock()?);
            Ok(())
        })?;
        Ok(Self { connection })
    }

    /// Stores a new app; a running server sees it within moments.
    pub fn create_app(&mut self, app: &App, now_s: u64) -> Result<(), CreateAppError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        apps::create(&transaction, app, now_s)?;
        transaction.commit()?;
        Ok(())
    }

    /// All apps.
    pub fn apps(&mut self) -> Result<Vec<App>, StoreError> {
        let transaction = self.connection.transaction()?;
        Ok(apps::all(&transaction)?)
    }

    /// Recounts the members of every living group, as of one moment, and has the database check itself.
    pub fn check(&mut self) -> Result<StoreCheck, StoreError> {
        let transaction = self.connection.transaction()?;
        let drifted = drifted(&transaction)?;
        let problems = transaction
            .prepare("PRAGMA integrity_check")?
            .query_map([], |row| row.get(0))?
            .filter(|row| row.as_deref() != Ok("ok"))
            .collect::<rusqlite::Result<_>>()?;
        Ok(StoreCheck { drifted, problems })
    }
}

fn drifted(connection: &Connection) -> rusqlite::Result<Vec<DriftedGroup>> {
    connection
        .prepare(
            "SELECT group_id, app, member_num, counted FROM (
                 SELECT g.*, (SELECT count(*) FROM member m WHERE m.grp = g.id) AS counted FROM groups g
                 WHERE g.dissolved = 0)
             WHERE counted <> member_num ORDER BY app, group_id",
        )?
        .query_map([], |row| {
            Ok(DriftedGroup {
                id: row.get(0)?,
                app: SdkAppId(row.get(1)?),
                shown: row.get(2)?,
                counted: row.get(3)?,
            })
        })?
        .collect()
}
