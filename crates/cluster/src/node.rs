//! This node's part: tells the others what happens here, and follows what they tell.

use std::sync::Arc;
use std::time::Duration;

use headcount_core::Clock;
use headcount_core::limits::{RELAY_BEAT_MS, RELAY_BEAT_MS_MIN, RELAY_READ_ENTRIES_MAX, RELAY_TICK_MS};

use crate::host::Host;
use crate::outbox::Outbox;
use crate::peers::Peers;
use crate::relay::{Incarnation, Relay, RelayError};
use crate::row::Row;
use crate::status::{ClusterStatus, PeerStatus, StatusBoard};
use crate::wire;

/// What a node is called, and how long its silence is borne.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name, for people.
    pub name: String,
    /// Where other nodes reach its operators' listener, if they do.
    pub ops: Option<String>,
    /// How long another node may be silent before its sessions no longer count.
    pub lease_ms: u64,
}

/// A node's part in the cluster: everything but the sessions themselves, which are the engine's.
pub struct Node<T> {
    settings: NodeSettings,
    here: Incarnation,
    relay: Arc<dyn Relay>,
    host: Arc<T>,
    clock: Arc<dyn Clock>,
    peers: Peers,
    outbox: Outbox,
    beats: u64,
    beat_at_ms: Option<u64>,
    /// Since when the relay has not answered.
    silent_since_ms: Option<u64>,
    ready: bool,
    board: Arc<StatusBoard>,
}

impl<T: Host> Node<T> {
    /// A node that has said nothing yet. `here` must be random: it tells this run from all others.
    #[must_use]
    pub fn new(
        settings: NodeSettings,
        here: Incarnation,
        relay: Arc<dyn Relay>,
        host: Arc<T>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            peers: Peers::new(here, settings.lease_ms),
            board: Arc::new(StatusBoard::new(here, settings.name.clone())),
            settings,
            here,
            relay,
            host,
            clock,
            outbox: Outbox::default(),
            beats: 0,
            beat_at_ms: None,
            silent_since_ms: None,
            ready: false,
        }
    }

    /// Where the node leaves its status.
    #[must_use]
    pub fn board(&self) -> Arc<StatusBoard> {
        Arc::clone(&self.board)
    }

    /// Takes part until `stop`, and then takes leave.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let more = self.turn().await;
            let pause = Duration::from_millis(if more { 0 } else { RELAY_TICK_MS });
            if tokio::time::timeout(pause, &mut stop).await.is_ok() {
                return self.leave().await;
            }
        }
    }

    /// One turn: tells, hears, and now and then beats. Whether there is more to do at once.
    pub async fn turn(&mut self) -> bool {
        let began_ms = self.clock.monotonic_ms();
        let told = self.tell().await;
        let heard = self.hear().await;
        let beaten = if self.beat_is_due() {
            self.beat().await
        } else {
            Ok(())
        };
        let failed = told
            .as_ref()
            .err()
            .or(heard.as_ref().err())
            .or(beaten.as_ref().err());
        self.note_relay(failed, began_ms);
        self.ready |= self.peers.are_settled();
        self.write_status();
        failed.is_none() && (told == Ok(true) || heard == Ok(true))
    }

    /// Whether there is more to tell.
    async fn tell(&mut self) -> Result<bool, RelayError> {
        let Self { outbox, host, .. } = self;
        host.with_presence(|presence| outbox.gather(presence));
        let entries = self.outbox.next();
        if let Some(last) = entries.last().map(|last| last.number) {
            self.relay.append(self.here, entries).await?;
            self.outbox.confirmed(last);
        }
        Ok(!self.outbox.is_empty())
    }

    /// Whether there is more to hear.
    async fn hear(&mut self) -> Result<bool, RelayError> {
        let positions = self.peers.positions();
        if positions.is_empty() {
            return Ok(false);
        }
        let read = self.relay.read(positions.clone()).await?;
        let more = read.iter().any(|entries| entries.len() >= RELAY_READ_ENTRIES_MAX);
        for (position, entries) in positions.iter().zip(read) {
            self.peers.follow(position.node, &entries, &*self.host);
        }
        Ok(more)
    }

    fn beat_is_due(&self) -> bool {
        let Some(beat_at_ms) = self.beat_at_ms else {
            return true;
        };
        let since_ms = self.clock.monotonic_ms() - beat_at_ms;
        let waits = if self.peers.has_news() {
            RELAY_BEAT_MS_MIN
        } else {
            RELAY_BEAT_MS
        };
        since_ms >= waits
    }

    async fn beat(&mut self) -> Result<(), RelayError> {
        // Before the call: what the roll does not show is silence up to now, and not up to its answer.
        let now_ms = self.clock.monotonic_ms();
        self.beat_at_ms = Some(now_ms);
        let row = self.row(false);
        let rows = self.relay.beat(row.write(self.here)).await?;
        let looked = self.peers.look(rows, now_ms, &*self.host);
        if looked.must_tell {
            self.outbox.tell_all();
        }
        let position = self.host.with_presence(|presence| presence.position());
        let forget = self.peers.told_up_to(position, now_ms);
        self.host
            .with_presence(|presence| presence.forget_changes_up_to(forget));
        if !looked.strike.is_empty() {
            self.relay.strike(looked.strike).await?;
        }
        Ok(())
    }

    fn row(&mut self, leaving: bool) -> Row {
        self.beats += 1;
        let (entries, position) = self.outbox.sent();
        Row {
            version: wire::VERSION,
            name: self.settings.name.clone(),
            ops: self.settings.ops.clone(),
            beat: self.beats,
            entries,
            position,
            needs: self.peers.needs(),
            knows: self.peers.knows(),
            leaving,
        }
    }

    /// Tells the last things and says that this node is leaving. Its sessions are over by now.
    async fn leave(mut self) {
        let took_leave = async {
            while self.tell().await? {}
            let row = self.row(true);
            self.relay.beat(row.write(self.here)).await
        };
        if let Err(error) = took_leave.await {
            tracing::warn!(%error, "cannot take leave of the other nodes: they will notice by this one's lease");
        }
    }

    /// Notes how a turn that began then has ended: a relay that did not answer has been silent since.
    fn note_relay(&mut self, failed: Option<&RelayError>, began_ms: u64) {
        match (failed, self.silent_since_ms) {
            // Once for each spell of trouble.
            (Some(error), None) => {
                self.silent_since_ms = Some(began_ms);
                tracing::error!(%error, "the relay is away: other nodes are counted as they were last heard of");
            }
            (None, Some(since_ms)) => {
                self.silent_since_ms = None;
                let silent_ms = self.clock.monotonic_ms() - since_ms;
                tracing::info!(silent_ms, "the relay is back");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn write_status(&self) {
        let now_ms = self.clock.monotonic_ms();
        let peers = self.peers.iter().map(|(node, peer)| PeerStatus {
            node,
            number: peer.number,
            name: peer.row.name.clone(),
            ops: peer.row.ops.clone(),
            state: peer.state,
            silent_ms: peer.silent_ms,
            entries: peer.after,
            sessions: peer.sessions(),
        });
        self.board.write(ClusterStatus {
            node: self.here,
            name: self.settings.name.clone(),
            ready: self.ready,
            relay_silent_ms: self.silent_since_ms.map_or(0, |since_ms| now_ms - since_ms),
            entries: self.outbox.sent().0,
            position: self.outbox.sent().1,
            peers: peers.collect(),
        });
    }
}

impl<T> std::fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("here", &self.here)
            .finish_non_exhaustive()
    }
}
