//! An HTTP/1.1 connection that is kept alive: one request, one answer, as little work as possible.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(16 << 10);
        Ok(Self { stream, buffer })
    }

    /// Sends a whole request and gives the body of its answer, which must be HTTP 200.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut whole = None;
        while whole.is_none_or(|(_, end)| self.buffer.len() < end) {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            whole = match whole {
                Some(found) => Some(found),
                None => body_place(&self.buffer)?,
            };
        }
        let (start, end) = whole.unwrap_or_default();
        Ok(&self.buffer[start..end])
    }
}

/// Where the body starts and ends, once the head has arrived.
fn body_place(arrived: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(head_len) = find(arrived, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&arrived[..head_len]).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    if lines.next() != Some("HTTP/1.1 200 OK") {
        return Err(io::Error::other(format!(
            "not the answer that was expected: {head}"
        )));
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let length = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
    let start = head_len + 4;
    Ok(Some((start, start + length.map_err(io::Error::other)?)))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_once_the_head_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(
            body_place(answer).unwrap(),
            Some((answer.len() - 2, answer.len()))
        );
        assert_eq!(body_place(&answer[..30]).unwrap(), None);
        assert!(body_place(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
        assert!(body_place(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
