//! One run: random operations on the engine, each followed by a comparison of everything.

mod compare;
mod logins;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use headcount_core::{AccountKey, Change, GroupId, GroupKey, MultiLogin, MultiLoginPolicy, SdkAppId, UserId};
use headcount_presence::{Headcount, Numbers, Presence, SessionKey};

use crate::dice::Dice;
use crate::truth::{Live, Truth};
use logins::Pending;

const ACCOUNTS: usize = 12;
const GROUPS: usize = 8;
const ROOMS: usize = 3;
const REMEMBERED_MAX: usize = 24;

/// How often each thing happened that the tests insist on having seen.
pub(crate) type Seen = BTreeMap<&'static str, u64>;

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait,
    StartLogin,
    ReadDirectory,
    OpenSession,
    AbortLogin,
    CloseSession,
    CloseUnknown,
    Join,
    Leave,
    EnterRoom,
    LeaveRoom,
    Revoke,
    DeleteAccount,
    DissolveGroup,
    DissolveRoom,
    Watch,
    Arrive,
}

/// Each step with its weight.
const STEPS: [(Step, u64); 17] = [
    (Step::Wait, 2),
    (Step::StartLogin, 16),
    (Step::ReadDirectory, 18),
    (Step::OpenSession, 16),
    (Step::AbortLogin, 2),
    (Step::CloseSession, 9),
    (Step::CloseUnknown, 1),
    (Step::Join, 16),
    (Step::Leave, 10),
    (Step::EnterRoom, 6),
    (Step::LeaveRoom, 3),
    (Step::Revoke, 3),
    (Step::DeleteAccount, 1),
    (Step::DissolveGroup, 2),
    (Step::DissolveRoom, 1),
    (Step::Watch, 1),
    (Step::Arrive, 6),
];

pub(crate) struct Run {
    name: String,
    trace: bool,
    steps: u64,
    pub(crate) seen: Seen,
    dice: Dice,
    engine: Presence<u64>,
    truth: Truth,
    pending: Vec<Pending>,
    /// Logins whose session ended or will end, for clients that return.
    past: Vec<Live>,
    /// Handles held by readers, also of groups that are gone.
    watched: Vec<Arc<Headcount>>,
    /// What a watcher of these handles knows, and the stamp up to which it has looked.
    known: HashMap<GroupKey, (Numbers, bool)>,
    looked_at: u64,
    /// How many changes may be committed that the engine was not told of.
    lag_max: usize,
    wall_ms: u64,
    next_key: u64,
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the engine differs from the model: {}, step {}",
                self.name, self.steps
            );
        }
    }
}

impl Run {
    pub(crate) fn new(name: String, mut dice: Dice, trace: bool) -> Self {
        let policies = [
            MultiLoginPolicy::Single,
            MultiLoginPolicy::Dual,
            MultiLoginPolicy::Triple,
            MultiLoginPolicy::Multi,
        ];
        let rules = MultiLogin {
            policy: dice.pick(&policies),
            web_instances: dice.index(4),
            native_instances: dice.index(4),
        };
        let lag_max = dice.pick(&[0, 0, 0, 5]);
        if trace {
            eprintln!("{name}: {rules:?}, lag up to {lag_max}");
        }
        let mut run = Self {
            name,
            trace,
            steps: 0,
            seen: Seen::new(),
            dice,
            engine: Presence::new(rules),
            truth: Truth::new(rules),
            pending: Vec::new(),
            past: Vec::new(),
            watched: Vec::new(),
            known: HashMap::new(),
            looked_at: 0,
            lag_max,
            wall_ms: 1_000_000,
            next_key: 0,
        };
        run.settle_the_empty();
        run
    }

