//! Removing what dissolved groups leave behind, bit by bit.

use std::collections::VecDeque;

use headcount_core::GroupKey;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{Stored, get};

/// The dissolved groups that were not swept to the end.
pub(crate) fn left_over(connection: &Connection) -> rusqlite::Result<VecDeque<GroupKey>> {
    connection
        .prepare("SELECT id FROM groups WHERE dissolved <> 0 ORDER BY id")?
        .query_map([], |row| get(row, 0))?
        .collect()
}

/// Removes up to `rows` member rows of a dissolved group, and the group itself with the last of them;
/// then the answer is `true`.
pub(crate) fn step(connection: &Connection, group: GroupKey, rows: usize) -> rusqlite::Result<bool> {
    let last_of_step: Option<i64> = connection
        .prepare_cached("SELECT account FROM member WHERE grp = ?1 ORDER BY account LIMIT 1 OFFSET ?2")?
        .query_row(params![group.stored(), rows.saturating_sub(1)], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached("DELETE FROM member WHERE grp = ?1 AND account <= ?2")?
        .execute(params![group.stored(), last_of_step.unwrap_or(i64::MAX)])?;
    if last_of_step.is_some() {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM groups WHERE id = ?1 AND dissolved <> 0")?
        .execute([group.stored()])?;
    Ok(true)
}
