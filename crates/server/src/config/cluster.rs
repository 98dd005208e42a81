//! The settings of several nodes that count as one.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use headcount_cluster::NodeSettings;
use headcount_cluster::redis::{RedisMode, RedisSettings};
use headcount_core::limits;
use serde::{Deserialize, Serialize};

/// What several nodes share. Without `database` there is one node, with a store of its own.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClusterConfig {
    pub(super) database: Option<String>,
    pub(super) redis: Option<String>,
    redis_mode: RedisModeName,
    pub(super) redis_ca: Option<PathBuf>,
    pub(super) sentinel_master: Option<String>,
    pub(super) sentinel_password: Option<String>,
    redis_prefix: String,
    pub(super) node: Option<String>,
    pub(super) ops_address: Option<String>,
    lease_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum RedisModeName {
    Single,
    Cluster,
    Sentinel,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            database: None,
            redis: None,
            redis_mode: RedisModeName::Single,
            redis_ca: None,
            sentinel_master: None,
            sentinel_password: None,
            redis_prefix: "headcount".to_owned(),
            node: None,
            ops_address: None,
            lease_ms: limits::RELAY_LEASE_MS_DEFAULT,
        }
    }
}

/// Where the nodes of a cluster meet.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The URL of the database.
    pub(crate) database: String,
    /// Redis.
    pub(crate) redis: RedisSettings,
}

impl ClusterConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        match (&self.database, &self.redis) {
            (Some(_), None) => {
                return Err(
                    "cluster.database needs cluster.redis: nodes that share a database have to know of each \
                     other's sessions"
                        .to_owned(),
                );
            }
            (None, Some(_)) => {
                return Err(
                    "cluster.redis needs cluster.database: nodes that count as one share a PostgreSQL"
                        .to_owned(),
                );
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if (self.redis_mode == RedisModeName::Sentinel) != self.sentinel_master.is_some() {
            return Err(
                "cluster.redis_mode = \"sentinel\" and cluster.sentinel_master go together".to_owned(),
            );
        }
        let leases = limits::RELAY_LEASE_MS_MIN..=limits::RELAY_LEASE_MS_MAX;
        if !leases.contains(&self.lease_ms) {
            return Err(format!(
                "cluster.lease_ms must be between {} and {}",
                leases.start(),
                leases.end()
            ));
        }
        Ok(())
    }

    /// Where the nodes meet, when there are several.
    pub(super) fn shared(&self) -> Option<Shared> {
        let (database, redis) = self.database.clone().zip(self.redis.as_ref())?;
        Some(Shared {
            database,
            redis: RedisSettings {
                urls: redis.split(',').map(|url| url.trim().to_owned()).collect(),
                mode: self.redis_mode(),
                ca_file: self.redis_ca.clone(),
                prefix: self.redis_prefix.clone(),
            },
        })
    }

    fn redis_mode(&self) -> RedisMode {
        match self.redis_mode {
            RedisModeName::Single => RedisMode::Single,
            RedisModeName::Cluster => RedisMode::Cluster,
            RedisModeName::Sentinel => RedisMode::Sentinel {
                // Both are there or none, which was checked.
                master: self.sentinel_master.clone().unwrap_or_default(),
                password: self.sentinel_password.clone(),
            },
        }
    }

    /// What this node is called. `ops_listen` is where its operators' listener really is.
    pub(super) fn node(&self, ops_listen: SocketAddr) -> NodeSettings {
        let reachable = (!ops_listen.ip().is_unspecified()).then(|| ops_listen.to_string());
        NodeSettings {
            name: self.node.clone().unwrap_or_else(host_name),
            ops: self.ops_address.clone().or(reachable),
            lease_ms: self.lease_ms,
        }
    }
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "node".to_owned(),
        name => name.to_owned(),
    }
}
