//! Who sent a REST call, by the UserSig in its URL.

use std::net::IpAddr;
use std::sync::Arc;

use headcount_core::{SdkAppId, UserId};
use headcount_directory::StoreError;

use crate::apps::{AdminNumber, AppEntry, Voided};
use crate::caller::{Caller, Who};
use crate::service::Service;

/// The credentials of one call.
#[derive(Clone, Copy, Debug)]
pub struct AuthenticatedCall<'a> {
    /// The app.
    pub sdkappid: SdkAppId,
    /// The user's name.
    pub identifier: &'a str,
    /// The UserSig.
    pub usersig: &'a str,
    /// Where the call came from.
    pub peer: IpAddr,
}

/// Why credentials were not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// No such app here.
    AppAbsent,
    /// The app lives in another region; the text names the right domain.
    ElsewhereRegion(String),
    /// The UserSig is not good for this app, user and moment.
    UserSig(usersig::Error),
    /// The user's UserSigs of that age were revoked by a kick.
    Revoked,
    /// Too many failed checks from this caller; wait a minute.
    TooManyFailures,
    /// The directory failed.
    Store(StoreError),
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A UserSig that holds: its claims, short of a revocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldUserSig {
    pub(crate) issued_at_s: u64,
    pub(crate) expires_at_s: u64,
}

/// An admin whose call lasts.
#[derive(Debug)]
pub struct StandingAdmin {
    entry: Arc<AppEntry>,
    admin: AdminNumber,
    /// How often the admin's UserSigs had been revoked when this one was verified.
    revocations: u64,
    expires_at_s: u64,
}

impl StandingAdmin {
    /// The admin as a caller of commands.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            app: Arc::clone(&self.entry),
            who: Who::Admin(self.admin),
        }
    }
}

impl Service {
    /// The app of a call whose UserSig verified before and has not expired at `now_s`; `None` is no verdict, ask
    /// [`Service::authenticate`].
    #[must_use]
    pub fn authenticate_cached(&self, call: &AuthenticatedCall<'_>, now_s: u64) -> Option<Arc<AppEntry>> {
        let entry = self.live.apps().get(call.sdkappid)?;
        let known =
            entry.elsewhere().is_none() && entry.verified.contains(call.identifier, call.usersig, now_s);
        known.then_some(entry)
    }

    /// The app of a call, if its UserSig holds.
    pub async fn authenticate(&self, call: &AuthenticatedCall<'_>) -> Result<Arc<AppEntry>, AuthError> {
        let entry = self.home_app(call.sdkappid)?;
        let ticket = entry.verified.before_verify();
        let held = self.verify(&entry, call).await?;
        let now_s = self.clock.wall_s();
        entry
            .verified
            .remember(ticket, call.identifier, call.usersig, held.expires_at_s, now_s);
        Ok(entry)
    }

    /// The admin behind a call that lasts, if its UserSig holds; `None` when it is another user's. Ask
    /// [`Service::still_holds`] from time to time.
    pub async fn authenticate_standing(
        &self,
        call: &AuthenticatedCall<'_>,
    ) -> Result<Option<StandingAdmin>, AuthError> {
        let entry = self.home_app(call.sdkappid)?;
        let admin = entry.admin(call.identifier);
        // Before the directory is asked: a revocation that it does not show yet will be counted.
        let revocations = admin.map(|admin| entry.revocations(admin)).unwrap_or_default();
        let expires_at_s = self.verify(&entry, call).await?.expires_at_s;
        Ok(admin.map(|admin| StandingAdmin {
            entry,
            admin,
            revocations,
            expires_at_s,
        }))
    }

    /// Whether a call that lasts may go on: its UserSig has neither expired nor been revoked, and the app
    /// is still the same. Allocates nothing and asks nobody.
    #[must_use]
    pub fn still_holds(&self, standing: &StandingAdmin) -> bool {
        let StandingAdmin { entry, admin, .. } = standing;
        let now = self.live.apps().get(entry.app().sdkappid);
        standing.expires_at_s >= self.clock.wall_s()
            && entry.revocations(*admin) == standing.revocations
            && now.is_some_and(|now| Arc::ptr_eq(&now, entry))
    }

    /// Whether a UserSig is good, and was not revoked.
    async fn verify(&self, entry: &AppEntry, call: &AuthenticatedCall<'_>) -> Result<HeldUserSig, AuthError> {
        let held = self.check_usersig(entry, call)?;
        if self.voided(entry, call).await?.to_s >= Some(held.issued_at_s) {
            return Err(AuthError::Revoked);
        }
        Ok(held)
    }

    /// Which of the caller's UserSigs are void. Of admins this is remembered.
    async fn voided(&self, entry: &AppEntry, call: &AuthenticatedCall<'_>) -> Result<Voided, StoreError> {
        let Ok(user) = UserId::parse(call.identifier) else {
            return Ok(Voided { to_s: None });
        };
        let admin = entry.admin(call.identifier);
        if let Some(remembered) = admin.and_then(|admin| entry.voided(admin)) {
            return Ok(remembered);
        }
        let revocations = admin.map(|admin| entry.revocations(admin));
        let accounts = self.directory.accounts(call.sdkappid, vec![user]).await?;
        let account = accounts.into_iter().next().flatten();
        let to_s = account.and_then(|account| account.usersigs_void_to_s);
        let voided = Voided { to_s };
        if let Some((admin, revocations)) = admin.zip(revocations) {
            entry.remember_voided(admin, revocations, voided);
        }
        Ok(voided)
    }

    /// An app that is served here.
    pub(crate) fn home_app(&self, sdkappid: SdkAppId) -> Result<Arc<AppEntry>, AuthError> {
        let entry = self.live.apps().get(sdkappid).ok_or(AuthError::AppAbsent)?;
        match entry.elsewhere() {
            Some(advice) => Err(AuthError::ElsewhereRegion(advice.to_owned())),
            None => Ok(entry),
        }
    }

    /// Whether a UserSig is good for this app, user and moment; counts failures.
    pub(crate) fn check_usersig(
        &self,
        entry: &AppEntry,
        call: &AuthenticatedCall<'_>,
    ) -> Result<HeldUserSig, AuthError> {
        let app = entry.app();
        let monotonic_ms = self.clock.monotonic_ms();
        if self
            .failed
            .too_many(app.sdkappid, call.identifier, call.peer, monotonic_ms)
        {
            return Err(AuthError::TooManyFailures);
        }
        let now_s = self.clock.wall_s();
        match usersig::verify(
            call.usersig,
            &app.secret_key,
            app.sdkappid.0,
            call.identifier,
            now_s,
        ) {
            Ok(claims) => Ok(HeldUserSig {
                issued_at_s: claims.issued_at_s(),
                expires_at_s: claims.expires_at_s(),
            }),
            Err(error) => {
                self.failed
                    .failed(app.sdkappid, call.identifier, call.peer, monotonic_ms);
                Err(AuthError::UserSig(error))
            }
        }
    }
}
