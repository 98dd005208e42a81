//! Everything that happens in one run: clients, commits, and what goes wrong.

mod checks;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount_cluster::LocalRelay;
use headcount_core::{AccountKey, Clock, GroupKey, Platform};
use headcount_presence::{Arrival, LoginTicket, NewSession, SessionKey};

use crate::dice::Dice;
use crate::directory::Directory;
use crate::link::Weather;
use crate::place::{LEASE_MS, Place, lock};

const ACCOUNTS: u64 = 24;
/// Accounts with a session on the first node from the beginning to the end.
const ANCHORS: u64 = 4;
const GROUPS: u64 = 6;
const NODES_MAX: usize = 4;
/// How soon another node has to see a change while nothing is wrong.
const FRESH_MS: u64 = 1_000;
/// How soon everything is right again after the last thing went wrong.
const HEAL_MS: u64 = 5_000;

/// A login between its announcement and its end.
struct Coming {
    at: usize,
    account: AccountKey,
    ticket: LoginTicket,
    read: Option<BTreeSet<GroupKey>>,
}

/// An open session, as its client knows it.
#[derive(Clone, Copy)]
struct Client {
    at: usize,
    account: AccountKey,
    key: SessionKey,
}

/// A change that every node has to have seen by some time.
struct Awaited {
    by_ms: u64,
    account: AccountKey,
    /// The changes that the account had seen then: later ones void the wait.
    turn: u64,
}

