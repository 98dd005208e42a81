//! The one loop around a conversation: it owns the socket, the timer and what has arrived.
//!
//! While a client is idle this holds a few words of state and no buffers: bytes are read into a buffer
//! of the thread's, and kept only as long as a message is incomplete. A heartbeat sets no timer and
//! allocates next to nothing. Whatever takes more than that is a future in a box, so that an idle
//! connection's task carries no room for it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use headcount_core::limits::{GATEWAY_MESSAGE_BYTES_MAX, GATEWAY_MESSAGE_MS_MAX, GATEWAY_WRITE_MS_MAX};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::conversation::{Conversation, Reaction};
use super::frame::{self, CloseCode, Opcode};
use super::message::{self, Request};
use crate::edge::Listening;

/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
    static WRITE: RefCell<Written> = RefCell::default();
}

/// What a thread writes messages into.
#[derive(Default)]
struct Written {
    message: Vec<u8>,
    frame: Vec<u8>,
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

/// Serves one connection until it ends, for whatever reason. The session ends with it. `place` is held as
/// long.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn keeps a second copy of what it is given, for as long as the client is idle"
)]
pub(super) fn serve<S, P>(
    mut socket: S,
    mut client: Client,
    listening: Arc<Listening>,
    place: P,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    async move {
        let end = client.run(&mut socket, &listening.stop).await;
        // Offline before goodbye: a client that does not take it may take its time.
        drop(client);
        if let End::Close(code) = end {
            Box::pin(say_goodbye(&mut socket, code)).await;
        }
        drop(place);
    }
}

async fn say_goodbye<S: AsyncWrite + Unpin>(socket: &mut S, code: CloseCode) {
    let said = say(socket, Opcode::Close, |payload| {
        payload.extend_from_slice(&(code as u16).to_be_bytes());
    });
    // The connection is over either way.
    let _ = said.await;
    let _ = tokio::time::timeout(Duration::from_millis(GATEWAY_WRITE_MS_MAX), socket.shutdown()).await;
}

/// A client, but for its socket.
pub(super) struct Client {
    conversation: Conversation,
    /// What has arrived and is not yet a whole frame.
    arrived: Vec<u8>,
    /// The fragments of a message so far.
    message: Option<Vec<u8>>,
    /// When the client was last heard.
    heard: Instant,
    /// When the frame or message that is incomplete began.
    began: Option<Instant>,
}

impl Client {
    /// One that has just connected. `early` is what was read of it already.
    pub(super) fn new(conversation: Conversation, early: Vec<u8>) -> Self {
        Self {
            conversation,
            arrived: early,
            message: None,
            heard: Instant::now(),
            began: None,
        }
    }

    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        stop: &CancellationToken,
    ) -> End {
        if !self.arrived.is_empty()
            && let Err(end) = Box::pin(self.on_arrived(socket)).await
        {
            return end;
        }
        let mut stopped = pin!(stop.cancelled());
        let mut timer = pin!(tokio::time::sleep_until(self.deadline()));
        loop {
            let deadline = self.deadline();
            // It is not moved for every sign of life: it looks for itself when it has come.
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            let done = tokio::select! {
                biased;
                event = poll_fn(|cx| self.conversation.poll_event(cx)) => {
                    let reaction = self.conversation.on_event(&event);
                    Box::pin(react(socket, reaction)).await
                }
                read = read_some(socket, &mut self.arrived) => match read {
                    Ok(0) | Err(_) => Err(End::Gone),
                    Ok(_) => {
                        self.heard = Instant::now();
                        Box::pin(self.on_arrived(socket)).await
                    }
                },
                () = timer.as_mut() => {
                    if Instant::now() < deadline {
                        timer.as_mut().reset(deadline);
                        Ok(())
                    } else {
                        Err(End::Close(CloseCode::Normal))
                    }
                }
                () = stopped.as_mut() => Err(End::Close(CloseCode::GoingAway)),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// When the client counts as gone.
    fn deadline(&self) -> Instant {
        let silent = self.heard + self.conversation.silence_max();
        let unfinished = self
            .began
            .map(|began| began + Duration::from_millis(GATEWAY_MESSAGE_MS_MAX));
        unfinished.map_or(silent, |unfinished| unfinished.min(silent))
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
                let pong = say(socket, Opcode::Pong, |pong| pong.extend_from_slice(payload));
                return Ok(pong.await?);
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
        // Nobody could match an answer to a message without a head.
        let Some(request) = Request::parse(message) else {
            return Err(End::Close(CloseCode::Unsupported));
        };
        if let Some(answer) = Conversation::alive(&request) {
            let said = say(socket, Opcode::Binary, |said| {
                message::write_answer(said, &request.head, &answer.body);
            });
            return Ok(said.await?);
        }
        let reaction = Box::pin(self.conversation.on_request(&request, message.len())).await;
        react(socket, reaction).await
    }
}

async fn react<S: AsyncWrite + Unpin>(socket: &mut S, reaction: Reaction) -> Result<(), End> {
    match reaction {
        Reaction::Close(code) => Err(End::Close(code)),
        // Always binary: the SDK ignores text frames.
        Reaction::Say(message) => {
            let said = say(socket, Opcode::Binary, |said| said.extend_from_slice(&message));
            Ok(said.await?)
        }
    }
}

/// Reads what is there, and appends it to `arrived`. 0 is the end.
pub(crate) async fn read_some<S: AsyncRead + Unpin>(
    socket: &mut S,
    arrived: &mut Vec<u8>,
) -> io::Result<usize> {
    poll_fn(|cx| {
        READ.with_borrow_mut(|read| {
            let mut buffer = ReadBuf::new(read);
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
            arrived.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

/// Says one frame, whose payload `write` appends.
async fn say<S: AsyncWrite + Unpin>(
    socket: &mut S,
    opcode: Opcode,
    write: impl FnOnce(&mut Vec<u8>),
) -> io::Result<()> {
    WRITE.with_borrow_mut(|Written { message, frame }| {
        message.clear();
        frame.clear();
        write(message);
        frame::write_frame(frame, opcode, message);
    });
    // Nearly always the socket takes all of it at once. The task is not left in between, so what stands
    // in the thread's buffer is still this frame.
    let left = poll_fn(|cx| {
        WRITE.with_borrow(|Written { frame, .. }| {
            let taken = match Pin::new(&mut *socket).poll_write(cx, frame) {
                Poll::Ready(taken) => taken?,
                Poll::Pending => 0,
            };
            let flushed = taken == frame.len() && Pin::new(&mut *socket).poll_flush(cx)?.is_ready();
            Poll::Ready(io::Result::Ok((!flushed).then(|| frame[taken..].to_vec())))
        })
    });
    match left.await? {
        None => Ok(()),
        Some(left) => Box::pin(say_the_rest(socket, left)).await,
    }
}

async fn say_the_rest<S: AsyncWrite + Unpin>(socket: &mut S, left: Vec<u8>) -> io::Result<()> {
    let written = async {
        socket.write_all(&left).await?;
        socket.flush().await
    };
    tokio::time::timeout(Duration::from_millis(GATEWAY_WRITE_MS_MAX), written)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
