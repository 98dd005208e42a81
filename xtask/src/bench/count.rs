//! The count over REST beside bare hyper, while logins churn, and how soon a login shows.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::community;
use super::connection::Connection;
use super::crowd::{self, Against, Crowd};
use super::figures::{Goal, Report};
use super::load::{CONNECTIONS, Load, Target, alternate, start_bare};
use super::server::{Folder, Server};
use super::{Bench, progress};
use crate::clock;

/// The main command.
pub(super) const COMMAND: &str = "million_group_open_http_svc/get_online_member_num";
/// Logins a second, and as many ends, while counts are read.
pub(super) const CHURN_PER_S: u32 = 2_000;
/// Sessions that stay.
const STAY: usize = 100;
/// Members of the small community.
pub(super) const FEW: usize = 100;

/// A server with a large community and a small one.
pub(super) fn server(bench: &Bench) -> io::Result<Server> {
    let folder = Folder::create(&bench.programs.headcount)?;
    let members = bench.plan.members;
    folder.import("accounts", "UserID", (0..members).map(super::fill::user))?;
    let groups = [FEW, members].map(|members| format!("{},Community,bench", community(members)));
    folder.import("groups", "GroupId,Type,Name", groups.into_iter())?;
    for members in [FEW, members] {
        let rows = (0..members).map(|number| format!("{},{}", community(members), super::fill::user(number)));
        folder.import("members", "GroupId,Member_Account", rows)?;
    }
    Server::on(folder, &[])
}

/// The bytes that the server answers a count with now.
pub(super) async fn answer(server: &Server, community: &str) -> io::Result<String> {
    let mut connection = Connection::open(server.address).await?;
    let request = server.request(COMMAND, &json!({ "GroupId": community }));
    let answer = connection.exchange(request.as_bytes()).await?;
    Ok(String::from_utf8_lossy(answer).into_owned())
}

/// Counts beside bare hyper, with and without churn.
pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let server = &server(bench)?;
    let large = community(bench.plan.members);
    let mut rows = Vec::new();
    progress("counts beside bare hyper, and nothing else");
    let quiet = beside_bare(bench, server, &large).await?;
    add_rows(&mut rows, "nothing", &quiet);

    progress("counts beside bare hyper, while 2,000 log in and out each second");
    let rounds_s = u32::try_from(bench.plan.rounds * 3).unwrap_or(1) * (bench.plan.round_s + 1);
    let churn_s = rounds_s + 5;
    let plan = format!(
        "--sessions {STAY} --heartbeat-s 10 --hold-s 0 --churn-per-s {CHURN_PER_S} --churn-s {churn_s} --ask-per-s 200"
    );
    let mut churn = Crowd::start(&bench.programs.crowd, &Against::Server(server, &large), &plan)?;
    churn.phase()?;
    churn.go_on()?;
    let began = clock::now();
    let loaded = beside_bare(bench, server, &large).await?;
    if began.elapsed() >= Duration::from_secs(churn_s.into()) {
        return Err(io::Error::other("the churn ended before the rounds did"));
    }
    let churned = churn.phase()?;
    churn.end()?;
    server.folder.audit()?;
    add_rows(&mut rows, "2,000 logins/s", &loaded);

    let [ours, shared, ..] = &loaded;
    let what = format!(
        "count over REST under 2,000 logins/s, against bare hyper, {} members",
        bench.plan.members
    );
    let remark = format!(
        "{:.0} against {:.0} requests/s",
        ours.load().per_s,
        shared.load().per_s
    );
    report.figure(
        what,
        Goal::AtLeast(0.9),
        " ×",
        ours.ratio(shared, |load| load.per_s),
        remark,
    );
    let p99 = ours.ratio(shared, |load| load.p99_us);
    report.figure(
        "its p99, against bare hyper's",
        Goal::AtMost(1.5),
        " ×",
        p99,
        milliseconds(ours.load()),
    );
    let title = format!(
        "get_online_member_num, {CONNECTIONS} connections with a UserSig each, medians of alternating rounds; the load \
         generator runs on the same cores"
    );
    let columns = [
        "meanwhile",
        "server",
        "requests/s",
        "p50, p99 ms",
        "headcount's ratio to it",
    ];
    report.table(&title, &columns, &rows);
    freshness(bench, server, &large, &churned, report)
}

