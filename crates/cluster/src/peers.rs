//! All other nodes: who lives, who has to be asked, and whom this node has to tell.

use std::collections::{BTreeMap, HashMap, VecDeque};

use headcount_core::limits::{RELAY_CHANGES_MS_MIN, RELAY_GAP_MS, RELAY_HEARD_MS_MAX, RELAY_STRIKE_LEASES};
use headcount_presence::NodeNumber;

use crate::canary::{self, Canary};
use crate::host::Host;
use crate::peer::{Peer, PeerState};
use crate::relay::{Entry, Incarnation, LogPosition, RollRow};
use crate::row::Row;

/// All other nodes.
#[derive(Debug)]
pub(crate) struct Peers {
    here: Incarnation,
    lease_ms: u64,
    peers: BTreeMap<Incarnation, Peer>,
    numbers: u16,
    needs: u64,
    needs_told: u64,
    known_told: usize,
    /// The last wish of each node that this one has heard.
    heard: HashMap<Incarnation, u64>,
    /// When the roll was last read.
    looked_at_ms: Option<u64>,
    /// For how long it was listened to, all in all.
    listened_ms: u64,
    /// Where the directory stood at which time, for as long as it matters.
    positions: VecDeque<(u64, u64)>,
}

/// What came of a look at the roll.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Some node wants to be told this one's sessions.
    pub(crate) must_tell: bool,
    /// Rows of nodes that have been gone for long.
    pub(crate) strike: Vec<RollRow>,
}

impl Peers {
    pub(crate) fn new(here: Incarnation, lease_ms: u64) -> Self {
        Self {
            here,
            lease_ms,
            peers: BTreeMap::new(),
            numbers: 0,
            needs: 0,
            needs_told: 0,
            known_told: 0,
            heard: HashMap::new(),
            looked_at_ms: None,
            listened_ms: 0,
            positions: VecDeque::new(),
        }
    }

