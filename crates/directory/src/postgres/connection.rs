//! Connections: where the database is, how one gets there, and what one does there.
//!
//! Nothing is kept in a connection between two transactions, so that a pooler may stand between: no
//! prepared statements, no settings, no notifications, no locks of a session.
//!
//! What a statement looks up by a list, it looks up one by one (`LATERAL` and `LIMIT 1`): that costs the same
//! whatever the planner believes of a table, and it may not have looked at one that is growing fast.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use headcount_core::limits::STORE_CONNECT_MS_MAX;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Row};

use super::OpenError;
use super::columns::Param;
use super::tls::Tls;
use crate::StoreError;

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self(format!("{} (SQLSTATE {})", error.message(), error.code().code()));
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            text = format!("{text}: {deeper}");
            cause = deeper.source();
        }
        Self(text)
    }
}

/// Where the database is.
pub(crate) struct Target {
    config: Config,
    tls: Option<Tls>,
    /// Its threads own every connection, whoever asks for one: other threads may have other open files.
    runtime: Handle,
}

impl Target {
    /// Understands a URL such as `postgres://user:password@host/database?sslmode=verify-full`. Connections
    /// belong to the runtime that this is called in.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let (url, tls) = Tls::of_url(url)?;
        let mut config: Config = url
            .parse()
            .map_err(|error: tokio_postgres::Error| OpenError::Url(StoreError::from(error).0))?;
        config.connect_timeout(Duration::from_millis(STORE_CONNECT_MS_MAX));
        if config.get_application_name().is_none() {
            config.application_name("headcount");
        }
        Ok(Self {
            config,
            tls,
            runtime: Handle::current(),
        })
    }

    /// The runtime of the connections.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Connection, StoreError> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let connecting = self.runtime.spawn(async move {
            let limit = Duration::from_millis(STORE_CONNECT_MS_MAX);
            let connected = timeout(limit, connect(config, tls)).await;
            connected.map_err(|_| too_slow("the database", STORE_CONNECT_MS_MAX))?
        });
        let client = connecting
            .await
            .map_err(|_| StoreError("connecting to the database was given up".to_owned()))??;
        Ok(Connection {
            client,
            written: AtomicU64::new(0),
            rerun: AtomicBool::new(false),
        })
    }
}

async fn connect(config: Config, tls: Option<Tls>) -> Result<Client, StoreError> {
    match tls {
        None => Ok(keep(config.connect(NoTls).await?)),
        Some(tls) => Ok(keep(config.connect(tls).await?)),
    }
}

/// Keeps a connection going until its client is dropped or it breaks.
fn keep<S, T>((client, connection): (Client, tokio_postgres::Connection<S, T>)) -> Client
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // Whoever has a statement under way hears of it there.
        drop(connection.await);
    });
    client
}

/// What took longer than it may.
pub(crate) fn too_slow(what: &str, limit_ms: u64) -> StoreError {
    StoreError(format!("{what} did not answer within {limit_ms} ms"))
}

/// Whatever answers a statement that only reads.
#[async_trait]
pub(crate) trait Rows: Sync {
    /// The rows of a statement, all of one moment.
    async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError>;

    /// The row of a statement that has at most one.
    async fn row(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// The row of a statement that has one.
    async fn one_row(&self, sql: &str, params: &[Param<'_>]) -> Result<Row, StoreError> {
        let row = self.row(sql, params).await?;
        row.ok_or_else(|| StoreError(format!("no row: {sql}")))
    }
}

/// A connection, and what its transaction came to so far.
pub(crate) struct Connection {
    client: Client,
    /// Rows that were written.
    written: AtomicU64,
    /// Whether the database wants the transaction to be run again.
    rerun: AtomicBool,
}

impl Connection {
    /// Whether it broke.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Rows written since the last [`start_over`](Self::start_over).
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether the transaction met another one and has to be run again from the beginning.
    pub(crate) fn wants_rerun(&self) -> bool {
        self.rerun.load(Ordering::Relaxed)
    }

    /// Forgets what the last transaction came to.
    pub(crate) fn start_over(&self) {
        self.written.store(0, Ordering::Relaxed);
        self.rerun.store(false, Ordering::Relaxed);
    }

    /// Runs statements without parameters that have no answer.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.noted(self.client.batch_execute(sql).await)
    }

    /// Runs a statement that writes, and returns how many rows it wrote.
    pub(crate) async fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let rows = self.noted(self.client.execute_typed(sql, params).await)?;
        self.written.fetch_add(rows, Ordering::Relaxed);
        Ok(rows)
    }

    /// Runs a statement that writes the rows it returns.
    pub(crate) async fn change(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows(sql, params).await?;
        self.written
            .fetch_add(u64::try_from(rows.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(rows)
    }

    fn noted<T>(&self, result: Result<T, tokio_postgres::Error>) -> Result<T, StoreError> {
        result.map_err(|error| {
            // CockroachDB's "restart transaction" has the first of these codes.
            if let Some(&(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED)) =
                error.code()
            {
                self.rerun.store(true, Ordering::Relaxed);
            }
            StoreError::from(error)
        })
    }
}

#[async_trait]
impl Rows for Connection {
    async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.noted(self.client.query_typed(sql, params).await)
    }
}
