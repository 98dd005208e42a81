//! A REST client, and what holds for every answer.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Sends one request on a connection of its own. Whatever was asked, the answer is HTTP 200 and JSON.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    body: impl AsRef<[u8]>,
) -> String {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    // It ends with the sender, or when the server closes it.
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, "localhost")
        .body(Full::new(Bytes::copy_from_slice(body.as_ref())))
        .expect("a request");
    let response = sender.send_request(request).await.expect("a response");
    assert_eq!(response.status(), StatusCode::OK, "{target}");
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/json",
        "{target}"
    );
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    drop(sender);
    // What the server does to the connection afterwards is not the matter here.
    let _ = connection.await;
    String::from_utf8(body.to_vec()).expect("UTF-8")
}

/// The answer as JSON, with the envelope that every answer has.
pub(super) fn envelope(text: &str) -> Value {
    let answer: Value = serde_json::from_str(text).expect("an answer is JSON");
    let code = answer["ErrorCode"].as_i64().expect("ErrorCode");
    let info = answer["ErrorInfo"].as_str().expect("ErrorInfo");
    if code == 0 {
        assert_eq!(
            (&answer["ActionStatus"], info),
            (&Value::from("OK"), ""),
            "{text}"
        );
    } else {
        assert_eq!(answer["ActionStatus"], "FAIL", "{text}");
        assert!(!info.is_empty(), "a fault says what to mend: {text}");
        assert!(!info.contains("a secret of the store"), "{text}");
    }
    answer
}

/// The code of an answer.
pub(crate) fn code(answer: &Value) -> i64 {
    answer["ErrorCode"].as_i64().expect("ErrorCode")
}
