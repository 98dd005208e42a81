//! One run of the binary: its output as it comes, and its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long anything may take before the test says that it does not happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    out: Output,
    err: Output,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command of the binary to its end.
pub(crate) fn headcount(args: &[&str]) -> Ended {
    Process::start(args, &[]).ended()
}

impl Process {
    /// Starts the binary with these arguments and, of its own variables, with these alone.
    pub(crate) fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_headcount")), args, variables)
    }

    /// The same, by a command that is given the arguments.
    pub(crate) fn spawn(mut command: Command, args: &[&str], variables: &[(&str, &str)]) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HEADCOUNT_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let out = Output::read(child.stdout.take().expect("it is piped"));
        let err = Output::read(child.stderr.take().expect("it is piped"));
        Self { child, out, err }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        // Of the shell, because every system has it: a signal of this process would need unsafe code.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -s {name} {}", self.pid())])
            .status();
        assert!(sent.expect("there is a shell").success(), "{name} was not sent");
    }

    /// Ends it without any chance to finish.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
    }

    /// Waits until what it wrote to stderr has this text.
    pub(crate) fn wait_for(&self, text: &str) {
        let written = self.err.wait_until(|written| written.contains(text));
        assert!(written.contains(text), "it never said {text:?}:\n{written}");
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let over = |_: &str| false;
        let (stdout, stderr) = (self.out.wait_until(over), self.err.wait_until(over));
        let status = self.child.wait().expect("it can be waited for");
        Ended {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A stream of the process's, read by a thread of its own.
#[derive(Clone, Debug)]
struct Output(Arc<(Mutex<Heard>, Condvar)>);

#[derive(Debug, Default)]
struct Heard {
    text: String,
    closed: bool,
}

impl Output {
    fn read(stream: impl Read + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let heard = output.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                heard.add(|heard| {
                    heard.text.push_str(&line);
                    heard.text.push('\n');
                });
            }
            heard.add(|heard| heard.closed = true);
        });
        output
    }

    fn add(&self, change: impl FnOnce(&mut Heard)) {
        let (heard, changed) = &*self.0;
        change(&mut heard.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    /// All that came until `enough` held, or until the stream was closed.
    fn wait_until(&self, enough: impl Fn(&str) -> bool) -> String {
        let (heard, changed) = &*self.0;
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let more = |heard: &mut Heard| !heard.closed && !enough(&heard.text);
        let (heard, late) = changed
            .wait_timeout_while(heard, PATIENCE, more)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(
            !late.timed_out(),
            "nothing more came in a minute after:\n{}",
            heard.text
        );
        heard.text.clone()
    }
}
