//! What the engine should say, worked out naively: plain sets, and everything counted anew.
//!
//! The truth has two halves, because a server does. What is *committed* is what a read of the directory
//! returns. What has *arrived* is what the engine was told of; it lags behind by the changes that are
//! still on their way.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};

use headcount_core::{AccountKey, Change, GroupKey, MultiLogin, MultiLoginPolicy, Platform};
use headcount_presence::{Displacement, Refused, Session, SessionKey};

/// A session as both sides describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) account: AccountKey,
    pub(crate) key: SessionKey,
    pub(crate) instance: u32,
    pub(crate) platform: Platform,
    pub(crate) login_at_ms: u64,
    pub(crate) usersig_issued_at_s: u64,
}

impl Live {
    /// The engine's view of a session. Its handle is the number of the session.
    pub(crate) fn of(account: AccountKey, session: &Session<u64>) -> Self {
        assert_eq!(session.handle, session.key.0, "the handle of another session");
        Self {
            account,
            key: session.key,
            instance: session.instance,
            platform: session.platform,
            login_at_ms: session.login_at_ms,
            usersig_issued_at_s: session.usersig_issued_at_s,
        }
    }
}

pub(crate) struct Truth {
    pub(crate) rules: MultiLogin,
    /// Committed: the accounts, groups and rooms there are.
    pub(crate) accounts: Vec<AccountKey>,
    pub(crate) groups: Vec<GroupKey>,
    pub(crate) rooms: Vec<GroupKey>,
    /// Committed: who is a member of what.
    pub(crate) members: HashSet<(AccountKey, GroupKey)>,
    /// Committed: the last second whose UserSigs are void.
    pub(crate) revoked: HashMap<AccountKey, u64>,
    /// Committed, but not yet told to the engine.
    pub(crate) underway: VecDeque<Change>,

    /// Arrived: groups and rooms that were dissolved.
    pub(crate) dissolved: HashSet<GroupKey>,
    /// Arrived: accounts that were deleted.
    deleted: HashSet<AccountKey>,
    /// Arrived: the last second whose UserSigs are void.
    void: HashMap<AccountKey, u64>,
    /// Live sessions, in the order in which they opened.
    pub(crate) sessions: Vec<Live>,
    /// Who is in which room.
    pub(crate) present: HashSet<(AccountKey, GroupKey)>,
    /// Who was in a room in the moment that it was dissolved.
    pub(crate) left_behind: Vec<(AccountKey, GroupKey)>,
}

impl Truth {
    pub(crate) fn new(rules: MultiLogin) -> Self {
        Self {
            rules,
            accounts: Vec::new(),
            groups: Vec::new(),
            rooms: Vec::new(),
            members: HashSet::new(),
            revoked: HashMap::new(),
            underway: VecDeque::new(),
            dissolved: HashSet::new(),
            deleted: HashSet::new(),
            void: HashMap::new(),
            sessions: Vec::new(),
            present: HashSet::new(),
            left_behind: Vec::new(),
        }
    }

    /// What a read of the directory says about an account's groups.
    pub(crate) fn memberships(&self, account: AccountKey) -> Vec<GroupKey> {
        let joined = |group: &GroupKey| self.members.contains(&(account, *group));
        self.groups.iter().copied().filter(joined).collect()
    }

    pub(crate) fn is_online(&self, account: AccountKey) -> bool {
        self.sessions.iter().any(|live| live.account == account)
    }

    /// Accounts with a session, each once, in order.
    pub(crate) fn online(&self) -> Vec<AccountKey> {
        let mut online: Vec<_> = self.sessions.iter().map(|live| live.account).collect();
        online.sort_unstable();
        online.dedup();
        online
    }

    /// The sessions of an account, oldest login first.
    pub(crate) fn sessions_of(&self, account: AccountKey) -> Vec<Live> {
        let of = self.sessions.iter().filter(|live| live.account == account);
        let mut sessions: Vec<_> = of.cloned().collect();
        sessions.sort_by_key(|live| live.login_at_ms);
        sessions
    }

    /// The platforms an account has a session on, each once.
    pub(crate) fn platforms_of(&self, account: AccountKey) -> Vec<Platform> {
        let of = self.sessions.iter().filter(|live| live.account == account);
        let mut platforms: Vec<_> = of.map(|live| live.platform).collect();
        platforms.sort_unstable();
        platforms.dedup();
        platforms
    }

    /// Whether an online account counts in a group; `None` while a change of that is under way, when the
    /// engine may or may not have it from a read already.
    pub(crate) fn counts_in(&self, account: AccountKey, group: GroupKey) -> Option<bool> {
        if self.dissolved.contains(&group) {
            return Some(false);
        }
        if self.rooms.contains(&group) {
            return Some(self.present.contains(&(account, group)));
        }
        let is_moving = self.underway.iter().any(|change| match *change {
            Change::Joined { account: a, group: g } | Change::Left { account: a, group: g } => {
                (a, g) == (account, group)
            }
            Change::Dissolved { group: g, .. } => g == group,
            Change::AccountDeleted { .. } | Change::UserSigsRevoked { .. } => false,
        });
        (!is_moving).then(|| self.members.contains(&(account, group)))
    }

