//! Reading a file in batches, one ahead of the one that is being written.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use headcount_core::limits::IMPORT_BATCH_ROWS;

use super::table::{Fault, Row, Table};
use crate::Failure;

/// Some lines of a file: those that could be read, and those that could not.
pub(super) struct Batch<T> {
    /// The number of the line of each row.
    pub(super) lines: Vec<u64>,
    pub(super) rows: Vec<T>,
    pub(super) faults: Vec<Fault>,
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self {
            lines: Vec::new(),
            rows: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Lines of the file in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.faults.len()
    }
}

/// Has a file read on a thread of its own and each batch of it written on this one.
pub(super) fn each<T: Send>(
    table: Table,
    parse: impl Fn(&Row<'_>) -> Result<T, String> + Send,
    mut write: impl FnMut(Batch<T>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (sender, batches) = sync_channel(1);
    thread::scope(|scope| {
        let reading = scope.spawn(move || read(table, parse, &sender));
        // When writing fails, the receiver is dropped and the reading ends as well.
        batches.into_iter().try_for_each(&mut write)?;
        reading
            .join()
            .unwrap_or_else(|_| Err(Failure::new("the reading of the file panicked")))
    })
}

fn read<T>(
    mut table: Table,
    parse: impl Fn(&Row<'_>) -> Result<T, String>,
    sender: &SyncSender<Batch<T>>,
) -> Result<(), Failure> {
    let mut batch = Batch::new();
    while let Some(row) = table.next()? {
        let parsed = row.and_then(|row| {
            let line = row.line;
            parse(&row)
                .map(|parsed| (line, parsed))
                .map_err(|reason| Fault { line, reason })
        });
        match parsed {
            Ok((line, row)) => {
                batch.lines.push(line);
                batch.rows.push(row);
            }
            Err(fault) => batch.faults.push(fault),
        }
        if batch.len() == IMPORT_BATCH_ROWS {
            let full = std::mem::replace(&mut batch, Batch::new());
            if sender.send(full).is_err() {
                return Ok(());
            }
        }
    }
    // The writer may be gone; it knows why.
    drop(sender.send(batch));
    Ok(())
}
