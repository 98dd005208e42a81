//! The load generator: a closed loop over 64 connections, in a process of its own.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Plan;
use super::connection::Connection;
use super::server::{Killed, Server};
use super::stats::{Latency, median};
use crate::clock;

/// Connections that are kept alive, each with one request under way.
pub(super) const CONNECTIONS: usize = 64;

/// One server under load: the median over the rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) per_s: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// Reads of one community's count, and of the same bytes from bare hyper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) members: usize,
    pub(super) online: u64,
    pub(super) headcount: Load,
    pub(super) bare: Load,
    /// The median of the rounds' ratios.
    pub(super) ratio: f64,
}

/// Compares the server with bare hyper, in alternating rounds.
pub(super) async fn compare(
    server: &Server,
    community: &str,
    members: usize,
    plan: Plan,
) -> io::Result<Count> {
    let (command, body) = (
        "million_group_open_http_svc/get_online_member_num",
        json!({ "GroupId": community }),
    );
    let mut connection = Connection::open(server.address).await?;
    let answer = server.call(&mut connection, command, &body).await?;
    let request = server.request(command, &body);
    let fixed = connection.exchange(request.as_bytes()).await?;
    let (_bare, bare_address) = start_bare(std::str::from_utf8(fixed).map_err(io::Error::other)?)?;
    let (mut headcount, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        headcount.push(round(server.address, &request, plan.round_s)?);
        bare.push(round(bare_address, &request, plan.round_s)?);
    }
    let ratios = headcount
        .iter()
        .zip(&bare)
        .map(|(ours, theirs)| ours.per_s / theirs.per_s);
    Ok(Count {
        members,
        online: answer["OnlineMemberNum"].as_u64().unwrap_or(0),
        ratio: median(ratios),
        headcount: middle(&headcount),
        bare: middle(&bare),
    })
}

fn middle(rounds: &[Load]) -> Load {
    Load {
        per_s: median(rounds.iter().map(|round| round.per_s)),
        p50_us: median(rounds.iter().map(|round| round.p50_us)),
        p99_us: median(rounds.iter().map(|round| round.p99_us)),
    }
}

fn this_program() -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

fn start_bare(body: &str) -> io::Result<(Killed, SocketAddr)> {
    let started = this_program()?
        .args(["bare-hyper", body])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut process = Killed(started);
    let mut line = String::new();
    if let Some(stdout) = process.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let address = line.trim().parse().map_err(io::Error::other)?;
    Ok((process, address))
}

/// Has the load generator run once.
fn round(address: SocketAddr, request: &str, seconds: u32) -> io::Result<Load> {
    let (address, seconds) = (address.to_string(), seconds.to_string());
    let output = this_program()?
        .args(["load", &address, request, &seconds])
        .stderr(Stdio::inherit())
        .output()?;
    let measured: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| {
        measured[name]
            .as_f64()
            .ok_or_else(|| io::Error::other("no measurement"))
    };
    Ok(Load {
        per_s: number("per_s")?,
        p50_us: number("p50_us")?,
        p99_us: number("p99_us")?,
    })
}

/// The load generator's own process: sends `request` for some seconds and prints what it measured.
pub(crate) fn load(address: &str, request: &str, seconds: &str) -> Result<(), String> {
    let address = address.parse().map_err(|_| format!("{address} is no address"))?;
    let seconds: u32 = seconds.parse().map_err(|_| format!("{seconds} is no number"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let loaded =
        runtime.and_then(|runtime| runtime.block_on(drive(address, Arc::from(request.as_bytes()), seconds)));
    let times_us = loaded.map_err(|error| format!("under load: {error}"))?;
    let per_s = f64::from(u32::try_from(times_us.len()).unwrap_or(u32::MAX)) / f64::from(seconds);
    let Latency { p50_us, p99_us, .. } = Latency::of(times_us);
    println!(
        "{}",
        json!({ "per_s": per_s, "p50_us": p50_us, "p99_us": p99_us })
    );
    Ok(())
}

/// The times of all requests.
async fn drive(address: SocketAddr, request: Arc<[u8]>, seconds: u32) -> io::Result<Vec<u32>> {
    let all_connected = Arc::new(Barrier::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (request, all_connected) = (Arc::clone(&request), Arc::clone(&all_connected));
        connections.spawn(async move {
            let mut connection = Connection::open(address).await?;
            connection.exchange(&request).await?;
            all_connected.wait().await;
            let end = clock::now() + Duration::from_secs(seconds.into());
            repeat(&mut connection, &request, end).await
        });
    }
    let mut times_us = Vec::new();
    while let Some(ended) = connections.join_next().await {
        times_us.extend(ended??);
    }
    Ok(times_us)
}

async fn repeat(connection: &mut Connection, request: &[u8], end: Instant) -> io::Result<Vec<u32>> {
    let mut times_us = Vec::new();
    let mut began = clock::now();
    while began < end {
        connection.exchange(request).await?;
        let now = clock::now();
        times_us.push(u32::try_from(now.duration_since(began).as_micros()).unwrap_or(u32::MAX));
        began = now;
    }
    Ok(times_us)
}
