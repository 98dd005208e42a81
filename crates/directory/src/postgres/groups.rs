//! Groups in tables.

use std::collections::{BTreeSet, HashMap};

use headcount_core::{AccountKey, Change, GroupId, GroupKey, Role, SdkAppId, UserId};
use tokio_postgres::Row;

use super::accounts;
use super::columns::{Numbered, Stored, get, integer, numbers, params};
use super::connection::{Connection, Rows};
use super::members::{self, Seat};
use crate::{CreateGroupError, Group, JoinedGroup, JoinedGroups, JoinedQuery, NewGroup, StoreError};

/// What [`group`] reads, of a group `g`.
macro_rules! group_columns {
    () => {
        "g.id, g.app, g.group_id, g.type, g.name, g.introduction, g.notification, g.face_url,
         (SELECT user_id FROM account WHERE id = g.owner), g.join_option, g.invite_option, g.member_num, g.member_max,
         g.support_topic, g.created_s"
    };
}

fn group(row: &Row) -> Result<Group, StoreError> {
    Ok(Group {
        key: get(row, 0)?,
        app: get(row, 1)?,
        id: get(row, 2)?,
        group_type: get(row, 3)?,
        name: get(row, 4)?,
        introduction: get(row, 5)?,
        notification: get(row, 6)?,
        face_url: get(row, 7)?,
        owner: get(row, 8)?,
        join_option: get(row, 9)?,
        invite_option: get(row, 10)?,
        members: get(row, 11)?,
        members_max: get(row, 12)?,
        support_topic: get(row, 13)?,
        created_at_s: get(row, 14)?,
    })
}

/// A living group by its id.
pub(crate) async fn find(db: &dyn Rows, app: SdkAppId, id: &GroupId) -> Result<Option<Group>, StoreError> {
    let sql = concat!(
        "SELECT ",
        group_columns!(),
        " FROM groups g WHERE g.app = $1 AND g.group_id = $2 AND g.dissolved = 0"
    );
    let row = db.row(sql, params![app.stored(), id.as_str()]).await?;
    row.as_ref().map(group).transpose()
}

/// The living groups of some ids, in their order.
pub(crate) async fn of_ids(
    db: &dyn Rows,
    app: SdkAppId,
    ids: &[GroupId],
) -> Result<Vec<Option<Group>>, StoreError> {
    let sql = concat!(
        "SELECT ",
        group_columns!(),
        " FROM unnest($2) AS i (group_id) CROSS JOIN LATERAL (
             SELECT * FROM groups WHERE app = $1 AND group_id = i.group_id AND dissolved = 0 LIMIT 1) AS g"
    );
    let texts: Vec<_> = ids.iter().map(GroupId::as_str).collect();
    let mut found = HashMap::new();
    for row in &db.rows(sql, params![app.stored(), texts]).await? {
        let group = group(row)?;
        found.insert(group.id.clone(), group);
    }
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

/// Creates a group with its owner and first members.
pub(crate) async fn create(
    db: &Connection,
    new: &NewGroup,
    changes: &mut Vec<Change>,
) -> Result<Group, CreateGroupError> {
    if let Some(other) = find(db, new.app, &new.id).await? {
        return Err(CreateGroupError::IdTaken {
            by_same_owner: new.owner.is_some() && other.owner == new.owner,
        });
    }
    let users = new
        .owner
        .iter()
        .chain(new.members.iter().map(|member| &member.user));
    let keys = accounts::keys(db, new.app, users).await?;
    let known = |user: &UserId| {
        let key = keys.get(user).copied();
        key.ok_or_else(|| CreateGroupError::AccountAbsent(user.clone()))
    };
    let owner = new.owner.as_ref().map(known).transpose()?;
    let seats = first_seats(new, owner, known)?;
    let members = u32::try_from(seats.len()).unwrap_or(u32::MAX);
    if members > new.members_max {
        return Err(CreateGroupError::Full);
    }
    let key = insert(db, new, owner, members).await?;
    members::insert(db, key, &seats).await?;
    changes.extend(seats.iter().map(|seat| Change::Joined {
        account: seat.account,
        group: key,
    }));
    Ok(new.clone().created(key, members))
}

/// Who is a member from the beginning, each once. Also where none is stored, all have to be known.
fn first_seats(
    new: &NewGroup,
    owner: Option<AccountKey>,
    known: impl Fn(&UserId) -> Result<AccountKey, CreateGroupError>,
) -> Result<Vec<Seat>, CreateGroupError> {
    let mut seats = Vec::with_capacity(new.members.len() + 1);
    // The owner first: named again among the members, it is a member already.
    seats.extend(owner.map(|account| Seat {
        account,
        role: Role::Owner,
        joined_at_s: new.created_at_s,
    }));
    for member in &new.members {
        seats.push(Seat {
            account: known(&member.user)?,
            role: member.role.min(Role::Admin),
            joined_at_s: member.joined_at_s.unwrap_or(new.created_at_s),
        });
    }
    let mut seen = BTreeSet::new();
    seats.retain(|seat| new.group_type.stores_members() && seen.insert(seat.account));
    Ok(seats)
}