    /// Takes up to `steps` steps, then ends everything, and nothing must be left.
    pub(crate) fn walk(mut self, steps: u64) -> Seen {
        let weights: u64 = STEPS.iter().map(|(_, weight)| weight).sum();
        while self.steps < steps && !self.dice.is_spent() {
            let mut point = self.dice.below(weights);
            let step = STEPS.iter().find(|(_, weight)| {
                let is_it = point < *weight;
                point = point.saturating_sub(*weight);
                is_it
            });
            self.take(step.map_or(Step::Wait, |(step, _)| *step));
        }
        self.end_everything();
        std::mem::take(&mut self.seen)
    }

    fn take(&mut self, step: Step) {
        self.steps += 1;
        self.wall_ms += self.dice.below(400);
        if self.trace {
            eprintln!("{} {step:?}", self.steps);
        }
        match step {
            // A wall clock may be set back.
            Step::Wait => self.wall_ms -= self.dice.below(6_000).min(self.wall_ms),
            Step::StartLogin => self.start_login(),
            Step::ReadDirectory => self.read_directory(),
            Step::OpenSession => self.open_session(),
            Step::AbortLogin => self.abort_login(),
            Step::CloseSession => self.close_session(),
            Step::CloseUnknown => {
                let account = self.account();
                let key = SessionKey(self.key());
                assert_eq!(self.engine.session_closed(account, key), None);
            }
            Step::Join => {
                let (account, group) = (self.account(), self.group());
                // Mostly a change, now and then a repetition of what is so already.
                if !self.truth.members.contains(&(account, group)) || self.dice.one_in(8) {
                    self.truth.commit(Change::Joined { account, group });
                }
            }
            Step::Leave => {
                let (account, group) = (self.account(), self.group());
                if self.truth.members.contains(&(account, group)) || self.dice.one_in(8) {
                    self.truth.commit(Change::Left { account, group });
                }
            }
            Step::EnterRoom => self.enter_room(),
            Step::LeaveRoom => self.leave_room(),
            Step::Revoke => {
                let account = self.account();
                let at_s = (self.wall_ms / 1000).saturating_sub(self.dice.below(3));
                self.truth.commit(Change::UserSigsRevoked {
                    app: SdkAppId(1),
                    user: any_user(),
                    account,
                    at_s,
                });
            }
            Step::DeleteAccount => self.delete_account(),
            Step::DissolveGroup => {
                let group = self.group();
                self.dissolve(group);
            }
            Step::DissolveRoom => {
                let group = self.dice.pick(&self.truth.rooms);
                let is_going =
                    |change: &Change| matches!(change, Change::Dissolved { group: g, .. } if *g == group);
                if !self.truth.underway.iter().any(is_going) {
                    self.dissolve(group);
                }
            }
            Step::Watch => {
                let group = if self.dice.one_in(2) {
                    self.dice.pick(&self.truth.rooms)
                } else {
                    self.group()
                };
                let handle = self.engine.headcount(group);
                self.watch(handle);
            }
            Step::Arrive => self.arrive(),
        }
        self.compare();
        self.look();
        let lag = self.dice.index(self.lag_max + 1);
        while self.truth.underway.len() > lag {
            self.arrive();
            self.compare();
        }
        self.look();
        self.settle_the_empty();
    }

    fn enter_room(&mut self) {
        let account = self.account();
        let is_stale = self.dice.one_in(8) && !self.watched.is_empty();
        let room = if is_stale {
            let at = self.dice.index(self.watched.len());
            Arc::clone(&self.watched[at])
        } else {
            let room = self.dice.pick(&self.truth.rooms);
            self.engine.headcount(room)
        };
        let key = room.group();
        if self.truth.dissolved.contains(&key) {
            self.saw("entering a dissolved room");
            assert!(!self.engine.room_entered(account, &room));
        } else if self.truth.rooms.contains(&key) {
            let enters = self.truth.is_online(account) && self.truth.present.insert((account, key));
            assert_eq!(
                self.engine.room_entered(account, &room),
                enters,
                "{account:?}, {key:?}"
            );
        }
    }

