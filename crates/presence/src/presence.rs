//! The engine.

use std::collections::HashMap;
use std::sync::Arc;

use headcount_core::{AccountKey, Change, GroupKey, MultiLogin};

use crate::headcount::Headcount;
use crate::pending::{LoginTicket, PendingLogins};
use crate::session::{Arrival, NewSession, Opened, Refused, Session, SessionKey, displace};

/// Who is online, and how many of each group are. `H` is how the caller reaches a connection.
#[derive(Debug)]
pub struct Presence<H> {
    rules: MultiLogin,
    online: HashMap<AccountKey, Online<H>>,
    counts: HashMap<GroupKey, Arc<Headcount>>,
    pending: PendingLogins,
}

/// An account with at least one session.
#[derive(Debug)]
struct Online<H> {
    /// In the order of their logins; never empty.
    sessions: Vec<Session<H>>,
    /// What the account counts in, sorted by group.
    places: Vec<Place>,
}

/// One group that an online account counts in.
#[derive(Debug)]
struct Place {
    count: Arc<Headcount>,
    /// A room is entered by being there: the directory knows nothing of it, and it ends with the
    /// account's last session.
    room: bool,
}

/// The whole state at one moment, for a recount from first principles.
#[derive(Debug, Default)]
pub struct Cut {
    /// Accounts with a session, in no order.
    pub online: Vec<AccountKey>,
    /// The running number of each group that was ever counted.
    pub counts: Vec<(GroupKey, u32)>,
    /// Accounts present in rooms, which the directory does not know.
    pub rooms: Vec<(GroupKey, AccountKey)>,
}

impl<H: Clone> Presence<H> {
    /// An engine with nobody online.
    #[must_use]
    pub fn new(rules: MultiLogin) -> Self {
        Self {
            rules,
            online: HashMap::new(),
            counts: HashMap::new(),
            pending: PendingLogins::default(),
        }
    }

    /// The handle that reads a group's number.
    pub fn headcount(&mut self, group: GroupKey) -> Arc<Headcount> {
        Arc::clone(
            self.counts
                .entry(group)
                .or_insert_with(|| Arc::new(Headcount::new(group))),
        )
    }

    /// Announces a login, **before** the directory is read for the account's groups.
    pub fn login_started(&mut self, account: AccountKey) -> LoginTicket {
        self.pending.open(account)
    }

    /// Gives a login up.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used once")]
    pub fn login_aborted(&mut self, ticket: LoginTicket) {
        self.pending.close(&ticket);
    }

    /// Opens a session. `groups` is what the directory said after [`Presence::login_started`].
    pub fn session_opened(
        &mut self,
        ticket: LoginTicket,
        new: NewSession<H>,
        groups: Vec<GroupKey>,
    ) -> Result<Opened<H>, Refused> {
        let admitted = self.admit(&ticket, &new);
        let groups = self.pending.record(&ticket).correct(groups);
        self.login_aborted(ticket);
        let account = admitted?;
        let first = !self.online.contains_key(&account);
        if first {
            let places = groups.into_iter().map(|group| self.take_place(group)).collect();
            self.online.insert(
                account,
                Online {
                    sessions: Vec::with_capacity(1),
                    places,
                },
            );
        }
        let opened = self
            .online
            .get_mut(&account)
            .map(|online| online.open(&self.rules, new));
        let Some(Ok((login_at_ms, displaced))) = opened else {
            return Err(Refused::NewerLogin);
        };
        Ok(Opened {
            first,
            login_at_ms,
            displaced,
        })
    }

    fn admit(&self, ticket: &LoginTicket, new: &NewSession<H>) -> Result<AccountKey, Refused> {
        let record = self.pending.record(ticket);
        if record.deleted {
            return Err(Refused::AccountDeleted);
        }
        if record
            .revoked_at_s
            .is_some_and(|at_s| new.usersig_issued_at_s <= at_s)
        {
            return Err(Refused::UserSigRevoked);
        }
        Ok(ticket.account)
    }

    fn take_place(&mut self, group: GroupKey) -> Place {
        let count = self.headcount(group);
        count.add_one();
        Place { count, room: false }
    }

    /// Ends a session. `Some(true)` when its account went offline with it, `None` when the session had
    /// already ended.
    pub fn session_closed(&mut self, account: AccountKey, session: SessionKey) -> Option<bool> {
        let online = self.online.get_mut(&account)?;
        let at = online.sessions.iter().position(|open| open.key == session)?;
        online.sessions.remove(at);
        let last = online.sessions.is_empty();
        if last {
            self.went_offline(account);
        }
        Some(last)
    }

    fn went_offline(&mut self, account: AccountKey) {
        if let Some(online) = self.online.remove(&account) {
            online.places.iter().for_each(|place| place.count.remove_one());
        }
    }

    /// Follows a committed change; the caller applies changes in the order of their commits.
    /// Returns the sessions that ended by it.
    pub fn apply(&mut self, change: &Change) -> Vec<Session<H>> {
        self.pending.note(change);
        match *change {
            Change::Joined { account, group } => self.join(account, group),
            Change::Left { account, group } => {
                self.leave(account, group, false);
            }
            Change::Dissolved { group, .. } => {
                // The sets of those online keep a dead place until they change; it counts nowhere.
                if let Some(count) = self.counts.remove(&group) {
                    count.dissolve();
                }
            }
            Change::AccountDeleted { account } => return self.end_sessions(account, |_| true),
            Change::UserSigsRevoked { account, at_s } => {
                return self.end_sessions(account, |session| session.usersig_issued_at_s <= at_s);
            }
        }
        Vec::new()
    }

