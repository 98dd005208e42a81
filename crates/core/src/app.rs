//! Apps: the tenants of a server.

use std::fmt;

/// An app's number, called SDKAppID on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SdkAppId(pub u32);

impl fmt::Display for SdkAppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A tenant: its secret, its admins and where it lives.
#[derive(Clone, PartialEq, Eq)]
pub struct App {
    /// The app's number.
    pub sdkappid: SdkAppId,
    /// A name for people.
    pub name: String,
    /// The key that signs this app's UserSigs. Never logged: `Debug` hides it.
    pub secret_key: String,
    /// The accounts that may call admin commands.
    pub admins: Vec<String>,
    /// The home region; `None` follows whichever region the server is in.
    pub region: Option<String>,
}

impl App {
    /// Whether `user` is one of this app's admins.
    #[must_use]
    pub fn is_admin(&self, user: &str) -> bool {
        self.admins.iter().any(|admin| admin == user)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("sdkappid", &self.sdkappid)
            .field("name", &self.name)
            .field("admins", &self.admins)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
