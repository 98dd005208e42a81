//! One client: from the connection to its end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicU64;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::wire;

/// Bytes of the longest answer that a client waits for here.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) stream: TcpStream,
    /// When it last said that it is alive, until that is answered; 0 then.
    pub(crate) alive_said_us: AtomicU64,
}

/// Why a client could not come.
#[derive(Debug)]
pub(crate) enum Failed {
    /// No connection, or it broke.
    Io(io::Error),
    /// It was answered with something else than success.
    Refused(String),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Refused(answer) => write!(f, "{answer}"),
        }
    }
}

impl Session {
    /// Connects, and opens a WebSocket.
    pub(crate) async fn connect(
        source: Ipv4Addr,
        server: SocketAddr,
        handshake: &[u8],
    ) -> Result<Self, Failed> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((source, 0)))?;
        let mut stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        stream.write_all(handshake).await?;
        let mut answer = Vec::with_capacity(256);
        while !answer.ends_with(b"\r\n\r\n") {
            read_more(&mut stream, &mut answer).await?;
        }
        if !answer.starts_with(b"HTTP/1.1 101 ") {
            return Err(Failed::Refused(String::from_utf8_lossy(&answer).into_owned()));
        }
        Ok(Self {
            stream,
            alive_said_us: AtomicU64::new(0),
        })
    }

    /// Says something and waits for an answer that tells success.
    pub(crate) async fn ask(&mut self, frame: &[u8]) -> Result<(), Failed> {
        self.ask_for(frame, wire::is_ok).await
    }

    /// Wishes to join and waits for the answer; one who came back is a member already.
    pub(crate) async fn join(&mut self, frame: &[u8]) -> Result<(), Failed> {
        self.ask_for(frame, |message| {
            wire::is_ok(message) || wire::is_member_already(message)
        })
        .await
    }

    async fn ask_for(&mut self, frame: &[u8], is_right: impl Fn(&[u8]) -> bool) -> Result<(), Failed> {
        self.stream.write_all(frame).await?;
        let mut arrived = Vec::with_capacity(512);
        loop {
            read_more(&mut self.stream, &mut arrived).await?;
            let Some(heard) = wire::heard(&arrived) else {
                continue;
            };
            if heard.is_message && is_right(heard.payload) {
                return Ok(());
            }
            return Err(Failed::Refused(
                String::from_utf8_lossy(heard.payload).into_owned(),
            ));
        }
    }

    /// Ends the connection without a word, as when a machine loses its power and comes back.
    pub(crate) fn drop_abruptly(self) {
        // If this fails, it ends like any other.
        let _ = self.stream.set_zero_linger();
    }
}

async fn read_more(stream: &mut TcpStream, arrived: &mut Vec<u8>) -> Result<(), Failed> {
    if arrived.len() > ANSWER_BYTES_MAX {
        return Err(Failed::Refused("an answer that does not end".to_owned()));
    }
    match stream.read_buf(arrived).await? {
        0 => Err(Failed::Io(io::ErrorKind::UnexpectedEof.into())),
        _ => Ok(()),
    }
}
