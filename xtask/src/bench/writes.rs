//! What a small write waits while the server is busy with large ones. There is no target for it.

use std::io;
use std::sync::Arc;

use super::figures::Report;
use super::server::Server;
use super::stats::{Latency, ms};
use super::{Bench, community, fill, probe, progress};

pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let members = bench.plan.members;
    let group = community(members);
    let server = Arc::new(Server::start(&bench.programs.headcount)?);
    progress("small writes, and nothing else");
    let ((), quiet) = probe::during(&server, "quiet", probe::nothing(bench.plan.round_s)).await?;
    progress(&format!("small writes, while {members} members are imported"));
    fill::accounts(&server, members).await?;
    fill::create_community(&server, &group).await?;
    let import = fill::members(&server, group.clone(), members);
    let (_, importing) = probe::during(&server, "import", import).await?;
    progress(&format!("small writes, while {members} members are cleared away"));
    let dissolve = probe::dissolve(&server, &group);
    let ((answered, cleared), clearing) = probe::during(&server, "dissolve", dissolve).await?;
    let what_is_cleared = format!(
        "{members} members of a dissolved group are removed (answered in {:.1} ms, done in {:.1} s)",
        ms(answered),
        cleared.as_secs_f64()
    );
    let rows = [
        ("nothing".to_owned(), quiet),
        (format!("{members} members are imported over REST"), importing),
        (what_is_cleared, clearing),
    ];
    let columns = ["meanwhile", "writes", "p50 ms", "p99 ms", "max ms"];
    let title = "account_import of one new account after the other, on one connection";
    report.table(title, &columns, &rows.map(row));
    Ok(())
}

fn row((meanwhile, latency): (String, Latency)) -> Vec<String> {
    let Latency { count, p50, p99, max } = latency;
    let [p50, p99, max] = [p50, p99, max].map(|time| format!("{:.1}", ms(time)));
    vec![meanwhile, count.to_string(), p50, p99, max]
}
