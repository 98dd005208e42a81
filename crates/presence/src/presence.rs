//! The engine.

use std::collections::HashMap;
use std::sync::Arc;

use headcount_core::{AccountKey, Change, GroupKey, MultiLogin, PlatformSet};

use crate::headcount::{Headcount, LatestChange, Numbers, Stamps};
use crate::pending::{LoginTicket, PendingLogins};
use crate::session::{Arrival, Displaced, NewSession, Opened, Refused, Session, SessionKey, displace};

/// Who is online, and how many of each group are. `H` is how the caller reaches a connection.
#[derive(Debug)]
pub struct Presence<H> {
    rules: MultiLogin,
    online: HashMap<AccountKey, Online<H>>,
    counts: HashMap<GroupKey, Arc<Headcount>>,
    pending: PendingLogins,
    stamps: Stamps,
}

/// An account with at least one session.
#[derive(Debug)]
struct Online<H> {
    /// In the order of their logins; never empty.
    sessions: Vec<Session<H>>,
    /// The platforms of its sessions, as its places count them.
    platforms: PlatformSet,
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
    /// Accounts with a session and the platforms of their sessions, in no order.
    pub online: Vec<(AccountKey, PlatformSet)>,
    /// The running numbers of each group that was ever counted.
    pub counts: Vec<(GroupKey, Numbers)>,
    /// Accounts present in rooms, which the directory does not know.
    pub rooms: Vec<(GroupKey, AccountKey)>,
}

impl<H> Presence<H> {
    /// An engine with nobody online.
    #[must_use]
    pub fn new(rules: MultiLogin) -> Self {
        Self {
            rules,
            online: HashMap::new(),
            counts: HashMap::new(),
            pending: PendingLogins::default(),
            stamps: Stamps::default(),
        }
    }

    /// The handle that tells how far the changes of all numbers have come.
    #[must_use]
    pub fn latest_change(&self) -> LatestChange {
        self.stamps.latest()
    }

    /// The handle that reads a group's number. The group must exist: the engine forgets a dissolved one,
    /// and would begin to count it anew.
    pub fn headcount(&mut self, group: GroupKey) -> Arc<Headcount> {
        Arc::clone(
            self.counts
                .entry(group)
                .or_insert_with(|| Arc::new(Headcount::new(group, &self.stamps))),
        )
    }

    /// The number of a group at this moment, 0 for one that was never counted.
    #[must_use]
    pub fn online_in(&self, group: GroupKey) -> u32 {
        self.counts.get(&group).map_or(0, |count| count.online())
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
        let account = ticket.account;
        let first = !self.is_online(account);
        let record = self.pending.record(&ticket);
        let admitted = record.admit(new.usersig_issued_at_s);
        // The set of an account that is online already has followed every change itself.
        let groups = if first { record.correct(groups) } else { Vec::new() };
        self.login_aborted(ticket);
        admitted?;
        let places = groups.into_iter().map(|group| self.place_in(group)).collect();
        let online = self.online.entry(account).or_insert_with(|| Online {
            sessions: Vec::with_capacity(1),
            platforms: PlatformSet::EMPTY,
            places,
        });
        // Refused only in favour of sessions that are open, so nobody is left online without one.
        let (login_at_ms, displaced) = online.open(&self.rules, new)?;
        online.count(&mut self.stamps);
        Ok(Opened {
            first,
            login_at_ms,
            displaced,
        })
    }

    /// A place that does not count yet.
    fn place_in(&mut self, group: GroupKey) -> Place {
        let count = self.headcount(group);
        Place { count, room: false }
    }

