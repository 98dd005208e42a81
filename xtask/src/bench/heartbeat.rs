//! What a heartbeat and its answer cost the server, beside a bare WebSocket's echo.

use std::io;

use super::Bench;
use super::figures::{Goal, Report};
use super::sessions::{beside_bare, threads};

/// Sessions that send heartbeats, each so often.
const SESSIONS: usize = 10_000;
const EVERY_S: u32 = 2;
const CPU_US: &str = "/server_cpu_us_per_heartbeat";
/// The phase in which they do: the first is their login.
const HOLD: usize = 1;

pub(super) fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let plan = format!("--heartbeat-s {EVERY_S} --hold-s {}", bench.plan.heartbeats_s);
    let [ours, theirs] = beside_bare(bench, "what a heartbeat costs", SESSIONS, &plan, "", 2)?;
    let remark = format!(
        "{:.1} against {:.1} µs",
        ours.median(HOLD, CPU_US),
        theirs.median(HOLD, CPU_US)
    );
    report.figure(
        "heartbeat: server CPU against a bare WebSocket echo",
        Goal::AtMost(1.2),
        " ×",
        ours.ratio(&theirs, HOLD, CPU_US),
        remark,
    );
    let rows = [("headcount", &ours), ("bare WebSocket", &theirs)].map(|(name, rounds)| {
        vec![
            name.to_owned(),
            format!("{:.1}", rounds.median(HOLD, CPU_US)),
            format!(
                "{:.0}",
                rounds.median(HOLD, "/heartbeats") / rounds.median(HOLD, "/seconds")
            ),
            rounds.p50_p99_ms(HOLD, "heartbeat_us"),
        ]
    });
    let title = format!(
        "{SESSIONS} sessions with a heartbeat every {EVERY_S} s, {} threads each, medians of alternating rounds",
        threads(SESSIONS)
    );
    let columns = ["server", "CPU µs a heartbeat", "heartbeats/s", "p50, p99 ms"];
    report.table(&title, &columns, &rows);
    Ok(())
}
