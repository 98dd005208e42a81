//! One other node: whether it lives, how far its log was read, and which sessions it holds.

use std::collections::HashMap;

use headcount_core::AccountKey;
use headcount_core::limits::RELAY_DROP_SESSIONS_MAX;
use headcount_presence::{Event, NodeNumber, SessionKey};

use crate::canary::{self, Canary};
use crate::host::Host;
use crate::relay::{Entry, Incarnation};
use crate::row::Row;
use crate::wire::{self, Line};

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Its sessions are not known, or not all of them; it was asked to tell them.
    Asked,
    /// It is telling its sessions.
    Telling,
    /// All its sessions are known.
    Known,
    /// It was silent for longer than its lease, or said that it was leaving. Its sessions do not count.
    Gone,
}

/// Another node.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) number: NodeNumber,
    pub(crate) row: Row,
    pub(crate) state: PeerState,
    /// For how long the roll was read, and its row stood still.
    pub(crate) silent_ms: u64,
    /// The last entry of its log that was read.
    pub(crate) after: u64,
    /// The number of this node's wish to be told its sessions.
    pub(crate) need: u64,
    /// Since when, by its row, there is more in its log than can be read, and up to which entry.
    behind: Option<(u64, u64)>,
    /// Whatever is read of its log from here on is not as of an earlier commit.
    pub(crate) position: u64,
    /// Its open sessions, by their numbers there, with the telling that told them last.
    sessions: HashMap<u64, (AccountKey, u32)>,
    telling: u32,
}

impl Peer {
    pub(crate) fn new(number: NodeNumber, row: Row, need: u64) -> Self {
        Self {
            number,
            after: row.entries,
            row,
            state: PeerState::Asked,
            silent_ms: 0,
            need,
            behind: None,
            position: 0,
            sessions: HashMap::new(),
            telling: 0,
        }
    }

    /// Whether it counts as living. A node that was never heard of before does, until it has been silent
    /// for its lease.
    pub(crate) fn lives(&self) -> bool {
        self.state != PeerState::Gone
    }

    /// Whether it is gone, or this node knows its sessions and it knows those of this node.
    pub(crate) fn is_settled(&self, here: Incarnation) -> bool {
        match self.state {
            PeerState::Gone => true,
            PeerState::Known => self.row.knows.contains(&here.to_string()),
            PeerState::Asked | PeerState::Telling => false,
        }
    }

    /// Its open sessions, as far as they are known.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Its sessions are not known, or not for sure: it has to be asked, under this number.
    pub(crate) fn ask(&mut self, need: u64) {
        self.state = PeerState::Asked;
        self.need = need;
        self.behind = None;
    }

    /// Takes a look at its row. Whether it has moved.
    pub(crate) fn seen(&mut self, row: Row) -> bool {
        let moved = row.beat != self.row.beat;
        if moved {
            self.silent_ms = 0;
        }
        self.row = row;
        if self.after >= self.row.entries {
            self.position = self.position.max(self.row.position);
        }
        moved
    }

    /// Whether entries that its row tells of have not come for `patience_ms`: they are lost.
    pub(crate) fn is_cut_off(&mut self, now_ms: u64, patience_ms: u64) -> bool {
        match self.behind {
            Some((target, _)) if self.after >= target => self.behind = None,
            Some((target, since_ms)) if now_ms.saturating_sub(since_ms) > patience_ms => {
                self.after = target;
                self.behind = None;
                return true;
            }
            Some(_) => return false,
            None => {}
        }
        if self.row.entries > self.after {
            self.behind = Some((self.row.entries, now_ms));
        }
        false
    }

    /// Follows its log. `Err` when its sessions are no longer known for sure, and why.
    pub(crate) fn follow<T: Host>(&mut self, entry: &Entry, host: &T) -> Result<(), &'static str> {
        let expected = self.after + 1;
        if entry.number < expected {
            return Ok(());
        }
        self.after = entry.number;
        let is_lost = entry.number > expected && !canary::is(Canary::LostEntries);
        if is_lost {
            // What is being told has a hole, so its end is not the end of it.
            self.state = PeerState::Asked;
        }
        let lines = wire::read(&entry.bytes).map_err(|_| "its log is written in another way")?;
        let followed = self.follow_lines(lines, host);
        if is_lost {
            return Err("a part of its log is lost");
        }
        followed
    }

    fn follow_lines<T: Host>(&mut self, lines: Vec<Line>, host: &T) -> Result<(), &'static str> {
        let (mut displaced, mut told) = (Vec::new(), Vec::new());
        let mut is_ended = false;
        let mut followed = Ok(());
        host.with_presence(|presence| {
            for line in lines {
                match line {
                    Line::TellingBegan => {
                        self.telling = self.telling.wrapping_add(1);
                        self.state = PeerState::Telling;
                    }
                    Line::TellingEnded => is_ended = true,
                    Line::Event(Event::Opened(facts)) => {
                        if !presence.is_online(facts.account) && !presence.can_follow_up(facts.position) {
                            self.state = PeerState::Asked;
                            followed = Err("it told of commits that are no longer remembered");
                            continue;
                        }
                        self.sessions.insert(facts.number, (facts.account, self.telling));
                        displaced.extend(presence.session_seen(self.number, &facts, host.elsewhere()));
                    }
                    Line::Event(Event::Closed { account, number }) => {
                        self.sessions.remove(&number);
                        presence.session_closed(account, SessionKey::of(self.number, number));
                    }
                    Line::Event(Event::RoomEntered { account, room, asked }) => {
                        presence.room_seen(self.number, account, room, asked);
                    }
                    Line::Event(Event::RoomLeft { account, room, asked }) => {
                        presence.room_unseen(self.number, account, room, asked);
                    }
                    Line::Event(Event::Told { accounts, message }) => told.push((accounts, message)),
                }
            }
        });
        for ended in displaced {
            host.displaced(ended);
        }
        for (accounts, message) in told {
            host.told(&accounts, &message);
        }
        if is_ended && self.state == PeerState::Telling {
            self.state = PeerState::Known;
            let telling = self.telling;
            self.drop_sessions(host, |told| {
                told != telling && !canary::is(Canary::UntoldSessions)
            });
        }
        followed
    }

    /// It is gone, and with it all its sessions.
    pub(crate) fn end<T: Host>(&mut self, host: &T) {
        self.state = PeerState::Gone;
        self.drop_sessions(host, |_| true);
    }

    /// Drops sessions by the telling that told them last, a few at a time, so that logins get their turn.
    fn drop_sessions<T: Host>(&mut self, host: &T, drops: impl Fn(u32) -> bool) {
        let dropped = self.sessions.extract_if(|_, (_, told)| drops(*told));
        let dropped: Vec<(AccountKey, u64)> =
            dropped.map(|(number, (account, _))| (account, number)).collect();
        for some in dropped.chunks(RELAY_DROP_SESSIONS_MAX) {
            host.with_presence(|presence| {
                for &(account, number) in some {
                    presence.session_closed(account, SessionKey::of(self.number, number));
                }
            });
        }
        self.sessions.shrink_to_fit();
    }
}
