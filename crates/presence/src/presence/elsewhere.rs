//! Sessions that other nodes hold, and what they have to know of this one's.

use std::collections::BTreeMap;

use headcount_core::{AccountKey, GroupKey, MultiLogin};

use super::{Among, Online, Place, Presence, Seat};
use crate::digest::SessionDigest;
use crate::journal::{Event, Journal, SessionFacts, Taken};
use crate::recent::Recent;
use crate::session::{Displaced, NodeNumber, Session, SessionKey, displace};

impl<H> Presence<H> {
    /// An engine that counts as one with those of other nodes. It keeps up to `events_max` events for them
    /// until they are [taken](Self::take_events), and up to `changes_max` of the latest changes for what they
    /// tell as of an earlier commit.
    #[must_use]
    pub fn among_nodes(rules: MultiLogin, events_max: usize, changes_max: usize) -> Self {
        Self {
            among: Some(Among {
                journal: Journal::new(events_max),
                recent: Recent::new(changes_max),
            }),
            ..Self::new(rules)
        }
    }

    /// The changes applied from now on are those of the commit at `position`. The first call says where the
    /// directory stood when this engine began to follow it.
    pub fn commit_began(&mut self, position: u64) {
        if let Some(among) = &mut self.among
            && self.position == 0
        {
            among.recent.begin(position);
        }
        self.position = position;
    }

    /// The commit up to which this engine has followed the directory.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What has happened to this node's sessions since this was last called.
    pub fn take_events(&mut self) -> Taken {
        match &mut self.among {
            Some(among) => among.journal.take(),
            None => Taken::Events(Vec::new()),
        }
    }

    /// Has the nodes that hold sessions of these accounts told something.
    pub fn tell_elsewhere(&mut self, accounts: Vec<AccountKey>, message: Vec<u8>) {
        self.note(|| Event::Told { accounts, message });
    }

    /// What is known of all of this node's sessions of an account; empty when it has none here.
    #[must_use]
    pub fn facts_of(&self, account: AccountKey) -> Vec<SessionFacts> {
        let Some(online) = self.online.get(&account) else {
            return Vec::new();
        };
        let here = online.sessions.iter().filter(|session| session.is_here());
        here.map(|session| self.facts(account, online, session)).collect()
    }

    /// The accounts with a session on this node, in no order.
    #[must_use]
    pub fn accounts_here(&self) -> Vec<AccountKey> {
        let here = |online: &Online<H>| online.sessions.iter().any(Session::is_here);
        let accounts = self.online.iter().filter(|(_, online)| here(online));
        accounts.map(|(&account, _)| account).collect()
    }

    /// A digest of the sessions of each node, as they are known here. Nodes that know the same sessions have
    /// the same digest of them. Costs a look at every session.
    #[must_use]
    pub fn session_digests(&self) -> BTreeMap<NodeNumber, SessionDigest> {
        let mut digests: BTreeMap<NodeNumber, SessionDigest> = BTreeMap::new();
        for (&account, online) in &self.online {
            for session in &online.sessions {
                let digest = digests.entry(session.key.node()).or_default();
                digest.add(account, session.key.number(), session.platform);
            }
        }
        digests
    }

    fn facts(&self, account: AccountKey, online: &Online<H>, session: &Session<H>) -> SessionFacts {
        let groups = online
            .places
            .iter()
            .filter(|place| !place.room && place.is_live());
        let seats = online.seats.iter().filter(|seat| seat.node == NodeNumber::HERE);
        SessionFacts {
            account,
            number: session.key.number(),
            instance: session.instance,
            platform: session.platform,
            login_at_ms: session.login_at_ms,
            opened_at_ms: session.opened_at_ms,
            usersig_issued_at_s: session.usersig_issued_at_s,
            position: self.position.max(online.as_of),
            groups: groups.map(|place| place.count.group()).collect(),
            rooms: seats.map(|seat| seat.room).collect(),
        }
    }

