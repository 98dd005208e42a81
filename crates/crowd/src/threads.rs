//! Threads with an event loop, and a table of open files, of their own.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};

/// Event loops for so many threads. To be made before any thread parts from the process' table of open
/// files: loops wake each other by writing to a file by its number, which has to mean the same in each.
pub fn event_loops(threads: usize) -> io::Result<Vec<Runtime>> {
    (0..threads)
        .map(|_| Builder::new_current_thread().enable_all().build())
        .collect()
}

/// Runs `work` on a thread whose open files are its own.
pub fn start<T: Send + 'static>(
    name: String,
    runtime: Runtime,
    work: impl FnOnce(&Runtime) -> T + Send + 'static,
) -> io::Result<JoinHandle<io::Result<T>>> {
    thread::Builder::new().name(name).spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES)?;
        Ok(work(&runtime))
    })
}
