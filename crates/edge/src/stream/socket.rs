//! A socket that tells whether its peer takes in what is written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether a socket's last write is still waiting for its peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocked(Arc<AtomicBool>);

impl Blocked {
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A socket that is observed.
#[derive(Debug)]
pub(crate) struct Observed<S> {
    socket: S,
    blocked: Blocked,
    /// The same for itself, so that a write that goes through touches nothing shared.
    is_blocked: bool,
}

impl<S> Observed<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket,
            blocked: Blocked::default(),
            is_blocked: false,
        }
    }

    pub(crate) fn blocked(&self) -> Blocked {
        self.blocked.clone()
    }

    fn note<T>(&mut self, written: Poll<T>) -> Poll<T> {
        if self.is_blocked != written.is_pending() {
            self.is_blocked = written.is_pending();
            self.blocked.0.store(self.is_blocked, Ordering::Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn it_is_blocked_from_a_write_that_waits_until_one_goes_through() {
        let (near, mut far) = tokio::io::duplex(4);
        let mut near = Observed::new(near);
        let blocked = near.blocked();
        near.write_all(b"1234").await.unwrap();
        assert!(!blocked.is_so());
        let waiting =
            std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut near).poll_write(cx, b"5").is_pending()));
        assert!(waiting.await);
        assert!(blocked.is_so());
        far.read_exact(&mut [0; 4]).await.unwrap();
        assert!(blocked.is_so(), "until it is tried again");
        near.write_all(b"5").await.unwrap();
        assert!(!blocked.is_so());
    }
}
