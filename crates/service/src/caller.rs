//! Who calls a command.

use std::sync::Arc;

use headcount_core::{AccountKey, SdkAppId, UserId};

use crate::apps::{AdminNumber, AppEntry};

/// Who calls, and for which app.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The app.
    pub app: Arc<AppEntry>,
    /// The person or the backend.
    pub who: Who,
}

/// The two kinds of callers.
#[derive(Clone, Debug)]
pub enum Who {
    /// The app's backend under the name of one of its admins: owner's rights in every group.
    Admin(AdminNumber),
    /// A user, who may do what its role allows.
    User {
        /// The account.
        account: AccountKey,
        /// Its UserID.
        user: UserId,
    },
}

impl Caller {
    /// The app's number.
    #[must_use]
    pub fn sdkappid(&self) -> SdkAppId {
        self.app.app().sdkappid
    }

    /// The name the caller goes by.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.who {
            Who::Admin(AdminNumber(place)) => self.app.app().admins.get(*place).map_or("", String::as_str),
            Who::User { user, .. } => user.as_str(),
        }
    }

    /// The user, unless the app itself calls.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match &self.who {
            Who::Admin(_) => None,
            Who::User { user, .. } => Some(user),
        }
    }

    /// The user's account, unless the app itself calls.
    #[must_use]
    pub fn account(&self) -> Option<AccountKey> {
        match &self.who {
            Who::Admin(_) => None,
            Who::User { account, .. } => Some(*account),
        }
    }

    /// Whether the app itself calls.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self.who, Who::Admin(_))
    }
}
