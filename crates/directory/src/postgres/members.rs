//! Members in tables.

use std::collections::{BTreeSet, HashMap};

use headcount_core::{AccountKey, Change, GroupKey, Role, UserId};
use tokio_postgres::Row;

use super::columns::{Numbered, Stored, get, integer, numbers, params, user_ids};
use super::connection::{Connection, Rows};
use crate::{
    AddMembersError, AddedMember, Member, MemberPage, NewMember, PageStart, RemovedMembers, StoreError,
};

/// A row to be.
pub(crate) struct Seat {
    pub(crate) account: AccountKey,
    pub(crate) role: Role,
    pub(crate) joined_at_s: u64,
}

/// What changing the members of a living group has to know of it and of the users named.
struct Place {
    /// How many more members it may have.
    room: u32,
    /// The keys of those who have an account.
    keys: HashMap<UserId, AccountKey>,
}

/// `None` when the group is gone.
async fn place<'u>(
    db: &Connection,
    group: GroupKey,
    users: impl Iterator<Item = &'u UserId>,
) -> Result<Option<Place>, StoreError> {
    let sql = "SELECT g.member_num, g.member_max, a.user_id, a.id
         FROM groups g LEFT JOIN unnest($2) AS u (user_id) ON TRUE LEFT JOIN LATERAL (
             SELECT * FROM account WHERE app = g.app AND user_id = u.user_id LIMIT 1) AS a ON TRUE
         WHERE g.id = $1 AND g.dissolved = 0";
    let rows = db.rows(sql, params![group.stored(), user_ids(users)]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let (members, members_max): (u32, u32) = (get(first, 0)?, get(first, 1)?);
    let mut keys = HashMap::with_capacity(rows.len());
    for row in &rows {
        // There is a row for each user, and one if none is named.
        if let Some(user) = get(row, 2)? {
            keys.insert(user, get(row, 3)?);
        }
    }
    Ok(Some(Place {
        room: members_max.saturating_sub(members),
        keys,
    }))
}

/// Adds rows that are not there. The group's number is not touched.
pub(crate) async fn insert(db: &Connection, group: GroupKey, seats: &[Seat]) -> Result<(), StoreError> {
    if seats.is_empty() {
        return Ok(());
    }
    let (accounts, times, roles) = columns(seats);
    let sql = "INSERT INTO member (grp, account, joined_s, role)
         SELECT $1, s.account, s.joined_s, s.role FROM unnest($2, $3, $4) AS s (account, joined_s, role)";
    db.execute(sql, params![group.stored(), accounts, times, roles])
        .await?;
    Ok(())
}

/// Adds those of the rows that are not there, and with them to the group's number; returns whose they are.
async fn insert_new(
    db: &Connection,
    group: GroupKey,
    seats: &[Seat],
) -> Result<BTreeSet<AccountKey>, StoreError> {
    if seats.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (accounts, times, roles) = columns(seats);
    let sql = "WITH added AS (
             INSERT INTO member (grp, account, joined_s, role)
             SELECT $1, s.account, s.joined_s, s.role
             FROM unnest($2, $3, $4) AS s (account, joined_s, role)
             ON CONFLICT (grp, account) DO NOTHING RETURNING account),
         counted AS (
             UPDATE groups SET member_num = member_num + (SELECT count(*) FROM added)
             WHERE id = $1 AND EXISTS (SELECT 1 FROM added) RETURNING id)
         SELECT account FROM added";
    let added = db
        .change(sql, params![group.stored(), accounts, times, roles])
        .await?;
    added.iter().map(|row| get(row, 0)).collect()
}

fn columns(seats: &[Seat]) -> (Vec<i64>, Vec<i64>, Vec<i16>) {
    (
        seats.iter().map(|seat| seat.account.stored()).collect(),
        seats.iter().map(|seat| integer(seat.joined_at_s)).collect(),
        seats.iter().map(|seat| seat.role.number()).collect(),
    )
}

/// Adds members.
pub(crate) async fn add(
    db: &Connection,
    group: GroupKey,
    new: &[NewMember],
    now_s: u64,
    changes: &mut Vec<Change>,
) -> Result<Vec<AddedMember>, AddMembersError> {
    let users = new.iter().map(|member| &member.user);
    let place = place(db, group, users).await?.ok_or(AddMembersError::GroupGone)?;
    let mut named = BTreeSet::new();
    let mut seats = Vec::with_capacity(new.len());
    for member in new {
        if let Some(&account) = place.keys.get(&member.user)
            && named.insert(account)
        {
            seats.push(Seat {
                account,
                // A group has one owner, who is not made here.
                role: member.role.min(Role::Admin),
                joined_at_s: member.joined_at_s.unwrap_or(now_s),
            });
        }
    }
    let mut added = insert_new(db, group, &seats).await?;
    if u32::try_from(added.len()).is_ok_and(|added| added > place.room) {
        return Err(AddMembersError::Full);
    }
    let outcome = |member: &NewMember| match place.keys.get(&member.user) {
        None => AddedMember::AccountAbsent,
        // Taken out, so that who is named twice is a member already the second time.
        Some(account) if added.remove(account) => {
            changes.push(Change::Joined {
                account: *account,
                group,
            });
            AddedMember::Added(*account)
        }
        Some(account) => AddedMember::AlreadyMember(*account),
    };
    Ok(new.iter().map(outcome).collect())
}

