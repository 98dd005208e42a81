//! Free ports that stay free until a server has started on them.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports and their companions are below those that the system gives to outgoing connections (32768 on Linux).
const FIRST: u16 = 10_000;
const COUNT: u16 = 11_000;
/// Where the port is on which a Redis of a cluster talks to the others.
const COMPANION: u16 = 10_000;

/// A port of the loopback device that is free, as is the one 10000 above. No port is given twice, as long
/// as there are others.
pub(crate) fn free() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at once begin at different places.
    let begin = u16::try_from(process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (begin.wrapping_mul(61) % COUNT + taken) % COUNT;
        if is_free(port) && is_free(port + COMPANION) {
            return port;
        }
    }
    panic!("none of {COUNT} ports from {FIRST} on is free");
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
