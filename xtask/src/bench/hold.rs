//! Holding as many sessions as are wanted, and recounting while they are held.

use std::io;

use serde_json::Value;

use super::crowd::{Against, Crowd, number};
use super::figures::{Goal, Report};
use super::sysctl::Sysctls;
use super::{Bench, community, progress, sessions};

/// Seconds between two heartbeats of the official SDK for the web.
const WEB_SDK_HEARTBEAT_S: u32 = 10;

/// What is held at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) sessions: u32,
    pub(super) heartbeat_s: u32,
}

pub(super) fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let mut rows = Vec::new();
    let mut most: Option<(Held, Value)> = None;
    let mut most_of_web = None;
    for &held in bench.plan.held {
        let (came, stayed) = hold(bench, held)?;
        rows.push(row(held, &came, &stayed));
        if held.heartbeat_s == WEB_SDK_HEARTBEAT_S {
            most_of_web = most_of_web.max(Some(held.sessions));
        } else if most
            .as_ref()
            .is_none_or(|(most, _)| most.sessions < held.sessions)
        {
            most = Some((held, stayed));
        }
    }
    if let Some((held, stayed)) = most {
        add_figures(held, &stayed, bench.plan.held_goal, report);
    }
    if let Some(sessions) = most_of_web {
        report.figure(
            format!("sessions held with the web SDK's heartbeats, every {WEB_SDK_HEARTBEAT_S} s"),
            Goal::AtLeast(sessions.into()),
            "",
            sessions.into(),
            "none lost, count exact; more were not tried",
        );
    }
    let columns = [
        "sessions",
        "heartbeats every",
        "logins/s",
        "server bytes",
        "kernel bytes, both ends",
        "crowd bytes",
        "heartbeat p50, p99 ms",
        "CPU µs a heartbeat",
    ];
    report.table("sessions held, bytes for each of them", &columns, &rows);
    Ok(())
}

/// The phases in which they come and stay. Fails when one is lost, or a count is not exact.
fn hold(bench: &Bench, held: Held) -> io::Result<(Value, Value)> {
    let Held {
        sessions,
        heartbeat_s,
    } = held;
    progress(&format!("{sessions} sessions, heartbeats every {heartbeat_s} s"));
    let count = sessions as usize;
    let _settings = Sysctls::for_sessions(count);
    let server = sessions::server(bench, count)?;
    // The most are held for more than a whole round of heartbeats, the others for a part of one.
    let hold_s = if sessions < bench.plan.held_goal {
        bench.plan.hold_s.div_ceil(3)
    } else {
        bench.plan.hold_s
    };
    let plan = format!("--sessions {sessions} --heartbeat-s {heartbeat_s} --hold-s {hold_s}");
    let against = Against::Server(&server, &community(count));
    let mut crowd = Crowd::start(&bench.programs.crowd, &against, &plan)?;
    let came = crowd.phase()?;
    crowd.go_on()?;
    let stayed = crowd.phase()?;
    server.folder.audit()?;
    crowd.end()?;
    if stayed["sessions"] == sessions {
        Ok((came, stayed))
    } else {
        Err(io::Error::other(format!(
            "not all {sessions} sessions stayed: {stayed}"
        )))
    }
}

fn add_figures(held: Held, stayed: &Value, goal: u32, report: &mut Report) {
    report.figure(
        format!(
            "sessions in one community, count exact, heartbeats every {} s",
            held.heartbeat_s
        ),
        Goal::AtLeast(goal.into()),
        "",
        held.sessions.into(),
        "audited while held",
    );
    let kernel = number(stayed, "/kernel_bytes_per_session");
    report.figure(
        "server memory for each of them",
        Goal::AtMost(2_048.0),
        " bytes",
        number(stayed, "/server_rss_bytes_per_session"),
        format!("resident, all in; the kernel has {kernel:.0} more for both ends"),
    );
}

fn row(held: Held, came: &Value, stayed: &Value) -> Vec<String> {
    let whole = |phase: &Value, path: &str| format!("{:.0}", number(phase, path));
    let ms = |path: &str| number(stayed, path) / 1000.0;
    vec![
        held.sessions.to_string(),
        format!("{} s", held.heartbeat_s),
        whole(came, "/per_s"),
        whole(stayed, "/server_rss_bytes_per_session"),
        whole(stayed, "/kernel_bytes_per_session"),
        whole(stayed, "/client_rss_bytes_per_session"),
        format!("{:.2}, {:.2}", ms("/heartbeat_us/p50"), ms("/heartbeat_us/p99")),
        format!("{:.1}", number(stayed, "/server_cpu_us_per_heartbeat")),
    ]
}
