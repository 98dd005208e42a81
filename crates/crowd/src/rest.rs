//! Asking over REST, on a connection that is kept alive.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::args::Args;
use crate::clock;

/// How long an admin's UserSig holds.
const USERSIG_S: u64 = 86_400;

/// A connection of the app's backend.
#[derive(Debug)]
pub(crate) struct Rest {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of a call.
pub(crate) fn request(args: &Args, command: &str, body: &Value) -> Vec<u8> {
    let Args {
        server,
        sdkappid,
        admin,
        secret_key,
        ..
    } = args;
    let usersig = usersig::sign(secret_key, *sdkappid, admin, clock::wall_s(), USERSIG_S, None);
    let body = body.to_string();
    format!(
        "POST /v4/{command}?sdkappid={sdkappid}&identifier={admin}&usersig={usersig}&random=1&contenttype=json \
         HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Rest {
    pub(crate) async fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4 << 10),
        })
    }

    /// Sends a call and gives the body of its answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> io::Result<Value> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(body) = body(&self.buffer)? {
                return serde_json::from_slice(body).map_err(Into::into);
            }
        }
    }

    /// The count in the answer to a call.
    pub(crate) async fn count(&mut self, request: &[u8]) -> io::Result<u64> {
        let answer = self.call(request).await?;
        let counted = answer["OnlineMemberNum"].as_u64();
        counted.ok_or_else(|| io::Error::other(format!("no count: {answer}")))
    }
}

/// The body of an answer, once it is there as a whole.
fn body(arrived: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(head_len) = arrived.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&arrived[..head_len]);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) if head.starts_with("HTTP/1.1 200 ") => {
            Ok(arrived.get(head_len + 4..head_len + 4 + length))
        }
        _ => Err(io::Error::other(format!(
            "not the answer that was expected: {head}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_once_it_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(body(answer).unwrap(), Some(&b"{}"[..]));
        assert_eq!(body(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(body(&answer[..20]).unwrap(), None);
        assert!(body(b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}").is_err());
    }
}