    fn leave_room(&mut self) {
        let (account, room) = if self.dice.one_in(4)
            && let Some(gone) = self.truth.left_behind.pop()
        {
            self.saw("leaving a dissolved room");
            gone
        } else if self.dice.one_in(8) {
            // Nobody leaves a group by this door.
            (self.account(), self.group())
        } else {
            (self.account(), self.dice.pick(&self.truth.rooms))
        };
        let leaves = self.truth.present.remove(&(account, room));
        assert_eq!(
            self.engine.room_left(account, room),
            leaves,
            "{account:?}, {room:?}"
        );
    }

    fn delete_account(&mut self) {
        let account = self.account();
        for group in self.truth.memberships(account) {
            self.truth.commit(Change::Left { account, group });
        }
        self.truth.commit(Change::AccountDeleted {
            app: SdkAppId(1),
            user: any_user(),
            account,
        });
    }

    fn dissolve(&mut self, group: GroupKey) {
        // Somebody holds the handle of most groups, and it must go on telling the truth.
        if !self.dice.one_in(4) {
            let handle = self.engine.headcount(group);
            self.watch(handle);
        }
        self.truth.commit(Change::Dissolved {
            app: SdkAppId(1),
            id: GroupId::parse("any").expect("a valid id"),
            group,
        });
    }

    /// The engine learns of the next committed change.
    fn arrive(&mut self) {
        let Some((change, ended)) = self.truth.arrive() else {
            return;
        };
        if self.trace {
            eprintln!("    {change:?}");
        }
        if !ended.is_empty() {
            self.saw("sessions ended by a change");
        }
        let applied = self.engine.apply(&change);
        let account = match change {
            Change::AccountDeleted { account, .. } | Change::UserSigsRevoked { account, .. } => account,
            _ => AccountKey(u64::MAX),
        };
        let mut applied: Vec<_> = applied.iter().map(|session| Live::of(account, session)).collect();
        applied.sort_by_key(|live| live.key);
        let mut ended = ended;
        ended.sort_by_key(|live| live.key);
        assert_eq!(applied, ended, "{change:?}");
    }

    fn end_everything(&mut self) {
        while !self.truth.underway.is_empty() {
            self.arrive();
            self.compare();
        }
        for pending in std::mem::take(&mut self.pending) {
            self.engine.login_aborted(pending.ticket);
        }
        for Live { account, key, .. } in self.truth.end(|_| true) {
            assert!(self.engine.session_closed(account, key).is_some());
        }
        self.compare();
        assert_eq!(self.engine.online_accounts(), 0);
        assert!(
            self.engine
                .cut()
                .counts
                .iter()
                .all(|(_, running)| *running == Numbers::default())
        );
    }

    /// Accounts, groups and rooms that are gone make room for new ones. Keys never return.
    fn settle_the_empty(&mut self) {
        while self.truth.accounts.len() < ACCOUNTS {
            let key = AccountKey(self.key());
            self.truth.accounts.push(key);
        }
        while self.truth.groups.len() < GROUPS {
            let key = GroupKey(self.key());
            self.truth.groups.push(key);
        }
        while self.truth.rooms.len() < ROOMS {
            let key = GroupKey(self.key());
            self.truth.rooms.push(key);
        }
    }

    /// An account, with a liking for those that are just logging in.
    fn account(&mut self) -> AccountKey {
        if !self.pending.is_empty() && self.dice.one_in(2) {
            let account = self.pending[self.dice.index(self.pending.len())].live.account;
            if self.truth.accounts.contains(&account) {
                return account;
            }
        }
        self.dice.pick(&self.truth.accounts)
    }

    fn group(&mut self) -> GroupKey {
        self.dice.pick(&self.truth.groups)
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    fn watch(&mut self, handle: Arc<Headcount>) {
        if self.watched.len() == REMEMBERED_MAX {
            let forgotten = self.watched.remove(0).group();
            if self.watched.iter().all(|other| other.group() != forgotten) {
                self.known.remove(&forgotten);
            }
        }
        self.watched.push(handle);
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }
}

/// The engine goes by the account's key.
fn any_user() -> UserId {
    UserId::parse("any").expect("a valid UserID")
}
