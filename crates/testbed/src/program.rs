//! A program that ends with the test that started it, also if that is killed.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Program(Child);

/// A program to start, and where the answer is waited for.
struct Order {
    command: Command,
    answer: SyncSender<io::Result<Child>>,
}

impl Program {
    /// Starts a program; its output is dropped.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub(crate) fn start(name: &str, args: &[String]) -> Self {
        // The system kills it when the thread ends that started it. Tests run in threads that end.
        static STARTER: LazyLock<SyncSender<Order>> = LazyLock::new(|| {
            let (orders, received) = sync_channel(1);
            let starter = thread::Builder::new().name("starter".to_owned());
            starter.spawn(move || start_all(&received)).expect("a thread");
            orders
        });
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", name]).args(args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let (answer, started) = sync_channel(1);
        STARTER
            .send(Order { command, answer })
            .expect("the starter lives as long as the process");
        let started = started.recv().expect("the starter answers");
        Self(started.expect("setpriv can be run: install util-linux"))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.0.id()).expect("an id of a process");
        // Not yet waited for, so that the id is its own even if it has ended.
        kill(Pid::from_raw(id), signal).expect("a signal to a process of one's own");
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a process of one's own").is_some()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) {
        self.0.wait().expect("a process of one's own");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Panics with what to install if a program is missing.
pub(crate) fn require(name: &str, package: &str) {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "{name} cannot be run: install it (on Debian: apt-get install {package})"
    );
}

fn start_all(orders: &Receiver<Order>) {
    for mut order in orders {
        // Whoever ordered it waits for the answer.
        drop(order.answer.send(order.command.spawn()));
    }
}
