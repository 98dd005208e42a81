//! The relay of nodes that share a process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use headcount_core::limits::{RELAY_LOG_ENTRIES_KEPT, RELAY_READ_ENTRIES_MAX};

use crate::relay::{Entry, Incarnation, LogPosition, Relay, RelayError, RollRow};

/// A roll and logs in memory.
#[derive(Debug, Default)]
pub struct LocalRelay(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    roll: HashMap<Incarnation, String>,
    logs: HashMap<Incarnation, BTreeMap<u64, Entry>>,
}

impl LocalRelay {
    /// Forgets everything, as a relay does that starts again without a disk.
    pub fn forget(&self) {
        *self.held() = Held::default();
    }

    /// Forgets the latest entries of each log, as a relay does whose stand-in had not seen them yet.
    pub fn forget_latest(&self, entries: usize) {
        for log in self.held().logs.values_mut() {
            for _ in 0..entries {
                log.pop_last();
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Relay for LocalRelay {
    async fn beat(&self, row: RollRow) -> Result<Vec<RollRow>, RelayError> {
        let mut held = self.held();
        held.roll.insert(row.node, row.text);
        let rows = held.roll.iter().map(|(&node, text)| RollRow {
            node,
            text: text.clone(),
        });
        Ok(rows.collect())
    }

    async fn strike(&self, rows: Vec<RollRow>) -> Result<(), RelayError> {
        let mut held = self.held();
        for row in rows {
            if held.roll.get(&row.node) == Some(&row.text) {
                held.roll.remove(&row.node);
            }
        }
        Ok(())
    }

    async fn append(&self, node: Incarnation, entries: Vec<Entry>) -> Result<(), RelayError> {
        let mut held = self.held();
        let log = held.logs.entry(node).or_default();
        for entry in entries {
            let last = log.last_key_value().map_or(0, |(&number, _)| number);
            if entry.number > last {
                log.insert(entry.number, entry);
            }
        }
        while log.len() > RELAY_LOG_ENTRIES_KEPT {
            log.pop_first();
        }
        Ok(())
    }

    async fn read(&self, positions: Vec<LogPosition>) -> Result<Vec<Vec<Entry>>, RelayError> {
        let held = self.held();
        let read = positions.into_iter().map(|LogPosition { node, after }| {
            let entries = held
                .logs
                .get(&node)
                .into_iter()
                .flat_map(|log| log.range(after + 1..));
            let entries = entries.map(|(_, entry)| entry.clone());
            entries.take(RELAY_READ_ENTRIES_MAX).collect()
        });
        Ok(read.collect())
    }
}
