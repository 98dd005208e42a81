//! A network that fails on demand.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::ports;

/// What is wrong with a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// New connections are refused, and those that are open are cut.
    Refuse,
    /// Connections are accepted, and nothing gets through, as if its packets were lost.
    Stall,
    /// Each piece of data arrives later, in milliseconds.
    Delay(u64),
}

/// A port of the loopback device that leads to another one.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    to: u16,
    fault: Fault,
    listening: bool,
    ended: bool,
    /// Both ends of every connection.
    open: Vec<TcpStream>,
}

impl State {
    fn listens(&self) -> bool {
        !self.ended && self.fault != Fault::Refuse
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, waits: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.state(), |state| waits(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn set_listening(&self, listening: bool) {
        self.state().listening = listening;
        self.changed.notify_all();
    }
}

impl Proxy {
    /// Forwards from a free port to this one.
    ///
    /// # Panics
    ///
    /// When there is no thread or port.
    #[must_use]
    pub fn start(to: u16) -> Self {
        let port = ports::free();
        let shared = Arc::new(Shared::default());
        shared.state().to = to;
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept_all(port, &accepting));
        drop(shared.wait_while(|state| !state.listening));
        Self { port, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads new connections to another port; those that are open stay where they are.
    pub fn lead_to(&self, to: u16) {
        self.shared.state().to = to;
    }

    /// Fails, or works again, from now on.
    pub fn set(&self, fault: Fault) {
        self.shared.state().fault = fault;
        self.shared.changed.notify_all();
        if fault == Fault::Refuse {
            self.stop_listening();
            self.cut();
        } else {
            drop(self.shared.wait_while(|state| !state.listening));
        }
    }

    /// Cuts all connections; new ones are accepted as before.
    pub fn cut(&self) {
        for end in self.shared.state().open.drain(..) {
            // It may have been cut by its own side.
            drop(end.shutdown(Shutdown::Both));
        }
    }

    fn stop_listening(&self) {
        // Wakes the thread that accepts, if it still does.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        drop(self.shared.wait_while(|state| state.listening));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
        self.stop_listening();
        self.cut();
    }
}

fn accept_all(port: u16, shared: &Arc<Shared>) {
    loop {
        if shared
            .wait_while(|state| state.fault == Fault::Refuse && !state.ended)
            .ended
        {
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        shared.set_listening(true);
        while let Ok((client, _)) = listener.accept() {
            let state = shared.state();
            if !state.listens() {
                break;
            }
            forward(client, state, shared);
        }
        drop(listener);
        shared.set_listening(false);
    }
}

/// Connects to the other side, and forwards both ways. A client is closed if there is no other side.
fn forward(client: TcpStream, mut state: MutexGuard<'_, State>, shared: &Arc<Shared>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, state.to)) else {
        return;
    };
    let clone = |end: &TcpStream| end.try_clone().expect("a file");
    for end in [&client, &server] {
        end.set_nodelay(true).expect("a socket");
        state.open.push(clone(end));
    }
    drop(state);
    for (from, to) in [(clone(&client), clone(&server)), (server, client)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || copy(from, to, &shared));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut buffer = vec![0; 64 << 10];
    // An error is the end of a connection.
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let fault = shared
            .wait_while(|state| state.fault == Fault::Stall && !state.ended)
            .fault;
        if let Fault::Delay(delay_ms) = fault {
            delay(delay_ms);
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        drop(end.shutdown(Shutdown::Both));
    }
}

#[expect(clippy::disallowed_methods, reason = "time that passes is what is asked for")]
fn delay(delay_ms: u64) {
    thread::sleep(Duration::from_millis(delay_ms));
}
