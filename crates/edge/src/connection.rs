//! A connection: what it speaks, and for how long it may be silent.
//!
//! Nearly every connection of a server that many are online at begins with one request: that for a
//! WebSocket. It is answered right here, without an HTTP stack to set up and tear down. Anything else goes
//! to hyper, with what was read of it already.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use headcount_core::limits::REQUEST_HEAD_MS_MAX;
use headcount_service::Service;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::body::Body;
use crate::edge::Listening;
use crate::gateway::{self, Greeting};
use crate::listener::Door;
use crate::stream::{Blocked, Observed};
use crate::{ops, rest, stream};

/// Bytes that are read before it is decided what a connection speaks: a browser's handshake has about 700.
const GREETING_BYTES_MAX: usize = 4 << 10;
/// How HTTP/2 begins (RFC 9113, 3.4), as far as it takes to know it.
const HTTP2: &[u8] = b"PRI * HTTP/2";

/// Serves a connection until it ends. `place` is its place among those that the server holds.
pub(crate) async fn serve<S>(
    listening: Arc<Listening>,
    door: Door,
    mut stream: S,
    peer: IpAddr,
    place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limit = Duration::from_millis(REQUEST_HEAD_MS_MAX);
    let greeted = tokio::time::timeout(limit, greet(&mut stream, door));
    let greeting = tokio::select! {
        greeted = greeted => greeted,
        () = listening.stop.cancelled() => return,
    };
    match greeting {
        Ok(Some(Greeted::WebSocket { early })) => gateway::start(&listening, peer, stream, early, place),
        // Boxed: most connections are none of these.
        Ok(Some(Greeted::Http { read })) => {
            Box::pin(http(listening, door, Replayed { read, stream }, peer, place)).await;
        }
        // Silent, or gone.
        Ok(None) | Err(_) => {}
    }
}

/// What a connection turned out to be.
enum Greeted {
    /// A WebSocket, which is open now; `early` is what came behind its request.
    WebSocket { early: Vec<u8> },
    /// HTTP, of which `read` is the beginning.
    Http { read: Vec<u8> },
}

/// Reads enough to know what a connection speaks, and opens a WebSocket where that is asked for. `None`
/// when it ended.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, door: Door) -> Option<Greeted> {
    let mut read = Vec::new();
    loop {
        if gateway::read_some(stream, &mut read).await.ok()? == 0 {
            return None;
        }
        let greeting = match door {
            // However few bytes come at once, the version of HTTP is known from the first ones.
            _ if read.len() < HTTP2.len() && HTTP2.starts_with(&read) => Greeting::Incomplete,
            Door::Public if read.len() < GREETING_BYTES_MAX => gateway::greeting(&read),
            Door::Public | Door::Ops => Greeting::Other,
        };
        match greeting {
            Greeting::Incomplete => {}
            Greeting::Other => return Some(Greeted::Http { read }),
            Greeting::WebSocket { head_len, answer } => {
                stream.write_all(&answer).await.ok()?;
                stream.flush().await.ok()?;
                let early = read.split_off(head_len);
                return Some(Greeted::WebSocket { early });
            }
        }
    }
}

/// A stream of which something was read already.
struct Replayed<S> {
    read: Vec<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read[..count]);
        // Freed as soon as it is used up: the connection may last.
        self.read = self.read.split_off(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A connection that speaks HTTP.
pub(crate) struct HttpConnection {
    pub(crate) listening: Arc<Listening>,
    pub(crate) peer: IpAddr,
    door: Door,
    place: Arc<OwnedSemaphorePermit>,
    /// Whether it waits for its peer to take in what was written.
    blocked: Blocked,
    /// Calls that are under way; with HTTP/2 there may be many.
    calls: AtomicUsize,
    /// When the last one ended, or the connection began, on the monotonic clock.
    idle_since_ms: AtomicU64,
    /// When a stream was last asked for more, 0 without one.
    streamed_ms: AtomicU64,
}

/// A call that is under way, until it is dropped.
pub(crate) struct UnderWay(Arc<HttpConnection>);

impl UnderWay {
    pub(crate) fn listening(&self) -> &Arc<Listening> {
        &self.0.listening
    }

    pub(crate) fn service(&self) -> &Service {
        &self.0.listening.service
    }

    /// A stream was asked for more. When that stops, its reader has closed the window of HTTP/2 on it.
    pub(crate) fn streamed(&self) {
        let now_ms = self.service().clock().monotonic_ms();
        self.0.streamed_ms.store(now_ms.max(1), Ordering::Relaxed);
    }

    /// A stream has ended; if there are others, they will say so.
    pub(crate) fn stream_ended(&self) {
        self.0.streamed_ms.store(0, Ordering::Relaxed);
    }

    /// Whether the connection waits for its peer to take in what was written.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.blocked.is_so()
    }
}

