//! Accounts: importing, checking, deleting, kicking.

use std::time::Duration;

use headcount_core::UserId;
use headcount_core::limits::{ACCOUNT_DELETE_STEP, PROFILE_VALUE_BYTES_MAX};
use headcount_directory::{Account, AccountImport, StoreError};

use crate::caller::Caller;
use crate::names::Names;
use crate::service::Service;

/// Why an account was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// The name is no UserID.
    BadUserId,
    /// A profile value has more than 500 bytes.
    ProfileTooLong,
    /// The directory failed.
    Store(StoreError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whether an account exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It does.
    Imported,
    /// It does not.
    NotImported,
}

/// Why a user was not kicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KickError {
    /// No such account.
    AccountAbsent,
    /// The directory failed.
    Store(StoreError),
}

impl From<StoreError> for KickError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The profile values of one account to import; `None` leaves a value as it is.
type Profile = (String, Option<String>, Option<String>);

impl Service {
    /// Makes one account exist.
    pub async fn import_account(
        &self,
        caller: &Caller,
        user: String,
        nick: Option<String>,
        face_url: Option<String>,
    ) -> Result<(), ImportError> {
        let import = check_import((user, nick, face_url))?;
        Ok(self
            .directory
            .import_accounts(caller.sdkappid(), vec![import], self.clock.wall_s())
            .await?)
    }

    /// Makes several accounts exist, given as UserID, nick and face URL. Returns the names that could not
    /// be imported.
    pub async fn import_accounts(
        &self,
        caller: &Caller,
        accounts: Vec<Profile>,
    ) -> Result<Vec<String>, StoreError> {
        let mut failed = Vec::new();
        let mut imports = Vec::with_capacity(accounts.len());
        for account in accounts {
            let name = account.0.clone();
            match check_import(account) {
                Ok(import) => imports.push(import),
                Err(_) => failed.push(name),
            }
        }
        self.directory
            .import_accounts(caller.sdkappid(), imports, self.clock.wall_s())
            .await?;
        Ok(failed)
    }

    /// The accounts of these names, in the same order.
    pub async fn find_accounts(
        &self,
        caller: &Caller,
        names: &[String],
    ) -> Result<Vec<Option<Account>>, StoreError> {
        let names = Names::parse(names.iter().map(String::as_str));
        let found = self.directory.accounts(caller.sdkappid(), names.known()).await?;
        Ok(names.place(found).into_iter().map(Option::flatten).collect())
    }

    /// Whether each of these accounts exists, in the same order.
    pub async fn check_accounts(
        &self,
        caller: &Caller,
        names: &[String],
    ) -> Result<Vec<AccountState>, StoreError> {
        let found = self.find_accounts(caller, names).await?;
        let state = |account: &Option<Account>| match account {
            Some(_) => AccountState::Imported,
            None => AccountState::NotImported,
        };
        Ok(found.iter().map(state).collect())
    }

    /// Deletes accounts: they leave their groups and go offline. Tells, in the same order, which existed.
    pub async fn delete_accounts(&self, caller: &Caller, names: &[String]) -> Result<Vec<bool>, StoreError> {
        let parsed = Names::parse(names.iter().map(String::as_str));
        let known = parsed.known();
        let mut existed = Vec::with_capacity(known.len());
        for some in known.chunks(ACCOUNT_DELETE_STEP) {
            existed.extend(
                self.directory
                    .delete_accounts(caller.sdkappid(), some.to_vec())
                    .await?,
            );
        }
        let outcomes = parsed
            .place(existed)
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect();
        Ok(outcomes)
    }

    /// Ends all sessions of a user and voids the UserSigs issued up to now.
    ///
    /// A UserSig tells its age in whole seconds, so one issued later in the same second could not be told
    /// from one issued before. The sessions end at once; the answer waits for that second to pass, so that
    /// whatever is issued after the answer holds.
    pub async fn kick(&self, caller: &Caller, name: &str) -> Result<(), KickError> {
        let user = UserId::parse(name).map_err(|_| KickError::AccountAbsent)?;
        let at_s = self.clock.wall_s();
        if !self
            .directory
            .revoke_usersigs(caller.sdkappid(), user, at_s)
            .await?
        {
            return Err(KickError::AccountAbsent);
        }
        let began_ms = self.clock.monotonic_ms();
        loop {
            let now_ms = self.clock.wall_ms();
            // A wall clock that was set back must not hold the answer: a second lasts no longer than one.
            if now_ms / 1000 > at_s || self.clock.monotonic_ms() - began_ms >= 1000 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1000 - now_ms % 1000)).await;
        }
    }
}

fn check_import((user, nick, face_url): Profile) -> Result<AccountImport, ImportError> {
    let user = UserId::parse(&user).map_err(|_| ImportError::BadUserId)?;
    let too_long = |value: &Option<String>| value.as_ref().is_some_and(|v| v.len() > PROFILE_VALUE_BYTES_MAX);
    if too_long(&nick) || too_long(&face_url) {
        return Err(ImportError::ProfileTooLong);
    }
    Ok(AccountImport { user, nick, face_url })
}
