//! Real servers that tests run against, and networks that fail on demand.
//!
//! A server is a program of its own on a free port, with a temporary folder. It ends when its value is
//! dropped, and also when the test's process is killed. What goes wrong is a panic: a test cannot go on.

mod poll;
mod ports;
mod postgres;
mod program;
mod proxy;
mod redis;

pub use poll::until;
pub use postgres::Postgres;
pub use proxy::{Fault, Proxy};
pub use redis::{Redis, RedisCluster, RedisOptions};
