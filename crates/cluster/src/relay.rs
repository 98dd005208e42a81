//! What nodes meet in: a roll of them all, and a log of each.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// One run of one node: a random number, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One node's row in the roll: whatever it says of itself, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollRow {
    /// Whose it is.
    pub node: Incarnation,
    /// What it says.
    pub text: String,
}

/// One entry of a node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: 1 for the first one of an incarnation, and one more each time.
    pub number: u64,
    /// What it says. At most [`RELAY_ENTRY_BYTES_MAX`](headcount_core::limits::RELAY_ENTRY_BYTES_MAX).
    pub bytes: Bytes,
}

/// How far a log was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// Whose log.
    pub node: Incarnation,
    /// The number of the last entry that is known; 0 before the first.
    pub after: u64,
}

/// The relay cannot be reached, answered with an error, or took too long. What was asked may have
/// happened all the same. The text is for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayError(pub String);

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RelayError {}

/// What nodes meet in. It may lose what it holds at any time, as a whole or the latest of it: nodes notice,
/// and say again what is missing. It must not make anything up, and not show an entry under another number.
///
/// Calls end within [`RELAY_CALL_MS_MAX`](headcount_core::limits::RELAY_CALL_MS_MAX), one way or the other.
#[async_trait]
pub trait Relay: Send + Sync + 'static {
    /// Writes a node's row, and returns the rows of all nodes, its own among them, in no order.
    async fn beat(&self, row: RollRow) -> Result<Vec<RollRow>, RelayError>;

    /// Removes rows, each only if it still says what is given: a node that has spoken since stays.
    async fn strike(&self, rows: Vec<RollRow>) -> Result<(), RelayError>;

    /// Appends entries to a node's log, in the order of their numbers. Those with numbers up to the last
    /// one that is there are passed over, so that a call whose outcome is unknown can be made again.
    /// Numbers may be missing: they were lost. Old entries are forgotten, and a log that nobody appends
    /// to as well.
    async fn append(&self, node: Incarnation, entries: Vec<Entry>) -> Result<(), RelayError>;

    /// For each of these positions, the entries behind it that there are, in the order of their numbers,
    /// up to a bound of the relay's choice; empty for a log that there is not. Does not wait for more.
    async fn read(&self, positions: Vec<LogPosition>) -> Result<Vec<Vec<Entry>>, RelayError>;
}
