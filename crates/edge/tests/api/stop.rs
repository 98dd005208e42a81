//! A server that stops sends its clients away and waits for them; and the operators' door.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::testkit::{GROUP, Server, member_list};

#[tokio::test]
async fn stopping_sends_everybody_away_and_ends() {
    let server = Server::start().await;
    let mut guest = server.connect().await;
    let mut ann = server.client("ann").await;
    // A backend that keeps its connection for the next call.
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 17];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK\r\n");

    server.stop.cancel();
    assert_eq!(ann.close_code().await, 1001);
    assert_eq!(guest.close_code().await, 1001);
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).await.unwrap();
    server.edge.closed().await;
}

async fn ops(server: &Server, method: &str, path: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(server.ops_address)
        .await
        .expect("a connection");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    (head[9..12].to_owned(), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn operators_ask_for_health_and_for_a_recount() {
    let server = Server::start().await;
    server.group("Community", "@TGS#_fans", &["ann", "ben"]).await;
    let _ann = server.client("ann").await;
    let body = json!({ "GroupId": "@TGS#_fans", "MemberList": member_list(&["ann"]) });
    server.ok(GROUP, "add_group_member", body).await;
    assert_eq!(server.count("@TGS#_fans").await, 1);
    assert_eq!(ops(&server, "GET", "/healthz").await.0, "200");
    let (status, report) = ops(&server, "POST", "/audit").await;
    let expected = json!({ "groups": 1, "memberships": 2, "online": 1, "differences": [] });
    assert_eq!((status.as_str(), report), ("200", expected));
    for (method, path, status) in [
        ("GET", "/audit", "405"),
        ("POST", "/healthz", "405"),
        ("GET", "/", "404"),
    ] {
        assert_eq!(ops(&server, method, path).await.0, status, "{method} {path}");
    }
    server.store_fails(true);
    let (status, report) = ops(&server, "POST", "/audit").await;
    assert_eq!(status, "500");
    assert!(!report.to_string().contains("a secret of the store"), "{report}");
    // The operators' commands are not for everybody.
    let everybody = crate::testkit::request(server.address, "POST", "/audit", "").await;
    assert!(everybody.contains("60009"), "{everybody}");
}
