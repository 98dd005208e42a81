//! The binary as its users see it: commands that end, a server that runs, and calls to that.

mod process;
mod rest;
mod server;

pub(crate) use process::{Process, headcount};
pub(crate) use rest::Connection;
pub(crate) use server::{App, Server, create_app};
