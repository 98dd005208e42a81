//! What a node says of itself in the roll.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::relay::{Incarnation, RollRow};
use crate::wire;

/// A node's row, as JSON in the roll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// How its log is written.
    pub(crate) version: u8,
    /// Its name, for people.
    pub(crate) name: String,
    /// Where its operators' listener is, if other nodes can reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ops: Option<String>,
    /// Counts its beats: a node whose number stands still is silent.
    pub(crate) beat: u64,
    /// The number of the last entry in its log.
    pub(crate) entries: u64,
    /// The commit up to which it had followed the directory when it had written that entry: whatever it
    /// tells later is not as of an earlier one.
    pub(crate) position: u64,
    /// The nodes whose sessions it does not know, by incarnation, and the number of that wish.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) needs: BTreeMap<String, u64>,
    /// The nodes whose sessions it knows, by incarnation.
    #[serde(default)]
    pub(crate) knows: Vec<String>,
    /// Whether it is going, and its log has come to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) leaving: bool,
}

impl Row {
    /// The row in the roll. `None` for one that this version cannot read.
    pub(crate) fn read(row: &RollRow) -> Option<Self> {
        let read: Self = serde_json::from_str(&row.text).ok()?;
        (read.version == wire::VERSION).then_some(read)
    }

    /// The row for the roll.
    pub(crate) fn write(&self, node: Incarnation) -> RollRow {
        RollRow {
            node,
            // It has no keys that are not texts, which is all that could fail.
            text: serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// The wish of this node to be told the sessions of `node`.
    pub(crate) fn need_of(&self, node: Incarnation) -> Option<u64> {
        self.needs.get(&node.to_string()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back_and_those_of_other_versions_are_not() {
        let row = Row {
            version: wire::VERSION,
            name: "a".to_owned(),
            ops: Some("10.0.0.1:8081".to_owned()),
            beat: 7,
            entries: 8,
            position: 9,
            needs: [(Incarnation(0xAB).to_string(), 3)].into(),
            knows: vec![Incarnation(0xAC).to_string()],
            leaving: true,
        };
        let written = row.write(Incarnation(1));
        assert_eq!(Row::read(&written), Some(row.clone()));
        assert_eq!(row.need_of(Incarnation(0xAB)), Some(3));
        assert_eq!(row.need_of(Incarnation(0xAC)), None);
        let newer = Row {
            version: wire::VERSION + 1,
            ..row
        };
        assert_eq!(Row::read(&newer.write(Incarnation(1))), None);
        let nonsense = RollRow {
            node: Incarnation(1),
            text: "[]".to_owned(),
        };
        assert_eq!(Row::read(&nonsense), None);
    }
}
