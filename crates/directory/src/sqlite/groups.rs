//! Groups in tables.

use headcount_core::{AccountKey, Change, GroupId, GroupKey, Role, SdkAppId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{Stored, get, integer, mask};
use super::{accounts, members};
use crate::{CreateGroupError, Group, JoinedGroup, JoinedGroups, JoinedQuery, NewGroup};

/// What [`group`] reads, of a group `g` and its owner `o`.
macro_rules! group_columns {
    () => {
        "g.id, g.app, g.group_id, g.type, g.name, g.introduction, g.notification, g.face_url, o.user,
         g.join_option, g.invite_option, g.member_num, g.member_max, g.support_topic, g.created_s"
    };
}

fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    let owned = !row.get_ref(8)?.data_type().eq(&rusqlite::types::Type::Null);
    Ok(Group {
        key: get(row, 0)?,
        app: SdkAppId(row.get(1)?),
        id: get(row, 2)?,
        group_type: get(row, 3)?,
        name: row.get(4)?,
        introduction: row.get(5)?,
        notification: row.get(6)?,
        face_url: row.get(7)?,
        owner: owned.then(|| get(row, 8)).transpose()?,
        join_option: get(row, 9)?,
        invite_option: get(row, 10)?,
        members: row.get(11)?,
        members_max: row.get(12)?,
        support_topic: row.get(13)?,
        created_at_s: row.get(14)?,
    })
}

/// A living group by its id.
pub(crate) fn find(connection: &Connection, app: SdkAppId, id: &GroupId) -> rusqlite::Result<Option<Group>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            group_columns!(),
            " FROM groups g LEFT JOIN account o ON o.id = g.owner
             WHERE g.app = ?1 AND g.group_id = ?2 AND g.dissolved = 0"
        ))?
        .query_row(params![app.0, id.as_str()], group)
        .optional()
}

/// Creates a group with its owner and first members.
pub(crate) fn create(
    connection: &Connection,
    new: NewGroup,
    changes: &mut Vec<Change>,
) -> Result<Group, CreateGroupError> {
    if let Some(other) = find(connection, new.app, &new.id)? {
        return Err(CreateGroupError::IdTaken {
            by_same_owner: new.owner.is_some() && other.owner == new.owner,
        });
    }
    let known = |user: &UserId| {
        accounts::key(connection, new.app, user)?.ok_or_else(|| CreateGroupError::AccountAbsent(user.clone()))
    };
    let owner = new.owner.as_ref().map(known).transpose()?;
    let mut first = Vec::with_capacity(new.members.len() + 1);
    // The owner first: named again among the members, it is a member already.
    first.extend(owner.map(|account| (account, Role::Owner, new.created_at_s)));
    for member in &new.members {
        let joined_at_s = member.joined_at_s.unwrap_or(new.created_at_s);
        first.push((known(&member.user)?, member.role.min(Role::Admin), joined_at_s));
    }
    let key = insert(connection, &new, owner)?;
    let mut members = 0;
    if new.group_type.stores_members() {
        for (account, role, joined_at_s) in first {
            if members::insert(connection, key, account, role, joined_at_s)? {
                members += 1;
                changes.push(Change::Joined { account, group: key });
            }
        }
    }
    if members > new.members_max {
        return Err(CreateGroupError::Full);
    }
    members::add_to_number(connection, key, i64::from(members))?;
    Ok(new.created(key, members))
}

fn insert(connection: &Connection, new: &NewGroup, owner: Option<AccountKey>) -> rusqlite::Result<GroupKey> {
    connection
        .prepare_cached(
            "INSERT INTO groups (app, group_id, type, name, introduction, notification, face_url, owner,
                 join_option, invite_option, member_num, member_max, support_topic, created_s)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13) RETURNING id",
        )?
        .query_row(
            params![
                new.app.0,
                new.id.as_str(),
                new.group_type.stored(),
                new.name,
                new.introduction,
                new.notification,
                new.face_url,
                owner.map(Stored::stored),
                new.join_option.stored(),
                new.invite_option.stored(),
                new.members_max,
                new.support_topic,
                integer(new.created_at_s),
            ],
            |row| get(row, 0),
        )
}

/// Makes a group unseen; its rows are left to the sweep.
pub(crate) fn dissolve(
    connection: &Connection,
    key: GroupKey,
    changes: &mut Vec<Change>,
) -> rusqlite::Result<bool> {
    let dissolved = connection
        .prepare_cached(
            "UPDATE groups SET dissolved = 1 WHERE id = ?1 AND dissolved = 0 RETURNING app, group_id",
        )?
        .query_row([key.stored()], |row| {
            Ok(Change::Dissolved {
                app: SdkAppId(row.get(0)?),
                id: get(row, 1)?,
                group: key,
            })
        })
        .optional()?;
    let lived = dissolved.is_some();
    changes.extend(dissolved);
    Ok(lived)
}

/// One page of the groups of an account.
pub(crate) fn joined(
    connection: &Connection,
    account: AccountKey,
    query: &JoinedQuery,
) -> rusqlite::Result<JoinedGroups> {
    let types = mask(&query.types);
    let total = connection
        .prepare_cached(
            "SELECT count(*) FROM member m CROSS JOIN groups g ON g.id = m.grp
             WHERE m.account = ?1 AND g.dissolved = 0 AND g.support_topic = ?2 AND (?3 >> g.type) & 1",
        )?
        .query_row(params![account.stored(), query.support_topic, types], |row| {
            row.get(0)
        })?;
    let page = params![
        account.stored(),
        query.support_topic,
        types,
        query.limit,
        query.offset
    ];
    let groups = connection
        .prepare_cached(concat!(
            "SELECT ",
            group_columns!(),
            ", m.role, m.joined_s
             FROM member m CROSS JOIN groups g ON g.id = m.grp LEFT JOIN account o ON o.id = g.owner
             WHERE m.account = ?1 AND g.dissolved = 0 AND g.support_topic = ?2 AND (?3 >> g.type) & 1
             ORDER BY m.grp LIMIT ?4 OFFSET ?5"
        ))?
        .query_map(page, |row| {
            Ok(JoinedGroup {
                group: group(row)?,
                role: get(row, 15)?,
                joined_at_s: row.get(16)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(JoinedGroups { total, groups })
}

/// How many groups an account is a member of, up to `most`.
pub(crate) fn joined_count(connection: &Connection, account: AccountKey, most: u32) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM (
                 SELECT 1 FROM member m CROSS JOIN groups g ON g.id = m.grp
                 WHERE m.account = ?1 AND g.dissolved = 0 LIMIT ?2)",
        )?
        .query_row(params![account.stored(), most], |row| row.get(0))
}

/// How many groups an account owns, up to `most`.
pub(crate) fn owned_count(connection: &Connection, account: AccountKey, most: u32) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM groups WHERE owner = ?1 AND dissolved = 0 LIMIT ?2)",
        )?
        .query_row(params![account.stored(), most], |row| row.get(0))
}
