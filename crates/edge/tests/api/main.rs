//! The two doors over real sockets, in process: every REST command with its answer and its faults, and
//! the gateway as a client meets it. Below the doors are the real service and the real store; only the
//! clock and the chance are the tests' own.

mod accounts;
mod allocations;
mod count;
mod counts;
mod create;
mod frames;
mod gateway;
mod groups;
mod imports;
mod members;
mod membership;
mod openapi;
mod query;
mod sessions;
mod stop;
mod stream;
mod testkit;
