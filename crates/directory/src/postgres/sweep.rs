//! Removing what nobody needs any more, bit by bit: the rows of dissolved groups, and old commits of the log.
//!
//! Each step is a transaction by itself, beside those of the writers. Any server makes them, and several may
//! at once: they delete what nobody reads, and what one has deleted is nothing to the others.

use std::sync::Arc;
use std::time::Duration;

use headcount_core::GroupKey;
use headcount_core::limits::{STORE_CLEAN_UP_LOOK_MS, STORE_SWEEP_GROUPS_MAX, STORE_SWEEP_ROWS_MAX};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::columns::{Stored, bound, get, params};
use super::connection::Rows;
use super::log;
use super::pool::Pool;
use crate::StoreError;

/// Cleans up for ever: what was left over, what is dissolved here, and now and then what others left.
pub(crate) async fn clean_up(pool: Arc<Pool>, dissolved: Arc<Notify>) {
    loop {
        // What failed is tried again at the next look.
        drop(sweep(&pool).await);
        drop(prune(&pool).await);
        let look = Duration::from_millis(STORE_CLEAN_UP_LOOK_MS);
        // Too late is as good as told.
        drop(timeout(look, dissolved.notified()).await);
    }
}

async fn prune(pool: &Pool) -> Result<(), StoreError> {
    while log::prune(pool).await? {}
    Ok(())
}

/// Removes all rows of dissolved groups. Groups take turns, so that small ones do not wait for large ones.
async fn sweep(pool: &Pool) -> Result<(), StoreError> {
    loop {
        let groups = left_over(pool).await?;
        if groups.is_empty() {
            return Ok(());
        }
        for group in groups {
            step(pool, group).await?;
        }
    }
}

/// Some dissolved groups that were not swept to the end.
async fn left_over(pool: &Pool) -> Result<Vec<GroupKey>, StoreError> {
    let sql = "SELECT id FROM groups WHERE dissolved <> 0 ORDER BY id LIMIT $1";
    let rows = pool.rows(sql, params![bound(STORE_SWEEP_GROUPS_MAX)]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Removes some member rows of a dissolved group, or the group itself when there are none.
async fn step(pool: &Pool, group: GroupKey) -> Result<(), StoreError> {
    let last_of_step = "SELECT account FROM member WHERE grp = $1 ORDER BY account LIMIT 1 OFFSET $2";
    let offset = bound(STORE_SWEEP_ROWS_MAX - 1);
    let last = pool.row(last_of_step, params![group.stored(), offset]).await?;
    let last = last.map_or(Ok(i64::MAX), |row| get(&row, 0).map(GroupKey::stored))?;
    let sql = "DELETE FROM member WHERE grp = $1 AND account <= $2";
    pool.execute(sql, params![group.stored(), last]).await?;
    let sql = "DELETE FROM groups WHERE id = $1 AND dissolved <> 0
         AND NOT EXISTS (SELECT 1 FROM member WHERE grp = $1)";
    pool.execute(sql, params![group.stored()]).await?;
    Ok(())
}
