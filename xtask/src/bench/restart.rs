//! Starting again with a full house.

use std::io;
use std::time::Instant;

use serde_json::json;

use super::connection::Connection;
use super::count::{self, COMMAND};
use super::figures::{Goal, Report};
use super::fill;
use super::server::{Folder, Server};
use super::{Bench, community, progress};
use crate::clock;

/// Communities that every account of a full house is in.
const COMMUNITIES: usize = 10;
/// Calls that write before the server is killed.
const WRITES: usize = 100;

/// How long a full house takes from the start of the process to the first right answer.
pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
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
    let (server, stopped_ms) = first_answer(folder, accounts).await?;
    // The next one finds what a crash leaves behind: a log that was not moved into the database.
    let mut connection = Connection::open(server.address).await?;
    for first in 0..WRITES {
        let users: Vec<_> = (0..100).map(|number| format!("late{first}_{number}")).collect();
        let body = json!({ "Accounts": users });
        server
            .call(&mut connection, "im_open_login_svc/multiaccount_import", &body)
            .await?;
    }
    let (server, killed_ms) = first_answer(server.kill(), accounts).await?;
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

async fn first_answer(folder: Folder, accounts: usize) -> io::Result<(Server, f64)> {
    let began: Instant = clock::now();
    let server = Server::on(folder, &[])?;
    let answer = count::answer(&server, &community(0)).await?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    // Nobody has come back yet, so nobody is online; but all are members.
    let mut connection = Connection::open(server.address).await?;
    let body = json!({ "GroupIdList": [community(0)] });
    let info = server
        .call(&mut connection, "group_open_http_svc/get_group_info", &body)
        .await?;
    let members = info["GroupInfo"][0]["MemberNum"].as_u64();
    if answer.ends_with(r#""OnlineMemberNum":0}"#) && members == Some(accounts as u64) {
        Ok((server, ms))
    } else {
        Err(io::Error::other(format!(
            "{COMMAND}: {answer}, and {members:?} members"
        )))
    }
}
