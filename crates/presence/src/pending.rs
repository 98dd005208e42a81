//! Logins whose read of the directory is under way.

use std::collections::HashMap;

use headcount_core::{AccountKey, Change, GroupKey};

use crate::session::Refused;

/// Proof that a login of this account was announced before the directory was read for it. Every ticket
/// ends in [`session_opened`](crate::Presence::session_opened) or
/// [`login_aborted`](crate::Presence::login_aborted).
#[derive(Debug)]
#[must_use = "a ticket that is neither opened nor aborted leaves its record behind"]
pub struct LoginTicket {
    pub(crate) account: AccountKey,
}

impl LoginTicket {
    /// The account that logs in.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        self.account
    }
}

/// What happened to one account since the oldest of its pending logins began.
#[derive(Debug, Default)]
pub(crate) struct Record {
    tickets: usize,
    /// The last word on each group; an account changes few groups in the time of one read.
    groups: Vec<(GroupKey, bool)>,
    deleted: bool,
    revoked_at_s: Option<u64>,
}

impl Record {
    fn note(&mut self, group: GroupKey, member: bool) {
        match self.groups.iter_mut().find(|(known, _)| *known == group) {
            Some(entry) => entry.1 = member,
            None => self.groups.push((group, member)),
        }
    }

    /// Whether a session may still open that rests on a UserSig issued at this second.
    pub(crate) fn admit(&self, usersig_issued_at_s: u64) -> Result<(), Refused> {
        if self.deleted {
            return Err(Refused::AccountDeleted);
        }
        if self.revoked_at_s.is_some_and(|at_s| usersig_issued_at_s <= at_s) {
            return Err(Refused::UserSigRevoked);
        }
        Ok(())
    }

    /// What was read, corrected by what happened since; sorted, each group once.
    pub(crate) fn correct(&self, mut read: Vec<GroupKey>) -> Vec<GroupKey> {
        read.sort_unstable();
        read.dedup();
        for &(group, member) in &self.groups {
            match (read.binary_search(&group), member) {
                (Ok(at), false) => {
                    read.remove(at);
                }
                (Err(at), true) => read.insert(at, group),
                (Ok(_), true) | (Err(_), false) => {}
            }
        }
        read
    }
}

/// The records of all pending logins.
#[derive(Debug, Default)]
pub(crate) struct PendingLogins {
    records: HashMap<AccountKey, Record>,
}

impl PendingLogins {
    pub(crate) fn open(&mut self, account: AccountKey) -> LoginTicket {
        self.records.entry(account).or_default().tickets += 1;
        LoginTicket { account }
    }

    pub(crate) fn record(&self, ticket: &LoginTicket) -> &Record {
        &self.records[&ticket.account]
    }

    pub(crate) fn close(&mut self, ticket: &LoginTicket) {
        if let Some(record) = self.records.get_mut(&ticket.account) {
            record.tickets -= 1;
            if record.tickets == 0 {
                self.records.remove(&ticket.account);
            }
        }
    }

    pub(crate) fn note(&mut self, change: &Change) {
        match *change {
            Change::Joined { account, group } => self.with(account, |record| record.note(group, true)),
            Change::Left { account, group } => self.with(account, |record| record.note(group, false)),
            // Few logins are pending at once, and each may have read the group as still alive.
            Change::Dissolved { group, .. } => {
                self.records
                    .values_mut()
                    .for_each(|record| record.note(group, false));
            }
            Change::AccountDeleted { account, .. } => self.with(account, |record| record.deleted = true),
            Change::UserSigsRevoked { account, at_s, .. } => {
                self.with(account, |record| {
                    record.revoked_at_s = record.revoked_at_s.max(Some(at_s));
                });
            }
        }
    }

    fn with(&mut self, account: AccountKey, note: impl FnOnce(&mut Record)) {
        if let Some(record) = self.records.get_mut(&account) {
            note(record);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
