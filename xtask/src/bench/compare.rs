//! What people build today: a Redis set for each community, and SCARD behind a small web service.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::count::{self, COMMAND, milliseconds};
use super::figures::{Goal, Report};
use super::load::{CONNECTIONS, Target, alternate, start_and_ask};
use super::processes::{Killed, output};
use super::{Bench, community, progress};
use crate::workspace::Workspace;

const WHAT: &str = "count over REST, against Redis SCARD behind a fastify service";
const GOAL: Goal = Goal::AtLeast(5.0);
/// Processes of the service that are tried; the faster counts.
const PROCESSES: [&str; 2] = ["1", "2"];
/// Members of the set, as many as could be online.
const ONLINE: usize = 1_000;

pub(super) fn run(bench: &Bench, workspace: &Workspace, report: &mut Report) -> io::Result<()> {
    progress("counts beside Redis and fastify");
    if let Err(why) = install(workspace) {
        report.not_measured(WHAT, GOAL, " ×", &why);
        return Ok(());
    }
    let server = count::server(bench)?;
    let (redis_process, redis, _folder) = start_redis()?;
    let group = community(bench.plan.members);
    fill(redis, &group)?;
    let requests = server.requests(CONNECTIONS, COMMAND, &json!({ "GroupId": group }))?;
    let mut rows = Vec::new();
    let mut least = f64::INFINITY;
    for processes in PROCESSES {
        let mut command = Command::new("node");
        command.arg(workspace.fastify_bench().join("server.mjs"));
        let (service_process, service) = start_and_ask(command.args([&redis.port().to_string(), processes]))?;
        let mut ours = Target::new("headcount", server.address, &requests, CONNECTIONS)?;
        let mut theirs = Target::new("fastify and Redis", service, &requests, CONNECTIONS)?;
        alternate(
            &mut [&mut ours, &mut theirs],
            bench.plan.rounds,
            bench.plan.round_s,
        )?;
        drop(service_process);
        let ratio = ours.ratio(&theirs, |load| load.per_s);
        least = least.min(ratio);
        rows.push(vec![
            processes.to_owned(),
            format!("{:.0}", theirs.load().per_s),
            milliseconds(theirs.load()),
            format!("{:.0}", ours.load().per_s),
            milliseconds(ours.load()),
            format!("{ratio:.1}"),
        ]);
    }
    drop(redis_process);
    report.figure(WHAT, GOAL, " ×", least, "the faster of its one and two processes");
    let columns = [
        "its processes",
        "fastify and Redis, requests/s",
        "p50, p99 ms",
        "headcount, requests/s",
        "p50, p99 ms",
        "ratio",
    ];
    report.table("beside Redis SCARD behind fastify", &columns, &rows);
    Ok(())
}

/// Finds or installs Redis and the service's packages; an error says what is missing.
fn install(workspace: &Workspace) -> Result<(), String> {
    let there = |program: &str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok()
    };
    if !there("node") || !there("npm") {
        return Err("Node and npm are not installed".to_owned());
    }
    if !there("redis-server") {
        for args in [
            &["update"][..],
            &["install", "-y", "--no-install-recommends", "redis-server"],
        ] {
            let mut install = Command::new("apt-get");
            install.args(args).env("DEBIAN_FRONTEND", "noninteractive");
            output(&mut install)
                .map_err(|_| "redis-server is not installed, and apt-get could not do it".to_owned())?;
        }
    }
    let mut packages = Command::new("npm");
    packages.args(["install", "--no-audit", "--no-fund", "--no-package-lock"]);
    output(packages.current_dir(workspace.fastify_bench()))
        .map_err(|_| "npm could not install fastify".to_owned())?;
    Ok(())
}

fn start_redis() -> io::Result<(Killed, SocketAddr, TempDir)> {
    let folder = TempDir::new()?;
    // A port that was free a moment ago: Redis cannot choose one by itself.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut redis = Command::new("redis-server");
    redis.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
    redis
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path());
    let mut process = Killed::start(redis.stdout(Stdio::null()))?;
    // Ends at the latest with the process, which a signal ends too.
    while TcpStream::connect(address).is_err() {
        if let Some(status) = process.0.try_wait()? {
            return Err(io::Error::other(format!("redis-server ended with {status}")));
        }
    }
    Ok((process, address, folder))
}

/// Puts the members into the set.
fn fill(redis: SocketAddr, group: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(redis)?;
    let mut command = vec!["SADD".to_owned(), format!("online:{group}")];
    command.extend((0..ONLINE).map(|number| format!("user{number}")));
    writeln!(stream, "{}\r", command.join(" "))?;
    let mut answer = [0; 1];
    io::Read::read_exact(&mut stream, &mut answer)?;
    if answer == *b":" {
        Ok(())
    } else {
        Err(io::Error::other("Redis did not take the members"))
    }
}

/// The versions of what was compared with.
pub(super) fn versions() -> Vec<(&'static str, String)> {
    let version = |program: &str| {
        let said = output(Command::new(program).arg("--version"));
        said.map_or_else(|_| "not installed".to_owned(), |said| said.trim().to_owned())
    };
    vec![("node", version("node")), ("redis", version("redis-server"))]
}
