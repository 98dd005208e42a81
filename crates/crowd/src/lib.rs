//! A crowd: up to a million clients of one server in one process, and the bookkeeping of what the
//! server's count must be at any moment.
//!
//! Clients are spread over worker threads, each with an event loop, a range of source addresses and a
//! table of open files of its own, so that neither ports nor the limit of open files bounds their number.
//! What a thread opens stays with it; the loops and their wake-up files are made before the tables part.

pub mod args;
mod ask;
mod clock;
mod ledger;
mod machine;
mod phases;
mod probe;
mod rest;
mod run;
mod session;
mod tally;
pub mod threads;
pub mod wire;
mod worker;

pub use run::run;
