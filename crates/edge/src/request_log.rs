//! One line per request.
//!
//! Lines are collected in memory and written a few times a second by one thread, so that a request never
//! waits for the terminal or the disk. When they come faster than they can be written, some are dropped,
//! and the log says how many.

use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of lines that wait to be written.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// How long a line waits at most.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value` pairs.
    Text,
    /// One JSON object.
    Json,
}

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine<'a> {
    pub(crate) wall_ms: u64,
    pub(crate) door: &'static str,
    pub(crate) peer: IpAddr,
    pub(crate) app: u32,
    pub(crate) caller: &'a str,
    pub(crate) service: &'a str,
    pub(crate) command: &'a str,
    pub(crate) code: i32,
    pub(crate) took_us: u64,
    pub(crate) bytes_in: usize,
    pub(crate) bytes_out: usize,
}

/// Where lines go. Dropping it writes what is left.
#[derive(Debug)]
pub struct RequestLog {
    format: LogFormat,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    stopped: Condvar,
}

thread_local! {
    /// The line that a thread is writing.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    stop: bool,
}

impl RequestLog {
    /// A log that writes to `out`.
    pub fn new(format: LogFormat, mut out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || {
                let mut lines = Vec::new();
                while theirs.write_out(&mut lines, &mut out) {}
            })?;
        Ok(Self {
            format,
            shared,
            writer: Some(writer),
        })
    }

    pub(crate) fn line(&self, line: &RequestLine<'_>) {
        LINE.with_borrow_mut(|text| {
            text.clear();
            line.write(self.format, text);
            // All threads meet here, so all they do is to copy a finished line.
            let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.lines.len() < WAITING_BYTES_MAX {
                waiting.lines.extend_from_slice(text);
            } else {
                waiting.dropped += 1;
            }
        });
    }
}

impl Shared {
    /// Waits for its turn and writes what has come together; `false` when that was the last time. `lines`
    /// is empty, and changes places with what is collected, so that neither has to grow again.
    fn write_out(&self, lines: &mut Vec<u8>, out: &mut impl Write) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .stopped
            .wait_timeout_while(waiting, FLUSH_EVERY, |waiting| !waiting.stop);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut waiting.lines, lines);
        let dropped = std::mem::take(&mut waiting.dropped);
        let stop = waiting.stop;
        drop(waiting);
        // A log that cannot be written must not stop the server.
        let _ = out.write_all(lines);
        lines.clear();
        if dropped > 0 {
            let _ = writeln!(
                out,
                "request log: {dropped} lines dropped, they came too fast to write"
            );
        }
        let _ = out.flush();
        !stop
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stop = true;
        self.shared.stopped.notify_all();
        if let Some(writer) = self.writer.take() {
            // Only a panic of the writer could be reported here, and it has printed itself.
            let _ = writer.join();
        }
    }
}

impl RequestLine<'_> {
    /// Appends the line. By hand, since it is written for every call: a formatter takes longer than the
    /// count itself.
    fn write(&self, format: LogFormat, out: &mut Vec<u8>) {
        let text = format == LogFormat::Text;
        let field = |out: &mut Vec<u8>, in_text: &str, in_json: &str| {
            out.extend_from_slice(if text { in_text } else { in_json }.as_bytes());
        };
        field(out, "request time_ms=", r#"{"request":{"time_ms":"#);
        number(out, self.wall_ms);
        field(out, " door=", r#","door":""#);
        out.extend_from_slice(self.door.as_bytes());
        field(out, " peer=", r#"","peer":""#);
        address(out, self.peer);
        field(out, " app=", r#"","app":"#);
        number(out, self.app.into());
        field(out, " caller=", r#","caller":""#);
        plain(out, self.caller);
        field(out, " command=", r#"","command":""#);
        plain(out, self.service);
        out.push(b'/');
        plain(out, self.command);
        field(out, " code=", r#"","code":"#);
        if self.code < 0 {
            out.push(b'-');
        }
        number(out, self.code.unsigned_abs().into());
        field(out, " took_us=", r#","took_us":"#);
        number(out, self.took_us);
        field(out, " in=", r#","in":"#);
        number(out, self.bytes_in as u64);
        field(out, " out=", r#","out":"#);
        number(out, self.bytes_out as u64);
        field(out, "\n", "}}\n");
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn address(out: &mut Vec<u8>, address: IpAddr) {
    if let IpAddr::V4(address) = address {
        for (place, octet) in address.octets().into_iter().enumerate() {
            if place > 0 {
                out.push(b'.');
            }
            number(out, octet.into());
        }
    } else {
        // Writing to memory cannot fail.
        let _ = write!(out, "{address}");
    }
}

const NAME_CHARS_MAX: usize = 64;

/// Appends a name from a stranger, short and free of anything that could end a field or a line.
fn plain(out: &mut Vec<u8>, name: &str) {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    // Nearly every name is, and is written in one piece.
    if name.len() <= NAME_CHARS_MAX && name.bytes().all(plain) {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    let shown = name
        .chars()
        .take(NAME_CHARS_MAX)
        .map(|char| match u8::try_from(char) {
            Ok(byte) if plain(byte) => byte,
            _ => b'?',
        });
    out.extend(shown);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const LINE: RequestLine<'static> = RequestLine {
        wall_ms: 1,
        door: "rest",
        peer: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        app: 7,
        caller: "evil\nname=\"x\"",
        service: "s",
        command: "c",
        code: 0,
        took_us: 12,
        bytes_in: 3,
        bytes_out: 4,
    };

    fn logged(format: LogFormat, line: &RequestLine<'_>) -> String {
        let sink = Sink::default();
        let log = RequestLog::new(format, sink.clone()).unwrap();
        log.line(line);
        drop(log);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_stranger_cannot_forge_a_line() {
        let text = logged(LogFormat::Text, &LINE);
        assert_eq!(
            text,
            "request time_ms=1 door=rest peer=127.0.0.1 app=7 caller=evil?name??x? command=s/c code=0 \
             took_us=12 in=3 out=4\n"
        );
        let json = logged(LogFormat::Json, &LINE);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["request"]["caller"], "evil?name=?x?".replace('=', "?"));
    }

    #[test]
    fn numbers_and_addresses_are_written_as_anywhere() {
        let peers = [
            IpAddr::from([0, 9, 10, 255]),
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
        ];
        for peer in peers {
            let line = RequestLine {
                peer,
                app: u32::MAX,
                code: i32::MIN,
                took_us: u64::MAX,
                caller: &"long".repeat(40),
                ..LINE
            };
            let expected = format!(
                "request time_ms=1 door=rest peer={peer} app={} caller={} command=s/c code={} took_us={} in=3 out=4\n",
                u32::MAX,
                "long".repeat(16),
                i32::MIN,
                u64::MAX,
            );
            assert_eq!(logged(LogFormat::Text, &line), expected);
            let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, &line)).unwrap();
            assert_eq!(json["request"]["peer"], peer.to_string());
        }
    }
}
