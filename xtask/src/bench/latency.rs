//! Whether a count of a large community takes longer than one of a small community.

use std::io;

use serde_json::json;

use super::count::{self, COMMAND, FEW, milliseconds};
use super::figures::{Goal, Report};
use super::load::{CONNECTIONS, Target, alternate};
use super::{Bench, community, progress};

pub(super) fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    progress("large and small communities");
    let server = count::server(bench)?;
    let mut rows = Vec::new();
    let mut flat = f64::NAN;
    for connections in [1, CONNECTIONS] {
        let target = |name, members| {
            let body = json!({ "GroupId": community(members) });
            let requests = server.requests(connections, COMMAND, &body)?;
            Target::new(name, server.address, &requests, connections)
        };
        let (mut few, mut many) = (target("few", FEW)?, target("many", bench.plan.members)?);
        alternate(&mut [&mut few, &mut many], bench.plan.rounds, bench.plan.round_s)?;
        let ratio = many.ratio(&few, |load| load.p50_us);
        flat = if connections == 1 {
            ratio
        } else {
            f64::max(flat, ratio)
        };
        for (members, target) in [(FEW, &few), (bench.plan.members, &many)] {
            rows.push(vec![
                connections.to_string(),
                members.to_string(),
                milliseconds(target.load()),
                format!("{:.0}", target.load().per_s),
            ]);
        }
    }
    let what = format!(
        "latency at {} members against {FEW} (p50, the larger of both loads)",
        bench.plan.members
    );
    report.figure(what, Goal::AtMost(1.05), " ×", flat, "");
    report.table(
        "communities of two sizes",
        &["connections", "members", "p50, p99 ms", "requests/s"],
        &rows,
    );
    Ok(())
}
