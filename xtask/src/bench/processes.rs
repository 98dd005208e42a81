//! The processes that the bench starts. None outlives it: each is killed when it is dropped, and a signal
//! to the bench kills them all, so that whoever waits for one fails and everything is put back.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

static RUNNING: Mutex<Running> = Mutex::new(Running {
    stopped_by: None,
    processes: BTreeSet::new(),
});

/// What is killed on a signal.
struct Running {
    /// The signal after which nothing is started any more.
    stopped_by: Option<&'static str>,
    processes: BTreeSet<u32>,
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    fn check(&self) -> io::Result<()> {
        match self.stopped_by {
            Some(signal) => Err(io::Error::new(
                io::ErrorKind::Interrupted,
                format!("stopped by {signal}"),
            )),
            None => Ok(()),
        }
    }

    fn stop(&mut self, signal: &'static str) {
        self.stopped_by = Some(signal);
        self.processes.iter().for_each(|&id| kill_group(id));
    }
}

/// Kills a process that is not yet waited for, so that its number is no other's, and what it has started.
fn kill_group(id: u32) {
    if let Some(group) = pid(id) {
        // It fails when all have ended.
        let _ = killpg(group, Signal::SIGKILL);
    }
}

/// Fails when a signal has stopped the bench.
pub(super) fn check() -> io::Result<()> {
    running().check()
}

/// Kills all processes on the signals that ask a program to end.
pub(super) fn stop_on_signals() -> io::Result<()> {
    for (name, kind) in [
        ("SIGINT", SignalKind::interrupt()),
        ("SIGTERM", SignalKind::terminate()),
        ("SIGHUP", SignalKind::hangup()),
    ] {
        let mut asked = signal(kind)?;
        tokio::spawn(async move {
            if asked.recv().await.is_some() {
                running().stop(name);
            }
        });
    }
    Ok(())
}

fn pid(id: u32) -> Option<Pid> {
    Some(Pid::from_raw(i32::try_from(id).ok()?))
}

/// A process that is killed when dropped, with what it has started.
#[derive(Debug)]
pub(super) struct Killed(pub(super) Child);

impl Killed {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // Held while it starts: a signal finds it, or keeps it from starting.
        let mut running = running();
        running.check()?;
        let child = command
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{command:?}: {error}")))?;
        running.processes.insert(child.id());
        Ok(Self(child))
    }

    /// Waits until it has ended by itself.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(process) = pid(self.0.id()) {
            // Its number is its own until the lock is held.
            waitid(Id::Pid(process), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        }
        let mut running = running();
        running.processes.remove(&self.0.id());
        self.0.wait()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let mut running = running();
        if running.processes.remove(&self.0.id()) {
            kill_group(self.0.id());
            drop(self.0.wait());
        }
    }
}

/// What a program that must succeed prints.
pub(super) fn output(command: &mut Command) -> io::Result<String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Killed::start(command)?;
    let (stdout, stderr) = (process.0.stdout.take(), process.0.stderr.take());
    let errors = thread::spawn(|| read(stderr));
    let said = read(stdout)?;
    let errors = errors.join().unwrap_or_else(|_| Ok(String::new()))?;
    let status = process.wait()?;
    check()?;
    if status.success() {
        Ok(said)
    } else {
        Err(io::Error::other(format!(
            "{command:?} ended with {status}: {said}{errors}"
        )))
    }
}

fn read(stream: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    fn is_there(id: u32) -> bool {
        // One that has ended may stay a zombie until init looks.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn a_process_ends_with_its_owner_and_so_does_what_it_started() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut process = Killed::start(&mut command).unwrap();
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (id, started) = (process.0.id(), line.trim().parse().unwrap());
        assert!(is_there(id) && is_there(started) && running().processes.contains(&id));
        drop(process);
        assert!(!is_there(id) && !running().processes.contains(&id));
        // Its own parent is gone, so that nobody here waits for it.
        let began = crate::clock::now();
        while is_there(started) {
            assert!(began.elapsed().as_secs() < 10, "{started} is still there");
            thread::yield_now();
        }
    }

    #[test]
    fn what_ended_by_itself_is_not_killed_again() {
        let mut process = Killed::start(&mut Command::new("true")).unwrap();
        assert!(process.wait().unwrap().success());
        assert!(!running().processes.contains(&process.0.id()));
    }

    #[test]
    fn output_is_all_or_an_error_that_has_it() {
        assert_eq!(output(Command::new("echo").arg("so")).unwrap(), "so\n");
        let failed = output(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]));
        let failed = failed.unwrap_err().to_string();
        assert!(failed.contains("one\ntwo\n") && failed.contains('3'), "{failed}");
        assert!(output(&mut Command::new("headcount-no-such-program")).is_err());
    }
}
