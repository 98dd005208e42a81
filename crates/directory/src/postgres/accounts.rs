//! Accounts in tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use headcount_core::{AccountKey, Change, GroupKey, SdkAppId, UserId};
use tokio_postgres::Row;

use super::columns::{Stored, get, integer, params, user_ids};
use super::connection::{Connection, Rows};
use crate::{Account, AccountImport, LoginFacts, StoreError};

/// What [`account`] reads, of an account `a`.
macro_rules! account_columns {
    () => {
        "a.id, a.app, a.user_id, a.nick, a.face_url, a.usersigs_void_to_s"
    };
}

fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
        key: get(row, 0)?,
        app: get(row, 1)?,
        user: get(row, 2)?,
        nick: get(row, 3)?,
        face_url: get(row, 4)?,
        usersigs_void_to_s: get(row, 5)?,
    })
}

/// The keys of those users who have an account.
pub(crate) async fn keys<'u>(
    db: &dyn Rows,
    app: SdkAppId,
    users: impl IntoIterator<Item = &'u UserId>,
) -> Result<HashMap<UserId, AccountKey>, StoreError> {
    let sql = "SELECT u.user_id, a.id FROM unnest($2) AS u (user_id) CROSS JOIN LATERAL (
             SELECT id FROM account WHERE app = $1 AND user_id = u.user_id LIMIT 1) AS a";
    let rows = db.rows(sql, params![app.stored(), user_ids(users)]).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

/// The accounts of some users, in their order.
pub(crate) async fn of_users(
    db: &dyn Rows,
    app: SdkAppId,
    users: &[UserId],
) -> Result<Vec<Option<Account>>, StoreError> {
    let sql = concat!(
        "SELECT ",
        account_columns!(),
        " FROM unnest($2) AS u (user_id) CROSS JOIN LATERAL (
             SELECT * FROM account WHERE app = $1 AND user_id = u.user_id LIMIT 1) AS a"
    );
    let rows = db.rows(sql, params![app.stored(), user_ids(users)]).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let account = account(row)?;
        found.insert(account.user.clone(), account);
    }
    Ok(users.iter().map(|user| found.get(user).cloned()).collect())
}

/// A user's account.
pub(crate) async fn find(db: &dyn Rows, app: SdkAppId, user: &UserId) -> Result<Option<Account>, StoreError> {
    let sql = concat!(
        "SELECT ",
        account_columns!(),
        " FROM account a WHERE a.app = $1 AND a.user_id = $2"
    );
    let row = db.row(sql, params![app.stored(), user.as_str()]).await?;
    row.as_ref().map(account).transpose()
}

/// What a login has to know, in one statement: all of it is of one moment.
pub(crate) async fn login_facts(db: &dyn Rows, key: AccountKey) -> Result<Option<LoginFacts>, StoreError> {
    let sql = concat!(
        "SELECT ",
        account_columns!(),
        ", g.id FROM account a LEFT JOIN member m ON m.account = a.id LEFT JOIN LATERAL (
             SELECT id FROM groups WHERE id = m.grp AND dissolved = 0 LIMIT 1) AS g ON TRUE
         WHERE a.id = $1 ORDER BY m.grp"
    );
    let rows = db.rows(sql, params![key.stored()]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut groups = Vec::with_capacity(rows.len());
    for row in &rows {
        // A member row of a dissolved group names none, as does the row of an account without groups.
        groups.extend(get::<Option<GroupKey>>(row, 6)?);
    }
    Ok(Some(LoginFacts {
        account: account(first)?,
        groups,
    }))
}

/// The account of a user, made if there is none.
pub(crate) async fn ensure(
    db: &Connection,
    app: SdkAppId,
    user: &UserId,
    now_s: u64,
) -> Result<Account, StoreError> {
    // An insert that met its like would use up a key.
    let sql = "INSERT INTO account (app, user_id, nick, face_url, created_s)
         SELECT $1, $2, '', '', $3
         WHERE NOT EXISTS (SELECT 1 FROM account WHERE app = $1 AND user_id = $2) RETURNING id";
    let made = db
        .change(sql, params![app.stored(), user.as_str(), integer(now_s)])
        .await?;
    if let Some(row) = made.first() {
        return Ok(Account {
            key: get(row, 0)?,
            app,
            user: user.clone(),
            nick: String::new(),
            face_url: String::new(),
            usersigs_void_to_s: None,
        });
    }
    let known = find(db, app, user).await?;
    known.ok_or_else(|| StoreError("an account that is there is not found".to_owned()))
}

/// Values of an account, those that are to be changed.
#[derive(Clone, Default)]
struct Values {
    nick: Option<String>,
    face_url: Option<String>,
}

