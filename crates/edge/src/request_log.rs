//! One line per request.
//!
//! Lines are collected in memory and written a few times a second by one thread, so that a request never
//! waits for the terminal or the disk. When they come faster than they can be written, some are dropped,
//! and the log says how many.

use std::fmt::Write as _;
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

#[derive(Debug, Default)]
struct Waiting {
    lines: String,
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
            .spawn(move || while theirs.write_out(&mut out) {})?;
        Ok(Self {
            format,
            shared,
            writer: Some(writer),
        })
    }

    pub(crate) fn line(&self, line: &RequestLine<'_>) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() >= WAITING_BYTES_MAX {
            waiting.dropped += 1;
            return;
        }
        // Writing to a string cannot fail.
        let _ = line.write(self.format, &mut waiting.lines);
    }
}

impl Shared {
    /// Waits for its turn and writes what has come together; `false` when that was the last time.
    fn write_out(&self, out: &mut impl Write) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .stopped
            .wait_timeout_while(waiting, FLUSH_EVERY, |waiting| !waiting.stop);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        let lines = std::mem::take(&mut waiting.lines);
        let dropped = std::mem::take(&mut waiting.dropped);
        let stop = waiting.stop;
        drop(waiting);
        // A log that cannot be written must not stop the server.
        let _ = out.write_all(lines.as_bytes());
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
    fn write(&self, format: LogFormat, out: &mut String) -> std::fmt::Result {
        let Self {
            wall_ms,
            door,
            peer,
            app,
            code,
            took_us,
            bytes_in,
            bytes_out,
            ..
        } = self;
        let (caller, service, command) = (Plain(self.caller), Plain(self.service), Plain(self.command));
        match format {
            LogFormat::Text => writeln!(
                out,
                "request time_ms={wall_ms} door={door} peer={peer} app={app} caller={caller} \
                 command={service}/{command} code={code} took_us={took_us} in={bytes_in} out={bytes_out}"
            ),
            LogFormat::Json => writeln!(
                out,
                "{{\"request\":{{\"time_ms\":{wall_ms},\"door\":\"{door}\",\"peer\":\"{peer}\",\"app\":{app},\
                 \"caller\":\"{caller}\",\"command\":\"{service}/{command}\",\"code\":{code},\
                 \"took_us\":{took_us},\"in\":{bytes_in},\"out\":{bytes_out}}}}}"
            ),
        }
    }
}

/// A name from a stranger, short and free of anything that could end a field or a line.
struct Plain<'a>(&'a str);

const NAME_CHARS_MAX: usize = 64;

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = |char: char| char.is_ascii_graphic() && !matches!(char, '"' | '\\' | '=');
        // Nearly every name is, and is written in one piece.
        if self.0.len() <= NAME_CHARS_MAX && self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        for char in self.0.chars().take(NAME_CHARS_MAX) {
            f.write_char(if plain(char) { char } else { '?' })?;
        }
        Ok(())
    }
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

    const LINE: RequestLine<'_> = RequestLine {
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

    fn logged(format: LogFormat) -> String {
        let sink = Sink::default();
        let log = RequestLog::new(format, sink.clone()).unwrap();
        log.line(&LINE);
        drop(log);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_stranger_cannot_forge_a_line() {
        let text = logged(LogFormat::Text);
        assert_eq!(
            text,
            "request time_ms=1 door=rest peer=127.0.0.1 app=7 caller=evil?name??x? command=s/c code=0 \
             took_us=12 in=3 out=4\n"
        );
        let json = logged(LogFormat::Json);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["request"]["caller"], "evil?name=?x?".replace('=', "?"));
    }
}
