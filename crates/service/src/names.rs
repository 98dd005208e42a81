//! Names as callers give them, and the answers that come back for them.

use headcount_core::UserId;

/// The names of a call, in its order. One that is no UserID belongs to no account: it is not looked for,
/// and its place in the answer is empty.
pub(crate) struct Names {
    parsed: Vec<Option<UserId>>,
}

impl Names {
    pub(crate) fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            parsed: names.into_iter().map(|name| UserId::parse(name).ok()).collect(),
        }
    }

    /// The names that can have an account.
    pub(crate) fn known(&self) -> Vec<UserId> {
        self.parsed.iter().flatten().cloned().collect()
    }

    /// Each name, or `None` in the place of one that is no UserID.
    pub(crate) fn each(&self) -> impl Iterator<Item = Option<&UserId>> {
        self.parsed.iter().map(Option::as_ref)
    }

    /// Puts what was found for [`Names::known`] back into the places of all names.
    pub(crate) fn place<T>(&self, found: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
        let mut found = found.into_iter();
        self.parsed
            .iter()
            .map(|name| name.as_ref().and_then(|_| found.next()))
            .collect()
    }
}
