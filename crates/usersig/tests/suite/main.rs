//! Tests of the public interface.

mod common;
mod malformed;
mod properties;
mod tickets;
