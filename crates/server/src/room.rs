//! How many connections fit, and what an operator may raise so that more do.

use std::fs;
use std::sync::Arc;

use headcount_core::limits::{COMMUNITY_MEMBERS_MAX, LISTEN_BACKLOG};
use tokio::sync::Semaphore;

/// Files that are not connections: the database and its log for each reader, listeners, logs.
const OWN_FILES: u64 = 64;
/// Files of a worker's event loop.
const WORKER_FILES: u64 = 6;
/// Of tables that workers have of their own, the share that is full when the first of them is: the
/// kernel spreads connections by chance.
const EVEN_PERCENT: usize = 96;

/// How the connections are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    workers: usize,
    own_files: bool,
    open_files_max: u64,
    /// Connections that fit into one table of open files.
    per_table: usize,
    /// What the operator wants at most, over all workers.
    wanted: usize,
}

impl Room {
    /// The room of a process that may open `open_files_max` files in a table. `wanted` is 0 for as many
    /// connections as fit.
    pub(crate) fn new(workers: usize, own_files: bool, open_files_max: u64, wanted: usize) -> Self {
        let own = OWN_FILES + WORKER_FILES * (workers as u64 + 1);
        let per_table = usize::try_from(open_files_max.saturating_sub(own)).unwrap_or(usize::MAX);
        Self {
            workers,
            own_files,
            open_files_max,
            per_table: per_table.clamp(1, Semaphore::MAX_PERMITS),
            wanted: if wanted == 0 { usize::MAX } else { wanted },
        }
    }

    /// Connections held at once.
    pub(crate) fn connections_max(&self) -> usize {
        let tables = if self.own_files { self.workers } else { 1 };
        self.per_table.saturating_mul(tables).min(self.wanted)
    }

    /// The places of each worker: shared ones, or its own where its files are its own.
    pub(crate) fn places(&self) -> Vec<Arc<Semaphore>> {
        if self.own_files {
            let each = self.per_table.min(self.wanted.div_ceil(self.workers));
            return (0..self.workers)
                .map(|_| Arc::new(Semaphore::new(each)))
                .collect();
        }
        let shared = Arc::new(Semaphore::new(self.per_table.min(self.wanted)));
        vec![shared; self.workers]
    }

    /// What bounds the connections, and what to raise for more; one line each.
    pub(crate) fn advice(&self) -> Vec<String> {
        let mut advice = vec![self.about_files()];
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let backlog = number("/proc/sys/net/core/somaxconn").filter(|&most| most < LISTEN_BACKLOG.into());
        advice.extend(backlog.map(|most| {
            format!(
                "net.core.somaxconn is {most}: when many clients come at once, more than that have to try \
                 again; set it to {LISTEN_BACKLOG}"
            )
        }));
        let tracked = number("/proc/sys/net/netfilter/nf_conntrack_max")
            .filter(|&most| most < self.connections_max() as u64);
        advice.extend(tracked.map(|most| {
            format!(
                "net.netfilter.nf_conntrack_max is {most}: the firewall drops connections beyond that; set \
                 it to twice the connections you expect, or do not track this port"
            )
        }));
        advice
    }

    fn about_files(&self) -> String {
        let Self {
            workers,
            open_files_max,
            per_table,
            ..
        } = self;
        let fits = self.connections_max();
        if self.own_files {
            let even = fits / 100 * EVEN_PERCENT;
            return format!(
                "room for {fits} connections: {workers} workers with up to {per_table} open files each; they \
                 fill by chance, so plan for {even}"
            );
        }
        if fits as u64 >= u64::from(COMMUNITY_MEMBERS_MAX) || fits < *per_table {
            return format!("room for {fits} connections");
        }
        let tables = u64::from(COMMUNITY_MEMBERS_MAX).div_ceil(*per_table as u64 * EVEN_PERCENT as u64 / 100);
        format!(
            "room for {fits} connections: this process may open {open_files_max} files; for more raise the hard \
             limit (systemd: LimitNOFILE=), or, where that cannot be, set workers.own_files = true and \
             workers.threads = {} for a million",
            // Each worker takes a few files of every table.
            tables + 2
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(room: &Room) -> Vec<usize> {
        room.places()
            .iter()
            .map(|places| places.available_permits())
            .collect()
    }

    #[test]
    fn workers_share_one_table_or_have_one_each() {
        let shared = Room::new(2, false, 20_000, 0);
        assert_eq!(shared.connections_max(), 20_000 - 64 - 18);
        let places = shared.places();
        assert!(Arc::ptr_eq(&places[0], &places[1]));

        let own = Room::new(2, true, 20_000, 0);
        assert_eq!(own.connections_max(), 2 * shared.connections_max());
        assert_eq!(permits(&own), [shared.connections_max(); 2]);
    }

    #[test]
    fn a_bound_of_the_operators_is_kept() {
        assert_eq!(permits(&Room::new(2, false, 20_000, 7)), [7, 7]);
        let own = Room::new(2, true, 20_000, 7);
        assert_eq!((own.connections_max(), permits(&own)), (7, vec![4, 4]));
        assert_eq!(
            Room::new(1, false, 20_000, 7).about_files(),
            "room for 7 connections"
        );
    }

    #[test]
    fn there_is_always_room_for_one() {
        assert_eq!(Room::new(4, false, 10, 0).connections_max(), 1);
    }

    #[test]
    fn the_advice_for_a_million_is_enough_for_a_million() {
        let advice = Room::new(2, false, 20_000, 0).about_files();
        let (_, rest) = advice.split_once("workers.threads = ").unwrap();
        let threads = rest.split(' ').next().unwrap().parse().unwrap();
        let room = Room::new(threads, true, 20_000, 0);
        assert!(
            room.connections_max() / 100 * EVEN_PERCENT >= 1_000_000,
            "{room:?}"
        );
        assert!(threads < 60, "{threads} are more than it takes");
    }
}
