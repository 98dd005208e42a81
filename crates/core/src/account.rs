//! Accounts: who may log in and be a member.

use std::borrow::Borrow;
use std::fmt;

use crate::limits::USER_ID_BYTES_MAX;

/// An account's number inside the directory: dense, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey(pub u64);

/// An account's public number, stable for its whole life; clients build message ids from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TinyId(pub u64);

/// Added to an [`AccountKey`], so that a [`TinyId`] has the 18 digits that clients are used to.
const TINY_ID_BASE: u64 = 144_115_200_000_000_000;

impl From<AccountKey> for TinyId {
    fn from(key: AccountKey) -> Self {
        Self(TINY_ID_BASE.saturating_add(key.0))
    }
}

impl TinyId {
    /// The account this number belongs to, if it has the form of one.
    #[must_use]
    pub fn account(self) -> Option<AccountKey> {
        self.0
            .checked_sub(TINY_ID_BASE)
            .filter(|&key| key > 0)
            .map(AccountKey)
    }
}

impl fmt::Display for TinyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A UserID: 1 to 32 bytes of printable ASCII (1047/34348, code 7003).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Box<str>);

/// The text is no UserID: empty, longer than 32 bytes, or not printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadUserId;

impl fmt::Display for BadUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a UserID has 1 to {USER_ID_BYTES_MAX} bytes of printable ASCII"
        )
    }
}

impl std::error::Error for BadUserId {}

impl UserId {
    /// Checks `text` against the rules of a UserID.
    pub fn parse(text: &str) -> Result<Self, BadUserId> {
        let fits = (1..=USER_ID_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
            Ok(Self(text.into()))
        } else {
            Err(BadUserId)
        }
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_short_printable_ascii() {
        for good in ["a", "administrator", "with space", "~!@#$%^&*()", &"x".repeat(32)] {
            assert_eq!(UserId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", &"x".repeat(33), "tab\t", "é", "nul\0"] {
            assert_eq!(UserId::parse(bad), Err(BadUserId), "{bad:?}");
        }
    }

    #[test]
    fn a_tiny_id_leads_back_to_its_account() {
        assert_eq!(TinyId::from(AccountKey(7)).account(), Some(AccountKey(7)));
        assert_eq!(TinyId::from(AccountKey(1)).to_string(), "144115200000000001");
        assert_eq!(TinyId(5).account(), None);
        assert_eq!(TinyId(TINY_ID_BASE).account(), None);
    }
}
