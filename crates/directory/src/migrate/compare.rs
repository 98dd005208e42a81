//! Rows against the rows that they were copied to.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::table::{Batch, Table};

/// A row that is not in both databases as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which row.
    row: String,
    /// What is wrong with it.
    what: String,
}

impl Difference {
    /// Something about a row of a table.
    pub(crate) fn of_row(table: &Table, key: &[i64], what: impl Into<String>) -> Self {
        let columns = table.key_columns().iter().zip(key);
        let key: Vec<_> = columns
            .map(|(column, key)| format!("{} {key}", column.postgres))
            .collect();
        Self {
            row: format!("table {}, {}", table.name, key.join(", ")),
            what: what.into(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.row, self.what)
    }
}

/// The first row in which two batches differ, if there is one. Both begin behind the same key.
pub(crate) fn first_difference(table: &Table, source: &Batch, target: &Batch) -> Option<Difference> {
    if source == target {
        return None;
    }
    (0..source.len().max(target.len())).find_map(|row| difference(table, source, target, row))
}

fn difference(table: &Table, source: &Batch, target: &Batch, row: usize) -> Option<Difference> {
    let key = |batch: &Batch| (row < batch.len()).then(|| batch.key(table, row));
    let missing = |key: &[i64]| Some(Difference::of_row(table, key, "it is not in PostgreSQL"));
    let foreign = |key: &[i64]| {
        Some(Difference::of_row(
            table,
            key,
            "it is in PostgreSQL and not in the data folder",
        ))
    };
    match (key(source), key(target)) {
        (None, None) => None,
        (Some(key), None) => missing(&key),
        (None, Some(key)) => foreign(&key),
        (Some(from), Some(to)) => match from.cmp(&to) {
            Ordering::Less => missing(&from),
            Ordering::Greater => foreign(&to),
            Ordering::Equal => {
                let mut columns = source.columns.iter().zip(&target.columns).zip(table.columns);
                let (_, column) = columns.find(|((from, to), _)| !from.same(row, to))?;
                // Not what it is: it may be a secret key.
                let what = format!("{} differs", column.postgres);
                Some(Difference::of_row(table, &from, what))
            }
        },
    }
}

/// How many members each group shows, less the rows of members that were counted.
#[derive(Debug, Default)]
pub(crate) struct Uncounted(BTreeMap<i64, i64>);

impl Uncounted {
    /// Takes up what is in a batch, if it tells of groups or members.
    pub(crate) fn add(&mut self, table: &Table, batch: &Batch) {
        match table.name {
            "groups" => {
                let groups = batch.integers(table, "id");
                let shown = batch.integers(table, "member_num");
                self.0.extend(groups.zip(shown));
            }
            "member" => {
                for group in batch.integers(table, "grp") {
                    *self.0.entry(group).or_default() -= 1;
                }
            }
            _ => {}
        }
    }

    /// The groups whose number is not that of their rows, and by how much it is too high.
    pub(crate) fn wrong(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0
            .iter()
            .filter(|(_, excess)| **excess != 0)
            .map(|(group, excess)| (*group, *excess))
    }
}