async fn insert(
    db: &Connection,
    new: &NewGroup,
    owner: Option<AccountKey>,
    members: u32,
) -> Result<GroupKey, StoreError> {
    let sql = "INSERT INTO groups (app, group_id, type, name, introduction, notification, face_url, owner,
             join_option, invite_option, member_num, member_max, support_topic, created_s)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id";
    let rows = db
        .change(
            sql,
            params![
                new.app.stored(),
                new.id.as_str(),
                new.group_type.number(),
                new.name,
                new.introduction,
                new.notification,
                new.face_url,
                owner.map(Stored::stored),
                new.join_option.number(),
                new.invite_option.number(),
                i64::from(members),
                i64::from(new.members_max),
                new.support_topic.number(),
                integer(new.created_at_s),
            ],
        )
        .await?;
    let row = rows.first();
    row.map_or_else(
        || Err(StoreError("a new group has no key".to_owned())),
        |row| get(row, 0),
    )
}

/// Makes a group unseen; its rows are left to the sweep.
pub(crate) async fn dissolve(
    db: &Connection,
    key: GroupKey,
    changes: &mut Vec<Change>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE groups SET dissolved = 1 WHERE id = $1 AND dissolved = 0 RETURNING app, group_id";
    let dissolved = db.change(sql, params![key.stored()]).await?;
    for row in &dissolved {
        changes.push(Change::Dissolved {
            app: get(row, 0)?,
            id: get(row, 1)?,
            group: key,
        });
    }
    Ok(!dissolved.is_empty())
}

/// One page of the groups of an account, and how many there are on all, of one moment.
const JOINED: &str = concat!(
    "WITH joined AS (
         SELECT m.grp, m.role, m.joined_s FROM member m CROSS JOIN LATERAL (
             SELECT * FROM groups WHERE id = m.grp LIMIT 1) AS g
         WHERE m.account = $1 AND g.dissolved = 0 AND g.support_topic = $2 AND g.type = ANY ($3)),
     page AS (SELECT * FROM joined ORDER BY grp LIMIT $4 OFFSET $5)
     SELECT ",
    group_columns!(),
    ", p.role, p.joined_s, n.total
     FROM (SELECT count(*) AS total FROM joined) n LEFT JOIN page p ON TRUE
         LEFT JOIN LATERAL (SELECT * FROM groups WHERE id = p.grp LIMIT 1) AS g ON TRUE
     ORDER BY p.grp"
);

/// One page of the groups of an account.
pub(crate) async fn joined(
    db: &dyn Rows,
    account: AccountKey,
    query: &JoinedQuery,
) -> Result<JoinedGroups, StoreError> {
    let rows = db
        .rows(
            JOINED,
            params![
                account.stored(),
                query.support_topic.number(),
                numbers(&query.types),
                i64::from(query.limit),
                i64::from(query.offset),
            ],
        )
        .await?;
    let mut joined = JoinedGroups::default();
    for row in &rows {
        joined.total = get(row, 17)?;
        // An empty page has one row that names no group.
        if get::<Option<GroupKey>>(row, 0)?.is_some() {
            joined.groups.push(JoinedGroup {
                group: group(row)?,
                role: get(row, 15)?,
                joined_at_s: get(row, 16)?,
            });
        }
    }
    Ok(joined)
}

/// How many groups an account is a member of, up to `most`.
pub(crate) async fn joined_count(db: &dyn Rows, account: AccountKey, most: u32) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM (
             SELECT 1 FROM member m CROSS JOIN LATERAL (
                 SELECT 1 FROM groups WHERE id = m.grp AND dissolved = 0 LIMIT 1) AS g
             WHERE m.account = $1 LIMIT $2) AS joined";
    count(db, sql, account, most).await
}

/// How many groups an account owns, up to `most`.
pub(crate) async fn owned_count(db: &dyn Rows, account: AccountKey, most: u32) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM (
             SELECT 1 FROM groups WHERE owner = $1 AND dissolved = 0 LIMIT $2) AS owned";
    count(db, sql, account, most).await
}

async fn count(db: &dyn Rows, sql: &str, account: AccountKey, most: u32) -> Result<u32, StoreError> {
    let row = db
        .one_row(sql, params![account.stored(), i64::from(most)])
        .await?;
    get(&row, 0)
}