impl HttpConnection {
    fn under_way(self: &Arc<Self>) -> UnderWay {
        self.calls.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// For how long it may go on being silent; `None` when it has been too long.
    fn may_be_silent_for(&self) -> Option<Duration> {
        let now_ms = self.listening.service.clock().monotonic_ms();
        if self.calls.load(Ordering::Relaxed) > 0 {
            let streamed_ms = self.streamed_ms.load(Ordering::Relaxed);
            let stalled = streamed_ms > 0 && now_ms.saturating_sub(streamed_ms) > REQUEST_HEAD_MS_MAX;
            return (!stalled).then_some(Duration::from_millis(REQUEST_HEAD_MS_MAX));
        }
        let idle_ms = now_ms - self.idle_since_ms.load(Ordering::Relaxed);
        let left_ms = REQUEST_HEAD_MS_MAX
            .checked_sub(idle_ms)
            .filter(|&left_ms| left_ms > 0);
        left_ms.map(Duration::from_millis)
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let under_way = self.under_way();
        match self.door {
            Door::Ops => ops::handle(&self.listening, request).await,
            Door::Public if gateway::is_path(request.uri().path()) => {
                gateway::upgrade(&self.listening, self.peer, request, Arc::clone(&self.place))
            }
            Door::Public if stream::is_path(request.uri().path()) => {
                let peer = self.peer;
                stream::handle(under_way, peer, request).await
            }
            Door::Public => rest::handle(&under_way.0, request).await,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now_ms = self.0.listening.service.clock().monotonic_ms();
        self.0.idle_since_ms.store(now_ms, Ordering::Relaxed);
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn http<S>(
    listening: Arc<Listening>,
    door: Door,
    stream: Replayed<S>,
    peer: IpAddr,
    place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http2 = stream.read.starts_with(HTTP2);
    let stream = Observed::new(stream);
    let connection = Arc::new(HttpConnection {
        blocked: stream.blocked(),
        idle_since_ms: AtomicU64::new(listening.service.clock().monotonic_ms()),
        listening,
        peer,
        door,
        place: Arc::new(place),
        calls: AtomicUsize::new(0),
        streamed_ms: AtomicU64::new(0),
    });
    let called = Arc::clone(&connection);
    let service = service_fn(move |request| {
        let answer = Arc::clone(&called).answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        let served = builder.serve_connection(TokioIo::new(stream), service);
        drive(&connection, served, http2::Connection::graceful_shutdown).await;
    } else {
        let served = http1::Builder::new()
            // It would set up a timer for each call; the silence is watched below, for nothing.
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        drive(
            &connection,
            served,
            http1::UpgradeableConnection::graceful_shutdown,
        )
        .await;
    }
}

/// Runs a connection until it ends, is silent for too long, or the server stops.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    connection: &HttpConnection,
    served: C,
    wind_up: impl FnOnce(Pin<&mut C>),
) {
    let mut served = std::pin::pin!(served);
    let mut stopped = std::pin::pin!(connection.listening.stop.cancelled());
    let mut silent = std::pin::pin!(tokio::time::sleep(Duration::from_millis(REQUEST_HEAD_MS_MAX)));
    let ended = loop {
        tokio::select! {
            biased;
            ended = served.as_mut() => break ended,
            () = stopped.as_mut() => {
                wind_up(served.as_mut());
                break served.await;
            }
            () = silent.as_mut() => match connection.may_be_silent_for() {
                Some(left) => silent.as_mut().reset(Instant::now() + left),
                None => return,
            },
        }
    };
    // What a client does to its own connection is its own business.
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %connection.peer, "a connection ended early");
    }
}
