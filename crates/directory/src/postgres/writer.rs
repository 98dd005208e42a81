//! The writer: one task of each server, and among all servers one transaction at a time.

use std::sync::Arc;

use headcount_core::limits::{STORE_BATCH_ROWS_MAX, STORE_SHARED_COMMANDS_MAX};
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;

use super::batch::Batch;
use super::command::Command;
use super::connection::{Connection, Target};
use super::tail::Tail;

/// The writer's task.
pub(crate) struct Writer {
    pub(crate) target: Arc<Target>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) orders: Receiver<Box<dyn Command>>,
    /// Told when a group was dissolved here.
    pub(crate) dissolved: Arc<Notify>,
    /// An order that was taken from the queue and did not fit into the batch.
    pub(crate) held: Option<Box<dyn Command>>,
}

impl Writer {
    /// Works until every sender of orders is gone and the last order is done.
    pub(crate) async fn work(mut self) {
        let mut connection = None;
        while let Some(first) = self.next().await {
            let batch = Batch {
                commands: self.gather(first),
                target: Arc::clone(&self.target),
                tail: Arc::clone(&self.tail),
                dissolved: Arc::clone(&self.dissolved),
            };
            // In a task of its own: should a command panic, its batch fails with it and no later one. The
            // transaction ends with the connection, which is lost then.
            let carried_out = tokio::spawn(batch.carry_out(connection.take()));
            connection = carried_out.await.unwrap_or_else(|_| None::<Connection>);
        }
    }

    async fn next(&mut self) -> Option<Box<dyn Command>> {
        match self.held.take() {
            Some(order) => Some(order),
            None => self.orders.recv().await,
        }
    }

    /// `first`, and what else is waiting and fits into a transaction with it.
    fn gather(&mut self, first: Box<dyn Command>) -> Vec<Box<dyn Command>> {
        let mut rows = first.rows();
        let mut commands = vec![first];
        while commands.len() < STORE_SHARED_COMMANDS_MAX
            && let Ok(order) = self.orders.try_recv()
        {
            if rows + order.rows() > STORE_BATCH_ROWS_MAX {
                self.held = Some(order);
                break;
            }
            rows += order.rows();
            commands.push(order);
        }
        commands
    }
}
