//! `cargo xtask bench`: the server as backends and clients meet it, over real connections.
//!
//! Each figure stands beside a limit or an alternative that is measured in the same run, in alternating
//! rounds: the ratio tells more than any number of requests a second on somebody's machine. The server
//! runs as README starts it, but for the threads and tables of open files that many sessions need.

mod bare;
mod compare;
mod connection;
mod count;
mod crowd;
mod figures;
mod fill;
mod instructions;
mod load;
mod machine;
mod moving;
mod probe;
mod server;
mod sessions;
mod stats;
mod watch;

use std::io;

use crate::step::{self, say};
use crate::workspace::Workspace;

pub(crate) use bare::serve_bare;
pub(crate) use load::load;

use crowd::Programs;
use figures::Report;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    name: &'static str,
    /// Members of the large community.
    members: usize,
    /// Rounds of everything that alternates.
    rounds: usize,
    /// How long a round lasts.
    round_s: u32,
    /// How long logins churn by themselves.
    churn_s: u32,
    /// Sessions for what a login and a heartbeat cost.
    cost_sessions: usize,
    /// Sessions to hold, and the seconds between two of their heartbeats.
    held: &'static [(usize, u32)],
    /// Sessions that have to be held.
    held_goal: usize,
    /// How long they are held.
    hold_s: u32,
    storm_sessions: usize,
    /// Accounts of a full house, each in ten communities.
    house: usize,
}

const FULL: Plan = Plan {
    name: "--full",
    members: 1_000_000,
    rounds: 5,
    round_s: 3,
    churn_s: 15,
    cost_sessions: 15_000,
    held: &[
        (10_000, 60),
        (100_000, 60),
        (300_000, 60),
        (300_000, 10),
        (1_000_000, 60),
    ],
    held_goal: 1_000_000,
    hold_s: 60,
    storm_sessions: 100_000,
    house: 1_000_000,
};

const QUICK: Plan = Plan {
    name: "--quick",
    members: 100_000,
    rounds: 2,
    round_s: 1,
    churn_s: 5,
    cost_sessions: 10_000,
    held: &[(50_000, 60)],
    held_goal: 50_000,
    hold_s: 5,
    storm_sessions: 20_000,
    house: 100_000,
};

/// The parts, in the order of their rows.
const PARTS: [&str; 7] = ["count", "costs", "storm", "hold", "import", "restart", "watch"];
/// A part that is measured only when it is named: it needs valgrind.
const INSTRUCTIONS: &str = "instructions";

/// A run of the bench.
struct Bench {
    plan: Plan,
    programs: Programs,
}

/// Measures and prints the tables. `args` are `--quick` or `--full`, and parts; without any, all of them.
pub(crate) fn run(workspace: &Workspace, args: &[&str]) -> Result<(), String> {
    let (flags, parts): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| arg.starts_with('-'));
    let plan = match flags[..] {
        [] | ["--full"] => FULL,
        ["--quick"] => QUICK,
        _ => return Err(format!("{flags:?}: give --quick or --full")),
    };
    if let Some(unknown) = parts
        .iter()
        .find(|part| !PARTS.contains(part) && **part != INSTRUCTIONS)
    {
        return Err(format!(
            "{unknown} is no part: they are {} and {INSTRUCTIONS}",
            PARTS.join(", ")
        ));
    }
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
    let mut report = Report::default();
    let wanted = |part: &&str| parts.contains(part) || (parts.is_empty() && *part != INSTRUCTIONS);
    for part in PARTS.into_iter().chain([INSTRUCTIONS]).filter(wanted) {
        runtime
            .block_on(measure(&bench, workspace, part, &mut report))
            .map_err(|error| format!("the bench failed in its part {part}: {error}"))?;
    }
    machine.extend(compare::versions());
    let command = ["cargo xtask bench", plan.name]
        .into_iter()
        .chain(parts)
        .collect::<Vec<_>>()
        .join(" ");
    say(&report.markdown(&command, &machine));
    Ok(())
}

async fn measure(bench: &Bench, workspace: &Workspace, part: &str, report: &mut Report) -> io::Result<()> {
    match part {
        "count" => {
            let server = count::server(bench)?;
            count::run(bench, &server, report).await?;
            compare::run(bench, workspace, &server, report)?;
            count::latency(bench, &server, report)
        }
        "costs" => sessions::costs(bench, report),
        "storm" => sessions::storm(bench, report),
        "hold" => sessions::hold(bench, report),
        "import" => moving::import(bench, report).await,
        "restart" => moving::restart(bench, report).await,
        "watch" => watch::run(bench, report).await,
        _ => instructions::run(bench, report).await,
    }
}

fn community(number: usize) -> String {
    format!("@TGS#_bench{number}")
}

fn progress(what: &str) {
    say(&format!("--- {what}"));
}
