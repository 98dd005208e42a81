//! The one loop around a conversation: it owns the socket, the timer and what has arrived.
//!
//! While a client is idle this holds a few words of state and no buffers: bytes are read into a buffer
//! of the thread's, and kept only as long as a message is incomplete.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use headcount_core::limits::{GATEWAY_MESSAGE_BYTES_MAX, GATEWAY_MESSAGE_MS_MAX, GATEWAY_WRITE_MS_MAX};
use headcount_service::{SessionEvent, SessionHandle};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::conversation::{Conversation, Reaction};
use super::frame::{self, CloseCode, Opcode};

/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// Why the loop ends.
enum End {
    /// Say goodbye with this code.
    Close(CloseCode),
    /// The other side is gone.
    Gone,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Serves one connection until it ends, for whatever reason. The session ends with it.
pub(super) async fn serve<S>(mut socket: S, conversation: Conversation, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = Client {
        conversation,
        arrived: Vec::new(),
        message: None,
        began: None,
    };
    let end = client.run(&mut socket, &stop).await;
    // Offline before goodbye: a client that does not take it may take its time.
    drop(client);
    if let End::Close(code) = end {
        let mut goodbye = Vec::with_capacity(4);
        frame::write_close(&mut goodbye, code);
        // The connection is over either way.
        let _ = write(&mut socket, &goodbye).await;
        let _ = tokio::time::timeout(Duration::from_millis(GATEWAY_WRITE_MS_MAX), socket.shutdown()).await;
    }
}

struct Client {
    conversation: Conversation,
    /// What has arrived and is not yet a whole frame.
    arrived: Vec<u8>,
    /// The fragments of a message so far.
    message: Option<Vec<u8>>,
    /// When the frame or message that is incomplete began.
    began: Option<Instant>,
}

impl Client {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        stop: &CancellationToken,
    ) -> End {
        let mut heard = Instant::now();
        loop {
            let mut deadline = heard + self.conversation.silence_max();
            if let Some(began) = self.began {
                deadline = deadline.min(began + Duration::from_millis(GATEWAY_MESSAGE_MS_MAX));
            }
            let session = self.conversation.session();
            let done = tokio::select! {
                read = read(socket, &mut self.arrived) => match read {
                    Ok(0) | Err(_) => Err(End::Gone),
                    Ok(_) => {
                        heard = Instant::now();
                        self.on_arrived(socket).await
                    }
                },
                event = next_event(session) => {
                    let reaction = self.conversation.on_event(&event);
                    react(socket, reaction).await
                }
                () = tokio::time::sleep_until(deadline) => Err(End::Close(CloseCode::Normal)),
                () = stop.cancelled() => Err(End::Close(CloseCode::GoingAway)),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Takes whole frames out of what has arrived.
    async fn on_arrived<S: AsyncWrite + Unpin>(&mut self, socket: &mut S) -> Result<(), End> {
        let mut arrived = std::mem::take(&mut self.arrived);
        let mut taken = 0;
        while let Some(frame) = frame::next_frame(&mut arrived[taken..]).map_err(End::Close)? {
            let payload = taken + frame.payload.start..taken + frame.payload.end;
            taken = payload.end;
            self.on_frame(socket, frame.opcode, frame.last, &arrived[payload])
                .await?;
        }
        arrived.drain(..taken);
        if taken > 0 && self.message.is_none() {
            // Whatever is incomplete now began after the frames that were just taken.
            self.began = None;
        }
        let incomplete = !arrived.is_empty() || self.message.is_some();
        self.began = incomplete.then(|| self.began.unwrap_or_else(Instant::now));
        if !arrived.is_empty() {
            self.arrived = arrived;
        }
        Ok(())
    }

    async fn on_frame<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        opcode: Opcode,
        last: bool,
        payload: &[u8],
    ) -> Result<(), End> {
        match opcode {
            Opcode::Ping => {
                let mut pong = Vec::with_capacity(payload.len() + 2);
                frame::write_frame(&mut pong, Opcode::Pong, payload);
                return Ok(write(socket, &pong).await?);
            }
            Opcode::Pong => return Ok(()),
            Opcode::Close => return Err(End::Close(CloseCode::Normal)),
            Opcode::Text | Opcode::Binary if self.message.is_some() => {
                return Err(End::Close(CloseCode::Protocol));
            }
            Opcode::Text | Opcode::Binary if last => return self.on_message(socket, payload).await,
            Opcode::Text | Opcode::Binary => {
                self.message = Some(payload.to_vec());
                return Ok(());
            }
            Opcode::Continuation => {}
        }
        let Some(mut message) = self.message.take() else {
            return Err(End::Close(CloseCode::Protocol));
        };
        if message.len() + payload.len() > GATEWAY_MESSAGE_BYTES_MAX {
            return Err(End::Close(CloseCode::TooBig));
        }
        message.extend_from_slice(payload);
        if last {
            return self.on_message(socket, &message).await;
        }
        self.message = Some(message);
        Ok(())
    }

    async fn on_message<S: AsyncWrite + Unpin>(&mut self, socket: &mut S, message: &[u8]) -> Result<(), End> {
        // Boxed: the future of a command is large, and an idle connection should not carry room for it.
        let reaction = Box::pin(self.conversation.on_message(message)).await;
        react(socket, reaction).await
    }
}

async fn react<S: AsyncWrite + Unpin>(socket: &mut S, reaction: Reaction) -> Result<(), End> {
    match reaction {
        Reaction::Close(code) => Err(End::Close(code)),
        Reaction::Say(message) => {
            // Always binary: the SDK ignores text frames.
            let mut bytes = Vec::with_capacity(message.len() + 10);
            frame::write_frame(&mut bytes, Opcode::Binary, &message);
            Ok(write(socket, &bytes).await?)
        }
    }
}

async fn next_event(session: Option<Arc<SessionHandle>>) -> SessionEvent {
    match session {
        Some(session) => session.next().await,
        None => pending().await,
    }
}

async fn read<S: AsyncRead + Unpin>(socket: &mut S, arrived: &mut Vec<u8>) -> io::Result<usize> {
    poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
            arrived.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

async fn write<S: AsyncWrite + Unpin>(socket: &mut S, bytes: &[u8]) -> io::Result<()> {
    let written = async {
        socket.write_all(bytes).await?;
        socket.flush().await
    };
    tokio::time::timeout(Duration::from_millis(GATEWAY_WRITE_MS_MAX), written)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
