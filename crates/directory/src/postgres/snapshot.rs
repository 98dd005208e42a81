//! The truth at one moment.

use headcount_core::limits::STORE_SNAPSHOT_ROWS;
use headcount_core::{AccountKey, GroupKey, SdkAppId};
use tokio::runtime::Handle;
use tokio_postgres::Row;

use super::columns::{Param, Stored, bound, get, params};
use super::connection::{Connection, Rows};
use crate::{Snapshot, StoreError};

/// A connection inside a read transaction, which ends when this is dropped. Rows are read in portions:
/// however many there are, few are in memory.
pub(crate) struct PostgresSnapshot {
    connection: Connection,
    runtime: Handle,
}

impl PostgresSnapshot {
    /// Begins the transaction; its first read freezes what is committed then.
    pub(crate) async fn begin(connection: Connection, runtime: Handle) -> Result<Self, StoreError> {
        connection
            .batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        Ok(Self { connection, runtime })
    }

    /// Whatever is read here is of the moment of the first read.
    pub(crate) fn rows(&self) -> &dyn Rows {
        &self.connection
    }

    fn read(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.runtime.block_on(self.connection.rows(sql, params))
    }
}

impl Snapshot for PostgresSnapshot {
    fn groups(&mut self, each: &mut dyn FnMut(GroupKey, SdkAppId, &str, u32)) -> Result<(), StoreError> {
        let sql = "SELECT id, app, group_id, member_num FROM groups
             WHERE dissolved = 0 AND id > $1 ORDER BY id LIMIT $2";
        let mut last = GroupKey(0);
        loop {
            let rows = self.read(sql, params![last.stored(), bound(STORE_SNAPSHOT_ROWS)])?;
            for row in &rows {
                last = get(row, 0)?;
                each(last, get(row, 1)?, &get::<String>(row, 2)?, get(row, 3)?);
            }
            if rows.len() < STORE_SNAPSHOT_ROWS {
                return Ok(());
            }
        }
    }

    fn memberships(&mut self, each: &mut dyn FnMut(GroupKey, AccountKey)) -> Result<(), StoreError> {
        // In portions of all rows: of a group that is dissolved they are passed over here.
        let sql = "SELECT m.grp, m.account, g.dissolved
             FROM (SELECT grp, account FROM member WHERE (grp, account) > ($1, $2)
                   ORDER BY grp, account LIMIT $3) AS m LEFT JOIN groups g ON g.id = m.grp
             ORDER BY m.grp, m.account";
        let mut last = (GroupKey(0), AccountKey(0));
        loop {
            let (group, account) = (last.0.stored(), last.1.stored());
            let rows = self.read(sql, params![group, account, bound(STORE_SNAPSHOT_ROWS)])?;
            for row in &rows {
                last = (get(row, 0)?, get(row, 1)?);
                if get::<Option<bool>>(row, 2)? == Some(false) {
                    each(last.0, last.1);
                }
            }
            if rows.len() < STORE_SNAPSHOT_ROWS {
                return Ok(());
            }
        }
    }
}
