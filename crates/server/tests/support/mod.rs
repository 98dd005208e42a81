//! The binary as its users see it: commands that end, a server that runs, and calls to that.

pub(crate) mod process;
pub(crate) mod rest;
mod server;

pub(crate) use process::headcount;
pub(crate) use server::{App, Server, create_app};
