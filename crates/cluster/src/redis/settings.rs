//! Where Redis is.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, fs};

use headcount_core::limits::{
    RELAY_CALL_MS_MAX, RELAY_CONNECT_MS_MAX, RELAY_RETRIES_MAX, RELAY_RETRY_MS_MAX, RELAY_RETRY_MS_MIN,
};
use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
};

use super::link::Connection;

/// What is behind the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedisMode {
    /// One server, or an address that always leads to the right one.
    #[default]
    Single,
    /// Servers of a Cluster, from which the others are found.
    Cluster,
    /// Sentinels, which say where the master is.
    Sentinel {
        /// What they call it.
        master: String,
        /// The password of the Sentinels themselves. User, password and database of the addresses are
        /// those of the master.
        password: Option<String>,
    },
}

/// Where Redis is, and how nodes meet in it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS. One for a single server.
    pub urls: Vec<String>,
    /// What is behind them.
    pub mode: RedisMode,
    /// A file with the certificates that sign the servers' ones (PEM); those of the system if there is none.
    pub ca_file: Option<PathBuf>,
    /// What all keys begin with. Nodes that share it are nodes of one cluster.
    pub prefix: String,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            mode: RedisMode::default(),
            ca_file: None,
            prefix: "headcount".to_owned(),
        }
    }
}

impl fmt::Debug for RedisSettings {
    /// Without what may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisSettings");
        shown
            .field("prefix", &self.prefix)
            .field("ca_file", &self.ca_file);
        shown.finish_non_exhaustive()
    }
}

/// Settings of Redis that cannot be used. The text says what to change, and shows no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettingsError(String);

impl fmt::Display for RedisSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RedisSettingsError {}

fn refused<T>(text: impl Into<String>) -> Result<T, RedisSettingsError> {
    Err(RedisSettingsError(text.into()))
}

impl From<RedisError> for RedisSettingsError {
    fn from(error: RedisError) -> Self {
        Self(format!("the settings of Redis cannot be used: {error}"))
    }
}

/// What to connect to.
pub(super) enum Target {
    Single(Client),
    Cluster(Box<ClusterClient>),
    Sentinel(Sentinels),
}

pub(super) struct Sentinels {
    addresses: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
    master: String,
    password: Option<String>,
}

impl RedisSettings {
    /// What the settings lead to.
    pub(super) fn target(&self) -> Result<Target, RedisSettingsError> {
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            return refused("the prefix of Redis's keys must not be empty or have braces");
        }
        let addresses = self.addresses()?;
        let certificates = self.certificates()?;
        // Which cryptography the library is to use. If the process has one already, it is that one.
        drop(rustls::crypto::ring::default_provider().install_default());
        match &self.mode {
            RedisMode::Single => single(addresses, certificates),
            RedisMode::Cluster => cluster(addresses, certificates),
            RedisMode::Sentinel { master, password } => sentinel(Sentinels {
                addresses,
                certificates,
                master: master.clone(),
                password: password.clone(),
            }),
        }
    }

    /// All passwords.
    pub(super) fn secrets(&self) -> Result<Vec<String>, RedisSettingsError> {
        let addresses = self.addresses()?;
        let passwords = addresses
            .iter()
            .filter_map(|address| address.redis_settings().password());
        let mut secrets: Vec<_> = passwords.map(str::to_owned).collect();
        if let RedisMode::Sentinel { password, .. } = &self.mode {
            secrets.extend(password.clone());
        }
        secrets.retain(|secret| !secret.is_empty());
        Ok(secrets)
    }

    fn addresses(&self) -> Result<Vec<ConnectionInfo>, RedisSettingsError> {
        if self.urls.is_empty() {
            return refused("Redis needs an address: redis://HOST:PORT");
        }
        let parsed = self.urls.iter().zip(1..).map(|(url, place)| {
            // Neither the address nor what is wrong with it, since either may show the password.
            let text = || {
                format!(
                    "address {place} of Redis must be redis://USER:PASSWORD@HOST:PORT/DATABASE or rediss://"
                )
            };
            let info = url
                .as_str()
                .into_connection_info()
                .map_err(|_| RedisSettingsError(text()))?;
            match info.addr() {
                ConnectionAddr::Unix(_) => refused(text()),
                _ => Ok(info),
            }
        });
        parsed.collect()
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>, RedisSettingsError> {
        let Some(file) = &self.ca_file else {
            return Ok(None);
        };
        let read = fs::read(file).map_err(|error| {
            RedisSettingsError(format!(
                "cannot read {}, Redis's CA file: {error}",
                file.display()
            ))
        });
        Ok(Some(TlsCertificates {
            client_tls: None,
            root_cert: Some(read?),
        }))
    }
}

fn single(
    addresses: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
) -> Result<Target, RedisSettingsError> {
    let Ok([address]) = <[_; 1]>::try_from(addresses) else {
        return refused("there are several addresses of Redis: only a Cluster or Sentinels have those");
    };
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(address, certificates)?,
        None => Client::open(address)?,
    };
    Ok(Target::Single(client))
}

fn cluster(
    addresses: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
) -> Result<Target, RedisSettingsError> {
    let mut builder = ClusterClient::builder(addresses)
        .connection_timeout(Duration::from_millis(RELAY_CONNECT_MS_MAX))
        .response_timeout(Duration::from_millis(RELAY_CALL_MS_MAX))
        .retries(RELAY_RETRIES_MAX)
        .min_retry_wait(RELAY_RETRY_MS_MIN)
        .max_retry_wait(RELAY_RETRY_MS_MAX);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    Ok(Target::Cluster(Box::new(builder.build()?)))
}

fn sentinel(sentinels: Sentinels) -> Result<Target, RedisSettingsError> {
    // Finds faults now.
    sentinels.client()?;
    Ok(Target::Sentinel(sentinels))
}

impl Sentinels {
    fn client(&self) -> Result<SentinelClient, RedisError> {
        let addresses = self.addresses.iter().map(|address| address.addr().clone());
        let mut builder = SentinelClientBuilder::new(addresses, &self.master, SentinelServerType::Master)?;
        if let Some(password) = &self.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        let Some(first) = self.addresses.first() else {
            return builder.build();
        };
        let settings = first.redis_settings();
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(user) = settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if matches!(first.addr(), ConnectionAddr::TcpTls { .. }) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        builder.build()
    }
}

impl Target {
    /// A new connection. Sentinels are asked each time.
    pub(super) async fn open(&self) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(RELAY_CONNECT_MS_MAX)))
            .set_response_timeout(Some(Duration::from_millis(RELAY_CALL_MS_MAX)));
        match self {
            Self::Single(client) => {
                let connection = client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?;
                Ok(Connection::Server(connection))
            }
            Self::Cluster(client) => Ok(Connection::Cluster(client.get_async_connection().await?)),
            Self::Sentinel(sentinels) => {
                let mut client = sentinels.client()?;
                let connection = client.get_async_connection_with_config(&config).await?;
                Ok(Connection::Server(connection))
            }
        }
    }
}
