//! What a run does, as the command line says it.

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};

/// A crowd of clients for one Headcount server. Prints a JSON line for each phase, and a report; ends
/// with 1 when any answer was wrong or any login was refused.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where REST and the gateway listen.
    #[arg(long)]
    pub server: SocketAddr,
    /// What the server speaks.
    #[arg(long, value_enum, default_value_t = Protocol::Headcount)]
    pub protocol: Protocol,
    /// The app.
    #[arg(long, default_value_t = 0)]
    pub sdkappid: u32,
    /// The app's secret key.
    #[arg(long, default_value = "")]
    pub secret_key: String,
    /// An admin of the app.
    #[arg(long, default_value = "administrator")]
    pub admin: String,
    /// The community whose count is asked.
    #[arg(long, default_value = "")]
    pub community: String,
    /// Sessions are those of accounts PREFIX0, PREFIX1 and so on, who are members already.
    #[arg(long, default_value = "user")]
    pub user_prefix: String,
    /// Has each session join the community after its login instead.
    #[arg(long)]
    pub join: bool,
    /// Sessions to hold.
    #[arg(long)]
    pub sessions: usize,
    /// Logins under way at once.
    #[arg(long, default_value_t = 256)]
    pub in_flight: usize,
    /// Logins a second; 0 is as fast as they go.
    #[arg(long, default_value_t = 0)]
    pub login_rate: u32,
    /// How often each session says that it is alive.
    #[arg(long, default_value_t = 60)]
    pub heartbeat_s: u32,
    /// How long all sessions are held.
    #[arg(long, default_value_t = 10)]
    pub hold_s: u32,
    /// So many times, all sessions are dropped at once and come back as fast as they go.
    #[arg(long, default_value_t = 0)]
    pub storms: u32,
    /// Logins a second, and as many ends, among further accounts.
    #[arg(long, default_value_t = 0)]
    pub churn_per_s: u32,
    /// How long that goes on.
    #[arg(long, default_value_t = 0)]
    pub churn_s: u32,
    /// How many further accounts: those behind the sessions that are held.
    #[arg(long, default_value_t = 10_000)]
    pub churn_sessions: usize,
    /// Counts asked a second over REST, at fixed moments, while sessions are held, return and churn.
    #[arg(long, default_value_t = 0)]
    pub ask_per_s: u32,
    /// The server's process, to read its CPU time and memory.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// Threads of clients; 0 is as many as the sessions need.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Waits for a line on standard input after each phase.
    #[arg(long)]
    pub wait_line: bool,
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Headcount's gateway and REST.
    Headcount,
    /// A WebSocket that echoes: no logins, and nothing to ask.
    Bare,
}

/// Sessions for each thread of clients: below what one table of open files and the ports of its source
/// addresses have room for.
pub const SESSIONS_PER_THREAD: usize = 18_000;

impl Args {
    /// Threads of clients.
    #[must_use]
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => (self.sessions + self.churn_sessions_at_once())
                .div_ceil(SESSIONS_PER_THREAD)
                .max(2),
            threads => threads,
        }
    }

    /// Sessions that churn may have open at once.
    fn churn_sessions_at_once(&self) -> usize {
        if self.churn_s == 0 { 0 } else { self.churn_sessions }
    }
}