/// Removes members.
pub(crate) async fn remove(
    db: &Connection,
    group: GroupKey,
    users: &[UserId],
    changes: &mut Vec<Change>,
) -> Result<Option<RemovedMembers>, StoreError> {
    let Some(Place { keys, .. }) = place(db, group, users.iter()).await? else {
        return Ok(None);
    };
    let accounts: Vec<_> = keys.values().map(|key| key.stored()).collect();
    let sql = "WITH gone AS (
             DELETE FROM member WHERE grp = $1 AND account = ANY ($2) RETURNING account),
         counted AS (
             UPDATE groups SET member_num = member_num - (SELECT count(*) FROM gone),
                 owner = CASE WHEN owner IN (SELECT account FROM gone) THEN NULL ELSE owner END
             WHERE id = $1 AND EXISTS (SELECT 1 FROM gone) RETURNING id)
         SELECT account FROM gone";
    let gone = db.change(sql, params![group.stored(), accounts]).await?;
    let mut gone: BTreeSet<AccountKey> = gone.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    let mut removed = Vec::with_capacity(gone.len());
    for account in users.iter().filter_map(|user| keys.get(user).copied()) {
        if gone.remove(&account) {
            changes.push(Change::Left { account, group });
            removed.push(account);
        }
    }
    Ok(Some(RemovedMembers { removed }))
}

fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        account: get(row, 0)?,
        user: get(row, 1)?,
        role: get(row, 2)?,
        joined_at_s: get(row, 3)?,
    })
}

/// The memberships of some users, in their order.
pub(crate) async fn of_users(
    db: &dyn Rows,
    group: GroupKey,
    users: &[UserId],
) -> Result<Vec<Option<Member>>, StoreError> {
    let sql = "SELECT m.account, a.user_id, m.role, m.joined_s
         FROM groups g CROSS JOIN unnest($2) AS u (user_id) CROSS JOIN LATERAL (
             SELECT * FROM account WHERE app = g.app AND user_id = u.user_id LIMIT 1) AS a
         CROSS JOIN LATERAL (
             SELECT * FROM member WHERE grp = g.id AND account = a.id LIMIT 1) AS m
         WHERE g.id = $1 AND g.dissolved = 0";
    let mut found = HashMap::new();
    for row in &db.rows(sql, params![group.stored(), user_ids(users)]).await? {
        let member = member(row)?;
        found.insert(member.user.clone(), member);
    }
    Ok(users.iter().map(|user| found.get(user).cloned()).collect())
}

/// A page of the members of a living group that a condition picks.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "SELECT p.account, (SELECT user_id FROM account WHERE id = p.account), p.role, p.joined_s
             FROM (
                 SELECT account, role, joined_s FROM member
                 WHERE grp = (SELECT id FROM groups WHERE id = $1 AND dissolved = 0) AND account > $2 ",
            $condition,
            " ORDER BY account LIMIT $3 OFFSET $4) AS p ORDER BY p.account"
        )
    };
}

/// One page of a group's members.
pub(crate) async fn page(
    db: &dyn Rows,
    group: GroupKey,
    page: &MemberPage,
) -> Result<Vec<Member>, StoreError> {
    let (after, offset) = match page.start {
        PageStart::After(account) => (account, 0),
        PageStart::Offset(offset) => (AccountKey(0), offset),
    };
    let (group, after) = (group.stored(), after.stored());
    let (limit, offset) = (i64::from(page.limit), i64::from(offset));
    let roles = numbers(&page.roles);
    let rows = if roles.is_empty() {
        let sql = page!("");
        db.rows(sql, params![group, after, limit, offset]).await?
    } else if page.roles.contains(&Role::Member) {
        let sql = page!("AND role = ANY ($5)");
        db.rows(sql, params![group, after, limit, offset, roles]).await?
    } else {
        // An index has only these, whatever the number of members.
        let sql = page!("AND role = ANY ($5) AND role <> 0");
        db.rows(sql, params![group, after, limit, offset, roles]).await?
    };
    rows.iter().map(member).collect()
}
