//! The truth at one moment.

use headcount_core::{AccountKey, GroupKey, SdkAppId};
use rusqlite::Connection;

use super::columns::get;
use crate::{Snapshot, StoreError};

/// A connection inside a read transaction, which ends when this is dropped. While it lives, the log
/// cannot be started over and grows.
pub(crate) struct SqliteSnapshot {
    connection: Connection,
}

impl SqliteSnapshot {
    /// Freezes what is committed now.
    pub(crate) fn take(connection: Connection) -> rusqlite::Result<Self> {
        // BEGIN alone freezes nothing: the first read does.
        connection.execute_batch("BEGIN; SELECT 1 FROM app_revision;")?;
        Ok(Self { connection })
    }
}

impl Snapshot for SqliteSnapshot {
    fn groups(&mut self, each: &mut dyn FnMut(GroupKey, SdkAppId, &str, u32)) -> Result<(), StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT id, app, group_id, member_num FROM groups WHERE dissolved = 0 ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            each(get(row, 0)?, SdkAppId(row.get(1)?), id, row.get(3)?);
        }
        Ok(())
    }

    fn memberships(&mut self, each: &mut dyn FnMut(GroupKey, AccountKey)) -> Result<(), StoreError> {
        // CROSS JOIN fixes the order of the loops: by group, without sorting a million rows.
        let mut statement = self.connection.prepare(
            "SELECT m.grp, m.account FROM groups g CROSS JOIN member m ON m.grp = g.id
             WHERE g.dissolved = 0 ORDER BY g.id, m.account",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(get(row, 0)?, get(row, 1)?);
        }
        Ok(())
    }
}
