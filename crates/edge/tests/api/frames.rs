//! The gateway's framing, and what is not of its language.

use headcount_core::limits::GATEWAY_MESSAGE_BYTES_MAX;
use serde_json::json;

use crate::testkit::{Opcode, Server, until_count};

const FANS: &str = "@TGS#_fans";

async fn server() -> Server {
    let server = Server::start().await;
    server.group("Community", FANS, &["ann"]).await;
    server
}

#[tokio::test]
async fn a_message_may_come_in_pieces_with_a_ping_in_between() {
    let server = server().await;
    let mut ann = server.client("ann").await;
    let request = ann.request("heartbeat.alive", &json!({}), &json!({}));
    let (first, rest) = request.split_at(10);
    let (second, third) = rest.split_at(0);
    ann.send_frame(Opcode::Binary, false, first).await.unwrap();
    ann.send_frame(Opcode::Ping, true, b"are you there?")
        .await
        .unwrap();
    assert_eq!(
        ann.frame().await,
        Some((Opcode::Pong, b"are you there?".to_vec()))
    );
    ann.send_frame(Opcode::Continuation, false, second).await.unwrap();
    ann.send_frame(Opcode::Pong, true, b"nobody asked").await.unwrap();
    ann.send_frame(Opcode::Continuation, true, third).await.unwrap();
    assert_eq!(ann.answer().await["ErrorCode"], 0);
    // Several frames at once, and one byte by byte.
    let request = ann.request("heartbeat.alive", &json!({}), &json!({}));
    ann.send_frame(Opcode::Text, true, &request).await.unwrap();
    assert_eq!(ann.answer().await["ErrorCode"], 0, "text is as good as binary");
    for byte in [0x89, 0x80, 1, 2, 3, 4, 0x89, 0x81, 1, 2, 3, 4, b'x' ^ 1] {
        ann.send_bytes(&[byte]).await.unwrap();
    }
    assert_eq!(ann.frame().await, Some((Opcode::Pong, vec![])));
    assert_eq!(ann.frame().await, Some((Opcode::Pong, b"x".to_vec())));
    assert_eq!(server.count(FANS).await, 1);
}

/// Sends this on a connection that is logged in; it is closed with this code, and uncounted.
async fn is_closed(frames: &[(u8, usize)], unmasked: bool, code: u16) {
    let server = server().await;
    let mut ann = server.client("ann").await;
    assert_eq!(server.count(FANS).await, 1);
    for &(first, len) in frames {
        let mut bytes = vec![first];
        let masked = if unmasked { 0 } else { 0x80 };
        if let Ok(short @ 0..=125) = u8::try_from(len) {
            bytes.push(masked | short);
        } else {
            bytes.push(masked | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
        bytes.resize(bytes.len() + len + if unmasked { 0 } else { 4 }, 0);
        // The server may have closed already.
        let _ = ann.send_bytes(&bytes).await;
    }
    assert_eq!(ann.close_code().await, code, "{frames:x?}");
    until_count(&server, FANS, 0).await;
}

#[tokio::test]
async fn broken_framing_is_closed_as_such() {
    is_closed(&[(0x82, 5)], true, 1002).await;
    for frames in [
        &[(0x80, 5)][..],
        &[(0x83, 5)],
        &[(0xC2, 5)],
        &[(0x09, 0)],
        &[(0x89, 126)],
        &[(0x02, 5), (0x82, 5)],
    ] {
        is_closed(frames, false, 1002).await;
    }
}

#[tokio::test]
async fn a_message_beyond_the_bound_is_closed_as_such() {
    is_closed(&[(0x82, 200_000)], false, 1009).await;
    is_closed(&[(0x02, GATEWAY_MESSAGE_BYTES_MAX), (0x80, 1)], false, 1009).await;
}

#[tokio::test]
async fn the_largest_message_is_taken() {
    let server = server().await;
    let mut ann = server.client("ann").await;
    let padding = |len: usize| json!({ "padding": "x".repeat(len) });
    let bare = ann.request("heartbeat.alive", &json!({}), &padding(0)).len();
    let request = ann.request(
        "heartbeat.alive",
        &json!({}),
        &padding(GATEWAY_MESSAGE_BYTES_MAX - bare),
    );
    assert_eq!(request.len(), GATEWAY_MESSAGE_BYTES_MAX);
    ann.send_frame(Opcode::Binary, true, &request).await.unwrap();
    assert_eq!(ann.answer().await["ErrorCode"], 0);
    assert_eq!(server.count(FANS).await, 1);
}

#[tokio::test]
async fn what_has_no_head_to_answer_is_closed() {
    let server = server().await;
    for junk in [
        &b"junk"[..],
        b"",
        b"{}",
        b"[]",
        br#"{"head":{}}"#,
        br#"{"head":{"servcmd":"heartbeat.alive"}}"#,
        br#"{"head":{"servcmd":7,"seq":1}}"#,
        b"\xff\xfe",
        b"COMP\x1f\x8b",
    ] {
        let mut ann = server.client("ann").await;
        assert_eq!(server.count(FANS).await, 1);
        ann.send_frame(Opcode::Binary, true, junk).await.unwrap();
        assert_eq!(ann.close_code().await, 1003, "{junk:?}");
        until_count(&server, FANS, 0).await;
    }
}

#[tokio::test]
async fn an_answer_repeats_name_and_number_as_they_came() {
    let server = server().await;
    let mut client = server.connect().await;
    for (seq, servcmd) in [
        ("7", "heartbeat.alive"),
        (r#""8""#, "heartbeat.alive"),
        ("9", "no.such"),
        ("1e3", ""),
    ] {
        let request = format!(r#"{{"head":{{"seq":{seq},"servcmd":"{servcmd}"}},"body":{{}}}}"#);
        client
            .send_frame(Opcode::Binary, true, request.as_bytes())
            .await
            .unwrap();
        let (_, answer) = client.frame().await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let head = format!(r#"{{"head":{{"ver":"v4","servcmd":"{servcmd}","seq":{seq}}},"body":{{"#);
        assert!(answer.starts_with(&head), "{answer}");
    }
}

#[tokio::test]
async fn a_visit_without_a_handshake_is_told_what_this_is() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = server().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /binfo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}