    /// Whether what a node tells as of `position` can be brought to what is known here: everything that was
    /// committed since is still remembered.
    #[must_use]
    pub fn can_follow_up(&self, position: u64) -> bool {
        let among = self.among.as_ref();
        among.is_some_and(|among| position >= among.recent.complete_after())
    }

    /// No node tells of anything as of an earlier commit than `position` any more.
    pub fn forget_changes_up_to(&mut self, position: u64) {
        if let Some(among) = &mut self.among {
            among.recent.forget_up_to(position.min(self.position));
        }
    }

    /// Another node tells of an open session, for the first time or again. Returns the sessions of this
    /// node that ended for it. `handle` is how the caller reaches that node.
    pub fn session_seen(&mut self, node: NodeNumber, facts: &SessionFacts, handle: H) -> Vec<Displaced<H>> {
        let Some(among) = &self.among else {
            return Vec::new();
        };
        let account = facts.account;
        let record = among.recent.since(account, facts.position);
        if record.admit(facts.usersig_issued_at_s).is_err() {
            // Its node will say that it is over, when it has come to that commit.
            return Vec::new();
        }
        if !self.is_online(account) {
            // The set of an account that is online already has followed every change itself.
            let groups = record.correct(facts.groups.clone());
            let living = groups
                .into_iter()
                .filter(|&group| !among.recent.was_dissolved(group));
            let living: Vec<GroupKey> = living.collect();
            let places = living.into_iter().map(|group| self.place_in(group)).collect();
            let mut online = Online::at(places);
            online.as_of = if facts.position > self.position {
                facts.position
            } else {
                0
            };
            self.online.insert(account, online);
        }
        let displaced = self.seat_and_count(node, facts, handle);
        for ended in &displaced {
            self.after_end(account, ended.session.key);
        }
        displaced
    }

    fn seat_and_count(&mut self, node: NodeNumber, facts: &SessionFacts, handle: H) -> Vec<Displaced<H>> {
        let account = facts.account;
        let key = SessionKey::of(node, facts.number);
        let mut displaced = Vec::new();
        if let Some(online) = self.online.get_mut(&account)
            && !online.sessions.iter().any(|open| open.key == key)
        {
            displaced = displace(&self.rules, &mut online.sessions, facts.into());
            online.insert(Session {
                key,
                instance: facts.instance,
                platform: facts.platform,
                login_at_ms: facts.login_at_ms,
                opened_at_ms: facts.opened_at_ms,
                usersig_issued_at_s: facts.usersig_issued_at_s,
                handle,
            });
            online.count(&mut self.stamps);
        }
        self.give_up_seats(account, |seat| {
            seat.node == node && !facts.rooms.contains(&seat.room)
        });
        for &room in &facts.rooms {
            self.sit_down(account, room, node);
        }
        displaced
    }

    /// Another node tells that it holds a room for an account. One that has a session here is held here
    /// as well, so that it stays when that node's session ends.
    pub fn room_seen(&mut self, node: NodeNumber, account: AccountKey, room: GroupKey, asked: bool) {
        // Without a session of that node the seat would have no end; with its sessions it tells its rooms.
        if !self.has_session(account, node) || !self.sit_down(account, room, node) {
            return;
        }
        if asked && self.has_session(account, NodeNumber::HERE) {
            self.hold_here(account, room);
        }
    }

    /// Another node tells that it no longer holds a room for an account; if its user asked for that, it is
    /// no longer held here.
    pub fn room_unseen(&mut self, node: NodeNumber, account: AccountKey, room: GroupKey, asked: bool) {
        let held_here = self.has_seat(account, room, NodeNumber::HERE);
        self.give_up_seats(account, |seat| {
            seat.room == room && (seat.node == node || asked && seat.node == NodeNumber::HERE)
        });
        if asked && held_here {
            self.note(|| Event::RoomLeft {
                account,
                room,
                asked: false,
            });
        }
    }

