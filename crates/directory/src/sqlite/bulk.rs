//! Importing many rows into a folder that no server has open.
//!
//! What makes it fast is order: the rows of a batch are sorted before they are looked up and before they
//! are written, so that each page of an index is visited once, and one sync of the disk covers them all.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::JoinHandle;

use headcount_core::limits::IMPORT_CACHE_BYTES;
use headcount_core::{AccountKey, GroupId, GroupKey, Role, SdkAppId, UserId};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::checkpoint::{self, LogWatch};
use super::columns::{Stored, get, integer};
use super::open::{Database, FolderLock, OpenError};
use super::{accounts, groups, members, thread_failed};
use crate::{AccountImport, Group, StoreError};

/// A data folder taken for an import. No server can start on it meanwhile: it would not learn of what is
/// committed here. Blocking.
pub struct BulkImport {
    app: SdkAppId,
    connection: Connection,
    /// `None` only while it is dropped.
    log: Option<LogWatch>,
    checkpointer: Option<JoinHandle<()>>,
    _lock: FolderLock,
}

/// A member to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkMember {
    /// Of which group, of the import's app.
    pub group: GroupKey,
    /// Who.
    pub user: UserId,
    /// As what: `Member` or `Admin`.
    pub role: Role,
    /// Since when, Unix seconds.
    pub joined_at_s: u64,
}

/// What happens to a member who has no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAccount {
    /// The member is refused.
    Refused,
    /// The account is made, unless the member is refused for another reason.
    Made,
}

/// Why a row was not imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkRefusal {
    /// The group is gone.
    GroupGone,
    /// The user has no account.
    AccountAbsent,
    /// The group has as many members as it may have.
    Full,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkOutcome {
    /// Rows that are new.
    pub added: u64,
    /// Rows that were there and took on new values.
    pub changed: u64,
    /// Rows that were there already.
    pub present: u64,
    /// Accounts made for members who had none.
    pub accounts_made: u64,
    /// Rows that were refused, by their place in the batch, in no order.
    pub refused: Vec<(usize, BulkRefusal)>,
}

impl BulkImport {
    /// Takes the folder for an import into an app.
    pub fn open(folder: &Path, app: SdkAppId) -> Result<Self, OpenError> {
        let database = Database::create(folder)?;
        let lock = database.lock()?;
        let mut connection = database.writer(|| Ok(()))?;
        // Negative numbers are KiB, positive ones pages.
        connection.pragma_update(None, "cache_size", -i64::from(IMPORT_CACHE_BYTES / 1024))?;
        let (log, checkpointer) = LogWatch::start(&mut connection, database.checkpointer()?)
            .map_err(|error| thread_failed(&error))?;
        Ok(Self {
            app,
            connection,
            log: Some(log),
            checkpointer: Some(checkpointer),
            _lock: lock,
        })
    }

    /// A living group by its id.
    pub fn group(&self, id: &GroupId) -> Result<Option<Group>, StoreError> {
        Ok(groups::find(&self.connection, self.app, id)?)
    }

    /// Makes accounts exist, as [`import_accounts`](crate::Directory::import_accounts) does, in one
    /// transaction that is durable when this returns.
    pub fn accounts(&mut self, imports: &[AccountImport], now_s: u64) -> Result<BulkOutcome, StoreError> {
        // Stable, so that of two values for one account the later one holds.
        let mut order: Vec<_> = imports.iter().collect();
        order.sort_by(|a, b| a.user.cmp(&b.user));
        let app = self.app;
        self.transaction(|transaction, outcome| {
            for import in order {
                match accounts::import_one(transaction, app, import, now_s)? {
                    accounts::Imported::Made => outcome.added += 1,
                    accounts::Imported::Changed => outcome.changed += 1,
                    accounts::Imported::Unchanged => outcome.present += 1,
                }
            }
            Ok(())
        })
    }

    /// Adds members, as [`add_members`](crate::Directory::add_members) does, in one transaction that is
    /// durable when this returns. Where a group has not room for all, those who come first get in.
    pub fn members(
        &mut self,
        members: &[BulkMember],
        unknown: UnknownAccount,
        now_s: u64,
    ) -> Result<BulkOutcome, StoreError> {
        let app = self.app;
        self.transaction(|transaction, outcome| {
            let keys = known_keys(transaction, app, members)?;
            let mut batch = MemberBatch {
                transaction,
                app,
                members,
                keys,
                unknown,
                now_s,
                outcome,
            };
            batch.add()
        })
    }

    fn transaction(
        &mut self,
        body: impl FnOnce(&Transaction<'_>, &mut BulkOutcome) -> rusqlite::Result<()>,
    ) -> Result<BulkOutcome, StoreError> {
        let mut outcome = BulkOutcome::default();
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        body(&transaction, &mut outcome)?;
        transaction.commit()?;
        if let Some(log) = &mut self.log {
            log.between_transactions(&self.connection);
        }
        Ok(outcome)
    }
}

impl Drop for BulkImport {
    fn drop(&mut self) {
        self.log = None;
        if let Some(checkpointer) = self.checkpointer.take() {
            // A thread that panicked has said so on stderr.
            drop(checkpointer.join());
        }
        checkpoint::last(&self.connection);
    }
}

/// The places of `members`, in the order of their users.
fn by_user(members: &[BulkMember]) -> Vec<usize> {
    let mut places: Vec<_> = (0..members.len()).collect();
    places.sort_by(|&a, &b| members[a].user.cmp(&members[b].user));
    places
}

/// The key of each member's account, if it has one.
fn known_keys(
    connection: &Connection,
    app: SdkAppId,
    members: &[BulkMember],
) -> rusqlite::Result<Vec<Option<AccountKey>>> {
    let mut statement = connection.prepare_cached(accounts::KEY)?;
    let mut keys = vec![None; members.len()];
    for place in by_user(members) {
        keys[place] = statement
            .query_row(params![app.0, members[place].user.as_str()], |row| get(row, 0))
            .optional()?;
    }
    Ok(keys)
}

/// A batch of members on its way into the tables.
struct MemberBatch<'a> {
    transaction: &'a Transaction<'a>,
    app: SdkAppId,
    members: &'a [BulkMember],
    keys: Vec<Option<AccountKey>>,
    unknown: UnknownAccount,
    now_s: u64,
    outcome: &'a mut BulkOutcome,
}

