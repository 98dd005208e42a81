//! All sessions of a community drop at once and come back, beside the time that bare accepts take.

use std::io;

use super::Bench;
use super::figures::{Goal, Report};
use super::sessions::{beside_bare, threads};

/// The phase in which they come back: the first is when they come.
const STORM: usize = 1;

pub(super) fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let sessions = bench.plan.storm_sessions;
    let what = format!("{sessions} sessions drop and come back");
    // Counts are asked as they return, and each answer is checked.
    let [ours, theirs] = beside_bare(
        bench,
        &what,
        sessions,
        "--hold-s 0 --storms 1",
        "--ask-per-s 100",
        2,
    )?;
    let seconds = "/seconds";
    let remark = format!(
        "{:.2} against {:.2} s; no wrong count, no refused login",
        ours.median(STORM, seconds),
        theirs.median(STORM, seconds)
    );
    report.figure(
        format!("{sessions} sessions drop and return, against the time that bare accepts take"),
        Goal::AtMost(1.5),
        " ×",
        ours.ratio(&theirs, STORM, seconds),
        remark,
    );
    let rows = [("headcount", &ours), ("bare WebSocket", &theirs)].map(|(name, rounds)| {
        vec![
            name.to_owned(),
            format!("{:.2}", rounds.median(STORM, seconds)),
            format!("{:.0}", rounds.median(STORM, "/per_s")),
            rounds.p50_p99_ms(STORM, "login_us"),
        ]
    });
    let title = format!(
        "{sessions} sessions come back, {} threads each, medians of alternating rounds",
        threads(sessions)
    );
    report.table(&title, &["server", "seconds", "logins/s", "p50, p99 ms"], &rows);
    Ok(())
}
