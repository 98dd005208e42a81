//! The worker threads: each has a listener and an event loop of its own, and, where the operator wants
//! it, a table of open files of its own.
//!
//! A connection lives and dies on the thread that accepted it, so that no two threads ever share one. The
//! kernel spreads new connections over the listeners.
//!
//! # Tables of open files
//!
//! A file's number means something only in the table of the thread that opened it. With tables of their
//! own, workers therefore open nothing but connections; everything else (the database, the log, the
//! operators' listener) belongs to the threads that share the first table. One thing crosses: a thread
//! wakes another's event loop, and a signal the whole process, by writing to a file by its number. Those
//! files are opened before the tables part, so that their numbers mean the same in each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use headcount_core::limits::LISTEN_BACKLOG;
use headcount_edge::{Door, Edge, Tls};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

/// Threads that listen on one address and wait to be told what to serve.
#[derive(Debug)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Worker {
    thread: JoinHandle<()>,
    start: oneshot::Sender<Start>,
}

/// What a worker serves.
#[derive(Debug)]
struct Start {
    edge: Arc<Edge>,
    tls: Option<Arc<Tls>>,
    places: Arc<Semaphore>,
    /// Ends the worker with all connections it still has.
    finish: CancellationToken,
}

impl Workers {
    /// Starts `threads` workers that listen on `address`, with port 0 on any free one.
    ///
    /// Every event loop that workers are to wake, and the first signal handler, must exist already.
    pub(crate) fn bind(threads: usize, own_files: bool, address: SocketAddr) -> io::Result<Self> {
        if address.port() != 0 {
            // Listeners that share a port share it with any other program of this user that does so too:
            // a second server would go unnoticed. This one does not share.
            drop(std::net::TcpListener::bind(address)?);
        }
        let runtimes: io::Result<Vec<_>> = (0..threads)
            .map(|_| Builder::new_current_thread().enable_all().build())
            .collect();
        let mut bound = Self {
            workers: Vec::with_capacity(threads),
            address,
        };
        for (number, runtime) in runtimes?.into_iter().enumerate() {
            let (tell, told) = sync_channel(1);
            let (start, started) = oneshot::channel();
            let address = bound.address;
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || work(&runtime, own_files, address, &tell, started))?;
            bound.address = told.recv().map_err(io::Error::other)??;
            bound.workers.push(Worker { thread, start });
        }
        Ok(bound)
    }

    /// Where they listen.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has them serve until the edge stops; a worker that ends before stops the edge. `places` bounds the
    /// connections of each.
    pub(crate) fn serve(
        self,
        edge: &Arc<Edge>,
        tls: Option<&Arc<Tls>>,
        places: impl IntoIterator<Item = Arc<Semaphore>>,
    ) -> Serving {
        let finish = CancellationToken::new();
        let serve = |(worker, places): (Worker, _)| {
            let start = Start {
                edge: Arc::clone(edge),
                tls: tls.cloned(),
                places,
                finish: finish.clone(),
            };
            // A worker that is gone is found when it is joined.
            drop(worker.start.send(start));
            worker.thread
        };
        let threads = self.workers.into_iter().zip(places).map(serve).collect();
        Serving { threads, finish }
    }
}

/// Workers that serve.
#[derive(Debug)]
pub(crate) struct Serving {
    threads: Vec<JoinHandle<()>>,
    finish: CancellationToken,
}

impl Serving {
    /// Ends them, with whatever connections they still have.
    pub(crate) fn finish(self) {
        self.finish.cancel();
        for thread in self.threads {
            // A thread that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

fn work(
    runtime: &Runtime,
    own_files: bool,
    address: SocketAddr,
    bound: &SyncSender<io::Result<SocketAddr>>,
    started: oneshot::Receiver<Start>,
) {
    let listening = if own_files { part_files() } else { Ok(()) }
        .and_then(|()| runtime.block_on(async { listen(address) }));
    let (listener, told) = match listening.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => (Some(listener), Ok(address)),
        Err(error) => (None, Err(error)),
    };
    // Whoever does not wait for it has given up.
    let _ = bound.send(told);
    let Some(listener) = listener else { return };
    runtime.block_on(async {
        let Ok(start) = started.await else { return };
        let Start {
            edge,
            tls,
            places,
            finish,
        } = start;
        let _stops_all = edge.stop_on_drop();
        headcount_edge::serve(Arc::clone(&edge), Door::Public, listener, tls, places).await;
        tokio::select! {
            () = edge.closed() => {}
            () = finish.cancelled() => {}
        }
    });
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Gives this thread a copy of the process' table of open files for its own.
#[cfg(target_os = "linux")]
fn part_files() -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn part_files() -> io::Result<()> {
    Err(io::Error::other("workers.own_files is for Linux only"))
}
