//! A client of the gateway: a WebSocket that logs in.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crowd::wire::{self, Messages};

use crate::support::App;

/// How long an answer may take before it counts as one that never comes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client that has connected.
#[derive(Debug)]
pub(crate) struct Gateway {
    stream: TcpStream,
    arrived: Vec<u8>,
}

impl Gateway {
    /// Connects and asks for a WebSocket; whether it opens is seen when it is used.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let handshake = wire::handshake(&address.to_string());
        stream.write_all(&handshake).expect("the request can be sent");
        Self {
            stream,
            arrived: Vec::new(),
        }
    }

    /// Says something.
    pub(crate) fn say(&mut self, frame: &[u8]) {
        self.stream.write_all(frame).expect("the server is there");
    }

    /// Waits until the WebSocket is open.
    pub(crate) fn opened(&mut self) {
        while !self.arrived.ends_with(b"\r\n\r\n") {
            assert!(self.read_more().expect("an answer") > 0, "it was not opened");
        }
        assert!(self.arrived.starts_with(b"HTTP/1.1 101 "), "{:?}", self.arrived);
        self.arrived.clear();
    }

    /// What the server says next: a message, or the code of its close.
    pub(crate) fn hear(&mut self) -> Result<String, u16> {
        loop {
            if let Some(heard) = wire::heard(&self.arrived) {
                let (message, len) = (heard.payload.to_vec(), heard.len);
                let said = match (heard.is_message, message.first_chunk()) {
                    (true, _) => Ok(String::from_utf8(message).expect("a message is text")),
                    (false, code) => Err(code.map_or(0, |code| u16::from_be_bytes(*code))),
                };
                self.arrived.drain(..len);
                return said;
            }
            assert!(self.read_more().expect("an answer") > 0, "the connection ended");
        }
    }

    /// Whether anything has come that was not read.
    pub(crate) fn was_told(&self) -> bool {
        let told = |stream: &TcpStream| {
            stream.set_nonblocking(true)?;
            let told = stream.peek(&mut [0]);
            stream.set_nonblocking(false)?;
            told
        };
        match told(&self.stream) {
            Ok(len) => len > 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Ends the connection by a reset, as systems do when it is closed with something unread.
    pub(crate) fn reset(mut self, app: &App) {
        self.say(Messages::new(app.sdkappid, "").heartbeat());
        let unread = self.stream.peek(&mut [0]).expect("an answer comes");
        assert!(unread > 0, "the connection ended");
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 4 << 10];
        let len = self.stream.read(&mut buffer)?;
        self.arrived.extend_from_slice(&buffer[..len]);
        Ok(len)
    }
}

/// A client that is logged in.
pub(crate) fn log_in(address: SocketAddr, app: &App, user: &str) -> Gateway {
    log_in_with(address, &login(app, user))
}

/// A client that logs in with this frame.
pub(crate) fn log_in_with(address: SocketAddr, login: &[u8]) -> Gateway {
    let mut client = Gateway::open(address);
    client.opened();
    client.say(login);
    let answer = client.hear().expect("an answer to the login");
    assert!(wire::is_ok(answer.as_bytes()), "{answer}");
    client
}

/// A login.
pub(crate) fn login(app: &App, user: &str) -> Vec<u8> {
    // Far from expiry, whenever the test runs.
    let usersig = usersig::sign(&app.secretkey, app.sdkappid, user, 1_700_000_000, 1 << 40, None);
    Messages::new(app.sdkappid, "").login(user, &usersig)
}

/// A logout.
pub(crate) fn logout(app: &App) -> Vec<u8> {
    Messages::new(app.sdkappid, "").logout().to_vec()
}
