//! Members in tables.

use headcount_core::{AccountKey, Change, GroupKey, Role, SdkAppId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::accounts;
use super::columns::{Stored, get, integer, mask};
use crate::{AddMembersError, AddedMember, Member, MemberPage, NewMember, PageStart, RemovedMembers};

/// What changing a group's members has to know of it.
pub(crate) struct Seats {
    app: SdkAppId,
    owner: Option<AccountKey>,
    members: u32,
    members_max: u32,
}

impl Seats {
    /// How many more members it may have.
    pub(crate) fn room(&self) -> u32 {
        self.members_max.saturating_sub(self.members)
    }
}

/// What changing the members of a living group has to know.
pub(crate) fn seats(connection: &Connection, group: GroupKey) -> rusqlite::Result<Option<Seats>> {
    connection
        .prepare_cached(
            "SELECT app, member_num, member_max, owner FROM groups WHERE id = ?1 AND dissolved = 0",
        )?
        .query_row([group.stored()], |row| {
            Ok(Seats {
                app: SdkAppId(row.get(0)?),
                members: row.get(1)?,
                members_max: row.get(2)?,
                owner: row.get::<_, Option<u64>>(3)?.map(AccountKey),
            })
        })
        .optional()
}

/// Adds one row, if there is none.
pub(crate) const INSERT: &str =
    "INSERT INTO member (grp, account, role, joined_s) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

/// Adds one row; `false` when the account is a member already. The group's number is not touched.
pub(crate) fn insert(
    connection: &Connection,
    group: GroupKey,
    account: AccountKey,
    role: Role,
    joined_at_s: u64,
) -> rusqlite::Result<bool> {
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        group.stored(),
        account.stored(),
        role.stored(),
        integer(joined_at_s)
    ])?;
    Ok(inserted > 0)
}

/// Whether there is a row.
pub(crate) fn is_member(
    connection: &Connection,
    group: GroupKey,
    account: AccountKey,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM member WHERE grp = ?1 AND account = ?2")?
        .exists(params![group.stored(), account.stored()])
}

/// Changes a group's number of members, in the transaction that changed its rows.
pub(crate) fn add_to_number(
    connection: &Connection,
    group: GroupKey,
    difference: i64,
) -> rusqlite::Result<()> {
    if difference != 0 {
        connection
            .prepare_cached("UPDATE groups SET member_num = member_num + ?2 WHERE id = ?1")?
            .execute(params![group.stored(), difference])?;
    }
    Ok(())
}

/// Adds members.
pub(crate) fn add(
    connection: &Connection,
    group: GroupKey,
    new: &[NewMember],
    now_s: u64,
    changes: &mut Vec<Change>,
) -> Result<Vec<AddedMember>, AddMembersError> {
    let seats = seats(connection, group)?.ok_or(AddMembersError::GroupGone)?;
    let mut room = seats.room();
    let mut outcomes = Vec::with_capacity(new.len());
    let mut added = 0;
    for member in new {
        let Some(account) = accounts::key(connection, seats.app, &member.user)? else {
            outcomes.push(AddedMember::AccountAbsent);
            continue;
        };
        let joined_at_s = member.joined_at_s.unwrap_or(now_s);
        // A group has one owner, who is not made here.
        let role = member.role.min(Role::Admin);
        if !insert(connection, group, account, role, joined_at_s)? {
            outcomes.push(AddedMember::AlreadyMember(account));
            continue;
        }
        room = room.checked_sub(1).ok_or(AddMembersError::Full)?;
        added += 1;
        changes.push(Change::Joined { account, group });
        outcomes.push(AddedMember::Added(account));
    }
    add_to_number(connection, group, added)?;
    Ok(outcomes)
}

/// Removes members.
pub(crate) fn remove(
    connection: &Connection,
    group: GroupKey,
    users: &[UserId],
    changes: &mut Vec<Change>,
) -> rusqlite::Result<Option<RemovedMembers>> {
    let Some(seats) = seats(connection, group)? else {
        return Ok(None);
    };
    let mut removed = Vec::new();
    let mut difference = 0;
    for user in users {
        let Some(account) = accounts::key(connection, seats.app, user)? else {
            continue;
        };
        let deleted = connection
            .prepare_cached("DELETE FROM member WHERE grp = ?1 AND account = ?2")?
            .execute([group.stored(), account.stored()])?;
        if deleted == 0 {
            continue;
        }
        difference -= 1;
        if seats.owner == Some(account) {
            connection
                .prepare_cached("UPDATE groups SET owner = NULL WHERE id = ?1")?
                .execute([group.stored()])?;
        }
        changes.push(Change::Left { account, group });
        removed.push(account);
    }
    add_to_number(connection, group, difference)?;
    Ok(Some(RemovedMembers { removed }))
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        account: get(row, 0)?,
        user: get(row, 1)?,
        role: get(row, 2)?,
        joined_at_s: row.get(3)?,
    })
}

/// The memberships of some users.
pub(crate) fn of_users(
    connection: &Connection,
    group: GroupKey,
    users: &[UserId],
) -> rusqlite::Result<Vec<Option<Member>>> {
    let mut statement = connection.prepare_cached(
        "SELECT m.account, a.user, m.role, m.joined_s
         FROM groups g CROSS JOIN account a ON a.app = g.app AND a.user = ?2
             CROSS JOIN member m ON m.grp = g.id AND m.account = a.id
         WHERE g.id = ?1 AND g.dissolved = 0",
    )?;
    users
        .iter()
        .map(|user| {
            statement
                .query_row(params![group.stored(), user.as_str()], member)
                .optional()
        })
        .collect()
}

/// A page over all rows of a group.
const PAGE: &str = "SELECT m.account, a.user, m.role, m.joined_s
     FROM groups g CROSS JOIN member m ON m.grp = g.id CROSS JOIN account a ON a.id = m.account
     WHERE g.id = ?1 AND g.dissolved = 0 AND m.account > ?2 AND (?3 >> m.role) & 1
     ORDER BY m.account LIMIT ?4 OFFSET ?5";

/// The same over the owner and the admins alone, whatever the number of members.
const RANKED_PAGE: &str = "SELECT m.account, a.user, m.role, m.joined_s
     FROM groups g CROSS JOIN member m INDEXED BY member_ranked ON m.grp = g.id
         CROSS JOIN account a ON a.id = m.account
     WHERE g.id = ?1 AND g.dissolved = 0 AND m.account > ?2 AND (?3 >> m.role) & 1 AND m.role <> 0
     ORDER BY m.account LIMIT ?4 OFFSET ?5";

/// One page of a group's members.
pub(crate) fn page(
    connection: &Connection,
    group: GroupKey,
    page: &MemberPage,
) -> rusqlite::Result<Vec<Member>> {
    let (after, offset) = match page.start {
        PageStart::After(account) => (account, 0),
        PageStart::Offset(offset) => (AccountKey(0), offset),
    };
    let ranked = !page.roles.is_empty() && !page.roles.contains(&Role::Member);
    let roles = if page.roles.is_empty() {
        mask(&[Role::Member, Role::Admin, Role::Owner])
    } else {
        mask(&page.roles)
    };
    connection
        .prepare_cached(if ranked { RANKED_PAGE } else { PAGE })?
        .query_map(
            params![group.stored(), after.stored(), roles, page.limit, offset],
            member,
        )?
        .collect()
}
