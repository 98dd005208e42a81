//! The client gateway: WebSocket at `/binfo`, speaking the official SDK's messages.

mod conversation;
mod frame;
mod handshake;
mod io;
mod message;
mod push;

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{self, Body};
use crate::edge::Listening;
use conversation::Conversation;
use io::Client;

pub(crate) use handshake::{Greeting, greeting, is_path};
pub(crate) use io::read_some;

/// Serves a WebSocket that is open, on a task of its own that carries what an idle client needs and no
/// more. `early` is what its client sent already, `place` its place among the connections the server holds.
pub(crate) fn start<S, P>(listening: &Arc<Listening>, peer: IpAddr, socket: S, early: Vec<u8>, place: P)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Send + 'static,
{
    let client = Client::new(Conversation::new(Arc::clone(listening), peer), early);
    let served = io::serve(socket, client, Arc::clone(listening), place);
    listening.tasks.spawn(served);
}

/// Upgrades a connection that has been used for HTTP before, as proxies do.
pub(crate) fn upgrade(
    listening: &Arc<Listening>,
    peer: IpAddr,
    mut request: Request<Incoming>,
    place: Arc<OwnedSemaphorePermit>,
) -> Response<Body> {
    let headers = request.headers().iter();
    let accept = handshake::accept(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
    let accept = accept
        .filter(|_| *request.method() == Method::GET)
        .and_then(|accept| HeaderValue::from_str(&accept).ok());
    let Some(accept) = accept else {
        let mut response = Response::new(body::whole(&b"this is a WebSocket address\n"[..]));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        response
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let held = Arc::clone(listening);
    listening.tasks.spawn(async move {
        if let Ok(socket) = upgraded.await {
            start(&held, peer, TokioIo::new(socket), Vec::new(), place);
        }
    });
    let mut response = Response::new(body::whole(Vec::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}
