//! Sessions: what a login and a heartbeat cost, how many are held, and how fast they come back.

use std::fs;
use std::io;

use serde_json::Value;

use super::crowd::{self, Against, Crowd, number, start_bare};
use super::figures::{Goal, Report};
use super::server::{Folder, Server};
use super::stats::median;
use super::{Bench, community, progress};

/// Sessions that one worker's table of open files has room for, with some to spare.
const PER_WORKER: usize = 18_000;
/// Threads where a table of open files is no matter: one a core, on the machines this is made for.
const THREADS: usize = 2;

/// A server on `members` members of one community, with room for as many sessions.
fn server(bench: &Bench, members: usize, workers: usize) -> io::Result<Server> {
    let folder = Folder::create(&bench.programs.headcount)?;
    folder.import("accounts", "UserID", (0..members).map(super::fill::user))?;
    folder.import(
        "groups",
        "GroupId,Type,Name",
        [format!("{},Community,bench", community(members))].into_iter(),
    )?;
    let rows = (0..members).map(|user| format!("{},{}", community(members), super::fill::user(user)));
    folder.import("members", "GroupId,Member_Account", rows)?;
    let workers = workers.to_string();
    Server::on(
        folder,
        &[
            ("HEADCOUNT_WORKERS__THREADS", &workers),
            ("HEADCOUNT_WORKERS__OWN_FILES", "true"),
            // Longer than the 60 s between two heartbeats of the crowd.
            ("HEADCOUNT_HEARTBEAT__WEB_TIMEOUT_S", "150"),
        ],
    )
}

fn workers(sessions: usize) -> usize {
    sessions.div_ceil(PER_WORKER).max(THREADS)
}

/// What a login and a heartbeat cost the server, beside a bare WebSocket.
pub(super) fn costs(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let sessions = bench.plan.cost_sessions;
    let plan = format!(
        "--sessions {sessions} --heartbeat-s 2 --hold-s {}",
        bench.plan.hold_s.min(10)
    );
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..bench.plan.rounds.min(3) {
        progress(&format!("what a login and a heartbeat cost, round {}", round + 1));
        let server = server(bench, sessions, THREADS)?;
        let against = Against::Server(&server, &community(sessions));
        ours.push(crowd::run(&bench.programs.crowd, &against, &plan, 2)?);
        drop(server);
        let (bare, address) = start_bare(&bench.programs.bare_ws, THREADS)?;
        let against = Against::Bare(address, bare.0.id());
        theirs.push(crowd::run(&bench.programs.crowd, &against, &plan, 2)?);
    }
    let of = |runs: &[Vec<Value>], phase: usize, path: &str| {
        median(runs.iter().map(|run| number(&run[phase], path)))
    };
    let (login, accept) = (
        of(&ours, 0, "/server_cpu_us_per_op"),
        of(&theirs, 0, "/server_cpu_us_per_op"),
    );
    let path = "/server_cpu_us_per_heartbeat";
    let (heartbeat, echo) = (of(&ours, 1, path), of(&theirs, 1, path));
    let remark = format!(
        "{login:.0} against {accept:.0} µs; {:.2} × an accept and one exchange of messages, which is what a login is",
        login / (accept + echo)
    );
    report.figure(
        "login: server CPU against a bare WebSocket accept",
        Goal::AtMost(1.5),
        " ×",
        login / accept,
        remark,
    );
    let remark = format!("{heartbeat:.1} against {echo:.1} µs");
    report.figure(
        "heartbeat: server CPU against a bare WebSocket echo",
        Goal::AtMost(1.2),
        " ×",
        heartbeat / echo,
        remark,
    );
    let row = |name: &str, runs: &[Vec<Value>], accept: f64, echo: f64| {
        let ms = |phase, path| format!("{:.2}", of(runs, phase, path) / 1000.0);
        vec![
            name.to_owned(),
            format!("{accept:.1}"),
            format!("{:.0}", of(runs, 0, "/per_s")),
            format!("{}, {}", ms(0, "/login_us/p50"), ms(0, "/login_us/p99")),
            format!("{echo:.1}"),
            format!("{}, {}", ms(1, "/heartbeat_us/p50"), ms(1, "/heartbeat_us/p99")),
        ]
    };
    let rows = [
        row(
            "headcount: handshake, UserSig, groups, login",
            &ours,
            login,
            heartbeat,
        ),
        row("bare WebSocket: handshake", &theirs, accept, echo),
    ];
    let columns = [
        "server",
        "CPU µs a login",
        "logins/s as fast as they go",
        "p50, p99 ms",
        "CPU µs a heartbeat",
        "p50, p99 ms",
    ];
    let title = format!("{sessions} sessions, heartbeats every 2 s, {THREADS} threads each");
    report.table(&title, &columns, &rows);
    Ok(())
}

