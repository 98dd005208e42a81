//! The request log: one line a request, and nothing that opens a door.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{App, Server, create_app, headcount};

#[test]
fn one_line_a_request_and_no_secrets() {
    for (format, begins) in [
        ("text", "request time_ms="),
        ("json", "{\"request\":{\"time_ms\":"),
    ] {
        let folder = TempDir::new().unwrap();
        let app = create_app(folder.path(), &[]);
        let server = Server::start(folder.path(), &["--log-format", format]);
        let signed = |user| sign(folder.path().to_str().unwrap(), &app, user);

        let mut connection = server.connect(&app);
        for turn in 0..20 {
            let user = json!({ "UserID": format!("user{turn}") });
            connection.ok("im_open_login_svc/account_import", &user);
        }
        let refused = connection
            .call("group_open_http_svc/create_group", &json!({}))
            .unwrap();
        assert_ne!(refused["ErrorCode"], 0);
        let alice = signed("alice");
        let welcome = log_in(&server, &app, &alice).unwrap();
        assert_eq!(welcome["body"]["ErrorCode"], 0, "{welcome}");
        // A call with somebody's UserSig that may not make it.
        let query = format!(
            "sdkappid={}&identifier=alice&usersig={alice}&contenttype=json",
            app.sdkappid
        );
        let mut stream = TcpStream::connect(server.listen).unwrap();
        write!(
            stream,
            "POST /v4/im_open_login_svc/account_import?{query} HTTP/1.1\r\nHost: h\r\n\
             Connection: close\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        stream.read_to_string(&mut String::new()).unwrap();

        let ended = server.stop();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let lines = ended.stderr.lines().filter(|line| line.starts_with(begins));
        assert_eq!(
            lines.count(),
            23,
            "20 imports, two refusals, a login: {}",
            ended.stderr
        );
        let everything = format!("{}{}", ended.stdout, ended.stderr);
        let a2 = welcome["body"]["A2Key"].as_str().unwrap();
        for secret in [&app.secretkey, &alice, &signed("administrator"), a2] {
            // Of a UserSig or a key also a part would be too much.
            let part = &secret[..secret.len().min(24)];
            assert!(!everything.contains(part), "{part} is in the log:\n{everything}");
        }
        if format == "json" {
            for line in ended.stderr.lines() {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "not JSON: {line}");
            }
        }
    }
}

fn sign(folder: &str, app: &App, user: &str) -> String {
    let sdkappid = app.sdkappid.to_string();
    let signed = headcount(&[
        "usersig",
        "--data-dir",
        folder,
        "--sdkappid",
        &sdkappid,
        "--user",
        user,
    ]);
    assert_eq!(signed.code, Some(0), "{signed:?}");
    signed.stdout.trim().to_owned()
}

/// Logs a user in at the gateway; gives the answer.
fn log_in(server: &Server, app: &App, usersig: &str) -> io::Result<Value> {
    let mut socket = TcpStream::connect(server.listen)?;
    write!(
        socket,
        "GET /binfo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    let login = json!({
        "head": {
            "servcmd": "im_open_status.wslogin", "seq": 1, "sdkappid": app.sdkappid,
            "identifier": "alice", "usersig": usersig, "platform": 10,
        },
        "body": {},
    });
    let message = login.to_string();
    // One binary frame, masked with zeros.
    let mut frame = vec![0x82, 0x80 | 0x7E];
    frame.extend(
        u16::try_from(message.len())
            .map_err(io::Error::other)?
            .to_be_bytes(),
    );
    frame.extend([0; 4]);
    frame.extend(message.as_bytes());
    socket.write_all(&frame)?;
    let mut start = [0; 4];
    socket.read_exact(&mut start)?;
    assert_eq!(start[..2], [0x82, 126], "a binary frame of middle length");
    let mut answer = vec![0; usize::from(u16::from_be_bytes([start[2], start[3]]))];
    socket.read_exact(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}
