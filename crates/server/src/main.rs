//! `headcount`: the server, and the commands around it.

mod app;
mod audit;
mod clock;
mod config;
mod first_start;
mod import;
mod membership;
mod migrate;
mod offline;
mod room;
mod serve;
mod state_file;
mod store;
mod tls;
mod usersig;
mod workers;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keeps what a million idle sessions hold close together: with the system's allocator they take twice the
/// memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exact online counts for very large chat communities.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Without a command, the server is started.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(config::ServeFlags),
    /// Manage apps.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Print a UserSig.
    Usersig(usersig::UsersigFlags),
    /// Import accounts, groups and members from CSV files, while the server is stopped.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Copy a data folder into the empty database of a cluster, and verify the copy.
    Migrate(migrate::MigrateFlags),
    /// Recount everything from first principles; exits 1 and names the group on any difference.
    Audit(audit::AuditFlags),
}

/// Why a command failed, in words for the person who typed it.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

fn main() -> ExitCode {
    let command = Cli::parse()
        .command
        .unwrap_or_else(|| Command::Serve(config::ServeFlags::default()));
    let done = match command {
        Command::Serve(flags) => serve::run(&flags),
        Command::App(command) => app::run(command),
        Command::Usersig(flags) => usersig::run(&flags),
        Command::Import(command) => import::run(&command),
        Command::Migrate(flags) => migrate::run(&flags),
        Command::Audit(flags) => audit::run(&flags),
    };
    match done {
        Ok(code) => code,
        Err(Failure(reason)) => {
            eprintln!("headcount: {reason}");
            ExitCode::FAILURE
        }
    }
}
