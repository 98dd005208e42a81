//! One simulated node: an engine, its following of the directory, and its part in the cluster.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headcount_cluster::{Host, Incarnation, Node, NodeSettings, Relay, StatusBoard};
use headcount_core::{AccountKey, Clock, GroupKey, MultiLogin, MultiLoginPolicy};
use headcount_presence::{Displaced, Presence, SessionKey};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::directory::Directory;
use crate::link::{Beats, Link, Weather};

/// How long a silent node is borne with.
pub(crate) const LEASE_MS: u64 = 3_000;
/// Changes that an engine remembers: few, so that a node that was paused comes too late for some.
const CHANGES_MAX: usize = 60;
/// Events that wait: few, so that an outage of the relay overflows them.
const EVENTS_MAX: usize = 40;

/// The rules of all nodes: two of a kind on a phone, one in a browser.
pub(crate) const RULES: MultiLogin = MultiLogin {
    policy: MultiLoginPolicy::Multi,
    web_instances: 1,
    native_instances: 2,
};

/// A clock that is off, and a little too fast or too slow.
#[derive(Debug)]
pub(crate) struct SkewedClock {
    began: Instant,
    ahead_ms: u64,
    /// Of a thousand microseconds, so many more or fewer than 1,000.
    permille: u64,
}

impl SkewedClock {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        Self {
            began: Instant::now(),
            ahead_ms: dice.below(4_000),
            permille: dice.between(995, 1_005),
        }
    }
}

impl Clock for SkewedClock {
    fn wall_ms(&self) -> u64 {
        1_700_000_000_000 + self.ahead_ms + self.monotonic_ms()
    }

    fn monotonic_us(&self) -> u64 {
        let us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.ahead_ms * 1_000 + us * self.permille / 1_000
    }
}

/// The engine of a node, and what its sessions were told.
pub(crate) struct Engine {
    presence: Mutex<Presence<()>>,
    ended: Mutex<BTreeSet<SessionKey>>,
}

impl Engine {
    pub(crate) fn presence(&self) -> MutexGuard<'_, Presence<()>> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> MutexGuard<'_, BTreeSet<SessionKey>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session of this node was told that it is over.
    pub(crate) fn note_end(&self, key: SessionKey) {
        self.ended().insert(key);
    }

    /// Whether it was.
    pub(crate) fn was_told(&self, key: SessionKey) -> bool {
        self.ended().contains(&key)
    }

    /// Follows the directory up to its latest commit.
    pub(crate) fn catch_up(&self, directory: &Directory) {
        let mut presence = self.presence();
        for (position, change) in directory.after(presence.position()) {
            presence.commit_began(position);
            for session in presence.apply(change) {
                if session.is_here() {
                    self.note_end(session.key);
                }
            }
        }
    }
}

impl Host for Engine {
    type Handle = ();

    fn with_presence<R>(&self, act: impl FnOnce(&mut Presence<()>) -> R) -> R {
        act(&mut self.presence())
    }

    fn elsewhere(&self) {}

    fn displaced(&self, ended: Displaced<()>) {
        assert!(ended.session.is_here(), "a node ends sessions of its own alone");
        self.note_end(ended.session.key);
    }

    fn told(&self, _accounts: &[AccountKey], _message: &[u8]) {}
}

/// A running node.
pub(crate) struct Place {
    pub(crate) engine: Arc<Engine>,
    pub(crate) link: Arc<Link>,
    pub(crate) board: Arc<StatusBoard>,
    pub(crate) clock: Arc<SkewedClock>,
    tasks: [JoinHandle<()>; 2],
    leave: watch::Sender<bool>,
}

impl Place {
    pub(crate) fn start(
        dice: &mut Dice,
        directory: &Arc<Mutex<Directory>>,
        relay: &Arc<headcount_cluster::LocalRelay>,
        weather: &Arc<Mutex<Weather>>,
    ) -> Self {
        let here = Incarnation(dice.next());
        let mut presence = Presence::among_nodes(RULES, EVENTS_MAX, CHANGES_MAX);
        presence.commit_began(lock(directory).position());
        let engine = Arc::new(Engine {
            presence: Mutex::new(presence),
            ended: Mutex::default(),
        });
        let link = Arc::new(Link {
            relay: Arc::clone(relay),
            weather: Arc::clone(weather),
            cut: Mutex::new(false),
            paused: watch::Sender::new(false),
            // A clock may be a little faster than the one that this is measured by.
            beats: Mutex::new(Beats::new(LEASE_MS * 9 / 10)),
        });
        let clock = Arc::new(SkewedClock::new(dice));
        let settings = NodeSettings {
            name: here.to_string(),
            ops: None,
            lease_ms: LEASE_MS,
        };
        let node = Node::new(
            settings,
            here,
            Arc::clone(&link) as Arc<dyn Relay>,
            Arc::clone(&engine),
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        let board = node.board();
        let leave = watch::Sender::new(false);
        let mut left = leave.subscribe();
        let stop = async move { drop(left.wait_for(|leaves| *leaves).await) };
        let tail = follow(
            Arc::clone(&engine),
            Arc::clone(directory),
            Arc::clone(&link),
            dice.next(),
        );
        let tasks = [tokio::spawn(node.run(stop)), tokio::spawn(tail)];
        Self {
            engine,
            link,
            board,
            clock,
            tasks,
            leave,
        }
    }

    /// Ends as by SIGKILL.
    pub(crate) fn kill(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Ends in good order: its sessions are over, and it says so.
    pub(crate) fn leave(&self) {
        let mut presence = self.engine.presence();
        for account in presence.accounts_here() {
            for facts in presence.facts_of(account) {
                presence.session_closed(account, SessionKey(facts.number));
            }
        }
        drop(presence);
        self.leave.send_replace(true);
    }

    pub(crate) fn is_paused(&self) -> bool {
        *self.link.paused.borrow()
    }

    pub(crate) fn counts_in(&self, account: AccountKey, group: GroupKey) -> bool {
        self.engine.presence().counts_in(account, group)
    }
}

async fn follow(engine: Arc<Engine>, directory: Arc<Mutex<Directory>>, link: Arc<Link>, seed: u64) {
    let mut dice = Dice::new(seed);
    loop {
        tokio::time::sleep(Duration::from_millis(dice.between(10, 150))).await;
        link.go_on().await;
        engine.catch_up(&lock(&directory));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
