//! The client gateway: WebSocket at `/binfo`, speaking the official SDK's messages.

mod conversation;
mod frame;
mod io;
mod message;
mod push;

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::sync::OwnedSemaphorePermit;

use crate::edge::Edge;
use conversation::Conversation;

/// Whether a path is the gateway's. The SDK keeps a path of its `proxyServer` option in front, and a
/// trailing slash there gives two.
pub(crate) fn is_path(path: &str) -> bool {
    path.ends_with("/binfo")
}

/// What RFC 6455 adds to a key to prove that a server speaks WebSocket.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Upgrades a connection and serves it on a task of its own. `place` is its place among the connections
/// the server holds.
pub(crate) fn upgrade(
    edge: &Arc<Edge>,
    peer: IpAddr,
    mut request: Request<Incoming>,
    place: Arc<OwnedSemaphorePermit>,
) -> Response<Full<Bytes>> {
    let Some(accept) = accept_key(request.method(), request.headers()) else {
        let mut response = Response::new(Full::from("this is a WebSocket address\n"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        response
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let conversation = Conversation::new(Arc::clone(edge), peer);
    let stop = edge.stop.clone();
    edge.tasks.spawn(async move {
        if let Ok(socket) = upgraded.await {
            io::serve(TokioIo::new(socket), conversation, stop).await;
        }
        drop(place);
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The answer to a WebSocket handshake; `None` when the request is none.
fn accept_key(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name, token: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    let handshake = *method == Method::GET
        && has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| handshake)?;
    let proof = Sha1::new()
        .chain_update(key.as_bytes())
        .chain_update(ACCEPT_GUID)
        .finalize();
    HeaderValue::from_str(&STANDARD.encode(proof)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_the_rfc() {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(
            header::CONNECTION,
            HeaderValue::from_static("keep-alive, Upgrade"),
        );
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        assert_eq!(accept_key(&Method::GET, &headers), None, "no key");
        headers.insert(
            header::SEC_WEBSOCKET_KEY,
            HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="),
        );
        let accept = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accept_key(&Method::GET, &headers), Some(accept));
        assert_eq!(accept_key(&Method::POST, &headers), None);
    }
}