    /// Each node by its incarnation.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Incarnation, &Peer)> {
        self.peers.iter().map(|(&node, peer)| (node, peer))
    }

    /// Whether every node that lives was heard, and all that can be known of them is known. A relay that
    /// was emptied shows nobody at first, so that one look is not enough.
    pub(crate) fn are_settled(&self) -> bool {
        self.listened_ms >= self.lease_ms && self.peers.values().all(|peer| peer.is_settled(self.here))
    }

    /// The nodes whose sessions are known, for this node's row.
    pub(crate) fn knows(&mut self) -> Vec<String> {
        let known = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.state == PeerState::Known);
        let known: Vec<String> = known.map(|(node, _)| node.to_string()).collect();
        self.known_told = known.len();
        known
    }

    /// The wishes of this node, for its row.
    pub(crate) fn needs(&mut self) -> BTreeMap<String, u64> {
        self.needs_told = self.needs;
        let asked = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.state == PeerState::Asked);
        asked.map(|(node, peer)| (node.to_string(), peer.need)).collect()
    }

    /// Whether a wish came up, or was fulfilled, since the last row was written.
    pub(crate) fn has_news(&self) -> bool {
        let known = self.peers.values().filter(|peer| peer.state == PeerState::Known);
        self.needs > self.needs_told || known.count() != self.known_told
    }

    /// The logs to read, and from where.
    pub(crate) fn positions(&self) -> Vec<LogPosition> {
        let living = self.peers.iter().filter(|(_, peer)| peer.lives());
        living
            .map(|(&node, peer)| LogPosition {
                node,
                after: peer.after,
            })
            .collect()
    }

    /// Takes in the roll.
    pub(crate) fn look<T: Host>(&mut self, rows: Vec<RollRow>, now_ms: u64, host: &T) -> Looked {
        let heard_ms = self.heard_ms(now_ms);
        self.listened_ms += heard_ms;
        // Whoever has not moved, or is no longer in the roll, has been silent for longer.
        self.peers
            .values_mut()
            .for_each(|peer| peer.silent_ms += heard_ms);
        let mut looked = Looked::default();
        for roll_row in rows {
            if roll_row.node == self.here {
                continue;
            }
            let Some(row) = Row::read(&roll_row) else {
                tracing::warn!(node = %roll_row.node, "a node is of another version: its members are not counted");
                continue;
            };
            looked.must_tell |= self.hears(roll_row.node, &row);
            self.look_at(roll_row.node, row, now_ms);
            if self.is_long_gone(roll_row.node) {
                looked.strike.push(roll_row);
            }
        }
        self.end_silent(host);
        let long_gone = self
            .peers
            .extract_if(.., |_, peer| peer.silent_ms > self.lease_ms * RELAY_STRIKE_LEASES);
        for (node, _) in long_gone {
            self.heard.remove(&node);
        }
        looked
    }

    fn is_long_gone(&self, node: Incarnation) -> bool {
        let silent_ms = self.peers.get(&node).map_or(0, |peer| peer.silent_ms);
        silent_ms > self.lease_ms * RELAY_STRIKE_LEASES
    }

    /// How much longer the roll was listened to, up to now. While the relay was away, or this node was
    /// stopped, nobody could be heard, so that silence is nobody's.
    fn heard_ms(&mut self, now_ms: u64) -> u64 {
        let last_ms = self.looked_at_ms.replace(now_ms).unwrap_or(now_ms);
        let since_ms = now_ms - last_ms;
        if canary::is(Canary::DeafSilence) {
            return since_ms;
        }
        since_ms.min(RELAY_HEARD_MS_MAX)
    }

    /// Whether a node has a wish that this one has not heard.
    fn hears(&mut self, node: Incarnation, row: &Row) -> bool {
        let Some(need) = row.need_of(self.here) else {
            return false;
        };
        self.heard.insert(node, need) != Some(need)
    }

    fn look_at(&mut self, node: Incarnation, row: Row, now_ms: u64) {
        let Some(peer) = self.peers.get_mut(&node) else {
            // Numbers are not used again: one more would be that of another node's sessions.
            let Some(number) = self.numbers.checked_add(1) else {
                tracing::error!("too many nodes have come and gone: start this one anew");
                return;
            };
            self.numbers = number;
            self.needs += 1;
            tracing::info!(%node, name = row.name, "a node is there: asking for its sessions");
            let peer = Peer::new(NodeNumber(number), row, self.needs);
            self.peers.insert(node, peer);
            return;
        };
        let entries = row.entries;
        let moved = peer.seen(row);
        if moved && !peer.lives() && !peer.row.leaving {
            self.needs += 1;
            peer.after = entries;
            peer.ask(self.needs);
            tracing::info!(%node, name = peer.row.name, "a node is back: asking for its sessions");
        } else if peer.lives() && peer.is_cut_off(now_ms, RELAY_GAP_MS) {
            self.needs += 1;
            peer.ask(self.needs);
            tracing::warn!(%node, name = peer.row.name, "a part of its log is lost: asking for its sessions");
        }
    }

    fn end_silent<T: Host>(&mut self, host: &T) {
        for (node, peer) in &mut self.peers {
            let has_left = peer.row.leaving && peer.after >= peer.row.entries;
            if peer.lives() && (peer.silent_ms > self.lease_ms || has_left) {
                let (silent_ms, sessions) = (peer.silent_ms, peer.sessions());
                tracing::warn!(%node, name = peer.row.name, silent_ms, sessions, "a node is gone");
                peer.end(host);
            }
        }
    }

    /// Follows what was read of a node's log.
    pub(crate) fn follow<T: Host>(&mut self, node: Incarnation, entries: &[Entry], host: &T) {
        let Some(peer) = self.peers.get_mut(&node) else {
            return;
        };
        for entry in entries {
            if let Err(reason) = peer.follow(entry, host) {
                self.needs += 1;
                peer.ask(self.needs);
                tracing::warn!(%node, name = peer.row.name, reason, "asking for its sessions");
            }
        }
    }

    /// The commit whose changes, and those of earlier ones, nobody will tell of as of before them. `position`
    /// is where the directory stands now.
    pub(crate) fn told_up_to(&mut self, position: u64, now_ms: u64) -> u64 {
        self.positions.push_back((now_ms, position));
        // A node that has just come may be a little behind.
        let old = |&(at_ms, _): &(u64, u64)| now_ms - at_ms >= RELAY_CHANGES_MS_MIN;
        while self.positions.get(1).is_some_and(old) {
            self.positions.pop_front();
        }
        let settled = self
            .positions
            .front()
            .copied()
            .filter(old)
            .map_or(0, |(_, position)| position);
        let living = self.peers.values().filter(|peer| peer.lives());
        living.map(|peer| peer.position).fold(settled, u64::min)
    }
}
