//! The log: what each commit means for who counts where, for the other servers.
//!
//! A row for each commit, also for one that means nothing to them, so that a gap is seen. It is text, which
//! every database can hold and people can read.

use headcount_core::limits::{STORE_LOG_KEPT_S, STORE_LOG_PRUNE_ROWS_MAX, STORE_LOG_READ_ROWS_MAX};
use headcount_core::{AccountKey, Change, GroupId, GroupKey, SdkAppId, UserId};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::columns::{bound, get, integer, params};
use super::connection::{Connection, Rows};
use super::pool::Pool;
use crate::StoreError;

/// Changes as they are written; those that follow each other in one group share an entry. These names are
/// in databases that servers of another version read: never change one, only add.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Joined {
        group: u64,
        accounts: Vec<u64>,
    },
    Left {
        group: u64,
        accounts: Vec<u64>,
    },
    Dissolved {
        app: u32,
        id: String,
        group: u64,
    },
    AccountDeleted {
        app: u32,
        user: String,
        account: u64,
    },
    UsersigsRevoked {
        app: u32,
        user: String,
        account: u64,
        at_s: u64,
    },
}

/// A commit of any server.
pub(crate) struct Commit {
    pub(crate) position: u64,
    /// As it is written; see [`read`].
    pub(crate) changes: String,
}

/// A part of the log, and where it ended in the same moment.
pub(crate) struct Portion {
    pub(crate) head: u64,
    pub(crate) commits: Vec<Commit>,
}

/// Begins a commit: takes the next position. From here on all other commits wait for this one.
pub(crate) async fn next_position(db: &Connection) -> Result<u64, StoreError> {
    let sql = "UPDATE log_head SET position = position + 1 WHERE id = 1 RETURNING position";
    present(db.row(sql, &[]).await?)
}

/// Where the log ends.
pub(crate) async fn head(db: &dyn Rows) -> Result<u64, StoreError> {
    let sql = "SELECT position FROM log_head WHERE id = 1";
    present(db.row(sql, &[]).await?)
}

/// Takes the log's head away, if it is there, and returns where the log ends: until it is put back nobody
/// can commit, or open the database. Waits for the commit that is under way.
pub(crate) async fn set_aside(db: &Connection) -> Result<Option<u64>, StoreError> {
    let sql = "UPDATE log_head SET id = 0 WHERE id = 1 RETURNING position";
    db.row(sql, &[]).await?.map(|row| get(&row, 0)).transpose()
}

/// Puts the head back as a commit by itself, and returns its position.
pub(crate) async fn put_back(db: &Connection) -> Result<u64, StoreError> {
    let sql = "UPDATE log_head SET id = 1, position = position + 1 WHERE id = 0 RETURNING position";
    get(&db.one_row(sql, &[]).await?, 0)
}

/// The position in the head, which is missing only while [`set_aside`].
fn present(head: Option<Row>) -> Result<u64, StoreError> {
    let missing = || {
        StoreError(
            "data is being copied into this database, or its copy was not finished: wait until `headcount \
             migrate` has ended; if it was broken off, drop its tables and sequences or use a fresh database, \
             and copy again"
                .to_owned(),
        )
    };
    get(&head.ok_or_else(missing)?, 0)
}

/// Writes a commit's row. One clock for all servers: the database's.
pub(crate) async fn append(db: &Connection, position: u64, changes: &[Change]) -> Result<(), StoreError> {
    let text = write(changes)?;
    let sql = "INSERT INTO log (position, at_s, changes)
         VALUES ($1, CAST(EXTRACT(EPOCH FROM now()) AS BIGINT), $2)";
    db.execute(sql, params![integer(position), text]).await?;
    Ok(())
}

/// The next commits behind a position, and where the log ends.
pub(crate) async fn after(db: &dyn Rows, position: u64) -> Result<Portion, StoreError> {
    let sql = "SELECT h.position, l.position, l.changes
         FROM log_head h LEFT JOIN log l ON l.position > $1
         WHERE h.id = 1 ORDER BY l.position LIMIT $2";
    let limit = bound(STORE_LOG_READ_ROWS_MAX);
    let rows = db.rows(sql, params![integer(position), limit]).await?;
    let first = rows
        .first()
        .ok_or_else(|| StoreError("the log has no head".to_owned()))?;
    let mut commits = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(position) = get(row, 1)? {
            let changes = get(row, 2)?;
            commits.push(Commit { position, changes });
        }
    }
    Ok(Portion {
        head: get(first, 0)?,
        commits,
    })
}

/// Removes commits that are older than the log reaches back; `true` when there may be more of them.
pub(crate) async fn prune(pool: &Pool) -> Result<bool, StoreError> {
    // The oldest are looked at, and no more of them than a step may remove.
    let sql = "DELETE FROM log WHERE position <= (
             SELECT max(position) FROM (
                 SELECT position, at_s FROM log ORDER BY position LIMIT $1) AS oldest
             WHERE at_s < CAST(EXTRACT(EPOCH FROM now()) AS BIGINT) - $2)";
    let rows = bound(STORE_LOG_PRUNE_ROWS_MAX);
    let pruned = pool
        .execute(sql, params![rows, integer(STORE_LOG_KEPT_S)])
        .await?;
    Ok(integer(pruned) >= rows)
}