/// The server, bare hyper as nearly everybody runs it, and bare hyper laid out like the server.
async fn beside_bare(bench: &Bench, server: &Server, community: &str) -> io::Result<[Target; 3]> {
    let requests = server.requests(CONNECTIONS, COMMAND, &json!({ "GroupId": community }))?;
    let fixed = answer(server, community).await?;
    let (_shared, shared) = start_bare("shared", &fixed)?;
    let (_apart, apart) = start_bare("apart", &fixed)?;
    let target = |name, address| Target::new(name, address, &requests, CONNECTIONS);
    let mut targets = [
        target("headcount", server.address)?,
        target("bare hyper, one runtime for all cores", shared)?,
        target("bare hyper, one runtime a core", apart)?,
    ];
    alternate(&mut targets.each_mut(), bench.plan.rounds, bench.plan.round_s)?;
    Ok(targets)
}

fn add_rows(rows: &mut Vec<Vec<String>>, meanwhile: &str, targets: &[Target; 3]) {
    for target in targets {
        rows.push(vec![
            meanwhile.to_owned(),
            target.name.to_owned(),
            format!("{:.0}", target.load().per_s),
            milliseconds(target.load()),
            format!("{:.2}", targets[0].ratio(target, |load| load.per_s)),
        ]);
    }
}

pub(super) fn milliseconds(load: Load) -> String {
    format!("{:.2}, {:.2}", load.p50_us / 1000.0, load.p99_us / 1000.0)
}

/// How soon a login shows: under the load of the rounds, and under the churn alone.
fn freshness(
    bench: &Bench,
    server: &Server,
    community: &str,
    loaded: &Value,
    report: &mut Report,
) -> io::Result<()> {
    progress("how soon a login shows, while 2,000 log in and out each second");
    let plan = format!(
        "--sessions {STAY} --heartbeat-s 10 --hold-s 0 --churn-per-s {CHURN_PER_S} --churn-s {} --ask-per-s 200",
        bench.plan.churn_s
    );
    let phases = crowd::run(
        &bench.programs.crowd,
        &Against::Server(server, community),
        &plan,
        2,
    )?;
    let alone = &phases[1];
    let p99_ms = crowd::number(alone, "/freshness_us/p99") / 1000.0;
    let remark = format!("p50 {:.2} ms", crowd::number(alone, "/freshness_us/p50") / 1000.0);
    report.figure(
        "freshness under 2,000 logins/s, p99",
        Goal::AtMost(5.0),
        " ms",
        p99_ms,
        remark,
    );
    let row = |meanwhile: &str, phase: &Value| {
        let ms = |path: &str| format!("{:.2}", crowd::number(phase, path) / 1000.0);
        let of = |set: &str| {
            ["p50", "p99", "p999"]
                .map(|percentile| ms(&format!("/{set}/{percentile}")))
                .join(", ")
        };
        vec![
            meanwhile.to_owned(),
            format!("{:.0}", crowd::number(phase, "/per_s")),
            of("login_us"),
            of("freshness_us"),
            of("count_us"),
            phase["asked"].to_string(),
        ]
    };
    let columns = [
        "meanwhile",
        "logins/s",
        "login p50, p99, p99.9 ms",
        "shows after p50, p99, p99.9 ms",
        "count p50, p99, p99.9 ms",
        "answers checked, none wrong",
    ];
    let rows = [
        row("counts are read by 64 connections as fast as they go", loaded),
        row("nothing", alone),
    ];
    report.table("2,000 logins a second, and as many ends", &columns, &rows);
    Ok(())
}
