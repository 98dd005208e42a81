//! The service itself: what it is made of.

use std::fmt;
use std::sync::Arc;

use headcount_core::limits;
use headcount_core::{Clock, Entropy, SdkAppId};
use headcount_directory::{Directory, StoreError};

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
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            directory,
            live,
            failed: FailedUserSigs::default(),
            clock,
            run: entropy.next_u64(),
            entropy,
        })
    }

    /// Takes over apps that were created or changed since the last call.
    pub async fn refresh_apps(&self) -> Result<(), StoreError> {
        self.live
            .apps()
            .refresh(&*self.directory, &self.settings.regions)
            .await
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
