//! A reader of server-sent events.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// After this long a test that hangs says so.
const PATIENCE: Duration = Duration::from_mins(1);

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Event {
    /// The groups in it with their numbers.
    pub(crate) fn counts(&self) -> Vec<(&str, u64)> {
        let counts = self.data["Counts"].as_array().expect("a list").iter();
        counts
            .map(|count| {
                let number = count["OnlineMemberNum"].as_u64().expect("a number");
                (count["GroupId"].as_str().expect("an id"), number)
            })
            .collect()
    }
}

/// A stream that is open. Dropping it hangs up.
pub(crate) struct Events {
    body: Incoming,
    arrived: String,
    _sender: SendRequest<Empty<Bytes>>,
}

/// Asks for a stream on a connection of its own: the stream, or the status and the envelope.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    last_event_id: Option<&str>,
) -> Result<Events, (u16, Value)> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    drop(tokio::spawn(connection));
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, "localhost");
    if let Some(id) = last_event_id {
        request = request.header("Last-Event-ID", id);
    }
    let request = request.body(Empty::new()).expect("a request");
    let response = sender.send_request(request).await.expect("a response");
    let (head, body) = response.into_parts();
    if head.status == StatusCode::OK {
        assert_eq!(head.headers[header::CONTENT_TYPE], "text/event-stream");
        return Ok(Events {
            body,
            arrived: String::new(),
            _sender: sender,
        });
    }
    assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
    let body = body.collect().await.expect("a body").to_bytes();
    let text = std::str::from_utf8(&body).expect("UTF-8");
    Err((head.status.as_u16(), super::rest::envelope(text)))
}

impl Events {
    /// The next event, `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.arrived.find("\n\n") {
                let event: String = self.arrived.drain(..end + 2).collect();
                if !event.starts_with(':') {
                    return Some(parse(event.trim_end()));
                }
                continue;
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let data = frame.expect("the server says something")?.expect("a piece");
            let data = data.into_data().expect("data");
            self.arrived.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
    }

    /// The next event of a stream that goes on.
    pub(crate) async fn event(&mut self) -> Event {
        self.next().await.expect("the stream goes on")
    }
}

fn parse(event: &str) -> Event {
    let lines: Vec<_> = event.lines().collect();
    let [name, data, id] = lines[..] else {
        panic!("an event has three lines: {event}")
    };
    assert_eq!(name, "event: counts");
    Event {
        id: id.strip_prefix("id: ").expect("an id").to_owned(),
        data: serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON"),
    }
}
