//! A gateway client, down to its frames: it can also say what no well-behaved client would.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use headcount_core::SdkAppId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// After this long a test that hangs says so.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a frame carries, as far as these tests use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// A connected client.
pub(crate) struct Gateway {
    stream: TcpStream,
    arrived: Vec<u8>,
    pushes: VecDeque<Value>,
    seq: u64,
    sdkappid: SdkAppId,
    pub(crate) platform: u64,
    /// A2 and TinyId, once logged in.
    pub(crate) login: Option<(String, String)>,
}

impl Gateway {
    /// Connects and shakes hands, as the sample of RFC 6455 does.
    pub(crate) async fn open(address: SocketAddr, sdkappid: SdkAppId) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let hello = "GET /binfo?sdkappid=1&instanceid=x HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(hello.as_bytes()).await.expect("a hello");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer to the hello"));
        }
        let head = String::from_utf8(head).expect("a head").to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        Self {
            stream,
            arrived: Vec::new(),
            pushes: VecDeque::new(),
            seq: 0,
            sdkappid,
            platform: 7,
            login: None,
        }
    }

    /// Sends bytes as they are. The server may have gone away in the middle of them.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a masked frame; `last` when it ends its message.
    pub(crate) async fn send_frame(&mut self, opcode: Opcode, last: bool, payload: &[u8]) -> io::Result<()> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = vec![opcode as u8 | if last { 0x80 } else { 0 }];
        match u16::try_from(payload.len()) {
            Ok(short @ 0..=125) => bytes.push(0x80 | short.to_be_bytes()[1]),
            Ok(medium) => {
                bytes.push(0x80 | 0x7E);
                bytes.extend(medium.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0x80 | 0x7F);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(MASK);
        bytes.extend(
            payload
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        self.send_bytes(&bytes).await
    }

    /// The next frame of the server, `None` when the connection has ended.
    pub(crate) async fn frame(&mut self) -> Option<(Opcode, Vec<u8>)> {
        loop {
            if let Some(frame) = take_frame(&mut self.arrived) {
                return Some(frame);
            }
            let read = self.stream.read_buf(&mut self.arrived);
            match tokio::time::timeout(PATIENCE, read)
                .await
                .expect("the server says something")
            {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message of the server.
    async fn message(&mut self) -> Value {
        let (opcode, payload) = self.frame().await.expect("the connection is open");
        assert_eq!(opcode, Opcode::Binary, "the SDK takes nothing else: {payload:?}");
        serde_json::from_slice(&payload).expect("a message is JSON")
    }

    /// The code with which the server closes, after whatever else it says.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            let (opcode, payload) = self.frame().await.expect("the server says why it closes");
            if opcode == Opcode::Close {
                assert_eq!(self.frame().await, None, "nothing follows a goodbye");
                return u16::from_be_bytes(payload.try_into().expect("a code"));
            }
        }
    }

    /// A request in the form of the SDK, which is sent with [`Gateway::send_frame`].
    pub(crate) fn request(&mut self, servcmd: &str, more: &Value, body: &Value) -> Vec<u8> {
        self.seq += 1;
        let mut head = json!({
            "ver": "v4", "platform": self.platform, "websdkappid": 537_048_168, "websdkversion": "1.7.3",
            "sdkappid": self.sdkappid.0, "contenttype": "json", "reqtime": 1, "servcmd": servcmd,
            "seq": self.seq,
        });
        for (name, value) in more.as_object().expect("fields of a head") {
            head[name] = value.clone();
        }
        json!({ "head": head, "body": body }).to_string().into_bytes()
    }

    /// The answer to the request sent last; pushes that come in between are kept.
    pub(crate) async fn answer(&mut self) -> Value {
        loop {
            let mut message = self.message().await;
            if message["head"]["servcmd"] == "im_open_push.msg_push" {
                self.pushes.push_back(message["body"]["EventArray"].take());
                continue;
            }
            assert_eq!(message["head"]["seq"], self.seq, "{message}");
            return message["body"].take();
        }
    }

    async fn ask_with(&mut self, servcmd: &str, more: &Value, body: &Value) -> Value {
        let request = self.request(servcmd, more, body);
        self.send_frame(Opcode::Binary, true, &request)
            .await
            .expect("sent");
        self.answer().await
    }

    /// Asks as the SDK does: with the A2 of the login, once there is one.
    pub(crate) async fn ask(&mut self, servcmd: &str, body: Value) -> Value {
        let more = match &self.login {
            Some((a2, tiny_id)) => json!({ "a2": a2, "tinyid": tiny_id }),
            None => json!({}),
        };
        self.ask_with(servcmd, &more, &body).await
    }

    /// Asks and has to succeed.
    pub(crate) async fn ok(&mut self, servcmd: &str, body: Value) -> Value {
        let answer = self.ask(servcmd, body).await;
        assert_eq!(answer["ErrorCode"], 0, "{servcmd}: {answer}");
        answer
    }

    /// The code of the answer.
    pub(crate) async fn code(&mut self, servcmd: &str, body: Value) -> i64 {
        super::code(&self.ask(servcmd, body).await)
    }

    /// Logs in with a UserSig, and keeps what the answer says for later.
    pub(crate) async fn log_in(&mut self, user: &str, usersig: &str) -> Value {
        let more = json!({ "identifier": user, "usersig": usersig });
        let body = json!({ "State": "Online", "is_web_uniapp": 0, "InstType": 0, "CustomInfo": "" });
        let answer = self.ask_with("im_open_status.wslogin", &more, &body).await;
        if let (Some(a2), Some(tiny_id)) = (answer["A2Key"].as_str(), answer["TinyId"].as_str()) {
            self.login = Some((a2.to_owned(), tiny_id.to_owned()));
        }
        answer
    }

    /// Returns with the A2 of this client's login.
    pub(crate) async fn come_back(&mut self) -> Value {
        self.ask("im_open_status.wslogin", json!({ "State": "Online" }))
            .await
    }

    /// The next push, one that came already or the next one to come.
    pub(crate) async fn push(&mut self) -> Value {
        if let Some(push) = self.pushes.pop_front() {
            return push;
        }
        let mut message = self.message().await;
        assert_eq!(message["head"]["servcmd"], "im_open_push.msg_push", "{message}");
        message["body"]["EventArray"].take()
    }

    /// Whether any push has come, up to the answer to a question asked now.
    pub(crate) async fn was_told_nothing(&mut self) -> bool {
        self.ok("heartbeat.alive", json!({})).await;
        self.pushes.is_empty()
    }
}

/// Takes a whole frame off what has arrived. A server never masks.
fn take_frame(arrived: &mut Vec<u8>) -> Option<(Opcode, Vec<u8>)> {
    let (&first, &second) = (arrived.first()?, arrived.get(1)?);
    let (start, len) = match second {
        126 => (
            4,
            usize::from(u16::from_be_bytes(arrived.get(2..4)?.try_into().ok()?)),
        ),
        127 => {
            let long = u64::from_be_bytes(arrived.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(long).ok()?)
        }
        short => (2, usize::from(short)),
    };
    let payload = arrived.get(start..start + len)?.to_vec();
    arrived.drain(..start + len);
    let opcode = match first {
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x8A => Opcode::Pong,
        other => panic!("the server sends whole binary messages, goodbyes and pongs: {other:#x}"),
    };
    Some((opcode, payload))
}
