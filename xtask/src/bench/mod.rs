//! `cargo xtask bench`: the server as backends and clients meet it, over real connections.
//!
//! Each figure stands beside a limit or an alternative that is measured in the same run, in alternating
//! rounds: the ratio tells more than any number of requests a second on somebody's machine. The server
//! runs as README starts it, but for the threads and tables of open files that many sessions need.

mod bare;
mod cluster;
mod compare;
mod connection;
mod count;
mod crowd;
mod figures;
mod fill;
mod heartbeat;
mod hold;
mod import;
mod instructions;
mod latency;
mod load;
mod login;
mod machine;
mod probe;
mod processes;
mod restart;
mod server;
mod sessions;
mod stats;
mod storm;
mod sysctl;
mod watch;
mod writes;

use std::io;

use crate::clock;
use crate::step::{self, say};
use crate::workspace::Workspace;

pub(crate) use bare::serve_bare;
pub(crate) use load::load;

use crowd::Programs;
use figures::Report;
use hold::Held;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    name: &'static str,
    /// Members of the large community.
    members: usize,
    /// Rounds of requests, which alternate.
    rounds: usize,
    /// How long such a round lasts.
    round_s: u32,
    /// Rounds of crowds, which alternate.
    crowd_rounds: usize,
    /// How long logins churn by themselves.
    churn_s: u32,
    /// How long heartbeats are watched for what they cost.
    heartbeats_s: u32,
    /// What is held, one after the other.
    held: &'static [Held],
    /// Sessions that have to be held.
    held_goal: u32,
    /// How long the most of them are held.
    hold_s: u32,
    storm_sessions: usize,
    /// Accounts of a full house, each in ten communities.
    house: usize,
    /// Sessions that the nodes of a cluster share.
    cluster_sessions: usize,
}

const fn held(sessions: u32, heartbeat_s: u32) -> Held {
    Held {
        sessions,
        heartbeat_s,
    }
}

const FULL: Plan = Plan {
    name: "--full",
    members: 1_000_000,
    rounds: 5,
    round_s: 3,
    crowd_rounds: 3,
    churn_s: 15,
    heartbeats_s: 10,
    held: &[
        held(10_000, 60),
        held(100_000, 60),
        held(300_000, 60),
        held(300_000, 10),
        held(1_000_000, 60),
    ],
    held_goal: 1_000_000,
    // Every session sends a heartbeat at least once.
    hold_s: 65,
    storm_sessions: 100_000,
    house: 1_000_000,
    cluster_sessions: 12_000,
};

const QUICK: Plan = Plan {
    name: "--quick",
    members: 100_000,
    rounds: 2,
    round_s: 1,
    crowd_rounds: 2,
    churn_s: 5,
    heartbeats_s: 6,
    held: &[held(20_000, 60)],
    held_goal: 20_000,
    hold_s: 5,
    storm_sessions: 10_000,
    house: 100_000,
    cluster_sessions: 6_000,
};

/// The parts, in the order of their rows.
const PARTS: [&str; 12] = [
    "count",
    "compare",
    "latency",
    "hold",
    "login",
    "heartbeat",
    "storm",
    "import",
    "restart",
    "watch",
    "writes",
    "cluster",
];

/// A part that is measured only when it is named: it needs valgrind.
const INSTRUCTIONS: &str = "instructions";

/// A run of the bench.
struct Bench {
    plan: Plan,
    programs: Programs,
}