    fn join(&mut self, account: AccountKey, group: GroupKey) {
        if self.online.contains_key(&account) {
            let count = self.headcount(group);
            self.enter(account, count, false);
        }
    }

    fn enter(&mut self, account: AccountKey, count: Arc<Headcount>, room: bool) -> bool {
        let Some(online) = self.online.get_mut(&account) else {
            return false;
        };
        if online.place_of(count.group()).is_ok() {
            return false;
        }
        if online.places.len() == online.places.capacity() {
            // Before growing: forget the groups that were dissolved under this account.
            online.places.retain(|place| !place.count.is_dissolved());
        }
        count.add_one();
        let at = online
            .places
            .partition_point(|place| place.count.group() < count.group());
        online.places.insert(at, Place { count, room });
        true
    }

    fn leave(&mut self, account: AccountKey, group: GroupKey, room: bool) -> bool {
        let Some(online) = self.online.get_mut(&account) else {
            return false;
        };
        match online.place_of(group) {
            Ok(at) if online.places[at].room == room => {
                online.places.remove(at).count.remove_one();
                true
            }
            _ => false,
        }
    }

    fn end_sessions(&mut self, account: AccountKey, ends: impl Fn(&Session<H>) -> bool) -> Vec<Session<H>> {
        let Some(online) = self.online.get_mut(&account) else {
            return Vec::new();
        };
        let ended: Vec<_> = online.sessions.extract_if(.., |session| ends(session)).collect();
        if online.sessions.is_empty() {
            self.went_offline(account);
        }
        ended
    }

    /// An online account enters a room, which counts it until it leaves or goes offline. `false` when it
    /// was there already, is not online, or the room is gone.
    pub fn room_entered(&mut self, account: AccountKey, room: &Arc<Headcount>) -> bool {
        !room.is_dissolved() && self.enter(account, Arc::clone(room), true)
    }

    /// An account leaves a room. `false` when it was not there.
    pub fn room_left(&mut self, account: AccountKey, room: GroupKey) -> bool {
        self.leave(account, room, true)
    }

    /// Whether an account is present in a room.
    #[must_use]
    pub fn is_in_room(&self, account: AccountKey, room: GroupKey) -> bool {
        self.online
            .get(&account)
            .is_some_and(|online| online.place_of(room).is_ok_and(|at| online.places[at].room))
    }

    /// The live sessions of an account, oldest login first; empty when it is offline.
    #[must_use]
    pub fn sessions(&self, account: AccountKey) -> &[Session<H>] {
        self.online.get(&account).map_or(&[], |online| &online.sessions)
    }

    /// Whether an account has a session.
    #[must_use]
    pub fn is_online(&self, account: AccountKey) -> bool {
        self.online.contains_key(&account)
    }

    /// Accounts with a session.
    #[must_use]
    pub fn online_accounts(&self) -> usize {
        self.online.len()
    }

    /// Whether no login is between its announcement and its end.
    #[must_use]
    pub fn no_login_pending(&self) -> bool {
        self.pending.is_empty()
    }

    /// The whole state at this moment.
    #[must_use]
    pub fn cut(&self) -> Cut {
        let rooms = self.online.iter().flat_map(|(&account, online)| {
            let present = online
                .places
                .iter()
                .filter(|place| place.room && !place.count.is_dissolved());
            present.map(move |place| (place.count.group(), account))
        });
        Cut {
            online: self.online.keys().copied().collect(),
            counts: self
                .counts
                .iter()
                .map(|(&group, count)| (group, count.online()))
                .collect(),
            rooms: rooms.collect(),
        }
    }
}

impl<H> Online<H> {
    fn place_of(&self, group: GroupKey) -> Result<usize, usize> {
        self.places
            .binary_search_by_key(&group, |place| place.count.group())
    }

    /// Adds the session and takes out those that do not go together with it.
    fn open(
        &mut self,
        rules: &MultiLogin,
        new: NewSession<H>,
    ) -> Result<(u64, Vec<crate::session::Displaced<H>>), Refused> {
        let newest_ms = self.sessions.last().map_or(0, |session| session.login_at_ms);
        let login_at_ms = match new.arrival {
            // Also when the wall clock went back: a login with a UserSig is always the newest.
            Arrival::Login { now_ms } => now_ms.max(newest_ms),
            Arrival::Return { login_at_ms } => login_at_ms,
        };
        let displaced = displace(rules, &mut self.sessions, new.instance, new.platform, login_at_ms)?;
        let at = self
            .sessions
            .partition_point(|session| session.login_at_ms <= login_at_ms);
        let NewSession {
            key,
            instance,
            platform,
            usersig_issued_at_s,
            handle,
            ..
        } = new;
        self.sessions.insert(
            at,
            Session {
                key,
                instance,
                platform,
                login_at_ms,
                usersig_issued_at_s,
                handle,
            },
        );
        Ok((login_at_ms, displaced))
    }
}
