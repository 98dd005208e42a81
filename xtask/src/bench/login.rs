//! What a login costs the server, beside a bare WebSocket that is only opened.

use std::io;

use super::Bench;
use super::figures::{Goal, Report};
use super::sessions::{beside_bare, threads};

/// Logins of a round.
const SESSIONS: usize = 15_000;
const CPU_US: &str = "/server_cpu_us_per_op";

pub(super) fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let [ours, theirs] = beside_bare(bench, "what a login costs", SESSIONS, "--hold-s 0", "", 1)?;
    let remark = format!(
        "{:.1} against {:.1} µs",
        ours.median(0, CPU_US),
        theirs.median(0, CPU_US)
    );
    report.figure(
        "login: server CPU against a bare WebSocket accept",
        Goal::AtMost(1.5),
        " ×",
        ours.ratio(&theirs, 0, CPU_US),
        remark,
    );
    let rows = [
        ("headcount: handshake, UserSig, groups, login", &ours),
        ("bare WebSocket: handshake", &theirs),
    ];
    let rows = rows.map(|(name, rounds)| {
        vec![
            name.to_owned(),
            format!("{:.1}", rounds.median(0, CPU_US)),
            format!("{:.0}", rounds.median(0, "/per_s")),
            rounds.p50_p99_ms(0, "login_us"),
        ]
    });
    let title = format!(
        "{SESSIONS} logins as fast as they go, {} threads each, medians of alternating rounds",
        threads(SESSIONS)
    );
    report.table(
        &title,
        &["server", "CPU µs a login", "logins/s", "p50, p99 ms"],
        &rows,
    );
    Ok(())
}
