//! The tables, and the way from an older form of them to the present one.

use rusqlite::{Connection, TransactionBehavior};

use super::open::OpenError;

/// What has been done to the tables, in order. `PRAGMA user_version` counts how many of these a
/// database has seen. Never change one that was released: add the next.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_first.sql")];

/// Brings the tables to the present form, in one transaction.
///
/// `may_upgrade` is asked before tables that are in use elsewhere would change: a server that runs
/// beside this process would not know the new form.
pub(crate) fn migrate(
    connection: &mut Connection,
    migrations: &[&str],
    may_upgrade: impl FnOnce() -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    if pending(connection, migrations)? == 0 {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again: another process may have migrated before this one got the write lock.
    let pending = pending(&transaction, migrations)?;
    if pending == 0 {
        return Ok(());
    }
    let done = migrations.len() - pending;
    if done > 0 {
        may_upgrade()?;
    }
    for migration in &migrations[done..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", migrations.len())?;
    transaction.commit()?;
    Ok(())
}

/// How many migrations the database has not seen.
fn pending(connection: &Connection, migrations: &[&str]) -> Result<usize, OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(found)
        .ok()
        .and_then(|found| migrations.len().checked_sub(found))
        .ok_or(OpenError::NewerVersion {
            found,
            known: migrations.len(),
        })
}