    /// Gives an account's seat in a living room to a node. `false` when there is no such room or account.
    fn sit_down(&mut self, account: AccountKey, room: GroupKey, node: NodeNumber) -> bool {
        let is_gone = self
            .among
            .as_ref()
            .is_some_and(|among| among.recent.was_dissolved(room));
        if is_gone || !self.is_online(account) {
            return false;
        }
        let count = self.headcount(room);
        self.enter(account, count, true);
        self.take_seat(account, room, node);
        true
    }

    pub(super) fn take_seat(&mut self, account: AccountKey, room: GroupKey, node: NodeNumber) {
        let seat = Seat { room, node };
        if let Some(online) = self.online.get_mut(&account)
            && !online.seats.contains(&seat)
        {
            online.seats.push(seat);
        }
    }

    fn hold_here(&mut self, account: AccountKey, room: GroupKey) {
        if !self.has_seat(account, room, NodeNumber::HERE) {
            self.take_seat(account, room, NodeNumber::HERE);
            self.note(|| Event::RoomEntered {
                account,
                room,
                asked: false,
            });
        }
    }

    fn has_seat(&self, account: AccountKey, room: GroupKey, node: NodeNumber) -> bool {
        let online = self.online.get(&account);
        online.is_some_and(|online| online.seats.contains(&Seat { room, node }))
    }

    fn has_session(&self, account: AccountKey, node: NodeNumber) -> bool {
        self.sessions(account)
            .iter()
            .any(|session| session.key.node() == node)
    }

    /// Takes seats away; a room that nobody holds any more is left.
    pub(super) fn give_up_seats(&mut self, account: AccountKey, is_given_up: impl Fn(&Seat) -> bool) {
        let Some(online) = self.online.get_mut(&account) else {
            return;
        };
        let empty: Vec<Seat> = online.seats.extract_if(.., |seat| is_given_up(seat)).collect();
        let still_held: Vec<GroupKey> = online.seats.iter().map(|seat| seat.room).collect();
        for Seat { room, .. } in empty {
            if !still_held.contains(&room) {
                self.leave(account, room, true);
            }
        }
    }

    /// Journals a session that has just opened here, and those of this node that ended for it.
    pub(super) fn journal_opened(&mut self, account: AccountKey, key: SessionKey, ended: &[Displaced<H>]) {
        if self.among.is_none() {
            return;
        }
        // Whoever comes is where the account already is.
        let rooms: Vec<GroupKey> = self.online.get(&account).map_or_else(Vec::new, |online| {
            let rooms = online
                .places
                .iter()
                .filter(|place| place.room && Place::is_live(place));
            rooms.map(|place| place.count.group()).collect()
        });
        for room in rooms {
            self.take_seat(account, room, NodeNumber::HERE);
        }
        let facts = self.online.get(&account).and_then(|online| {
            let session = online.sessions.iter().find(|session| session.key == key)?;
            Some(self.facts(account, online, session))
        });
        if let Some(facts) = facts {
            self.note(|| Event::Opened(facts));
        }
        // After it: an account whose session gives way to a new one has not been offline in between.
        for displaced in ended {
            self.after_end(account, displaced.session.key);
        }
    }

    /// After a session is over: a node without one holds no room for the account.
    pub(super) fn after_end(&mut self, account: AccountKey, key: SessionKey) {
        if self.among.is_none() {
            return;
        }
        let node = key.node();
        if !self.has_session(account, node) {
            self.give_up_seats(account, |seat| seat.node == node);
        }
        if node == NodeNumber::HERE {
            self.note(|| Event::Closed {
                account,
                number: key.number(),
            });
        }
    }

    pub(super) fn note(&mut self, event: impl FnOnce() -> Event) {
        if let Some(among) = &mut self.among {
            among.journal.note(event());
        }
    }
}
