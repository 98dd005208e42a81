//! Accounts in tables.

use std::collections::BTreeSet;

use headcount_core::{AccountKey, Change, GroupKey, SdkAppId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{Stored, get, integer};
use crate::{Account, AccountImport, LoginFacts, StoreError};

/// Finds the key of a user's account.
pub(crate) const KEY: &str = "SELECT id FROM account WHERE app = ?1 AND user = ?2";

/// The key of a user's account.
pub(crate) fn key(
    connection: &Connection,
    app: SdkAppId,
    user: &UserId,
) -> rusqlite::Result<Option<AccountKey>> {
    connection
        .prepare_cached(KEY)?
        .query_row(params![app.0, user.as_str()], |row| get(row, 0))
        .optional()
}

/// A user's account.
pub(crate) fn find(
    connection: &Connection,
    app: SdkAppId,
    user: &UserId,
) -> rusqlite::Result<Option<Account>> {
    connection
        .prepare_cached(
            "SELECT id, app, user, nick, face_url, usersigs_void_to_s FROM account
             WHERE app = ?1 AND user = ?2",
        )?
        .query_row(params![app.0, user.as_str()], account)
        .optional()
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        key: get(row, 0)?,
        app: SdkAppId(row.get(1)?),
        user: get(row, 2)?,
        nick: row.get(3)?,
        face_url: row.get(4)?,
        usersigs_void_to_s: row.get(5)?,
    })
}

/// What a login has to know, in one statement: all of it is of one moment.
pub(crate) fn login_facts(connection: &Connection, key: AccountKey) -> rusqlite::Result<Option<LoginFacts>> {
    let mut statement = connection.prepare_cached(
        "SELECT a.id, a.app, a.user, a.nick, a.face_url, a.usersigs_void_to_s, g.id
         FROM account a LEFT JOIN member m ON m.account = a.id
             LEFT JOIN groups g ON g.id = m.grp AND g.dissolved = 0
         WHERE a.id = ?1",
    )?;
    let mut rows = statement.query([key.stored()])?;
    let Some(first) = rows.next()? else {
        return Ok(None);
    };
    let mut facts = LoginFacts {
        account: account(first)?,
        groups: Vec::new(),
    };
    let mut row = Some(first);
    while let Some(joined) = row {
        // A member row of a dissolved group names none, as does the row of an account without groups.
        facts
            .groups
            .extend(joined.get::<_, Option<u64>>(6)?.map(GroupKey));
        row = rows.next()?;
    }
    Ok(Some(facts))
}

/// The account of a user, made if there is none.
pub(crate) fn ensure(
    connection: &Connection,
    app: SdkAppId,
    user: &UserId,
    now_s: u64,
) -> Result<Account, StoreError> {
    let import = AccountImport {
        user: user.clone(),
        nick: None,
        face_url: None,
    };
    import_one(connection, app, &import, now_s)?;
    find(connection, app, user)?.ok_or_else(|| StoreError("a new account is not there".to_owned()))
}

/// What became of an account that was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    /// It was made.
    Made,
    /// It was there and took on new values.
    Changed,
    /// It was there, with these values.
    Unchanged,
}

/// Makes an account exist and take on the values given.
pub(crate) fn import_one(
    connection: &Connection,
    app: SdkAppId,
    import: &AccountImport,
    now_s: u64,
) -> rusqlite::Result<Imported> {
    let AccountImport { user, nick, face_url } = import;
    // Looked up first: an insert that meets its like would use up a key, and an update that changes
    // nothing would still be written to disk.
    let Some(known) = find(connection, app, user)? else {
        insert(connection, app, import, now_s)?;
        return Ok(Imported::Made);
    };
    let keeps = |new: &Option<String>, old: &String| new.as_ref().is_none_or(|new| new == old);
    if keeps(nick, &known.nick) && keeps(face_url, &known.face_url) {
        return Ok(Imported::Unchanged);
    }
    connection
        .prepare_cached(
            "UPDATE account SET nick = coalesce(?2, nick), face_url = coalesce(?3, face_url)
             WHERE id = ?1",
        )?
        .execute(params![known.key.stored(), nick, face_url])?;
    Ok(Imported::Changed)
}

/// Makes an account that is not there.
pub(crate) fn insert(
    connection: &Connection,
    app: SdkAppId,
    import: &AccountImport,
    now_s: u64,
) -> rusqlite::Result<AccountKey> {
    let AccountImport { user, nick, face_url } = import;
    let key = connection
        .prepare_cached(
            "INSERT INTO account (app, user, nick, face_url, created_s)
             VALUES (?1, ?2, coalesce(?3, ''), coalesce(?4, ''), ?5)",
        )?
        .insert(params![app.0, user.as_str(), nick, face_url, integer(now_s)])?;
    // Keys are given out from 1 on.
    Ok(AccountKey(key.unsigned_abs()))
}

/// Voids UserSigs issued up to `at_s` and reports up to when they are void now.
pub(crate) fn revoke_usersigs(
    connection: &Connection,
    app: SdkAppId,
    user: &UserId,
    at_s: u64,
    changes: &mut Vec<Change>,
) -> rusqlite::Result<bool> {
    let revoked = connection
        .prepare_cached(
            "UPDATE account SET usersigs_void_to_s = max(coalesce(usersigs_void_to_s, 0), ?3)
             WHERE app = ?1 AND user = ?2 RETURNING id, usersigs_void_to_s",
        )?
        .query_row(params![app.0, user.as_str(), integer(at_s)], |row| {
            Ok(Change::UserSigsRevoked {
                app,
                user: user.clone(),
                account: get(row, 0)?,
                at_s: row.get(1)?,
            })
        })
        .optional()?;
    let known = revoked.is_some();
    changes.extend(revoked);
    Ok(known)
}

/// Deletes accounts; tells which existed.
pub(crate) fn delete(
    connection: &Connection,
    app: SdkAppId,
    users: &[UserId],
    changes: &mut Vec<Change>,
) -> rusqlite::Result<Vec<bool>> {
    let keys = users
        .iter()
        .map(|user| key(connection, app, user))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut gone = BTreeSet::new();
    for (user, &key) in users.iter().zip(&keys) {
        if let Some(account) = key
            && gone.insert(account)
        {
            delete_one(connection, account, changes)?;
            let user = user.clone();
            changes.push(Change::AccountDeleted { app, user, account });
        }
    }
    Ok(keys.iter().map(Option::is_some).collect())
}

/// Deletes one account and adds what it left.
fn delete_one(
    connection: &Connection,
    account: AccountKey,
    changes: &mut Vec<Change>,
) -> rusqlite::Result<()> {
    let groups = connection
        .prepare_cached(
            "UPDATE groups SET member_num = member_num - 1
             WHERE id IN (SELECT grp FROM member WHERE account = ?1) AND dissolved = 0 RETURNING id",
        )?
        .query_map([account.stored()], |row| get(row, 0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    changes.extend(groups.into_iter().map(|group| Change::Left { account, group }));
    for statement in [
        "DELETE FROM member WHERE account = ?1",
        "UPDATE groups SET owner = NULL WHERE owner = ?1 AND dissolved = 0",
        "DELETE FROM account WHERE id = ?1",
    ] {
        connection
            .prepare_cached(statement)?
            .execute([account.stored()])?;
    }
    Ok(())
}