/// Makes accounts exist and take on the values given; of two values for one account the later one holds.
pub(crate) async fn import(
    db: &Connection,
    app: SdkAppId,
    imports: &[AccountImport],
    now_s: u64,
) -> Result<(), StoreError> {
    let mut wanted = BTreeMap::<&UserId, Values>::new();
    for import in imports {
        let values = wanted.entry(&import.user).or_default();
        let AccountImport { nick, face_url, .. } = import.clone();
        values.nick = nick.or(values.nick.take());
        values.face_url = face_url.or(values.face_url.take());
    }
    let users: Vec<_> = wanted.keys().map(|&user| user.clone()).collect();
    let mut changed = Vec::new();
    for known in of_users(db, app, &users).await?.into_iter().flatten() {
        let Some(Values { nick, face_url }) = wanted.remove(&known.user) else {
            continue;
        };
        let (nick, face_url) = (
            nick.unwrap_or_else(|| known.nick.clone()),
            face_url.unwrap_or_else(|| known.face_url.clone()),
        );
        // An update that changes nothing would still be written to disk.
        if nick != known.nick || face_url != known.face_url {
            changed.push((known.key, nick, face_url));
        }
    }
    insert(db, app, &wanted, now_s).await?;
    update(db, &changed).await
}

async fn insert(
    db: &Connection,
    app: SdkAppId,
    new: &BTreeMap<&UserId, Values>,
    now_s: u64,
) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let nicks: Vec<_> = new
        .values()
        .map(|new| new.nick.as_deref().unwrap_or(""))
        .collect();
    let faces: Vec<_> = new
        .values()
        .map(|new| new.face_url.as_deref().unwrap_or(""))
        .collect();
    let users = user_ids(new.keys().copied());
    let sql = "INSERT INTO account (app, user_id, nick, face_url, created_s)
         SELECT $1, u.user_id, u.nick, u.face_url, $2
         FROM unnest($3, $4, $5) AS u (user_id, nick, face_url)";
    db.execute(sql, params![app.stored(), integer(now_s), users, nicks, faces])
        .await?;
    Ok(())
}

async fn update(db: &Connection, changed: &[(AccountKey, String, String)]) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = changed.iter().map(|(key, ..)| key.stored()).collect();
    let nicks: Vec<_> = changed.iter().map(|(_, nick, _)| nick.as_str()).collect();
    let faces: Vec<_> = changed.iter().map(|(_, _, face)| face.as_str()).collect();
    let sql = "UPDATE account SET nick = u.nick, face_url = u.face_url
         FROM unnest($1, $2, $3) AS u (id, nick, face_url) WHERE account.id = u.id";
    db.execute(sql, params![keys, nicks, faces]).await?;
    Ok(())
}

/// Voids UserSigs issued up to `at_s` and reports up to when they are void now.
pub(crate) async fn revoke_usersigs(
    db: &Connection,
    app: SdkAppId,
    user: &UserId,
    at_s: u64,
    changes: &mut Vec<Change>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE account SET usersigs_void_to_s = GREATEST(COALESCE(usersigs_void_to_s, 0), $3)
         WHERE app = $1 AND user_id = $2 RETURNING id, usersigs_void_to_s";
    let revoked = db
        .change(sql, params![app.stored(), user.as_str(), integer(at_s)])
        .await?;
    for row in &revoked {
        changes.push(Change::UserSigsRevoked {
            app,
            user: user.clone(),
            account: get(row, 0)?,
            at_s: get(row, 1)?,
        });
    }
    Ok(!revoked.is_empty())
}

/// Deletes accounts; tells which existed.
pub(crate) async fn delete(
    db: &Connection,
    app: SdkAppId,
    users: &[UserId],
    changes: &mut Vec<Change>,
) -> Result<Vec<bool>, StoreError> {
    let keys = keys(db, app, users).await?;
    let mut gone = BTreeSet::new();
    for user in users {
        if let Some(&account) = keys.get(user)
            && gone.insert(account)
        {
            delete_one(db, account, changes).await?;
            let user = user.clone();
            changes.push(Change::AccountDeleted { app, user, account });
        }
    }
    Ok(users.iter().map(|user| keys.contains_key(user)).collect())
}

/// Deletes one account and adds what it left.
async fn delete_one(
    db: &Connection,
    account: AccountKey,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let sql = "UPDATE groups SET member_num = member_num - 1
         WHERE id IN (SELECT grp FROM member WHERE account = $1) AND dissolved = 0 RETURNING id";
    for row in db.change(sql, params![account.stored()]).await? {
        let group = get(&row, 0)?;
        changes.push(Change::Left { account, group });
    }
    for sql in [
        "DELETE FROM member WHERE account = $1",
        "UPDATE groups SET owner = NULL WHERE owner = $1 AND dissolved = 0",
        "DELETE FROM account WHERE id = $1",
    ] {
        db.execute(sql, params![account.stored()]).await?;
    }
    Ok(())
}
