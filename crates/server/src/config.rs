//! Settings: flags over `HEADCOUNT_*` variables over a TOML file over defaults.
//!
//! All three are laid over each other as one TOML table and read as a whole, so there is one set of
//! names, one set of types and one check for unknown ones.

mod cluster;
mod layers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use headcount_cluster::NodeSettings;
use headcount_core::{MultiLogin, MultiLoginPolicy, limits};
use headcount_edge::{EdgeSettings, Heartbeat, LogFormat, RateLimits};
use headcount_service::{Regions, Settings};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::room::Room;
use cluster::ClusterConfig;
pub(crate) use cluster::Shared;

/// The flags of `headcount serve`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServeFlags {
    /// A TOML file with settings.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Where REST and the gateway listen [default: 127.0.0.1:8080].
    #[arg(long)]
    listen: Option<String>,
    /// Where health and audit listen, for operators only [default: 127.0.0.1:8081].
    #[arg(long)]
    ops_listen: Option<String>,
    /// Where the data lies [default: ./data].
    #[arg(long)]
    data_dir: Option<String>,
    /// A certificate chain in PEM; needs --tls-key. Read again on SIGHUP.
    #[arg(long)]
    tls_cert: Option<String>,
    /// The certificate's key in PEM.
    #[arg(long)]
    tls_key: Option<String>,
    /// The region this server is in.
    #[arg(long)]
    region: Option<String>,
    /// `text` or `json` [default: text].
    #[arg(long)]
    log_format: Option<String>,
}

impl ServeFlags {
    /// The flags that were given, by the names of their settings.
    fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("listen", &self.listen),
            ("ops_listen", &self.ops_listen),
            ("data_dir", &self.data_dir),
            ("tls_cert", &self.tls_cert),
            ("tls_key", &self.tls_key),
            ("region", &self.region),
            ("log_format", &self.log_format),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// All settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) ops_listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) log_format: LogFormatName,
    region: Option<String>,
    /// The domain names of each region, the one to recommend first.
    regions: BTreeMap<String, Region>,
    heartbeat: HeartbeatConfig,
    multi_login: MultiLoginConfig,
    rate_limits: RateLimitsConfig,
    limits: LimitsConfig,
    workers: WorkersConfig,
    cluster: ClusterConfig,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Region {
    domains: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormatName {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct HeartbeatConfig {
    web_timeout_s: u64,
    native_timeout_s: u64,
    interval_s: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct MultiLoginConfig {
    policy: PolicyName,
    web_instances: usize,
    native_instances: usize,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum PolicyName {
    Single,
    Dual,
    Triple,
    Multi,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RateLimitsConfig {
    enabled: bool,
    default_per_s: u32,
    /// Calls a second of one command, named `service/command`.
    commands: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct LimitsConfig {
    /// Connections held at once; 0 is as many as open files allow.
    connections_max: usize,
    community_members_max: u32,
    group_members_max: u32,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct WorkersConfig {
    /// Threads that hold connections; 0 is one for each core.
    threads: usize,
    /// Whether each has a table of open files of its own.
    own_files: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            ops_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            data_dir: PathBuf::from("./data"),
            tls_cert: None,
            tls_key: None,
            log_format: LogFormatName::Text,
            region: None,
            regions: BTreeMap::new(),
            heartbeat: HeartbeatConfig::default(),
            multi_login: MultiLoginConfig::default(),
            rate_limits: RateLimitsConfig::default(),
            limits: LimitsConfig::default(),
            workers: WorkersConfig::default(),
            cluster: ClusterConfig::default(),
        }
    }
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        let heartbeat = Heartbeat::default();
        Self {
            web_timeout_s: heartbeat.web_timeout.as_secs(),
            native_timeout_s: heartbeat.native_timeout.as_secs(),
            interval_s: heartbeat.interval.as_secs(),
        }
    }
}

impl Default for MultiLoginConfig {
    fn default() -> Self {
        let rules = MultiLogin::default();
        Self {
            policy: PolicyName::Dual,
            web_instances: rules.web_instances,
            native_instances: rules.native_instances,
        }
    }
}

impl Default for RateLimitsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            default_per_s: limits::RATE_PER_S_DEFAULT,
            commands: BTreeMap::new(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections_max: 0,
            community_members_max: limits::COMMUNITY_MEMBERS_MAX,
            group_members_max: limits::GROUP_MEMBERS_MAX,
        }
    }
}

impl Config {
    /// The settings that flags, the environment and the file give together.
    pub(crate) fn load(flags: &ServeFlags) -> Result<Self, Failure> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        layers::load(flags.config.as_deref(), environment, flags.given())
    }

    fn check(&self) -> Result<(), String> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("tls_cert and tls_key go together: give both or none".to_owned());
        }
        let HeartbeatConfig {
            web_timeout_s,
            native_timeout_s,
            interval_s,
        } = self.heartbeat;
        for (name, value) in [
            ("web_timeout_s", web_timeout_s),
            ("native_timeout_s", native_timeout_s),
            ("interval_s", interval_s),
        ] {
            if !(1..=86_400).contains(&value) {
                return Err(format!("heartbeat.{name} must be between 1 and 86400 seconds"));
            }
        }
        for (name, value) in [
            ("web_instances", self.multi_login.web_instances),
            ("native_instances", self.multi_login.native_instances),
        ] {
            if !(1..=100).contains(&value) {
                return Err(format!("multi_login.{name} must be between 1 and 100"));
            }
        }
        self.cluster.check()?;
        if self.workers.threads > limits::WORKERS_MAX {
            return Err(format!("workers.threads must be at most {}", limits::WORKERS_MAX));
        }
        if self.rate_limits.default_per_s == 0 || self.rate_limits.commands.values().any(|&per_s| per_s == 0)
        {
            return Err("rate_limits must allow at least one call a second".to_owned());
        }
        if let Some(name) = self
            .rate_limits
            .commands
            .keys()
            .find(|name| !headcount_edge::is_command(name))
        {
            return Err(format!("rate_limits.commands names no command: {name:?}"));
        }
        Ok(())
    }

