//! Moving in: over REST beside nothing else, and from CSV files while the server is stopped.

use std::io;
use std::sync::Arc;

use super::figures::{Goal, Report};
use super::server::{Folder, Server};
use super::{Bench, community, fill, progress};

pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let members = bench.plan.members;
    let group = community(members);
    progress(&format!("importing {members} accounts and members over REST"));
    let server = Arc::new(Server::start(&bench.programs.headcount)?);
    let accounts = fill::accounts(&server, members).await?;
    fill::create_community(&server, &group).await?;
    let over_rest = fill::members(&server, group.clone(), members).await?;
    server.folder.audit()?;
    drop(server);

    progress(&format!("importing {members} accounts and members from files"));
    let folder = Folder::create(&bench.programs.headcount)?;
    let accounts_csv = folder.import("accounts", "UserID", (0..members).map(fill::user))?;
    let line = format!("{group},Community,bench");
    folder.import("groups", "GroupId,Type,Name", [line].into_iter())?;
    let lines = (0..members).map(|number| format!("{group},{}", fill::user(number)));
    let members_csv = folder.import("members", "GroupId,Member_Account", lines)?;

    report.figure(
        format!("import of {members} members over REST, durable"),
        Goal::AtLeast(50_000.0),
        "/s",
        over_rest.per_s(),
        "300 a call, 8 connections",
    );
    report.figure(
        format!("import of {members} members from CSV, durable"),
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
    Ok(())
}
