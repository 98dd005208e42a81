//! Who is online, on which devices.

use headcount_core::Platform;
use headcount_core::limits::STATUS_ACCOUNTS_PER_CALL_MAX;
use headcount_directory::StoreError;

use crate::caller::Caller;
use crate::service::Service;

/// One live device of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Its kind.
    pub platform: Platform,
    /// Its instance.
    pub instance: u32,
}

/// A user's state: online as long as it has a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserStatus {
    /// The devices with a live session, oldest login first.
    pub devices: Vec<DeviceStatus>,
}

/// Why states cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusError {
    /// Nobody was named.
    Nobody,
    /// More than 500 accounts.
    TooMany,
    /// The directory failed.
    Store(StoreError),
}

impl Service {
    /// The state of each of these users, in the same order; `None` for accounts that do not exist.
    pub async fn user_status(
        &self,
        caller: &Caller,
        names: &[String],
    ) -> Result<Vec<Option<UserStatus>>, StatusError> {
        if names.is_empty() {
            return Err(StatusError::Nobody);
        }
        if names.len() > STATUS_ACCOUNTS_PER_CALL_MAX {
            return Err(StatusError::TooMany);
        }
        let accounts = self
            .find_accounts(caller, names)
            .await
            .map_err(StatusError::Store)?;
        let presence = self.live.presence();
        let status = |account: Option<headcount_directory::Account>| {
            let sessions = presence.sessions(account?.key).iter();
            let devices = sessions.map(|s| DeviceStatus {
                platform: s.platform,
                instance: s.instance,
            });
            Some(UserStatus {
                devices: devices.collect(),
            })
        };
        Ok(accounts.into_iter().map(status).collect())
    }
}
