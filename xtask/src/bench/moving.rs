//! Moving in, and starting again with a full house.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::count::{self, COMMAND};
use super::figures::{Goal, Report};
use super::fill;
use super::probe;
use super::server::{Folder, Server};
use super::stats::Latency;
use super::{Bench, community, progress};
use crate::clock;

/// Communities that every account of a full house is in.
const COMMUNITIES: usize = 10;

/// Imports over REST and from files, and what a small write waits meanwhile.
pub(super) async fn import(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let members = bench.plan.members;
    let server = Arc::new(Server::start(&bench.programs.headcount)?);
    let mut writes = Vec::new();
    progress("small writes, and nothing else");
    let ((), quiet) = probe::during(&server, "quiet", probe::nothing(bench.plan.round_s)).await?;
    writes.push(("nothing".to_owned(), quiet));
    progress(&format!("importing {members} accounts and members over REST"));
    let accounts = fill::accounts(&server, members).await?;
    let group = community(members);
    fill::create_community(&server, &group).await?;
    let (over_rest, meanwhile) =
        probe::during(&server, "import", fill::members(&server, group.clone(), members)).await?;
    writes.push((format!("{members} members are imported over REST"), meanwhile));
    progress(&format!("dissolving the community of {members}"));
    let ((answered, cleared), meanwhile) =
        probe::during(&server, "dissolve", probe::dissolve(&server, &group)).await?;
    let what = format!(
        "{members} members of a dissolved group are removed (answered in {:.1} ms, done in {:.1} s)",
        answered.as_secs_f64() * 1000.0,
        cleared.as_secs_f64()
    );
    writes.push((what, meanwhile));
    drop(server);

    progress(&format!("importing {members} accounts and members from files"));
    let folder = Folder::create(&bench.programs.headcount)?;
    let accounts_csv = folder.import("accounts", "UserID", (0..members).map(fill::user))?;
    folder.import(
        "groups",
        "GroupId,Type,Name",
        [format!("{group},Community,bench")].into_iter(),
    )?;
    let rows = (0..members).map(|number| format!("{group},{}", fill::user(number)));
    let members_csv = folder.import("members", "GroupId,Member_Account", rows)?;

    let what = format!("import of {members} members over REST, durable");
    report.figure(
        what,
        Goal::AtLeast(50_000.0),
        "/s",
        over_rest.per_s(),
        "300 a call, 8 connections",
    );
    let what = format!("import of {members} members from CSV, durable");
    report.figure(
        what,
        Goal::AtLeast(300_000.0),
        "/s",
        members_csv,
        "the server stopped",
    );
    let row =
        |how: &str, what: &str, per_s: f64| vec![how.to_owned(), what.to_owned(), format!("{per_s:.0}")];
    let rows = [
        row("REST, 100 a call", "accounts", accounts.per_s()),
        row("REST, 300 a call", "members of one community", over_rest.per_s()),
        row("CSV", "accounts", accounts_csv),
        row("CSV", "members of one community", members_csv),
    ];
    report.table(&format!("importing {members}"), &["how", "what", "rows/s"], &rows);
    let ms = |us: u32| format!("{:.1}", f64::from(us) / 1000.0);
    let row = |(meanwhile, latency): (String, Latency)| {
        let Latency {
            count,
            p50_us,
            p99_us,
            max_us,
        } = latency;
        vec![meanwhile, count.to_string(), ms(p50_us), ms(p99_us), ms(max_us)]
    };
    let rows: Vec<_> = writes.into_iter().map(row).collect();
    let columns = ["meanwhile", "writes", "p50 ms", "p99 ms", "max ms"];
    report.table(
        "account_import of one new account after the other, on one connection",
        &columns,
        &rows,
    );
    Ok(())
}

/// How long a full house takes from the start of the process to the first right answer.
pub(super) async fn restart(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let accounts = bench.plan.house;
    progress(&format!(
        "filling a house with {accounts} accounts in {COMMUNITIES} communities each"
    ));
    let folder = Folder::create(&bench.programs.headcount)?;
    folder.import("accounts", "UserID", (0..accounts).map(fill::user))?;
    let groups = (0..COMMUNITIES).map(|number| format!("{},Community,bench", community(number)));
    folder.import("groups", "GroupId,Type,Name", groups)?;
    let rows = (0..COMMUNITIES).flat_map(|group| {
        (0..accounts).map(move |number| format!("{},{}", community(group), fill::user(number)))
    });
    let per_s = folder.import("members", "GroupId,Member_Account", rows)?;
    let (server, stopped_ms) = first_answer(folder).await?;
    // The next one finds what a crash leaves behind.
    let (server, killed_ms) = first_answer(server.kill()).await?;
    drop(server);
    let what = format!(
        "restart with {accounts} accounts and {} memberships, to the first right answer",
        accounts * COMMUNITIES
    );
    let remark = format!("{killed_ms:.0} ms after SIGKILL; imported at {per_s:.0} memberships/s");
    report.figure(
        what,
        Goal::AtMost(2.0),
        " s",
        f64::max(stopped_ms, killed_ms) / 1000.0,
        remark,
    );
    Ok(())
}

async fn first_answer(folder: Folder) -> io::Result<(Server, f64)> {
    let began: Instant = clock::now();
    let server = Server::on(folder, &[])?;
    let answer = count::answer(&server, &community(0)).await?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    // Nobody has come back yet, so nobody is online.
    if answer.ends_with(r#""OnlineMemberNum":0}"#) {
        Ok((server, ms))
    } else {
        Err(io::Error::other(format!("{COMMAND}: {answer}")))
    }
}
