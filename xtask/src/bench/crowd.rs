//! Running `crowd`, and `bare-ws` beside it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::load::start_and_ask;
use super::processes::Killed;
use super::server::Server;

/// Where the programs are.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) headcount: PathBuf,
    pub(super) crowd: PathBuf,
    pub(super) bare_ws: PathBuf,
}

/// A crowd that is under way.
pub(super) struct Crowd {
    lines: BufReader<ChildStdout>,
    go_on: ChildStdin,
    process: Killed,
}

/// What a crowd is let loose on.
pub(super) enum Against<'a> {
    /// The server, and one of its communities.
    Server(&'a Server, &'a str),
    /// Bare WebSockets, and the number of the process.
    Bare(SocketAddr, u32),
}

impl Crowd {
    /// Starts one. It waits after each phase.
    pub(super) fn start(crowd: &Path, against: &Against<'_>, plan: &str) -> io::Result<Self> {
        let mut command = Command::new(crowd);
        command.args(plan.split_whitespace()).arg("--wait-line");
        match against {
            Against::Server(server, community) => command
                .args(["--server", &server.address.to_string(), "--community", community])
                .args(["--admin", &super::server::admin(0)])
                .args(["--sdkappid", &server.folder.sdkappid.to_string()])
                .args(["--secret-key", &server.folder.secret_key])
                .args(["--server-pid", &server.pid().to_string()]),
            Against::Bare(address, pid) => command
                .args(["--server", &address.to_string(), "--protocol", "bare"])
                .args(["--server-pid", &pid.to_string()]),
        };
        // What it has to say of its progress is for people who run it by itself.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = Killed::start(&mut command)?;
        let (stdin, stdout) = (process.0.stdin.take(), process.0.stdout.take());
        let (Some(go_on), Some(stdout)) = (stdin, stdout) else {
            return Err(io::Error::other("both are piped"));
        };
        Ok(Self {
            lines: BufReader::new(stdout),
            go_on,
            process,
        })
    }

    /// The end of the next phase. Nothing may have been wrong in it.
    pub(super) fn phase(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        let line: Value = serde_json::from_str(&line).map_err(|_| io::Error::other("the crowd gave up"))?;
        let phase = line["phase"].clone();
        if phase["wrong"] != 0 || phase["refused"] != 0 {
            return Err(io::Error::other(format!("counts or logins were wrong: {phase}")));
        }
        Ok(phase)
    }

    /// Lets it go on to the next phase.
    pub(super) fn go_on(&mut self) -> io::Result<()> {
        self.go_on.write_all(b"\n")
    }

    /// Ends it at once, with all its sessions.
    pub(super) fn stop(self) {
        drop(self.process);
    }

    /// Lets it end.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.go_on()?;
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("the crowd ended with {status}")))
        }
    }
}

/// Runs a crowd from its beginning to its end, and gives its phases.
pub(super) fn run(crowd: &Path, against: &Against<'_>, plan: &str, phases: usize) -> io::Result<Vec<Value>> {
    let mut running = Crowd::start(crowd, against, plan)?;
    let mut seen = Vec::new();
    for number in 0..phases {
        seen.push(running.phase()?);
        if number + 1 < phases {
            running.go_on()?;
        }
    }
    running.end()?;
    Ok(seen)
}

/// Starts bare WebSockets on so many threads.
pub(super) fn start_bare(bare_ws: &Path, threads: usize) -> io::Result<(Killed, SocketAddr)> {
    start_and_ask(Command::new(bare_ws).args(["--threads", &threads.to_string()]))
}

/// A number of a phase.
pub(super) fn number(phase: &Value, path: &str) -> f64 {
    phase.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN)
}
