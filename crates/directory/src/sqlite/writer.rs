//! The writer: one thread, one connection, many commands per sync of the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headcount_core::limits::{STORE_BATCH_ROWS_MAX, STORE_SWEEP_PATIENCE, STORE_SWEEP_ROWS_MAX};
use headcount_core::{Change, GroupKey};
use rusqlite::Connection;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::checkpoint::{self, LogWatch};
use super::command::{Command, Order};
use super::open::Database;
use super::sweep;
use crate::{CommitSink, StoreError};

/// What the writer does next.
enum Work {
    Order(Order),
    SweepStep(GroupKey),
}

/// The writer's thread.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) database: Database,
    pub(crate) orders: Receiver<Order>,
    pub(crate) sink: Arc<dyn CommitSink>,
    pub(crate) log: LogWatch,
    /// Dissolved groups with rows left.
    pub(crate) sweeps: VecDeque<GroupKey>,
    /// Transactions that were committed.
    pub(crate) commits: Arc<AtomicU64>,
    /// An order that was taken from the queue and did not fit into the batch.
    pub(crate) held: Option<Order>,
    /// Batches since the last step of a sweep.
    pub(crate) overtaken: u32,
    /// Set when a step failed, so that a full disk is not tried again and again; the next batch that
    /// succeeds clears it.
    pub(crate) sweeps_paused: bool,
}

impl Writer {
    /// Works until every sender of orders is gone and the last order is done.
    pub(crate) fn work(mut self) {
        while let Some(work) = self.next() {
            match work {
                Work::Order(Order::Command(command)) => self.batch(command),
                Work::Order(Order::Cut(cut)) => cut.carry_out(self.database.reader()),
                Work::SweepStep(group) => self.sweep_step(group),
            }
            self.log.between_transactions(&self.connection);
        }
        checkpoint::last(&self.connection);
    }

    /// Commands go before sweeps, but not for ever.
    fn next(&mut self) -> Option<Work> {
        let sweep = self.sweeps.front().copied().filter(|_| !self.sweeps_paused);
        if let Some(group) = sweep
            && self.overtaken >= STORE_SWEEP_PATIENCE
        {
            return Some(Work::SweepStep(group));
        }
        if let Some(order) = self.held.take() {
            return Some(Work::Order(order));
        }
        match (self.orders.try_recv(), sweep) {
            (Ok(order), _) => Some(Work::Order(order)),
            (Err(TryRecvError::Disconnected), _) => None,
            (Err(TryRecvError::Empty), Some(group)) => Some(Work::SweepStep(group)),
            (Err(TryRecvError::Empty), None) => self.orders.blocking_recv().map(Work::Order),
        }
    }

    /// Runs `first` and what else is waiting in one transaction. Nobody is answered before the sink was
    /// told, and the sink not before the commit.
    fn batch(&mut self, first: Box<dyn Command>) {
        let mut ran = Vec::new();
        let mut changes = Vec::new();
        let ended = self.run_batch(first, &mut ran, &mut changes);
        match &ended {
            Ok(()) => self.committed(&changes),
            Err(_) => self.roll_back(),
        }
        for command in ran {
            command.answer(ended.clone());
        }
    }

    fn run_batch(
        &mut self,
        first: Box<dyn Command>,
        ran: &mut Vec<Box<dyn Command>>,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let begun = self.execute("BEGIN IMMEDIATE");
        let mut rows = 0;
        let mut next = Some(first);
        while let Some(mut command) = next {
            rows += command.rows();
            let outcome = match &begun {
                Ok(()) => self.run_one(command.as_mut(), changes),
                Err(error) => Err(error.clone()),
            };
            ran.push(command);
            outcome?;
            next = self.take_waiting(rows);
        }
        self.execute("COMMIT")
    }

    /// Runs one command of a batch; one that fails leaves no trace in it. An error is the whole batch's.
    fn run_one(&self, command: &mut dyn Command, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        if command.abandoned() {
            return Ok(());
        }
        self.execute("SAVEPOINT command")?;
        let before = changes.len();
        if !command.run(&self.connection, changes) {
            changes.truncate(before);
            // A full disk or the like makes the database drop the transaction by itself, and with it the
            // commands before this one.
            if self.connection.is_autocommit() {
                return Err(StoreError(
                    "the database gave up the transaction: the disk may be full or failing".to_owned(),
                ));
            }
            self.execute("ROLLBACK TO command")?;
        }
        self.execute("RELEASE command")
    }

    /// The next waiting command, if it fits into a batch that has `rows` rows.
    fn take_waiting(&mut self, rows: usize) -> Option<Box<dyn Command>> {
        if rows >= STORE_BATCH_ROWS_MAX {
            return None;
        }
        match self.orders.try_recv().ok()? {
            Order::Command(command) if rows + command.rows() <= STORE_BATCH_ROWS_MAX => Some(command),
            order => {
                self.held = Some(order);
                None
            }
        }
    }

    fn committed(&mut self, changes: &[Change]) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.overtaken = self.overtaken.saturating_add(1);
        self.sweeps_paused = false;
        self.sweeps
            .extend(changes.iter().filter_map(|change| match change {
                Change::Dissolved { group, .. } => Some(*group),
                _ => None,
            }));
        if !changes.is_empty() {
            // A store of one server does not number its commits.
            self.sink.committed(0, changes);
        }
    }

    fn sweep_step(&mut self, group: GroupKey) {
        self.overtaken = 0;
        let swept = self
            .execute("BEGIN IMMEDIATE")
            .and_then(|()| Ok(sweep::step(&self.connection, group, STORE_SWEEP_ROWS_MAX)?))
            .and_then(|done| self.execute("COMMIT").map(|()| done));
        match swept {
            // Groups take turns, so that small ones do not wait for large ones.
            Ok(false) => self.sweeps.rotate_left(1),
            Ok(true) => drop(self.sweeps.pop_front()),
            Err(_) => {
                self.roll_back();
                self.sweeps_paused = true;
            }
        }
    }

    /// Ends a transaction that failed, if the database has not done so.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // If this fails too, the next BEGIN does, and so each command is told until the store recovers.
            drop(self.execute("ROLLBACK"));
        }
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
