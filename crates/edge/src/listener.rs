//! Accepting connections, plain or TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use headcount_core::limits::TLS_HANDSHAKE_MS_MAX;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::connection;
use crate::edge::{Edge, Listening};

/// Which door a listener leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// REST and the gateway, for everybody.
    Public,
    /// Health and audit, for operators.
    Ops,
}

/// The TLS settings of a listener, which may be replaced while it serves.
#[derive(Debug)]
pub struct Tls {
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Serves with `config`.
    #[must_use]
    pub fn new(config: ServerConfig) -> Arc<Self> {
        Arc::new(Self {
            config: RwLock::new(Arc::new(config)),
        })
    }

    /// Serves connections from now on with `config`.
    pub fn replace(&self, config: ServerConfig) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(
            &self.config.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// How long to wait after an accept that failed for want of something, such as open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Accepts connections until the edge stops. `places` bounds how many are held at once; further ones
/// wait in the listener's backlog.
pub async fn serve(
    edge: Arc<Edge>,
    door: Door,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    places: Arc<Semaphore>,
) {
    let listening = Listening::new(edge);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = listening.stop.cancelled() => return,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let served = Arc::clone(&listening);
        match &tls {
            None => drop(
                listening
                    .tasks
                    .spawn(connection::serve(served, door, stream, peer.ip(), place)),
            ),
            Some(tls) => {
                let handshake = tls.acceptor().accept(stream);
                listening.tasks.spawn(async move {
                    let limit = Duration::from_millis(TLS_HANDSHAKE_MS_MAX);
                    if let Ok(Ok(stream)) = tokio::time::timeout(limit, handshake).await {
                        connection::serve(served, door, stream, peer.ip(), place).await;
                    }
                });
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}
