//! The apps of this server, kept in memory and renewed when another process changes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use headcount_core::{App, SdkAppId};
use headcount_directory::{Directory, StoreError};
use tokio::sync::Mutex;

use crate::a2::A2Key;
use crate::verified::VerifiedUserSigs;

/// Where this server is, and the domain names of all regions (1047/34620).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    /// This server's region; `None` serves apps of every region.
    pub here: Option<String>,
    /// The domain names of each region, the one to recommend first.
    pub domains: BTreeMap<String, Vec<String>>,
}

/// An admin, by the place among the app's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminNumber(pub(crate) usize);

impl AdminNumber {
    /// The app's first admin, in whose name tools act.
    pub const FIRST: Self = Self(0);
}

/// An app as the doors see it.
#[derive(Debug)]
pub struct AppEntry {
    app: App,
    /// What to tell callers of an app that lives in another region.
    elsewhere: Option<String>,
    pub(crate) verified: VerifiedUserSigs,
    pub(crate) a2_key: A2Key,
    admins: Vec<AdminState>,
}

/// What is remembered of an admin, so that a new UserSig of theirs is good also while the directory is away.
#[derive(Debug, Default)]
struct AdminState {
    /// How often their UserSigs were revoked.
    revocations: AtomicU64,
    /// Up to which second their UserSigs are void, by the directory, and the number of revocations then.
    voided: RwLock<Option<(u64, Voided)>>,
}

/// Which of an account's UserSigs are void, as the directory says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voided {
    /// Those issued up to this second; `None` when none are.
    pub(crate) to_s: Option<u64>,
}

impl AppEntry {
    fn new(app: App, regions: &Regions) -> Self {
        let elsewhere = match (&regions.here, &app.region) {
            (Some(here), Some(home)) if here != home => Some(match regions.domains.get(home) {
                Some(domains) if !domains.is_empty() => {
                    format!("this app lives in region {home}: call {}", domains[0])
                }
                _ => format!("this app lives in region {home}, this server is in region {here}"),
            }),
            _ => None,
        };
        let admins = app.admins.iter().map(|_| AdminState::default()).collect();
        Self {
            a2_key: A2Key::new(&app),
            app,
            elsewhere,
            admins,
            verified: VerifiedUserSigs::default(),
        }
    }

    /// The app itself.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The admin of this name.
    #[must_use]
    pub fn admin(&self, user: &str) -> Option<AdminNumber> {
        self.app
            .admins
            .iter()
            .position(|admin| admin == user)
            .map(AdminNumber)
    }

    pub(crate) fn revocations(&self, admin: AdminNumber) -> u64 {
        self.admins[admin.0].revocations.load(Ordering::Acquire)
    }

    /// Which of an admin's UserSigs are void, if that is remembered and nothing was revoked since.
    pub(crate) fn voided(&self, admin: AdminNumber) -> Option<Voided> {
        let state = &self.admins[admin.0];
        let remembered = *state.voided.read().unwrap_or_else(PoisonError::into_inner);
        let (revocations, voided) = remembered?;
        (revocations == self.revocations(admin)).then_some(voided)
    }

    /// Remembers what the directory said; `revocations` is the number before it was asked.
    pub(crate) fn remember_voided(&self, admin: AdminNumber, revocations: u64, voided: Voided) {
        let state = &self.admins[admin.0];
        let mut remembered = state.voided.write().unwrap_or_else(PoisonError::into_inner);
        *remembered = Some((revocations, voided));
    }

    /// Forgets what was verified of a user, and ends what rests on it.
    pub(crate) fn forget_usersigs(&self, user: &str) {
        self.verified.forget(user);
        if let Some(AdminNumber(at)) = self.admin(user) {
            self.admins[at].revocations.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// What to tell callers when the app lives in another region.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&str> {
        self.elsewhere.as_deref()
    }
}

/// All apps. A look-up is one read lock; an unknown app costs no more than a known one.
#[derive(Debug, Default)]
pub(crate) struct Apps {
    entries: RwLock<HashMap<SdkAppId, Arc<AppEntry>>>,
    /// The revision of the directory that the entries show.
    shown: Mutex<Option<u64>>,
}

impl Apps {
    pub(crate) fn get(&self, sdkappid: SdkAppId) -> Option<Arc<AppEntry>> {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&sdkappid)
            .cloned()
    }

    /// Forgets what was verified of a user whose UserSigs are void now.
    pub(crate) fn forget_usersigs(&self, app: SdkAppId, user: &str) {
        if let Some(entry) = self.get(app) {
            entry.forget_usersigs(user);
        }
    }

    /// Takes over what changed in the directory. Apps that did not change keep their entry, and with it
    /// their verified UserSigs; a changed key or admin list starts afresh.
    pub(crate) async fn refresh(
        &self,
        directory: &dyn Directory,
        regions: &Regions,
    ) -> Result<(), StoreError> {
        let mut shown = self.shown.lock().await;
        let revision = directory.apps_revision().await?;
        if *shown == Some(revision) {
            return Ok(());
        }
        let apps = directory.apps().await?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let renewed = apps.into_iter().map(|app| {
            let sdkappid = app.sdkappid;
            let entry = match entries.get(&sdkappid) {
                Some(same) if same.app == app => Arc::clone(same),
                _ => Arc::new(AppEntry::new(app, regions)),
            };
            (sdkappid, entry)
        });
        *entries = renewed.collect();
        *shown = Some(revision);
        Ok(())
    }
}
