//! `crowd`: the load generator.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match crowd::run(crowd::args::Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crowd: {error}");
            ExitCode::FAILURE
        }
    }
}