    /// Ends a session. `Some(true)` when its account went offline with it, `None` when the session had
    /// already ended.
    pub fn session_closed(&mut self, account: AccountKey, session: SessionKey) -> Option<bool> {
        let online = self.online.get_mut(&account)?;
        let at = online.sessions.iter().position(|open| open.key == session)?;
        online.sessions.remove(at);
        let last = online.sessions.is_empty();
        online.count(&mut self.stamps);
        if last {
            self.online.remove(&account);
        }
        Some(last)
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
                    count.dissolve(&mut self.stamps);
                }
            }
            Change::AccountDeleted { account, .. } => return self.end_sessions(account, |_| true),
            Change::UserSigsRevoked { account, at_s, .. } => {
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
            online.places.retain(Place::is_live);
        }
        count.moved(PlatformSet::EMPTY, online.platforms, &mut self.stamps);
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
                let place = online.places.remove(at);
                place
                    .count
                    .moved(online.platforms, PlatformSet::EMPTY, &mut self.stamps);
                place.is_live()
            }
            _ => false,
        }
    }

    fn end_sessions(&mut self, account: AccountKey, ends: impl Fn(&Session<H>) -> bool) -> Vec<Session<H>> {
        let Some(online) = self.online.get_mut(&account) else {
            return Vec::new();
        };
        let ended: Vec<_> = online.sessions.extract_if(.., |session| ends(session)).collect();
        online.count(&mut self.stamps);
        if online.sessions.is_empty() {
            self.online.remove(&account);
        }
        ended
    }

    /// An online account enters a room, which counts it until it leaves or goes offline. `false` when it
    /// was there already, is not online, or the room is gone.
    pub fn room_entered(&mut self, account: AccountKey, room: &Arc<Headcount>) -> bool {
        !room.is_dissolved() && self.enter(account, Arc::clone(room), true)
    }

    /// An account leaves a room. `false` when it was not there, or the room is gone.
    pub fn room_left(&mut self, account: AccountKey, room: GroupKey) -> bool {
        self.leave(account, room, true)
    }

    /// Whether an account is present in a room.
    #[must_use]
    pub fn is_in_room(&self, account: AccountKey, room: GroupKey) -> bool {
        self.live_place(account, room).is_some_and(|place| place.room)
    }

    /// Whether an online account counts in a group, which makes it a member without a look at the
    /// directory. `false` also for members who are offline.
    #[must_use]
    pub fn counts_in(&self, account: AccountKey, group: GroupKey) -> bool {
        self.live_place(account, group).is_some()
    }

    fn live_place(&self, account: AccountKey, group: GroupKey) -> Option<&Place> {
        let online = self.online.get(&account)?;
        let place = &online.places[online.place_of(group).ok()?];
        place.is_live().then_some(place)
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
            let present = online.places.iter().filter(|place| place.room && place.is_live());
            present.map(move |place| (place.count.group(), account))
        });
        Cut {
            online: self
                .online
                .iter()
                .map(|(&account, online)| (account, online.platforms_now()))
                .collect(),
            counts: self
                .counts
                .iter()
                .map(|(&group, count)| (group, count.numbers()))
                .collect(),
            rooms: rooms.collect(),
        }
    }
}

impl Place {
    /// A place in a dissolved group stays until it is purged; no answer may show when that was.
    fn is_live(&self) -> bool {
        !self.count.is_dissolved()
    }
}

impl<H> Online<H> {
    fn place_of(&self, group: GroupKey) -> Result<usize, usize> {
        self.places
            .binary_search_by_key(&group, |place| place.count.group())
    }

    fn platforms_now(&self) -> PlatformSet {
        self.sessions.iter().map(|session| session.platform).collect()
    }

    /// Counts the account in all its places by the sessions that it has now.
    fn count(&mut self, stamps: &mut Stamps) {
        let before = self.platforms;
        self.platforms = self.platforms_now();
        if before != self.platforms {
            for place in &self.places {
                place.count.moved(before, self.platforms, stamps);
            }
        }
    }

    /// Adds the session and takes out those that do not go together with it.
    fn open(&mut self, rules: &MultiLogin, new: NewSession<H>) -> Result<(u64, Vec<Displaced<H>>), Refused> {
        let after_newest_ms = self.sessions.last().map_or(0, |session| session.login_at_ms + 1);
        let login_at_ms = match new.arrival {
            // Also within one millisecond, and when the wall clock went back: a login with a UserSig is
            // always the newest, so that no return of an older one can take its place.
            Arrival::Login { now_ms } => now_ms.max(after_newest_ms),
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

#[cfg(test)]
mod tests {
    use headcount_core::{GroupId, Platform, SdkAppId};

    use super::*;

    const ANN: AccountKey = AccountKey(1);

    fn places(engine: &Presence<()>) -> Vec<u64> {
        let places = engine.online[&ANN].places.iter();
        places.map(|place| place.count.group().0).collect()
    }

    #[test]
    fn dissolved_groups_are_forgotten_before_the_list_of_places_grows() {
        let mut engine = Presence::new(MultiLogin::default());
        let ticket = engine.login_started(ANN);
        let new = NewSession {
            key: SessionKey(1),
            instance: 1,
            platform: Platform::Web,
            usersig_issued_at_s: 0,
            arrival: Arrival::Login { now_ms: 0 },
            handle: (),
        };
        let read = vec![GroupKey(7), GroupKey(3), GroupKey(5)];
        engine.session_opened(ticket, new, read).unwrap();
        let full = engine.online[&ANN].places.capacity();

        // Many more groups than there is space for, but never more than three at once.
        for next in 8..200 {
            let oldest = places(&engine).into_iter().find(|&group| {
                let count = engine.counts.get(&GroupKey(group));
                count.is_some_and(|count| !count.is_dissolved())
            });
            engine.apply(&Change::Dissolved {
                app: SdkAppId(1),
                id: GroupId::parse("any").unwrap(),
                group: GroupKey(oldest.unwrap()),
            });
            engine.apply(&Change::Joined {
                account: ANN,
                group: GroupKey(next),
            });
            assert!(engine.counts_in(ANN, GroupKey(next)));
            assert!(places(&engine).is_sorted());
        }
        assert_eq!(engine.online[&ANN].places.capacity(), full);
        let counts = engine.cut().counts;
        assert_eq!(counts.iter().map(|(_, running)| running.online).sum::<u32>(), 3);
    }
}
