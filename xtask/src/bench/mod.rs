//! `cargo xtask bench`: the server as a backend meets it, over real connections.
//!
//! Everything is measured beside a bare hyper server in the same run, by the same load generator, in
//! alternating rounds: the ratio tells more than any number of requests a second on somebody's machine.

mod bare;
mod connection;
mod fill;
mod gateway;
mod load;
mod machine;
mod probe;
mod report;
mod server;
mod stats;

use std::io;
use std::sync::Arc;

use crate::step::{self, say};
use crate::workspace::Workspace;

pub(crate) use bare::serve_bare;
pub(crate) use load::load;

use report::Report;
use server::Server;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Members of the communities, from small to large.
    communities: &'static [usize],
    /// Pairs of rounds, of the server and of bare hyper.
    rounds: usize,
    /// How long a round lasts.
    round_s: u32,
    /// How long writes are watched when nothing else goes on.
    quiet_s: u32,
}

const FULL: Plan = Plan {
    communities: &[100, 100_000, 1_000_000],
    rounds: 5,
    round_s: 3,
    quiet_s: 3,
};

const QUICK: Plan = Plan {
    communities: &[100, 100_000],
    rounds: 3,
    round_s: 1,
    quiet_s: 1,
};

/// Members that are online while the counts are read.
const ONLINE: usize = 10;

/// Runs the bench and prints its tables.
pub(crate) fn run(workspace: &Workspace, quick: bool) -> Result<(), String> {
    step::run(&mut workspace.cargo(&["build", "--release", "--bin", "headcount"]))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let (plan, command) = if quick {
        (QUICK, "cargo xtask bench --quick")
    } else {
        (FULL, "cargo xtask bench")
    };
    // Before the bench is itself what the machine does.
    let machine = machine::describe(workspace);
    let report = runtime
        .block_on(measure(workspace, plan))
        .map_err(|error| format!("the bench failed: {error}"))?;
    say(&report.markdown(command, &machine));
    Ok(())
}

async fn measure(workspace: &Workspace, plan: Plan) -> io::Result<Report> {
    let server = Arc::new(Server::start(&workspace.server())?);
    let largest = plan.communities.iter().copied().max().unwrap_or(0);
    let mut report = Report::default();

    progress("small writes, and nothing else");
    let ((), writes) = probe::during(&server, "quiet", probe::nothing(plan.quiet_s)).await?;
    report.writes.push(("nothing".to_owned(), writes));

    progress(&format!("importing {largest} accounts"));
    report.fills.push(fill::accounts(&server, largest).await?);
    let online = gateway::log_in(&server, ONLINE).await?;

    for &members in plan.communities {
        let community = community(members);
        progress(&format!("importing {members} members"));
        fill::create_community(&server, &community).await?;
        let import = fill::members(&server, community.clone(), members);
        let filled = if members == largest {
            let (filled, writes) = probe::during(&server, "import", import).await?;
            report
                .writes
                .push((format!("{members} members are imported"), writes));
            filled
        } else {
            import.await?
        };
        report.fills.push(filled);
        progress(&format!("counting who of {members} members is online"));
        report
            .counts
            .push(load::compare(&server, &community, members, plan).await?);
    }

    progress(&format!("dissolving the community of {largest}"));
    let community = community(largest);
    let dissolving = probe::dissolve(&server, &community);
    let ((answered, cleaned), writes) = probe::during(&server, "dissolve", dissolving).await?;
    let what = format!(
        "{largest} members of a dissolved group are removed (answered in {:.1} ms, done in {:.1} s)",
        answered.as_secs_f64() * 1000.0,
        cleaned.as_secs_f64()
    );
    report.writes.push((what, writes));
    drop(online);
    Ok(report)
}

fn community(members: usize) -> String {
    format!("@TGS#_bench{members}")
}

fn progress(what: &str) {
    say(&format!("--- {what}"));
}
