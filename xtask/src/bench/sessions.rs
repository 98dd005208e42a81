//! What the parts with many sessions have in common: a server with room for them, and bare WebSockets
//! beside it.

use std::io;

use serde_json::Value;

use super::crowd::{self, Against, number, start_bare};
use super::fill::user;
use super::server::{Folder, Server};
use super::stats::median;
use super::{Bench, community, progress};

/// Sessions that one worker's table of open files has room for, with some to spare.
const PER_WORKER: usize = 18_000;
/// Threads where a table of open files is no matter: one a core, on the machines this is made for.
const THREADS: usize = 2;

/// A server on `members` members of one community, with room for as many sessions.
pub(super) fn server(bench: &Bench, members: usize) -> io::Result<Server> {
    let folder = Folder::create(&bench.programs.headcount)?;
    let group = community(members);
    folder.import("accounts", "UserID", (0..members).map(user))?;
    let line = format!("{group},Community,bench");
    folder.import("groups", "GroupId,Type,Name", [line].into_iter())?;
    let lines = (0..members).map(|number| format!("{group},{}", user(number)));
    folder.import("members", "GroupId,Member_Account", lines)?;
    // As they are by default, where one table of open files has room for all.
    let own_files = if members > PER_WORKER { "true" } else { "false" };
    let settings = [
        ("HEADCOUNT_WORKERS__THREADS", &*threads(members).to_string()),
        ("HEADCOUNT_WORKERS__OWN_FILES", own_files),
        // Longer than the 60 s between two heartbeats of the crowd.
        ("HEADCOUNT_HEARTBEAT__WEB_TIMEOUT_S", "150"),
    ];
    Server::on(folder, &settings)
}

/// Threads of a server with room for so many sessions.
pub(super) fn threads(sessions: usize) -> usize {
    sessions.div_ceil(PER_WORKER).max(THREADS)
}

/// The phases of some rounds of a crowd.
pub(super) struct Rounds(Vec<Vec<Value>>);

impl Rounds {
    /// The median of a number of one phase.
    pub(super) fn median(&self, phase: usize, path: &str) -> f64 {
        median(self.0.iter().map(|phases| number(&phases[phase], path)))
    }

    /// The median of the rounds' ratios to those of `other`.
    pub(super) fn ratio(&self, other: &Self, phase: usize, path: &str) -> f64 {
        let pairs = self.0.iter().zip(&other.0);
        median(pairs.map(|(ours, theirs)| number(&ours[phase], path) / number(&theirs[phase], path)))
    }

    /// Two of a phase's percentiles, as milliseconds.
    pub(super) fn p50_p99_ms(&self, phase: usize, times: &str) -> String {
        let ms = |percentile| self.median(phase, &format!("/{times}/{percentile}")) / 1000.0;
        format!("{:.2}, {:.2}", ms("p50"), ms("p99"))
    }
}

/// Runs the same crowd on the server and on bare WebSockets with as many threads, in turn and each time
/// on new processes. `asking` is what the crowd does besides where there are counts to ask.
pub(super) fn beside_bare(
    bench: &Bench,
    what: &str,
    sessions: usize,
    plan: &str,
    asking: &str,
    phases: usize,
) -> io::Result<[Rounds; 2]> {
    let plan = format!("--sessions {sessions} {plan}");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=bench.plan.crowd_rounds {
        progress(&format!("{what}, round {round} of {}", bench.plan.crowd_rounds));
        let server = server(bench, sessions)?;
        let against = Against::Server(&server, &community(sessions));
        ours.push(crowd::run(
            &bench.programs.crowd,
            &against,
            &format!("{plan} {asking}"),
            phases,
        )?);
        server.folder.audit()?;
        drop(server);
        let (bare, address) = start_bare(&bench.programs.bare_ws, threads(sessions))?;
        let against = Against::Bare(address, bare.0.id());
        theirs.push(crowd::run(&bench.programs.crowd, &against, &plan, phases)?);
    }
    Ok([Rounds(ours), Rounds(theirs)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn threads_have_room_for_all() {
        assert_eq!(
            [threads(1), threads(36_000), threads(36_001), threads(1_000_000)],
            [2, 2, 3, 56]
        );
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let rounds = |numbers: [f64; 3]| Rounds(numbers.map(|number| vec![json!({ "x": number })]).into());
        // The second round was slow for both.
        let (ours, theirs) = (rounds([3.0, 30.0, 2.0]), rounds([2.0, 20.0, 2.0]));
        assert!((ours.ratio(&theirs, 0, "/x") - 1.5).abs() < f64::EPSILON);
        assert!((ours.median(0, "/x") - 3.0).abs() < f64::EPSILON);
    }
}