/// One run.
pub(crate) struct World {
    pub(crate) dice: Dice,
    directory: Arc<Mutex<Directory>>,
    relay: Arc<LocalRelay>,
    weather: Arc<Mutex<Weather>>,
    /// By their places; `None` where a node was killed or has left.
    places: Vec<Option<Place>>,
    coming: Vec<Coming>,
    clients: Vec<Client>,
    sessions: u64,
    anchored: u64,
    now_ms: u64,
    /// How often something happened to each account.
    turns: Vec<u64>,
    awaited: Vec<Awaited>,
    /// Whether anything may go wrong just now.
    calm: bool,
    /// What happened, in a number: the same seed gives the same one.
    pub(crate) trace: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut directory = Directory::default();
        (0..GROUPS).for_each(|_| directory.make_group());
        for account in 0..ACCOUNTS {
            for group in directory.living() {
                if dice.once_in(2) {
                    directory.toggle(AccountKey(account), group);
                }
            }
        }
        let weather = Weather {
            away: false,
            latency_ms: dice.between(0, 15),
            fails_once_in: 0,
            dice: Dice::new(dice.next()),
        };
        Self {
            dice,
            directory: Arc::new(Mutex::new(directory)),
            relay: Arc::default(),
            weather: Arc::new(Mutex::new(weather)),
            places: Vec::new(),
            coming: Vec::new(),
            clients: Vec::new(),
            sessions: 0,
            anchored: 0,
            now_ms: 0,
            turns: vec![0; usize::try_from(ACCOUNTS).expect("few accounts")],
            awaited: Vec::new(),
            calm: true,
            trace: seed,
        }
    }

    /// The whole run: panics when a promise is broken.
    pub(crate) async fn run(&mut self) {
        for _ in 0..self.dice.between(2, 3) {
            self.start_node();
        }
        while self.awake().len() < self.places.len() {
            self.pass(20).await;
        }
        for account in 0..ANCHORS {
            self.open_anchor(AccountKey(account));
        }
        self.pass(FRESH_MS).await;
        self.anchored = ANCHORS;
        for episode in 0..3 {
            self.calm = episode == 0 && self.dice.once_in(2);
            let until_ms = self.now_ms + self.dice.between(2_000, 9_000);
            while self.now_ms < until_ms {
                self.step().await;
            }
            self.heal();
            self.pass(HEAL_MS).await;
            self.check_everything();
        }
    }

    fn start_node(&mut self) {
        let place = Place::start(&mut self.dice, &self.directory, &self.relay, &self.weather);
        let at = self.places.iter().position(Option::is_none);
        match at {
            Some(at) => self.places[at] = Some(place),
            None => self.places.push(Some(place)),
        }
    }

    /// Nodes that clients are sent to: those that are ready, and not paused.
    fn awake(&self) -> Vec<usize> {
        let awake = |at: &usize| {
            let place = self.places[*at].as_ref();
            place.is_some_and(|place| !place.is_paused() && place.board.read().ready)
        };
        (0..self.places.len()).filter(awake).collect()
    }

    fn place(&self, at: usize) -> &Place {
        self.places[at].as_ref().expect("the node runs")
    }

    /// Lets time pass, and looks at what must hold at any time.
    async fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.now_ms < until_ms {
            let step_ms = 20.min(until_ms - self.now_ms);
            tokio::time::sleep(Duration::from_millis(step_ms)).await;
            self.now_ms += step_ms;
            if !lock(&self.weather).away {
                lock(&self.place(0).link.beats).pass(step_ms);
            }
            self.check_always();
        }
    }

    async fn step(&mut self) {
        let pause_ms = self.dice.between(1, 40);
        self.pass(pause_ms).await;
        let account = AccountKey(self.dice.below(ACCOUNTS));
        let awake = self.awake();
        let Some(at) = self.dice.one_of(&awake) else {
            return self.go_wrong();
        };
        let choice = self.dice.below(20);
        let position = self.place(at).engine.presence().position();
        self.trace = self.trace.wrapping_mul(31).wrapping_add(choice + position);
        match choice {
            0..=3 => self.announce_login(at, account),
            4..=6 => self.read_for_login(),
            7..=9 => self.finish_login(),
            10..=12 => self.close_session(),
            13..=15 => self.change_membership(at, account),
            16 => self.change_more(at, account),
            17 => self.use_room(at),
            _ if self.calm => self.close_session(),
            _ => self.go_wrong(),
        }
    }

    fn announce_login(&mut self, at: usize, account: AccountKey) {
        let ticket = self.place(at).engine.presence().login_started(account);
        self.coming.push(Coming {
            at,
            account,
            ticket,
            read: None,
        });
    }

    fn read_for_login(&mut self) {
        let directory = lock(&self.directory);
        for coming in &mut self.coming {
            if coming.read.is_none() && self.dice.once_in(2) {
                coming.read = Some(directory.groups_of(coming.account));
            }
        }
    }

    fn finish_login(&mut self) {
        let Some(at) = self.coming.iter().position(|coming| coming.read.is_some()) else {
            return;
        };
        let coming = self.coming.remove(at);
        if self.place(coming.at).is_paused() {
            return self.coming.push(coming);
        }
        let platform = if self.dice.once_in(2) {
            Platform::Web
        } else {
            Platform::IPhone
        };
        self.open(coming, platform);
    }

    fn open(&mut self, coming: Coming, platform: Platform) {
        let Coming {
            at,
            account,
            ticket,
            read,
        } = coming;
        self.sessions += 1;
        let key = SessionKey(self.sessions);
        let place = self.place(at);
        let now_ms = place.clock.wall_ms();
        let new = NewSession {
            key,
            instance: u32::try_from(self.sessions).expect("few sessions"),
            platform,
            usersig_issued_at_s: self.sessions,
            arrival: Arrival::Login { now_ms },
            opened_at_ms: now_ms,
            handle: (),
        };
        let read = read.expect("it was read").into_iter().collect();
        let opened = place.engine.presence().session_opened(ticket, new, read);
        let Ok(opened) = opened else {
            return;
        };
        for displaced in opened.displaced.iter().filter(|gone| gone.session.is_here()) {
            place.engine.note_end(displaced.session.key);
        }
        self.clients.push(Client { at, account, key });
        self.happened(account);
        self.check_here(at, account);
    }

    fn open_anchor(&mut self, account: AccountKey) {
        let ticket = self.place(0).engine.presence().login_started(account);
        let read = Some(lock(&self.directory).groups_of(account));
        let coming = Coming {
            at: 0,
            account,
            ticket,
            read,
        };
        self.open(coming, Platform::Mac);
    }

    fn close_session(&mut self) {
        let anchors = usize::try_from(ANCHORS).expect("few anchors");
        if self.clients.len() <= anchors {
            return;
        }
        let at = anchors
            + usize::try_from(self.dice.below((self.clients.len() - anchors) as u64)).expect("an index");
        if self.place(self.clients[at].at).is_paused() {
            return;
        }
        let Client { at, account, key } = self.clients.remove(at);
        self.place(at).engine.presence().session_closed(account, key);
        self.happened(account);
        let is_elsewhere_here = self
            .place(at)
            .engine
            .presence()
            .sessions(account)
            .iter()
            .any(|open| open.key == key);
        assert!(!is_elsewhere_here, "a closed session is gone at once");
    }

    fn change_membership(&mut self, at: usize, account: AccountKey) {
        let living = lock(&self.directory).living();
        let Some(group) = self.dice.one_of(&living) else {
            return;
        };
        lock(&self.directory).toggle(account, group);
        if self.dice.once_in(4) {
            // In and out and in, faster than anybody follows.
            lock(&self.directory).toggle(account, group);
        }
        self.acknowledge(at, account);
    }

    /// A node answers a command: it has followed the commit then.
    fn acknowledge(&mut self, at: usize, account: AccountKey) {
        self.place(at).engine.catch_up(&lock(&self.directory));
        self.happened(account);
        self.check_here(at, account);
    }

    fn change_more(&mut self, at: usize, account: AccountKey) {
        if self.dice.once_in(2) && account.0 >= ANCHORS {
            let issued_to = self.sessions.saturating_sub(self.dice.below(4));
            lock(&self.directory).revoke(account, issued_to);
            self.acknowledge(at, account);
            let presence = self.place(at).engine.presence();
            let stays = presence
                .sessions(account)
                .iter()
                .find(|open| open.usersig_issued_at_s <= issued_to);
            assert!(
                stays.is_none(),
                "kicked at once on the node that was asked: {stays:?}"
            );
        } else {
            let living = lock(&self.directory).living();
            let Some(group) = self.dice.one_of(&living) else {
                return;
            };
            let mut directory = lock(&self.directory);
            directory.dissolve(group);
            directory.make_group();
            self.place(at).engine.catch_up(&directory);
            assert_eq!(
                self.place(at).engine.presence().online_in(group),
                0,
                "dissolved at once"
            );
        }
    }

    fn use_room(&mut self, at: usize) {
        let here: Vec<Client> = self
            .clients
            .iter()
            .filter(|client| client.at == at)
            .copied()
            .collect();
        let Some(client) = self.dice.one_of(&here) else {
            return;
        };
        // Rooms are groups that the directory has no members of.
        let room = GroupKey(1_000_000 + self.dice.below(2));
        let mut presence = self.place(at).engine.presence();
        if presence
            .sessions(client.account)
            .iter()
            .all(|open| open.key != client.key)
        {
            return;
        }
        let headcount = presence.headcount(room);
        if !presence.room_entered(client.account, &headcount) {
            presence.room_left(client.account, room);
        }
        drop(presence);
        self.happened(client.account);
    }

    /// Something goes wrong.
    fn go_wrong(&mut self) {
        let others: Vec<usize> = (1..self.places.len())
            .filter(|&at| self.places[at].is_some())
            .collect();
        let other = self.dice.one_of(&others);
        match (self.dice.below(11), other) {
            (0, Some(at)) => self.kill(at),
            (1, Some(at)) => self.take_leave(at),
            (2, _) if self.places.iter().flatten().count() < NODES_MAX => self.start_node(),
            (3, Some(at)) => {
                let paused = self.place(at).is_paused();
                self.place(at).link.paused.send_replace(!paused);
            }
            (4, Some(at)) => {
                let mut cut = lock(&self.place(at).link.cut);
                *cut = !*cut;
            }
            (5, _) => {
                let mut weather = lock(&self.weather);
                weather.away = !weather.away;
            }
            (6, _) => self.relay.forget(),
            (7, _) => {
                let entries = self.dice.between(1, 5);
                self.relay.forget_latest(usize::try_from(entries).expect("few"));
            }
            (8, _) => lock(&self.weather).latency_ms = self.dice.between(0, 250),
            (9, _) => lock(&self.weather).fails_once_in = self.dice.between(5, 20),
            _ => {}
        }
    }

    fn kill(&mut self, at: usize) {
        self.forget_clients(at);
        if let Some(place) = self.places[at].take() {
            place.kill();
        }
    }

    fn take_leave(&mut self, at: usize) {
        if self.place(at).is_paused() {
            return;
        }
        self.forget_clients(at);
        if let Some(place) = self.places[at].take() {
            place.leave();
        }
    }

    fn forget_clients(&mut self, at: usize) {
        self.clients.retain(|client| client.at != at);
        self.coming.retain(|coming| coming.at != at);
    }

    fn heal(&mut self) {
        self.calm = true;
        let mut weather = lock(&self.weather);
        weather.away = false;
        weather.latency_ms = weather.latency_ms.min(15);
        weather.fails_once_in = 0;
        drop(weather);
        for place in self.places.iter().flatten() {
            place.link.paused.send_replace(false);
            *lock(&place.link.cut) = false;
        }
        for coming in std::mem::take(&mut self.coming) {
            self.place(coming.at)
                .engine
                .presence()
                .login_aborted(coming.ticket);
        }
    }

    /// Something happened to an account: while all is well, every node sees it in time.
    fn happened(&mut self, account: AccountKey) {
        let turn = &mut self.turns[usize::try_from(account.0).expect("an index")];
        *turn += 1;
        if self.calm {
            self.awaited.push(Awaited {
                by_ms: self.now_ms + FRESH_MS,
                account,
                turn: *turn,
            });
        }
    }

    /// How long a silent node is borne with, so that a failure says it.
    pub(crate) fn lease_ms() -> u64 {
        LEASE_MS
    }
}