impl MemberBatch<'_> {
    fn add(&mut self) -> rusqlite::Result<()> {
        let mut places: Vec<_> = (0..self.members.len()).collect();
        places.sort_by_key(|&place| self.members[place].group);
        let members = self.members;
        let mut roomy = Vec::new();
        let mut tight = Vec::new();
        for places in places.chunk_by(|&a, &b| members[a].group == members[b].group) {
            let group = members[places[0]].group;
            match members::seats(self.transaction, group)? {
                None => self.refuse(places, BulkRefusal::GroupGone),
                Some(seats) if places.len() <= seats.room() as usize => roomy.extend_from_slice(places),
                Some(seats) => tight.push((group, places, seats.room())),
            }
        }
        if self.unknown == UnknownAccount::Made {
            self.make_accounts(roomy.clone())?;
        }
        let mut insert = self.transaction.prepare_cached(members::INSERT)?;
        self.add_to_roomy(&mut insert, roomy)?;
        for (group, places, room) in tight {
            self.add_to_tight(&mut insert, group, places, room)?;
        }
        Ok(())
    }

    fn refuse(&mut self, places: &[usize], refusal: BulkRefusal) {
        let refused = places.iter().map(|&place| (place, refusal));
        self.outcome.refused.extend(refused);
    }

    /// Makes the accounts that members at these places lack.
    fn make_accounts(&mut self, mut places: Vec<usize>) -> rusqlite::Result<()> {
        places.retain(|&place| self.keys[place].is_none());
        places.sort_by(|&a, &b| self.members[a].user.cmp(&self.members[b].user));
        let members = self.members;
        for places in places.chunk_by(|&a, &b| members[a].user == members[b].user) {
            let key = self.make_account(&members[places[0]].user)?;
            for &place in places {
                self.keys[place] = Some(key);
            }
        }
        Ok(())
    }

    fn make_account(&mut self, user: &UserId) -> rusqlite::Result<AccountKey> {
        self.outcome.accounts_made += 1;
        let import = AccountImport {
            user: user.clone(),
            nick: None,
            face_url: None,
        };
        accounts::insert(self.transaction, self.app, &import, self.now_s)
    }

    /// There is room for all: by account and then by group. So the index by account is walked through once,
    /// and the table, which is ordered by group, once in each group at the same time.
    fn add_to_roomy(
        &mut self,
        insert: &mut CachedStatement<'_>,
        mut places: Vec<usize>,
    ) -> rusqlite::Result<()> {
        // Stable, so that of two rows of one member the first holds.
        places.sort_by_key(|&place| (self.keys[place], self.members[place].group));
        let mut added = BTreeMap::new();
        for place in places {
            match self.keys[place] {
                None => self.refuse(&[place], BulkRefusal::AccountAbsent),
                Some(key) => {
                    *added.entry(self.members[place].group).or_default() +=
                        self.insert(insert, place, key)?;
                }
            }
        }
        for (group, added) in added {
            members::add_to_number(self.transaction, group, added)?;
        }
        Ok(())
    }

    /// There may not be room for all: in the order given, and whoever is a member already needs none.
    fn add_to_tight(
        &mut self,
        insert: &mut CachedStatement<'_>,
        group: GroupKey,
        places: &[usize],
        room: u32,
    ) -> rusqlite::Result<()> {
        let room = i64::from(room);
        let mut added = 0;
        for &place in places {
            let user = &self.members[place].user;
            // Looked up again: it may have been made for a row before.
            let key = match self.keys[place] {
                None if self.unknown == UnknownAccount::Made => {
                    accounts::key(self.transaction, self.app, user)?
                }
                key => key,
            };
            let key = match key {
                Some(key) if added < room || members::is_member(self.transaction, group, key)? => key,
                None if self.unknown == UnknownAccount::Refused => {
                    self.refuse(&[place], BulkRefusal::AccountAbsent);
                    continue;
                }
                None if added < room => self.make_account(user)?,
                _ => {
                    self.refuse(&[place], BulkRefusal::Full);
                    continue;
                }
            };
            added += self.insert(insert, place, key)?;
        }
        members::add_to_number(self.transaction, group, added)
    }

    /// Adds one row and tells how many are new: one or none.
    fn insert(
        &mut self,
        insert: &mut CachedStatement<'_>,
        place: usize,
        account: AccountKey,
    ) -> rusqlite::Result<i64> {
        let member = &self.members[place];
        let inserted = insert.execute(params![
            member.group.stored(),
            account.stored(),
            // A group has one owner, who is not made here.
            member.role.min(Role::Admin).stored(),
            integer(member.joined_at_s),
        ])?;
        if inserted == 0 {
            self.outcome.present += 1;
            return Ok(0);
        }
        self.outcome.added += 1;
        Ok(1)
    }
}
