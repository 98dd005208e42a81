//! What both doors share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use headcount_core::limits::STREAMS_MAX;
use headcount_core::{Platform, PlatformClass};
use headcount_service::Service;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::rate::{Limiter, RateLimits};
use crate::request_log::RequestLog;

/// What an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSettings {
    /// When a silent client counts as gone.
    pub heartbeat: Heartbeat,
    /// How often a command may be called.
    pub rates: RateLimits,
    /// Streams of counts at once.
    pub streams_max: usize,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            heartbeat: Heartbeat::default(),
            rates: RateLimits::default(),
            streams_max: STREAMS_MAX,
        }
    }
}

/// When a silent client counts as gone (1047/33518).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Silence after which a browser's session ends.
    pub web_timeout: Duration,
    /// Silence after which a native client's session ends.
    pub native_timeout: Duration,
    /// How often clients are told to say hello. The web SDK's own heartbeat, after 10 s of silence, is
    /// independent of it.
    pub interval: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            web_timeout: Duration::from_mins(1),
            native_timeout: Duration::from_secs(400),
            interval: Duration::from_mins(2),
        }
    }
}

impl Heartbeat {
    pub(crate) fn timeout(&self, platform: Platform) -> Duration {
        match platform.class() {
            PlatformClass::Web => self.web_timeout,
            PlatformClass::Mobile | PlatformClass::Desktop => self.native_timeout,
        }
    }
}

/// The doors' common ground.
#[derive(Debug)]
pub struct Edge {
    pub(crate) service: Arc<Service>,
    pub(crate) settings: EdgeSettings,
    pub(crate) limiter: Limiter,
    pub(crate) log: RequestLog,
    /// Places for streams of counts.
    pub(crate) streams: Arc<Semaphore>,
    /// Cancelled when the server stops: no new connections, and clients are sent away.
    pub(crate) stop: CancellationToken,
    /// Every connection's task, so that a stopping server can wait for them.
    pub(crate) tasks: TaskTracker,
}

impl Edge {
    /// The doors to `service`, open until `stop` is cancelled.
    #[must_use]
    pub fn new(
        service: Arc<Service>,
        settings: EdgeSettings,
        log: RequestLog,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let limiter = Limiter::new(&settings.rates);
        Arc::new(Self {
            service,
            streams: Arc::new(Semaphore::new(settings.streams_max)),
            settings,
            limiter,
            log,
            stop,
            tasks: TaskTracker::new(),
        })
    }

    /// Stops everything when it is dropped: for a thread without which there is no serving.
    #[must_use]
    pub fn stop_on_drop(&self) -> DropGuard {
        self.stop.clone().drop_guard()
    }

    /// Waits until every connection has ended. Only after `stop` was cancelled do they end by themselves.
    pub async fn closed(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// One listener's hold on the edge. Listeners are served by threads of their own, and each counts its
/// references by itself: a count that all share would cost every call more than its own work.
#[derive(Debug)]
pub(crate) struct Listening {
    edge: Arc<Edge>,
    /// Cancelled with the edge's.
    pub(crate) stop: CancellationToken,
}

impl Listening {
    pub(crate) fn new(edge: Arc<Edge>) -> Arc<Self> {
        let stop = edge.stop.child_token();
        Arc::new(Self { edge, stop })
    }
}

impl Deref for Listening {
    type Target = Edge;

    fn deref(&self) -> &Edge {
        &self.edge
    }
}

/// A listener's hold on the service, for one call.
#[derive(Clone, Debug)]
pub(crate) struct ServiceHold(pub(crate) Arc<Listening>);

impl Deref for ServiceHold {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.0.service
    }
}
