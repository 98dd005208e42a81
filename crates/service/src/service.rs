//! The service itself: what it is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headcount_cluster::{ClusterStatus, StatusBoard};
use headcount_core::limits;
use headcount_core::{Clock, Entropy, SdkAppId};
use headcount_directory::{Directory, StoreError};
use headcount_presence::{NodeNumber, SessionDigest};

use crate::apps::{AppEntry, Regions};
use crate::live::Live;
use crate::verified::FailedUserSigs;

/// What an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where this server is.
    pub regions: Regions,
    /// Most members of a community.
    pub community_members_max: u32,
    /// Most members of a Work, Public or Meeting group.
    pub group_members_max: u32,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Accounts online, over all apps and nodes.
    pub online_accounts: usize,
    /// How long the directory has not answered, milliseconds; 0 while it does. Counts go on without it,
    /// logins and changes do not.
    pub directory_silent_ms: u64,
    /// Its place among other nodes; `None` for a server that stands alone.
    pub cluster: Option<ClusterStatus>,
}

impl Health {
    /// Whether it can count.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| cluster.ready)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            regions: Regions::default(),
            community_members_max: limits::COMMUNITY_MEMBERS_MAX,
            group_members_max: limits::GROUP_MEMBERS_MAX,
        }
    }
}

/// Every command of the product, for any door to call.
pub struct Service {
    pub(crate) settings: Settings,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) live: Arc<Live>,
    pub(crate) failed: FailedUserSigs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Where this node's place among others is told; `None` for one that stands alone.
    cluster: Option<Arc<StatusBoard>>,
    /// When the directory last answered, by the monotonic clock.
    directory_answered_ms: AtomicU64,
    run: u64,
}

impl Service {
    /// A service over a directory whose commits are reported to `live`. Call
    /// [`Service::refresh_apps`] before serving, and again every [`limits::APP_REFRESH_MS`].
    #[must_use]
    pub fn new(
        settings: Settings,
        directory: Arc<dyn Directory>,
        live: Arc<Live>,
        cluster: Option<Arc<StatusBoard>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            directory,
            live,
            cluster,
            directory_answered_ms: AtomicU64::new(clock.monotonic_ms()),
            failed: FailedUserSigs::default(),
            clock,
            run: entropy.next_u64(),
            entropy,
        })
    }

    /// Takes over apps that were created or changed since the last call.
    pub async fn refresh_apps(&self) -> Result<(), StoreError> {
        let refreshed = self
            .live
            .apps()
            .refresh(&*self.directory, &self.settings.regions)
            .await;
        if refreshed.is_ok() {
            self.directory_answered_ms
                .store(self.clock.monotonic_ms(), Ordering::Relaxed);
        }
        refreshed
    }

    /// How this server is, for operators and load balancers.
    #[must_use]
    pub fn health(&self) -> Health {
        let answered_ms = self.directory_answered_ms.load(Ordering::Relaxed);
        let silent_ms = self.clock.monotonic_ms().saturating_sub(answered_ms);
        Health {
            online_accounts: self.live.online_accounts(),
            // It is asked every so often, so silence is more than a few times that.
            directory_silent_ms: if silent_ms > 4 * limits::APP_REFRESH_MS {
                silent_ms
            } else {
                0
            },
            cluster: self.cluster.as_ref().map(|board| board.read()),
        }
    }

    /// What this node knows of the sessions of each, by what [`PeerStatus`](crate::PeerStatus) calls it.
    #[must_use]
    pub fn session_digests(&self) -> BTreeMap<NodeNumber, SessionDigest> {
        self.live.presence().session_digests()
    }

    /// An app of this server.
    #[must_use]
    pub fn app(&self, sdkappid: SdkAppId) -> Option<Arc<AppEntry>> {
        self.live.apps().get(sdkappid)
    }

    /// Tells this run of the server from any other: stamps of changes begin anew with each.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The clock that the service was given.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What is live.
    #[must_use]
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
