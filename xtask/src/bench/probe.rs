//! What a small write has to wait for while the server is busy with a large one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection as Database, OpenFlags};
use serde_json::json;

use super::connection::Connection;
use super::processes;
use super::server::Server;
use super::stats::Latency;
use crate::clock;

/// How often it is looked whether the server is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long what a dissolved group left behind may take to go.
const PATIENCE: Duration = Duration::from_mins(5);

/// Imports one new account after the other while `work` goes on, and times each.
pub(super) async fn during<T>(
    server: &Arc<Server>,
    label: &'static str,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<(T, Latency)> {
    let stop = Arc::new(AtomicBool::new(false));
    let writes = tokio::spawn(write_until(Arc::clone(server), label, Arc::clone(&stop)));
    let done = work.await;
    stop.store(true, Ordering::Relaxed);
    Ok((done?, Latency::of(writes.await??)))
}

async fn write_until(server: Arc<Server>, label: &str, stop: Arc<AtomicBool>) -> io::Result<Vec<Duration>> {
    let mut connection = Connection::open(server.address).await?;
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let account = json!({ "UserID": format!("{label}{}", times.len()) });
        let began = clock::now();
        server
            .call(&mut connection, "im_open_login_svc/account_import", &account)
            .await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Nothing that goes on for a while.
pub(super) async fn nothing(seconds: u32) -> io::Result<()> {
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    Ok(())
}

/// Dissolves a group and waits until all that it left behind is removed. Tells how long the answer took,
/// and how long the rest.
pub(super) async fn dissolve(server: &Server, group: &str) -> io::Result<(Duration, Duration)> {
    let mut connection = Connection::open(server.address).await?;
    let body = json!({ "GroupId": group });
    let began = clock::now();
    server
        .call(&mut connection, "group_open_http_svc/destroy_group", &body)
        .await?;
    let answered = began.elapsed();
    let database = Database::open_with_flags(server.database(), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.map_err(io::Error::other)?;
    let mut look = tokio::time::interval(LOOK_EVERY);
    while began.elapsed() < PATIENCE {
        look.tick().await;
        processes::check()?;
        let counted = database.query_row("SELECT count(*) FROM groups WHERE dissolved <> 0", [], |row| {
            row.get(0)
        });
        let left: u32 = counted.map_err(io::Error::other)?;
        if left == 0 {
            return Ok((answered, began.elapsed()));
        }
    }
    Err(io::Error::other(format!(
        "{group} is not cleared away within {PATIENCE:?}"
    )))
}
