//! The load generator: a closed loop over keep-alive connections, in a process of its own.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::processes::{Killed, output};
use super::stats::{Latency, median, us};
use crate::clock;

/// Connections that are kept alive, each with one request under way.
pub(super) const CONNECTIONS: usize = 64;

/// One server under load: one round, or the median of several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) per_s: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// A server and what it is asked.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    address: SocketAddr,
    requests: NamedTempFile,
    connections: usize,
    rounds: Vec<Load>,
}

impl Target {
    /// Connection after connection sends one of `requests`, over and over.
    pub(super) fn new(
        name: &'static str,
        address: SocketAddr,
        requests: &[String],
        connections: usize,
    ) -> io::Result<Self> {
        let mut file = NamedTempFile::new()?;
        file.write_all(json!(requests).to_string().as_bytes())?;
        Ok(Self {
            name,
            address,
            requests: file,
            connections,
            rounds: Vec::new(),
        })
    }

    /// Has the load generator run once.
    fn round(&mut self, seconds: u32) -> io::Result<()> {
        let (connections, seconds) = (self.connections.to_string(), seconds.to_string());
        let mut generator = this_program()?;
        generator
            .arg("load")
            .arg(self.address.to_string())
            .arg(self.requests.path())
            .args([connections, seconds]);
        let said =
            output(&mut generator).map_err(|error| io::Error::other(format!("{}: {error}", self.name)))?;
        let measured: Value = serde_json::from_str(&said)?;
        let number = |name: &str| measured[name].as_f64().unwrap_or(f64::NAN);
        self.rounds.push(Load {
            per_s: number("per_s"),
            p50_us: number("p50_us"),
            p99_us: number("p99_us"),
        });
        Ok(())
    }

    /// The medians of the rounds.
    pub(super) fn load(&self) -> Load {
        let of = |number: fn(&Load) -> f64| median(self.rounds.iter().map(number));
        Load {
            per_s: of(|round| round.per_s),
            p50_us: of(|round| round.p50_us),
            p99_us: of(|round| round.p99_us),
        }
    }

    /// The median of the rounds' ratios: this one's number by that of `other` in the same round.
    pub(super) fn ratio(&self, other: &Self, number: fn(&Load) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.map(|(ours, theirs)| number(ours) / number(theirs)))
    }
}

/// Asks all targets in turn, round after round.
pub(super) fn alternate(targets: &mut [&mut Target], rounds: usize, seconds: u32) -> io::Result<()> {
    for _ in 0..rounds {
        for target in &mut *targets {
            target.round(seconds)?;
        }
    }
    Ok(())
}

fn this_program() -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// Starts bare hyper in one of its layouts.
pub(super) fn start_bare(layout: &str, body: &str) -> io::Result<(Killed, SocketAddr)> {
    start_and_ask(this_program()?.args(["bare-hyper", layout, body]))
}

/// Starts a program whose first line is the address, or the port, where it listens.
pub(super) fn start_and_ask(program: &mut Command) -> io::Result<(Killed, SocketAddr)> {
    let mut process = Killed::start(program.stdout(Stdio::piped()))?;
    let mut line = String::new();
    if let Some(stdout) = process.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let said = line.trim();
    let address = said
        .parse()
        .or_else(|_| format!("127.0.0.1:{said}").parse())
        .map_err(|_| io::Error::other(format!("{program:?} did not start: {said}")))?;
    Ok((process, address))
}

/// The load generator's own process: sends requests for some seconds and prints what it measured.
pub(crate) fn load(address: &str, requests: &str, connections: &str, seconds: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text} is no number"));
    let address = address.parse().map_err(|_| format!("{address} is no address"))?;
    let (connections, seconds) = (number(connections)?, number(seconds)?);
    let requests = std::fs::read(requests).map_err(|error| error.to_string())?;
    let requests: Vec<String> = serde_json::from_slice(&requests).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let loaded =
        runtime.and_then(|runtime| runtime.block_on(drive(address, &requests, connections, seconds)));
    let times = loaded.map_err(|error| format!("under load: {error}"))?;
    let per_s = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) / f64::from(seconds);
    let Latency { p50, p99, .. } = Latency::of(times);
    println!(
        "{}",
        json!({ "per_s": per_s, "p50_us": us(p50), "p99_us": us(p99) })
    );
    Ok(())
}

/// The times of all requests.
async fn drive(
    address: SocketAddr,
    requests: &[String],
    connections: u32,
    seconds: u32,
) -> io::Result<Vec<Duration>> {
    let all_connected = Arc::new(Barrier::new(connections as usize));
    let mut loops = JoinSet::new();
    for request in requests.iter().cycle().take(connections as usize) {
        let (request, all_connected) = (Arc::<[u8]>::from(request.as_bytes()), Arc::clone(&all_connected));
        loops.spawn(async move {
            let mut connection = Connection::open(address).await?;
            connection.exchange(&request).await?;
            all_connected.wait().await;
            let end = clock::now() + Duration::from_secs(seconds.into());
            repeat(&mut connection, &request, end).await
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = loops.join_next().await {
        times.extend(ended??);
    }
    Ok(times)
}

async fn repeat(connection: &mut Connection, request: &[u8], end: Instant) -> io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut began = clock::now();
    while began < end {
        let answer = connection.exchange(request).await?;
        if !is_ok(answer) {
            return Err(io::Error::other(String::from_utf8_lossy(answer)));
        }
        let now = clock::now();
        times.push(now.duration_since(began));
        began = now;
    }
    Ok(times)
}

/// Whether an answer begins as every success does.
fn is_ok(answer: &[u8]) -> bool {
    answer.starts_with(br#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0"#)
}
