//! A server of few words whose count is right, or wrong by a fixed number.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Its threads end with the test's process, or with their connections.
pub(crate) struct Stub {
    pub(crate) address: String,
}

#[derive(Default)]
struct Counts {
    error: i64,
    crowd: AtomicI64,
    probe: AtomicI64,
    members: Mutex<HashSet<String>>,
}

impl Counts {
    fn of(&self, probe: bool) -> &AtomicI64 {
        if probe { &self.probe } else { &self.crowd }
    }
}

impl Stub {
    pub(crate) fn start(error: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let counts = Arc::new(Counts {
            error,
            ..Counts::default()
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&counts);
                // Clients end their connections as they like.
                thread::spawn(move || drop(serve(stream, &counts)));
            }
        });
        Self { address }
    }
}

fn serve(mut stream: TcpStream, counts: &Counts) -> io::Result<()> {
    let head = until_blank_line(&mut stream)?;
    if head.starts_with("GET ") {
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
        let mut online = None;
        let ended = gateway(&mut stream, counts, &mut online);
        if let Some(probe) = online {
            counts.of(probe).fetch_sub(1, Ordering::SeqCst);
        }
        return ended;
    }
    let mut head = head;
    loop {
        let body = body(&mut stream, &head)?;
        let probe = body.contains("crowdprobe");
        let online = counts.of(probe).load(Ordering::SeqCst) + if probe { 0 } else { counts.error };
        let answer =
            format!(r#"{{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"OnlineMemberNum":{online}}}"#);
        let len = answer.len();
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n{answer}").as_bytes())?;
        head = until_blank_line(&mut stream)?;
    }
}

/// `online` is whether the session is the probe's, while it is logged in.
fn gateway(stream: &mut TcpStream, counts: &Counts, online: &mut Option<bool>) -> io::Result<()> {
    let mut user = String::new();
    loop {
        let message = message(stream)?;
        let mut code = 0;
        if message.contains("wslogin") {
            let identifier = message.split(r#""identifier":""#).nth(1);
            let name = identifier
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_default();
            name.clone_into(&mut user);
            let probe = message.contains("crowd_probe");
            counts.of(probe).fetch_add(1, Ordering::SeqCst);
            *online = Some(probe);
        } else if message.contains("wslogout")
            && let Some(probe) = online.take()
        {
            counts.of(probe).fetch_sub(1, Ordering::SeqCst);
        } else if message.contains("apply_join_group")
            && !counts
                .members
                .lock()
                .expect("nobody panicked")
                .insert(user.clone())
        {
            code = 10_013;
        }
        let answer = format!(r#"{{"head":{{}},"body":{{"ErrorCode":{code}}}}}"#);
        stream.write_all(&[0x82, u8::try_from(answer.len()).expect("it is short")])?;
        stream.write_all(answer.as_bytes())?;
    }
}

/// A message of middle length, masked with zeros, as all of the crowd's are; a close is an end.
fn message(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = [0; 8];
    stream.read_exact(&mut head)?;
    if head[..2] != [0x82, 0xFE] {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
    stream.read_exact(&mut message)?;
    Ok(String::from_utf8_lossy(&message).into_owned())
}

fn until_blank_line(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn body(stream: &mut TcpStream, head: &str) -> io::Result<String> {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
