//! A count costs no allocation beyond those of the HTTP stack: measured beside that stack alone, which
//! reads the same request and gives an answer of the same length.

use std::convert::Infallible;
use std::net::SocketAddr;

use allocation_counter::measure;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::testkit::{APP, MILLION, Server};

/// Calls before anything is counted: by then, what grows with use has grown.
const WARM_UP: usize = 3_000;
/// Calls that are counted.
const CALLS: u64 = 1_000;
const GROUP: &str = "@TGS#_c";

/// The HTTP stack and nothing else.
async fn bare(body: Bytes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let service = service_fn(move |mut request: Request<Incoming>| {
            let body = body.clone();
            async move {
                while let Some(frame) = request.body_mut().frame().await {
                    frame.expect("a whole body");
                }
                let mut response = Response::new(Full::new(body));
                let json = hyper::header::HeaderValue::from_static("application/json");
                response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
                Ok::<_, Infallible>(response)
            }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service);
        // It ends with the test.
        drop(served.await);
    });
    address
}

/// A client that knows how long an answer is.
struct Client {
    stream: TcpStream,
    request: String,
    answer: Vec<u8>,
}

impl Client {
    async fn new(address: SocketAddr, request: String) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        let mut answer = vec![0; 4 << 10];
        let len = stream.read(&mut answer).await.expect("an answer");
        answer.truncate(len);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains("\"ErrorCode\":0") && text.ends_with('}'), "{text}");
        Self {
            stream,
            request,
            answer,
        }
    }

    async fn call(&mut self, times: u64) {
        for _ in 0..times {
            self.stream
                .write_all(self.request.as_bytes())
                .await
                .expect("it is taken");
            self.stream.read_exact(&mut self.answer).await.expect("an answer");
            assert!(self.answer.ends_with(b"\"OnlineMemberNum\":0}"));
        }
    }
}

/// Allocations of so many calls, of the server and its client together: both are on this thread.
fn allocations(runtime: &Runtime, client: &mut Client) -> u64 {
    runtime.block_on(client.call(WARM_UP as u64));
    measure(|| runtime.block_on(client.call(CALLS))).count_total
}

#[test]
fn a_count_allocates_nothing_of_its_own() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (mut ours, mut theirs, _server) = runtime.block_on(async {
        let server = Server::start().await;
        server.group("Community", GROUP, &[]).await;
        let body = json!({ "GroupId": GROUP }).to_string();
        let request = format!(
            "POST /v4/{MILLION}/get_online_member_num?{} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            server.query(APP),
            body.len()
        );
        let ours = Client::new(server.address, request.clone()).await;
        let text = String::from_utf8_lossy(&ours.answer);
        let (_, fixed) = text.split_once("\r\n\r\n").expect("a head and a body");
        let theirs = Client::new(bare(Bytes::from(fixed.to_owned())).await, request).await;
        (ours, theirs, server)
    });
    let (ours, theirs) = (
        allocations(&runtime, &mut ours),
        allocations(&runtime, &mut theirs),
    );
    // A buffer that still grows now and then is not an allocation a call.
    let more = ours.saturating_sub(theirs);
    assert!(
        more < CALLS / 10,
        "{ours} allocations in {CALLS} calls, {theirs} of them the stack's"
    );
}
