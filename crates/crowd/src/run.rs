//! A run from its beginning to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{Semaphore, mpsc};

use crate::args::Args;
use crate::ledger::Ledger;
use crate::machine;
use crate::phases::{Crew, Run};
use crate::threads;
use crate::wire::{self, Messages};
use crate::worker::{Shared, Worker};

/// Orders that wait for a thread.
const ORDERS_MAX: usize = 4;

/// Does what the command line says; `true` when nothing was wrong.
pub fn run(args: Args) -> io::Result<bool> {
    // As many as there are: what does not fit is said by the sessions that fail.
    let _ = rlimit::increase_nofile_limit(rlimit::INFINITY);
    for line in machine::advice(args.sessions) {
        eprintln!("crowd: {line}");
    }
    let threads = args.threads();
    let mut loops = threads::event_loops(threads + 1)?;
    let Some(main_loop) = loops.pop() else {
        return Err(io::Error::other("no event loop"));
    };
    let shared = Arc::new(Shared {
        messages: Messages::new(args.sdkappid, &args.community),
        handshake: wire::handshake(&args.server.to_string()),
        ledger: Ledger::default(),
        in_flight: Semaphore::new(args.in_flight),
        refused: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        heartbeats: AtomicU64::new(0),
        args,
    });
    let (mut crews, mut handles) = (Vec::new(), Vec::new());
    for (number, event_loop) in loops.into_iter().enumerate() {
        let worker = Worker::new(Arc::clone(&shared), number);
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let works = Arc::clone(&worker);
        handles.push(threads::start(
            format!("crowd-{number}"),
            event_loop,
            move |event_loop| {
                event_loop.block_on(works.work(ordered));
            },
        )?);
        crews.push(Crew { worker, orders });
    }
    let done = main_loop.block_on(Run::new(shared, crews).run());
    // Their orders have ended with the run.
    for handle in handles {
        match handle.join() {
            Ok(ended) => ended?,
            Err(_) => return Err(io::Error::other("a thread of clients panicked")),
        }
    }
    done
}
