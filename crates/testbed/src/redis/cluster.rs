//! A Redis Cluster for a test.

use super::{Part, Redis, RedisOptions};
use crate::poll;

/// The slots of each master.
const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];

/// Three masters without replicas. As Redis does unless told otherwise, all refuse when one is missing.
#[derive(Debug)]
pub struct RedisCluster {
    masters: [Redis; SLOTS.len()],
}

impl RedisCluster {
    /// Starts one and waits until all its masters say that it is complete.
    ///
    /// # Panics
    ///
    /// When there is no redis-server, or the cluster does not come about.
    #[must_use]
    pub fn start() -> Self {
        let masters = SLOTS.map(|_| Redis::start_as(RedisOptions::default(), Part::OfCluster, |_| ()));
        for (epoch, (master, (from, to))) in (1..).zip(masters.iter().zip(SLOTS)) {
            let [epoch, from, to, first] =
                [epoch, from, to, masters[0].port].map(|number: u16| number.to_string());
            // Masters whose epochs are the same may refuse to vote for a replica.
            for command in [
                &["CLUSTER", "SET-CONFIG-EPOCH", &epoch][..],
                &["CLUSTER", "ADDSLOTSRANGE", &from, &to],
                &["CLUSTER", "MEET", "127.0.0.1", &first],
            ] {
                assert_eq!(master.cli(command), "OK");
            }
        }
        let cluster = Self { masters };
        cluster.wait_until_complete();
        cluster
    }

    /// Starts a server that follows a master and takes its place when that is away, and waits until it has
    /// caught up with it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_replica_of(&self, place: usize) -> Redis {
        let master = &self.masters[place];
        let replica = Redis::start_as(RedisOptions::default(), Part::OfCluster, |_| ());
        let port = master.port.to_string();
        assert_eq!(replica.cli(&["CLUSTER", "MEET", "127.0.0.1", &port]), "OK");
        let id = master.cli(&["CLUSTER", "MYID"]);
        poll::until("the replica knows its master", || {
            (replica.try_cli(&["CLUSTER", "REPLICATE", &id]) == "OK").then_some(())
        });
        replica.wait_until_it_follows();
        // Only who knows the other masters, and is known to them, can be voted for.
        let id = replica.cli(&["CLUSTER", "MYID"]);
        for other in &self.masters {
            wait_until_it_sees(other, &id, " slave ");
            wait_until_it_sees(&replica, &other.cli(&["CLUSTER", "MYID"]), " master ");
        }
        replica
    }

    /// Waits until all masters say that all slots are served, and know each other.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub fn wait_until_complete(&self) {
        for master in &self.masters {
            poll::until("the cluster is complete", || {
                let info = master.cli(&["CLUSTER", "INFO"]);
                let complete = ["cluster_state:ok", "cluster_size:3"];
                complete.iter().all(|line| info.contains(line)).then_some(())
            });
        }
    }

    /// The addresses of all masters.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.masters.iter().map(Redis::url).collect()
    }

    /// The masters.
    pub fn masters(&mut self) -> &mut [Redis] {
        &mut self.masters
    }

    /// The place of the master that serves a key, unless its slot was moved.
    ///
    /// # Panics
    ///
    /// When none does.
    #[must_use]
    pub fn place_of(&self, key: &str) -> usize {
        let slot = self.masters[0]
            .cli(&["CLUSTER", "KEYSLOT", key])
            .parse()
            .expect("a slot");
        let holds = |&(from, to): &(u16, u16)| (from..=to).contains(&slot);
        SLOTS
            .iter()
            .position(holds)
            .expect("every slot is given to a master")
    }

    /// Gives the slot of a key to another master; what is in the slot is lost.
    ///
    /// # Panics
    ///
    /// When the masters refuse.
    pub fn move_slot_of(&self, key: &str, to: usize) {
        let from = &self.masters[self.place_of(key)];
        let slot = from.cli(&["CLUSTER", "KEYSLOT", key]);
        for lost in from.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]).lines() {
            assert_eq!(from.cli(&["DEL", lost]), "1");
        }
        let new = self.masters[to].cli(&["CLUSTER", "MYID"]);
        // Whoever imported a slot announces it with a new epoch, or the old master would claim it again.
        let old = from.cli(&["CLUSTER", "MYID"]);
        let import = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &old];
        assert_eq!(self.masters[to].cli(&import), "OK");
        // The new master first, or nobody would serve the slot in between.
        for master in [&self.masters[to]].into_iter().chain(&self.masters) {
            assert_eq!(master.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &new]), "OK");
        }
    }
}

/// Waits until one of a Cluster sees another as what it is.
fn wait_until_it_sees(redis: &Redis, other: &str, as_what: &str) {
    poll::until("they know each other", || {
        let nodes = redis.cli(&["CLUSTER", "NODES"]);
        let line = nodes.lines().find(|line| line.starts_with(other))?;
        line.contains(as_what).then_some(())
    });
}
