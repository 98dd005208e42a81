//! Faults that tests put in on purpose, to see that they are found. No build but those for tests has them.

/// A fault.
#[cfg_attr(
    not(feature = "conformance"),
    expect(unreachable_pub, reason = "it is public for tests")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A lost part of a log goes unnoticed.
    LostEntries,
    /// Sessions that ended while nobody listened stay for ever.
    UntoldSessions,
    /// Nodes are taken for dead because nobody could be heard.
    DeafSilence,
}

#[cfg(feature = "conformance")]
thread_local! {
    static SINGING: std::cell::Cell<Option<Canary>> = const { std::cell::Cell::new(None) };
}

/// Puts a fault into all nodes of this thread, or takes it out.
#[cfg(feature = "conformance")]
pub fn set(canary: Option<Canary>) {
    SINGING.set(canary);
}

/// Whether this fault is in.
#[cfg(feature = "conformance")]
pub(crate) fn is(canary: Canary) -> bool {
    SINGING.get() == Some(canary)
}

/// Whether this fault is in: it is not.
#[cfg(not(feature = "conformance"))]
pub(crate) const fn is(_: Canary) -> bool {
    false
}