/// Holds as many sessions as are wanted, and recounts while they are held.
pub(super) fn hold(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let mut rows = Vec::new();
    for &(sessions, heartbeat_s) in bench.plan.held {
        progress(&format!("{sessions} sessions, heartbeats every {heartbeat_s} s"));
        let _settings = Sysctls::for_sessions(sessions);
        let server = server(bench, sessions, workers(sessions))?;
        let plan = format!(
            "--sessions {sessions} --heartbeat-s {heartbeat_s} --hold-s {}",
            bench.plan.hold_s
        );
        let against = Against::Server(&server, &community(sessions));
        let mut held = Crowd::start(&bench.programs.crowd, &against, &plan)?;
        let came = held.phase()?;
        held.go_on()?;
        let stayed = held.phase()?;
        server.folder.audit()?;
        held.end()?;
        let per_session = |path: &str| format!("{:.0}", number(&stayed, path));
        rows.push(vec![
            sessions.to_string(),
            format!("{heartbeat_s} s"),
            format!("{:.0}", number(&came, "/per_s")),
            per_session("/server_rss_bytes_per_session"),
            per_session("/kernel_bytes_per_session"),
            per_session("/client_rss_bytes_per_session"),
            format!(
                "{:.2}, {:.2}",
                number(&stayed, "/heartbeat_us/p50") / 1000.0,
                number(&stayed, "/heartbeat_us/p99") / 1000.0
            ),
            format!("{:.1}", number(&stayed, "/server_cpu_us_per_heartbeat")),
        ]);
        // A session counts as held when nothing was lost and the count was exact: anything else has failed.
        if heartbeat_s == 60 {
            let wanted = bench.plan.held_goal;
            #[expect(clippy::cast_precision_loss, reason = "a million is exact in a double")]
            let (goal, count) = (Goal::AtLeast(wanted as f64), sessions as f64);
            report.figure(
                "sessions in one community, count exact, heartbeats every 60 s",
                goal,
                "",
                count,
                "audited while held",
            );
            let bytes = number(&stayed, "/server_rss_bytes_per_session");
            report.figure(
                "server memory for each of them",
                Goal::AtMost(2048.0),
                " bytes",
                bytes,
                "resident, all in",
            );
        } else {
            #[expect(clippy::cast_precision_loss, reason = "a million is exact in a double")]
            let count = sessions as f64;
            report.figure(
                "sessions with the web SDK's heartbeats, every 10 s",
                Goal::AtLeast(count),
                "",
                count,
                "held, none lost",
            );
        }
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

/// All sessions of a community drop at once and come back.
pub(super) fn storm(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let sessions = bench.plan.storm_sessions;
    progress(&format!("{sessions} sessions drop and come back"));
    let plan = format!("--sessions {sessions} --hold-s 0 --storms 2");
    let threads = workers(sessions);
    let server = server(bench, sessions, threads)?;
    let ours = crowd::run(
        &bench.programs.crowd,
        &Against::Server(&server, &community(sessions)),
        &plan,
        3,
    )?;
    server.folder.audit()?;
    drop(server);
    let (bare, address) = start_bare(&bench.programs.bare_ws, threads)?;
    let theirs = crowd::run(
        &bench.programs.crowd,
        &Against::Bare(address, bare.0.id()),
        &plan,
        3,
    )?;
    let seconds = |phases: &[Value]| f64::min(number(&phases[1], "/seconds"), number(&phases[2], "/seconds"));
    let (back, accepted) = (seconds(&ours), seconds(&theirs));
    let what = format!("{sessions} sessions drop and return, against the time that bare accepts take");
    let remark = format!("{back:.2} against {accepted:.2} s; no wrong count, no refused login");
    report.figure(what, Goal::AtMost(1.5), " ×", back / accepted, remark);
    Ok(())
}

/// Settings of the system that a million connections need, put back when dropped.
struct Sysctls(Vec<(&'static str, String)>);

/// Names, and what they are set to for more sessions than the usual values have room for.
const SYSCTLS: [(&str, &str); 3] = [
    ("/proc/sys/net/core/somaxconn", "4096"),
    ("/proc/sys/net/ipv4/tcp_rmem", "4096 16384 33554432"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096 4096 4194304"),
];
const USUAL_SESSIONS_MAX: usize = 200_000;

impl Sysctls {
    fn for_sessions(sessions: usize) -> Self {
        let mut before = Vec::new();
        for (path, value) in SYSCTLS.into_iter().filter(|_| sessions > USUAL_SESSIONS_MAX) {
            // Who may not set them tries without.
            if let Ok(old) = fs::read_to_string(path)
                && fs::write(path, value).is_ok()
            {
                before.push((path, old));
            }
        }
        Self(before)
    }
}

impl Drop for Sysctls {
    fn drop(&mut self) {
        for (path, value) in &self.0 {
            if let Err(error) = fs::write(path, value.trim()) {
                eprintln!("{path} could not be set back to {}: {error}", value.trim());
            }
        }
    }
}
