//! The request for a WebSocket (RFC 6455, 4.2), and its answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// What RFC 6455 adds to a key to prove that a server speaks WebSocket.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Headers of a request that are looked at here; one with more is read by the HTTP stack.
const HEADERS_MAX: usize = 48;
const METHOD: &[u8] = b"GET ";

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// More have to come before it can be told.
    Incomplete,
    /// A request for the gateway, and the answer that opens it.
    WebSocket {
        /// Bytes of the request; what is behind them is for the gateway.
        head_len: usize,
        answer: Vec<u8>,
    },
    /// Something else, or a request that cannot be granted.
    Other,
}

/// Whether a path is the gateway's. The SDK keeps a path of its `proxyServer` option in front, and a
/// trailing slash there gives two.
pub(crate) fn is_path(path: &str) -> bool {
    path.ends_with("/binfo")
}

/// Reads the first bytes of a connection.
pub(crate) fn greeting(read: &[u8]) -> Greeting {
    if read.len() < METHOD.len() && METHOD.starts_with(read) {
        return Greeting::Incomplete;
    }
    if !read.starts_with(METHOD) {
        return Greeting::Other;
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_len = match request.parse(read) {
        Ok(httparse::Status::Complete(head_len)) => head_len,
        Ok(httparse::Status::Partial) => return Greeting::Incomplete,
        Err(_) => return Greeting::Other,
    };
    let path = request.path.and_then(|target| target.split('?').next());
    if request.version != Some(1) || !path.is_some_and(is_path) {
        return Greeting::Other;
    }
    let headers = request.headers.iter().map(|header| (header.name, header.value));
    match accept(headers) {
        Some(accept) => Greeting::WebSocket {
            head_len,
            answer: format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .into_bytes(),
        },
        None => Greeting::Other,
    }
}

/// The proof that answers the headers of a GET request; `None` when they ask for no WebSocket.
pub(super) fn accept<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<String> {
    let (mut upgrade, mut connection, mut version, mut key) = (false, false, false, None);
    for (name, value) in headers {
        let has = |token: &[u8]| {
            let items = value.split(|&byte| byte == b',');
            items
                .into_iter()
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
        };
        if name.eq_ignore_ascii_case("upgrade") {
            upgrade |= has(b"websocket");
        } else if name.eq_ignore_ascii_case("connection") {
            connection |= has(b"upgrade");
        } else if name.eq_ignore_ascii_case("sec-websocket-version") {
            version |= has(b"13");
        } else if name.eq_ignore_ascii_case("sec-websocket-key") {
            key = Some(value);
        }
    }
    let key = key.filter(|_| upgrade && connection && version)?;
    let proof = Sha1::new().chain_update(key).chain_update(ACCEPT_GUID).finalize();
    Some(STANDARD.encode(proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /some/path//binfo?sdkappid=1&random=0.5 HTTP/1.1\r\nHost: h\r\n\
        Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    #[test]
    fn the_handshake_of_the_rfc() {
        let early = format!("{REQUEST}early");
        let Greeting::WebSocket { head_len, answer } = greeting(early.as_bytes()) else {
            panic!("it is one");
        };
        assert_eq!(head_len, REQUEST.len());
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(
            answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{answer}"
        );
        for len in 0..REQUEST.len() {
            assert_eq!(
                greeting(&REQUEST.as_bytes()[..len]),
                Greeting::Incomplete,
                "{len}"
            );
        }
    }

    #[test]
    fn anything_else_is_left_to_the_http_stack() {
        let but = |from: &str, to: &str| greeting(REQUEST.replace(from, to).as_bytes());
        assert_eq!(but("GET", "POST"), Greeting::Other);
        assert_eq!(but("/binfo", "/binf"), Greeting::Other);
        assert_eq!(but("HTTP/1.1", "HTTP/1.0"), Greeting::Other);
        assert_eq!(but("Upgrade: websocket", "Upgrade: h2c"), Greeting::Other);
        assert_eq!(but("keep-alive, Upgrade", "keep-alive"), Greeting::Other);
        assert_eq!(but("Version: 13", "Version: 8"), Greeting::Other);
        assert_eq!(but("Sec-WebSocket-Key", "X-Key"), Greeting::Other);
        assert_eq!(greeting(b"PRI * HTTP/2.0\r\n"), Greeting::Other);
        assert_eq!(greeting(b"\0"), Greeting::Other);
        assert_eq!(greeting(b"GET / HTTP/9.9\r\n"), Greeting::Other);
        let many = format!("X: y\r\n{}", "X: y\r\n".repeat(HEADERS_MAX));
        assert_eq!(but("Host: h\r\n", &many), Greeting::Other);
    }
}
