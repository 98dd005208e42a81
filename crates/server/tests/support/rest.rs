//! REST calls over one HTTP/1.1 connection that is kept alive.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::server::App;

/// How long a call may take before it counts as one that is never answered.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection of a backend.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    query: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, app: &App, usersig: &str) -> Self {
        let (sdkappid, admin) = (app.sdkappid, &app.admins[0]);
        let query =
            format!("sdkappid={sdkappid}&identifier={admin}&usersig={usersig}&random=1&contenttype=json");
        Self {
            address,
            stream: connect(address),
            query,
        }
    }

    /// One more connection of the same backend.
    pub(crate) fn another(&self) -> Self {
        Self {
            address: self.address,
            stream: connect(self.address),
            query: self.query.clone(),
        }
    }

    /// Calls a command. An error means that the connection broke and nobody knows what became of the call.
    pub(crate) fn call(&mut self, command: &str, body: &Value) -> io::Result<Value> {
        let body = body.to_string();
        let request = format!(
            "POST /v4/{command}?{} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.query,
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let answer = self.answer();
        if let Err(error) = &answer {
            let hangs = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
            assert!(!hangs, "{command} was not answered in a minute: {body}");
        }
        answer
    }

    /// Calls a command that must succeed.
    pub(crate) fn ok(&mut self, command: &str, body: &Value) -> Value {
        let answer = self.call(command, body).expect("the server answers");
        assert_eq!(answer["ErrorCode"], 0, "{command} {body}: {answer}");
        answer
    }

    fn answer(&mut self) -> io::Result<Value> {
        let status = self.line()?;
        assert_eq!(status, "HTTP/1.1 200 OK");
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body).expect("an answer is JSON"))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("the socket takes options");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("the socket takes options");
    BufReader::new(stream)
}