    /// Opens a session by the multi-login policy as its page tells it, and returns who had to go.
    pub(crate) fn open(&mut self, new: &Live) -> Result<Vec<(SessionKey, Displacement)>, Refused> {
        if self.deleted.contains(&new.account) {
            return Err(Refused::AccountDeleted);
        }
        if self
            .void
            .get(&new.account)
            .is_some_and(|&at_s| new.usersig_issued_at_s <= at_s)
        {
            return Err(Refused::UserSigRevoked);
        }
        let mut others = self.sessions_of(new.account);
        // The newest first, and of those of one moment the one that opened last.
        let mut ranked: Vec<&Live> = others
            .iter()
            .filter(|other| other.instance != new.instance)
            .chain([new])
            .collect();
        ranked.reverse();
        ranked.sort_by_key(|live| Reverse(live.login_at_ms));
        // Each stays that goes together with all the newer ones that stay.
        let mut kept: Vec<SessionKey> = Vec::new();
        let mut taken: Vec<Platform> = Vec::new();
        for live in ranked {
            let same = taken.iter().filter(|&&platform| platform == live.platform);
            let has_place = same.count() < self.instances(live.platform);
            if has_place && taken.iter().all(|&other| self.together(other, live.platform)) {
                kept.push(live.key);
                taken.push(live.platform);
            }
        }
        if !kept.contains(&new.key) {
            return Err(Refused::NewerLogin);
        }
        others.retain(|other| !kept.contains(&other.key));
        let mut gone = Vec::new();
        for other in others {
            let why = if other.instance == new.instance {
                Displacement::Reconnected
            } else if other.platform == new.platform {
                Displacement::SamePlatform
            } else {
                Displacement::OtherPlatform
            };
            gone.push((other.key, why));
        }
        self.sessions
            .retain(|live| gone.iter().all(|(key, _)| *key != live.key));
        self.sessions.push(new.clone());
        Ok(gone)
    }

    fn instances(&self, platform: Platform) -> usize {
        let published = if platform == Platform::Web {
            self.rules.web_instances
        } else {
            self.rules.native_instances
        };
        published.max(1)
    }

    /// Every policy gives out slots, and one platform may hold a slot at a time.
    fn together(&self, a: Platform, b: Platform) -> bool {
        let slot = |platform| match (self.rules.policy, platform) {
            (MultiLoginPolicy::Single, _) => 0,
            (MultiLoginPolicy::Dual | MultiLoginPolicy::Triple, Platform::Web) => 1,
            (MultiLoginPolicy::Dual, _) => 2,
            (MultiLoginPolicy::Triple, Platform::Windows | Platform::Mac) => 3,
            (MultiLoginPolicy::Triple, _) => 4,
            (MultiLoginPolicy::Multi, Platform::Windows) => 5,
            (MultiLoginPolicy::Multi, Platform::Android) => 6,
            (MultiLoginPolicy::Multi, Platform::IPhone) => 7,
            (MultiLoginPolicy::Multi, Platform::Mac) => 8,
            (MultiLoginPolicy::Multi, Platform::IPad) => 9,
            (MultiLoginPolicy::Multi, Platform::Web) => 10,
        };
        a == b || slot(a) != slot(b)
    }

    /// Ends the sessions that `ends` picks, and returns them.
    pub(crate) fn end(&mut self, ends: impl Fn(&Live) -> bool) -> Vec<Live> {
        let (gone, stay) = self.sessions.drain(..).partition(|live| ends(live));
        self.sessions = stay;
        let online = self.online();
        self.present.retain(|(account, _)| online.contains(account));
        gone
    }

    /// Commits a change: reads see it from now on.
    pub(crate) fn commit(&mut self, change: Change) {
        match change {
            Change::Joined { account, group } => {
                self.members.insert((account, group));
            }
            Change::Left { account, group } => {
                self.members.remove(&(account, group));
            }
            Change::Dissolved { group, .. } => {
                self.members.retain(|&(_, member_of)| member_of != group);
                self.groups.retain(|&other| other != group);
            }
            Change::AccountDeleted { account, .. } => self.accounts.retain(|&other| other != account),
            Change::UserSigsRevoked { account, at_s, .. } => {
                let last = self.revoked.entry(account).or_default();
                *last = at_s.max(*last);
            }
        }
        self.underway.push_back(change);
    }

    /// The next change that reaches the engine, and the sessions that must end by it.
    pub(crate) fn arrive(&mut self) -> Option<(Change, Vec<Live>)> {
        let change = self.underway.pop_front()?;
        let ended = match change {
            Change::Joined { .. } | Change::Left { .. } => Vec::new(),
            Change::Dissolved { group, .. } => {
                self.left_behind
                    .extend(self.present.iter().filter(|(_, room)| *room == group));
                // A set has no order of its own, and a seed must always mean the same steps.
                self.left_behind.sort_unstable();
                self.present.retain(|&(_, room)| room != group);
                self.rooms.retain(|&other| other != group);
                self.dissolved.insert(group);
                Vec::new()
            }
            Change::AccountDeleted { account, .. } => {
                self.deleted.insert(account);
                self.end(|live| live.account == account)
            }
            Change::UserSigsRevoked { account, at_s, .. } => {
                let last = self.void.entry(account).or_default();
                *last = at_s.max(*last);
                self.end(|live| live.account == account && live.usersig_issued_at_s <= at_s)
            }
        };
        Some((change, ended))
    }
}
