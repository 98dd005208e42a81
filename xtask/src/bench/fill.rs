//! Filling the server over REST, as an operator who moves in does.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::server::Server;
use crate::clock;

/// Connections that import at once.
const CONNECTIONS: usize = 8;
/// Accounts that one call may import.
const ACCOUNTS_PER_CALL: usize = 100;
/// Members that one call may import.
const MEMBERS_PER_CALL: usize = 300;

/// How fast rows went in.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    rows: usize,
    seconds: f64,
}

impl Fill {
    pub(super) fn per_s(&self) -> f64 {
        f64::from(u32::try_from(self.rows).unwrap_or(u32::MAX)) / self.seconds
    }
}

/// What every call of an import has in common.
#[derive(Clone)]
struct Import {
    command: &'static str,
    group: String,
    rows: usize,
    per_call: usize,
    body: fn(&str, Range<usize>) -> Value,
}

/// The name of an account.
pub(super) fn user(number: usize) -> String {
    format!("user{number}")
}

/// Imports the accounts that all communities share.
pub(super) async fn accounts(server: &Arc<Server>, rows: usize) -> io::Result<Fill> {
    let import = Import {
        command: "im_open_login_svc/multiaccount_import",
        group: String::new(),
        rows,
        per_call: ACCOUNTS_PER_CALL,
        body: |_, users| json!({ "Accounts": users.map(user).collect::<Vec<_>>() }),
    };
    run(server, import).await
}

/// Creates a community without members.
pub(super) async fn create_community(server: &Server, id: &str) -> io::Result<()> {
    let mut connection = Connection::open(server.address).await?;
    let body = json!({ "Type": "Community", "Name": "a community", "GroupId": id });
    server
        .call(&mut connection, "group_open_http_svc/create_group", &body)
        .await?;
    Ok(())
}

/// Makes the first accounts members.
pub(super) async fn members(server: &Arc<Server>, community: String, rows: usize) -> io::Result<Fill> {
    let import = Import {
        command: "group_open_http_svc/import_group_member",
        group: community,
        rows,
        per_call: MEMBERS_PER_CALL,
        body: |community, users| {
            let member = |number| json!({ "Member_Account": user(number) });
            json!({ "GroupId": community, "MemberList": users.map(member).collect::<Vec<_>>() })
        },
    };
    run(server, import).await
}

async fn run(server: &Arc<Server>, import: Import) -> io::Result<Fill> {
    let began = clock::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(call_until_done(
            Arc::clone(server),
            import.clone(),
            Arc::clone(&next),
        ));
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    Ok(Fill {
        rows: import.rows,
        seconds: began.elapsed().as_secs_f64(),
    })
}

async fn call_until_done(server: Arc<Server>, import: Import, next: Arc<AtomicUsize>) -> io::Result<()> {
    let mut connection = Connection::open(server.address).await?;
    loop {
        let first = next.fetch_add(import.per_call, Ordering::Relaxed);
        if first >= import.rows {
            return Ok(());
        }
        let users = first..import.rows.min(first + import.per_call);
        let body = (import.body)(&import.group, users);
        server.call(&mut connection, import.command, &body).await?;
    }
}