    /// The certificate and its key, when the server speaks TLS.
    pub(crate) fn tls_files(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_cert.clone().zip(self.tls_key.clone())
    }

    /// Threads that hold connections.
    pub(crate) fn workers(&self) -> usize {
        match self.workers.threads {
            0 => std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(limits::WORKERS_MAX),
            threads => threads,
        }
    }

    /// Whether each of them has a table of open files of its own.
    pub(crate) fn own_files(&self) -> bool {
        self.workers.own_files
    }

    /// How many connections fit, when the process may open so many files.
    pub(crate) fn room(&self, open_files_max: u64) -> Room {
        Room::new(
            self.workers(),
            self.own_files(),
            open_files_max,
            self.limits.connections_max,
        )
    }

    /// The part for the presence engine.
    pub(crate) fn multi_login(&self) -> MultiLogin {
        MultiLogin {
            policy: match self.multi_login.policy {
                PolicyName::Single => MultiLoginPolicy::Single,
                PolicyName::Dual => MultiLoginPolicy::Dual,
                PolicyName::Triple => MultiLoginPolicy::Triple,
                PolicyName::Multi => MultiLoginPolicy::Multi,
            },
            web_instances: self.multi_login.web_instances,
            native_instances: self.multi_login.native_instances,
        }
    }

    /// Where the nodes of the cluster meet, when this server is one of several.
    pub(crate) fn shared(&self) -> Option<Shared> {
        self.cluster.shared()
    }

    /// What this node is called. `ops_listen` is where its operators' listener really is.
    pub(crate) fn node(&self, ops_listen: SocketAddr) -> NodeSettings {
        self.cluster.node(ops_listen)
    }

    /// The part for the service.
    pub(crate) fn service(&self) -> Settings {
        let domains = self
            .regions
            .iter()
            .map(|(name, region)| (name.clone(), region.domains.clone()));
        Settings {
            regions: Regions {
                here: self.region.clone(),
                domains: domains.collect(),
            },
            community_members_max: self.limits.community_members_max,
            group_members_max: self.limits.group_members_max,
        }
    }

    /// The part for the doors.
    pub(crate) fn edge(&self) -> EdgeSettings {
        EdgeSettings {
            heartbeat: Heartbeat {
                web_timeout: Duration::from_secs(self.heartbeat.web_timeout_s),
                native_timeout: Duration::from_secs(self.heartbeat.native_timeout_s),
                interval: Duration::from_secs(self.heartbeat.interval_s),
            },
            rates: RateLimits {
                default_per_s: self.rate_limits.enabled.then_some(self.rate_limits.default_per_s),
                per_command: self.rate_limits.commands.clone(),
            },
            ..EdgeSettings::default()
        }
    }

    pub(crate) fn log_format(&self) -> LogFormat {
        match self.log_format {
            LogFormatName::Text => LogFormat::Text,
            LogFormatName::Json => LogFormat::Json,
        }
    }
}
