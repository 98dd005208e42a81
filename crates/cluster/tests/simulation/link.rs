//! A node's way to the relay: slow, cut, and unsure of what arrived.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use headcount_cluster::{Entry, Incarnation, LocalRelay, LogPosition, Relay, RelayError, RollRow};
use headcount_core::limits::RELAY_CALL_MS_MAX;
use tokio::sync::watch;

use crate::dice::Dice;

/// What the relay is like for everybody.
#[derive(Debug)]
pub(crate) struct Weather {
    /// Nobody reaches it.
    pub(crate) away: bool,
    /// A call takes up to this long each way.
    pub(crate) latency_ms: u64,
    /// One call in so many fails, before or after it took effect; 0 is none.
    pub(crate) fails_once_in: u64,
    pub(crate) dice: Dice,
}

/// One node's way to the relay.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) relay: Arc<LocalRelay>,
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) cut: Mutex<bool>,
    /// Whether the node is stopped in the middle of whatever it does.
    pub(crate) paused: watch::Sender<bool>,
    pub(crate) beats: Mutex<Beats>,
}

/// How regularly the node's beats reach the relay.
#[derive(Debug)]
pub(crate) struct Beats {
    lease_ms: u64,
    /// How long none has, while the relay was there.
    silent_ms: u64,
    /// How long ago one did after a silence as long as a lease.
    since_gap_ms: u64,
}

impl Beats {
    pub(crate) fn new(lease_ms: u64) -> Self {
        Self {
            lease_ms,
            silent_ms: 0,
            since_gap_ms: lease_ms,
        }
    }

    /// Time passes while the relay is there.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.silent_ms += ms;
        self.since_gap_ms += ms;
    }

    fn arrived(&mut self) {
        if self.silent_ms >= self.lease_ms {
            self.since_gap_ms = 0;
        }
        self.silent_ms = 0;
    }

    /// Whether others may have taken the node for dead, or have only just heard that it is not.
    pub(crate) fn seemed_dead(&self) -> bool {
        self.silent_ms >= self.lease_ms || self.since_gap_ms < self.lease_ms
    }
}

/// What becomes of a call.
struct Fate {
    there_ms: u64,
    back_ms: u64,
    lost: Option<Lost>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    OnTheWayThere,
    OnTheWayBack,
}

impl Link {
    fn fate(&self) -> Fate {
        let mut weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let latency_ms = weather.latency_ms;
        let there_ms = weather.dice.between(0, latency_ms);
        let back_ms = weather.dice.between(0, latency_ms);
        let fails = weather.fails_once_in > 0 && {
            let once_in = weather.fails_once_in;
            weather.dice.once_in(once_in)
        };
        let is_cut = weather.away || *self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = if is_cut || fails && weather.dice.once_in(2) {
            Some(Lost::OnTheWayThere)
        } else {
            fails.then_some(Lost::OnTheWayBack)
        };
        Fate {
            there_ms,
            back_ms,
            lost,
        }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, RelayError>>) -> Result<T, RelayError> {
        let fate = self.fate();
        let lost = || RelayError("no answer".to_owned());
        wait(fate.there_ms).await;
        let answer = match fate.lost {
            Some(Lost::OnTheWayThere) => {
                wait(RELAY_CALL_MS_MAX / 10).await;
                Err(lost())
            }
            Some(Lost::OnTheWayBack) => call.await.and(Err(lost())),
            None => call.await,
        };
        wait(fate.back_ms).await;
        self.go_on().await;
        answer
    }

    /// Waits while the node is paused.
    pub(crate) async fn go_on(&self) {
        let mut paused = self.paused.subscribe();
        // The sender lives as long as this.
        drop(paused.wait_for(|paused| !paused).await);
    }
}

async fn wait(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[async_trait]
impl Relay for Link {
    async fn beat(&self, row: RollRow) -> Result<Vec<RollRow>, RelayError> {
        let beat = async {
            self.beats
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .arrived();
            self.relay.beat(row).await
        };
        let mut rows = self.call(beat).await?;
        // The relay has them in no order, but a seed must give the same run each time.
        rows.sort_by_key(|row| row.node);
        Ok(rows)
    }

    async fn strike(&self, rows: Vec<RollRow>) -> Result<(), RelayError> {
        self.call(self.relay.strike(rows)).await
    }

    async fn append(&self, node: Incarnation, entries: Vec<Entry>) -> Result<(), RelayError> {
        self.call(self.relay.append(node, entries)).await
    }

    async fn read(&self, positions: Vec<LogPosition>) -> Result<Vec<Vec<Entry>>, RelayError> {
        self.call(self.relay.read(positions)).await
    }
}
