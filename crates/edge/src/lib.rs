//! The doors of Headcount: REST, the client gateway, and the one command table behind both.
//!
//! A command is one file in `commands` and one row in its table. The doors differ only in who calls:
//! REST is called by an app's backend with an admin's UserSig, the gateway by users who logged in.

mod answer;
mod body;
mod by_platform;
mod command;
mod commands;
mod connection;
mod edge;
mod fault;
mod gateway;
mod listener;
mod metrics;
mod ops;
mod rate;
mod request_log;
mod rest;
mod stream;
mod wire;

pub use edge::{Edge, EdgeSettings, Heartbeat};
pub use listener::{Door, Tls, serve};
pub use rate::{RateLimits, is_command};
pub use request_log::{LogFormat, RequestLog};
