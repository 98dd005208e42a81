//! One, two and three nodes that count as one: reads and logins a second, how late other nodes are, and
//! what all that asks of Redis, beside counting in Redis itself.

mod fleet;
mod redis;

use std::io;
use std::thread;
use std::time::Duration;

use super::crowd::{Against, Crowd};
use super::figures::{Goal, Report};
use super::load::{CONNECTIONS, Target, alternate};
use super::{Bench, progress};
use crate::clock;
use fleet::Fleet;
use redis::{Counter, Usage};

/// Nodes at most.
const NODES: usize = 3;
/// Logins whose way to another node is timed.
const PROBES: usize = 200;
/// How long Redis is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(3);

/// What was seen of so many nodes.
struct Seen {
    nodes: usize,
    logins_per_s: f64,
    counts_per_s: f64,
    commands_idle_per_s: f64,
    commands_per_login: f64,
    commands_per_count: f64,
    redis_bytes_per_user: f64,
    late_ms: Option<(f64, f64)>,
}

/// Measures fleets of one, two and three nodes, and counting in Redis.
pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let mut seen = Vec::new();
    for nodes in 1..=NODES {
        progress(&format!("{nodes} nodes on PostgreSQL and Redis"));
        seen.push(measure(bench, nodes).await?);
    }
    progress("counting in Redis itself");
    let direct = redis::count_directly(bench.plan.cluster_sessions)?;
    add_figures(report, &seen, &direct);
    add_table(report, &seen, &direct);
    Ok(())
}

async fn measure(bench: &Bench, nodes: usize) -> io::Result<Seen> {
    let fleet = Fleet::start(&bench.programs.headcount, nodes)?;
    let each = bench.plan.cluster_sessions / nodes;
    fleet.settle(each).await?;
    let idle = Counter::start(&fleet.redis)?;
    tokio::time::sleep(IDLE).await;
    let commands_idle_per_s = idle.stop()?.commands_per_s();

    let logins = Counter::start(&fleet.redis)?;
    let began = clock::now();
    let mut crowds = Vec::new();
    for at in 0..nodes {
        let plan = format!(
            "--sessions {each} --heartbeat-s 30 --hold-s 0 --user-prefix {}",
            fleet::prefix(at)
        );
        let against = Against::Server(&fleet.nodes[at], &fleet::own_community(at));
        crowds.push(Crowd::start(&bench.programs.crowd, &against, &plan)?);
    }
    for crowd in &mut crowds {
        crowd.phase()?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let online = each * nodes;
    fleet.wait_until_all_count(online).await?;
    let Usage { commands, bytes, .. } = logins.stop()?;
    fleet.audit()?;

    let counts = Counter::start(&fleet.redis)?;
    let counts_per_s = count_on_all(bench, &fleet)?;
    let counted = counts.stop()?;
    let made = counts_per_s * counted.seconds;
    let late_ms = if nodes > 1 {
        Some(fleet.lateness(PROBES).await?)
    } else {
        None
    };
    crowds.into_iter().for_each(Crowd::stop);
    Ok(Seen {
        nodes,
        logins_per_s: as_f64(online) / seconds,
        counts_per_s,
        commands_idle_per_s,
        commands_per_login: commands / as_f64(online),
        commands_per_count: ((counted.commands - commands_idle_per_s * counted.seconds) / made).max(0.0),
        redis_bytes_per_user: bytes / as_f64(online),
        late_ms,
    })
}

/// Counts a second over all nodes, each asked over connections of its own at the same time.
fn count_on_all(bench: &Bench, fleet: &Fleet) -> io::Result<f64> {
    let connections = CONNECTIONS / fleet.nodes.len();
    let mut targets = Vec::new();
    for node in &fleet.nodes {
        let requests = node.requests(connections, super::count::COMMAND, &fleet::town())?;
        targets.push(Target::new("headcount", node.address, &requests, connections)?);
    }
    let rounds = thread::scope(|scope| {
        let rounds: Vec<_> = targets
            .iter_mut()
            .map(|target| scope.spawn(|| alternate(&mut [target], bench.plan.rounds, bench.plan.round_s)))
            .collect();
        rounds
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect::<Vec<_>>()
    });
    for round in rounds {
        round.map_err(|_| io::Error::other("a round failed"))??;
    }
    Ok(targets.iter().map(|target| target.load().per_s).sum())
}

fn add_figures(report: &mut Report, seen: &[Seen], direct: &redis::Direct) {
    let Some(most) = seen.last() else { return };
    report.figure(
        format!("Redis commands a count, on {} nodes", most.nodes),
        Goal::AtMost(0.01),
        "",
        most.commands_per_count,
        format!("counting in Redis itself takes {}", direct.commands_per_count),
    );
    report.figure(
        format!(
            "Redis commands a login into two communities, on {} nodes",
            most.nodes
        ),
        Goal::AtMost(direct.commands_per_login),
        "",
        most.commands_per_login,
        "all commands while they logged in; at most as many as counting in Redis itself",
    );
    report.figure(
        format!("Redis bytes an online user, on {} nodes", most.nodes),
        Goal::AtMost(direct.bytes_per_user),
        "",
        most.redis_bytes_per_user,
        "at most as many as a set of each community takes",
    );
    if let Some((p50, p99)) = most.late_ms {
        report.figure(
            "a login, until another node counts it, p99",
            Goal::AtMost(1_000.0),
            " ms",
            p99,
            format!("p50 {p50:.0} ms"),
        );
    }
}

fn add_table(report: &mut Report, seen: &[Seen], direct: &redis::Direct) {
    let mut rows: Vec<Vec<String>> = seen
        .iter()
        .map(|seen| {
            let late = seen.late_ms.map(|(p50, p99)| format!("{p50:.0}, {p99:.0}"));
            vec![
                seen.nodes.to_string(),
                format!("{:.0}", seen.counts_per_s),
                format!("{:.0}", seen.logins_per_s),
                format!("{:.1}", seen.commands_idle_per_s),
                format!("{:.3}", seen.commands_per_login),
                format!("{:.5}", seen.commands_per_count),
                format!("{:.0}", seen.redis_bytes_per_user),
                late.unwrap_or_default(),
            ]
        })
        .collect();
    rows.push(vec![
        "counting in Redis itself".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        direct.commands_per_login.to_string(),
        direct.commands_per_count.to_string(),
        format!("{:.0}", direct.bytes_per_user),
        String::new(),
    ]);
    report.table(
        "Nodes that count as one, all on this machine with the clients, PostgreSQL and Redis",
        &[
            "nodes",
            "counts/s",
            "logins/s",
            "Redis commands/s idle",
            "commands a login",
            "commands a count",
            "Redis bytes a user",
            "other nodes late by p50, p99 ms",
        ],
        &rows,
    );
}

fn as_f64(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