fn write(changes: &[Change]) -> Result<String, StoreError> {
    let entries: Vec<_> = changes.chunk_by(share_entry).map(entry).collect();
    serde_json::to_string(&entries).map_err(|error| StoreError(error.to_string()))
}

fn share_entry(one: &Change, next: &Change) -> bool {
    match (one, next) {
        (Change::Joined { group: one, .. }, Change::Joined { group: next, .. })
        | (Change::Left { group: one, .. }, Change::Left { group: next, .. }) => one == next,
        _ => false,
    }
}

/// The entry of changes that share one; there is at least one of them.
fn entry(changes: &[Change]) -> Entry {
    let accounts = || changes.iter().filter_map(member).collect();
    match &changes[0] {
        Change::Joined { group, .. } => Entry::Joined {
            group: group.0,
            accounts: accounts(),
        },
        Change::Left { group, .. } => Entry::Left {
            group: group.0,
            accounts: accounts(),
        },
        Change::Dissolved { app, id, group } => Entry::Dissolved {
            app: app.0,
            id: id.to_string(),
            group: group.0,
        },
        Change::AccountDeleted { app, user, account } => Entry::AccountDeleted {
            app: app.0,
            user: user.to_string(),
            account: account.0,
        },
        Change::UserSigsRevoked {
            app,
            user,
            account,
            at_s,
        } => Entry::UsersigsRevoked {
            app: app.0,
            user: user.to_string(),
            account: account.0,
            at_s: *at_s,
        },
    }
}

fn member(change: &Change) -> Option<u64> {
    match change {
        Change::Joined { account, .. } | Change::Left { account, .. } => Some(account.0),
        _ => None,
    }
}

/// The changes of a commit.
pub(crate) fn read(text: &str) -> Result<Vec<Change>, StoreError> {
    let unknown = |error: &dyn std::fmt::Display| {
        StoreError(format!("has an entry that this Headcount does not know: {error}"))
    };
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| unknown(&error))?;
    let mut changes = Vec::new();
    for entry in entries {
        match entry {
            Entry::Joined { group, accounts } => {
                let group = GroupKey(group);
                changes.extend(accounts.into_iter().map(|account| Change::Joined {
                    account: AccountKey(account),
                    group,
                }));
            }
            Entry::Left { group, accounts } => {
                let group = GroupKey(group);
                changes.extend(accounts.into_iter().map(|account| Change::Left {
                    account: AccountKey(account),
                    group,
                }));
            }
            Entry::Dissolved { app, id, group } => changes.push(Change::Dissolved {
                app: SdkAppId(app),
                id: GroupId::parse(&id).map_err(|error| unknown(&error))?,
                group: GroupKey(group),
            }),
            Entry::AccountDeleted { app, user, account } => changes.push(Change::AccountDeleted {
                app: SdkAppId(app),
                user: UserId::parse(&user).map_err(|error| unknown(&error))?,
                account: AccountKey(account),
            }),
            Entry::UsersigsRevoked {
                app,
                user,
                account,
                at_s,
            } => changes.push(Change::UserSigsRevoked {
                app: SdkAppId(app),
                user: UserId::parse(&user).map_err(|error| unknown(&error))?,
                account: AccountKey(account),
                at_s,
            }),
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(account: u64, group: u64) -> Change {
        Change::Joined {
            account: AccountKey(account),
            group: GroupKey(group),
        }
    }

    fn left(account: u64, group: u64) -> Change {
        Change::Left {
            account: AccountKey(account),
            group: GroupKey(group),
        }
    }

    #[test]
    fn what_is_written_is_read_in_its_order() {
        let user = UserId::parse("a \"quoted\" user").unwrap();
        let changes = vec![
            joined(1, 7),
            joined(2, 7),
            joined(3, 8),
            left(1, 8),
            left(u64::MAX, 8),
            joined(2, 8),
            Change::Dissolved {
                app: SdkAppId(1_400_000_001),
                id: GroupId::parse("@TGS#_@TGS#c").unwrap(),
                group: GroupKey(8),
            },
            Change::AccountDeleted {
                app: SdkAppId(1),
                user: user.clone(),
                account: AccountKey(1),
            },
            Change::UserSigsRevoked {
                app: SdkAppId(1),
                user,
                account: AccountKey(2),
                at_s: 9,
            },
        ];
        assert_eq!(read(&write(&changes).unwrap()), Ok(changes));
        assert_eq!(read(&write(&[]).unwrap()), Ok(vec![]));
    }

    #[test]
    fn the_form_in_databases_does_not_change() {
        let text = write(&[joined(1, 7), joined(2, 7), left(2, 7)]).unwrap();
        let expected = r#"[{"joined":{"group":7,"accounts":[1,2]}},{"left":{"group":7,"accounts":[2]}}]"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_newer_server_wrote_is_not_passed_over() {
        for text in [
            r#"[{"renamed":{"group":7}}]"#,
            r#"[{"dissolved":{"app":1,"id":"","group":1}}]"#,
            "{",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
