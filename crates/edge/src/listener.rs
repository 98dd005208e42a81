//! Accepting connections: plain or TLS, HTTP/1.1 or HTTP/2, and WebSocket out of either's first version.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use headcount_core::limits::{REQUEST_HEAD_MS_MAX, TLS_HANDSHAKE_MS_MAX};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::edge::Edge;
use crate::{gateway, ops, rest};

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
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = edge.stop.cancelled() => return,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (served, tls) = (Arc::clone(&edge), tls.clone());
        edge.tasks.spawn(async move {
            match tls {
                None => connection(served, door, stream, peer.ip(), place).await,
                Some(tls) => {
                    let limit = Duration::from_millis(TLS_HANDSHAKE_MS_MAX);
                    if let Ok(Ok(stream)) = tokio::time::timeout(limit, tls.acceptor().accept(stream)).await {
                        connection(served, door, stream, peer.ip(), place).await;
                    }
                }
            }
        });
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

async fn connection<S>(edge: Arc<Edge>, door: Door, stream: S, peer: IpAddr, place: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = Arc::new(place);
    let service = {
        let edge = Arc::clone(&edge);
        service_fn(move |request| {
            let (edge, place) = (Arc::clone(&edge), Arc::clone(&place));
            async move {
                Ok::<_, Infallible>(match door {
                    Door::Ops => ops::handle(&edge, request).await,
                    Door::Public if gateway::is_path(request.uri().path()) => {
                        gateway::upgrade(&edge, peer, request, place)
                    }
                    Door::Public => rest::handle(&edge, peer, request).await,
                })
            }
        })
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(REQUEST_HEAD_MS_MAX));
    builder.http2().timer(TokioTimer::new());
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = edge.stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    // What a client does to its own connection is its own business.
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}