/// Measures and prints the tables. `args` are `--quick` or `--full`, and parts; without any, all of them.
pub(crate) fn run(workspace: &Workspace, args: &[&str]) -> Result<(), String> {
    let (plan, parts) = chosen(args)?;
    step::run(&mut workspace.cargo(&[
        "build",
        "--release",
        "--package",
        "headcount",
        "--package",
        "crowd",
    ]))?;
    let bench = Bench {
        plan,
        programs: Programs {
            headcount: workspace.program("headcount"),
            crowd: workspace.program("crowd"),
            bare_ws: workspace.program("bare-ws"),
        },
    };
    // Before the bench is itself what the machine does.
    let mut machine = machine::describe(workspace);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let (report, failed) = runtime
        .block_on(measure_all(&bench, workspace, &parts))
        .map_err(|error| format!("the bench: {error}"))?;
    machine.extend(compare::versions());
    let command = [&["cargo xtask bench", plan.name], &parts[..]].concat().join(" ");
    say(&report.markdown(&command, &machine));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// How much is measured, and of what.
fn chosen<'a>(args: &[&'a str]) -> Result<(Plan, Vec<&'a str>), String> {
    let (flags, parts): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| arg.starts_with('-'));
    let plan = match flags[..] {
        [] | ["--full"] => FULL,
        ["--quick"] => QUICK,
        _ => return Err(format!("{}: give --quick or --full", flags.join(" "))),
    };
    let known = |part: &&str| PARTS.contains(part) || *part == INSTRUCTIONS;
    match parts.iter().find(|part| !known(part)) {
        Some(unknown) => Err(format!(
            "{unknown} is no part: they are {}, {INSTRUCTIONS}",
            PARTS.join(", ")
        )),
        None => Ok((plan, parts)),
    }
}

/// Measures part after part; no `parts` are all. A part that fails keeps no other from being measured.
async fn measure_all(
    bench: &Bench,
    workspace: &Workspace,
    parts: &[&str],
) -> io::Result<(Report, Vec<String>)> {
    processes::stop_on_signals()?;
    let (mut report, mut failed) = (Report::default(), Vec::new());
    let wanted = |part: &&str| parts.contains(part) || (parts.is_empty() && *part != INSTRUCTIONS);
    for part in PARTS.into_iter().chain([INSTRUCTIONS]).filter(wanted) {
        let began = clock::now();
        let measured = measure(bench, workspace, part, &mut report).await;
        processes::check()?;
        let seconds = began.elapsed().as_secs_f64();
        match measured {
            Ok(()) => progress(&format!("{part} took {seconds:.0} s")),
            Err(error) => {
                let reason = format!("the part {part} failed: {error}");
                progress(&reason);
                failed.push(reason);
            }
        }
    }
    Ok((report, failed))
}

async fn measure(bench: &Bench, workspace: &Workspace, part: &str, report: &mut Report) -> io::Result<()> {
    match part {
        "count" => count::run(bench, report).await,
        "compare" => compare::run(bench, workspace, report),
        "latency" => latency::run(bench, report),
        "hold" => hold::run(bench, report),
        "login" => login::run(bench, report),
        "heartbeat" => heartbeat::run(bench, report),
        "storm" => storm::run(bench, report),
        "import" => import::run(bench, report).await,
        "restart" => restart::run(bench, report).await,
        "watch" => watch::run(bench, report).await,
        "writes" => writes::run(bench, report).await,
        "cluster" => cluster::run(bench, report).await,
        _ => instructions::run(bench, report).await,
    }
}

fn community(number: usize) -> String {
    format!("@TGS#_bench{number}")
}

fn progress(what: &str) {
    say(&format!("--- {what}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_parts_are_chosen() {
        let chosen = |args: &[&'static str]| chosen(args).map(|(plan, parts)| (plan.name, parts));
        assert_eq!(chosen(&[]), Ok(("--full", vec![])));
        assert_eq!(chosen(&["--quick"]), Ok(("--quick", vec![])));
        assert_eq!(
            chosen(&["count", "--quick", "hold"]),
            Ok(("--quick", vec!["count", "hold"]))
        );
        assert!(chosen(&["--quick", "--full"]).is_err());
        assert!(chosen(&["--fast"]).is_err());
        let unknown = chosen(&["counts"]).unwrap_err();
        assert!(
            unknown.starts_with("counts is no part: they are count, compare,"),
            "{unknown}"
        );
    }
}
