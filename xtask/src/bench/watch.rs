//! Counts pushed to many watchers while logins churn: what they cost the server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::count::CHURN_PER_S;
use super::crowd::{self, Against, number};
use super::figures::{Goal, Report};
use super::fill::user;
use super::server::{Folder, Server, admin};
use super::stats::median;
use super::{Bench, community, progress};

/// Communities, and watchers: one for each.
const COMMUNITIES: usize = 1_000;
/// Accounts that come and go, spread over the communities.
const ACCOUNTS: usize = 20_000;

pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    progress("counts pushed to 1,000 watchers of 1,000 communities");
    let folder = Folder::create(&bench.programs.headcount)?;
    folder.import("accounts", "UserID", (0..ACCOUNTS).map(user))?;
    let groups = (0..=COMMUNITIES).map(|number| format!("{},Community,bench", community(number)));
    folder.import("groups", "GroupId,Type,Name", groups)?;
    // Everybody is in one of the communities that are watched, and in one whose count the crowd checks.
    let rows = (0..ACCOUNTS).flat_map(|number| {
        [number % COMMUNITIES, COMMUNITIES].map(|group| format!("{},{}", community(group), user(number)))
    });
    folder.import("members", "GroupId,Member_Account", rows)?;
    let server = Server::on(folder, &[])?;
    let (mut alone, mut watched, mut events) = (Vec::new(), Vec::new(), 0);
    for _ in 0..bench.plan.rounds.min(3) {
        alone.push(tokio::task::block_in_place(|| churn(bench, &server))?);
        let mut watchers = watch(&server).await?;
        watched.push(tokio::task::block_in_place(|| churn(bench, &server))?);
        events += watchers.events()?;
    }
    server.folder.audit()?;
    let percent = median(watched.iter().zip(&alone).map(|(with, without)| with - without));
    let remark = format!(
        "{events} events were pushed; {:.0} % without watchers",
        median(alone.iter().copied())
    );
    report.figure(
        "push of counts to 1,000 watchers of 1,000 communities under churn",
        Goal::AtMost(5.0),
        " % of a core",
        percent,
        remark,
    );
    Ok(())
}

/// Lets logins churn, and tells the server's CPU time in percent of a core.
fn churn(bench: &Bench, server: &Server) -> io::Result<f64> {
    let plan = format!(
        "--sessions 1 --heartbeat-s 10 --hold-s 0 --churn-per-s {CHURN_PER_S} --churn-s {} --churn-sessions {}",
        bench.plan.churn_s,
        ACCOUNTS - 1
    );
    let phases = crowd::run(
        &bench.programs.crowd,
        &Against::Server(server, &community(COMMUNITIES)),
        &plan,
        2,
    )?;
    let used = |phase: &Value| number(phase, "/server_cpu_s");
    Ok(used(&phases[1]) / number(&phases[1], "/seconds") * 100.0)
}

/// Streams that are read, until dropped.
struct Watchers {
    /// Events that each has seen.
    seen: Vec<Arc<AtomicU64>>,
    readers: JoinSet<()>,
}

impl Watchers {
    /// Events that were pushed. Fails when a stream has ended, or told no more than where it began.
    fn events(&mut self) -> io::Result<u64> {
        if self.readers.try_join_next().is_some() {
            return Err(io::Error::other("a stream of counts has ended"));
        }
        let seen = self.seen.iter().map(|seen| seen.load(Ordering::Relaxed));
        match seen.clone().min() {
            Some(2..) => Ok(seen.sum()),
            least => Err(io::Error::other(format!(
                "a stream of counts told {least:?} events"
            ))),
        }
    }
}

async fn watch(server: &Server) -> io::Result<Watchers> {
    let usersig = server.folder.sign(&admin(0), 86_400)?;
    let (mut seen, mut readers) = (Vec::new(), JoinSet::new());
    for number in 0..COMMUNITIES {
        let mut stream = TcpStream::connect(server.address).await?;
        let group = community(number).replace('@', "%40").replace('#', "%23");
        let request = format!(
            "GET /v1/apps/{}/counts/stream?identifier={}&usersig={usersig}&group={group}&interval_ms=1000 \
             HTTP/1.1\r\nHost: {}\r\n\r\n",
            server.folder.sdkappid,
            admin(0),
            server.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = vec![0; 4 << 10];
        let len = stream.read(&mut buffer).await?;
        if !buffer[..len].starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&buffer[..len])));
        }
        let mut events = Events::default();
        let told = Arc::new(AtomicU64::new(events.read(&buffer[..len])));
        seen.push(Arc::clone(&told));
        readers.spawn(async move {
            while let Ok(len @ 1..) = stream.read(&mut buffer).await {
                told.fetch_add(events.read(&buffer[..len]), Ordering::Relaxed);
            }
        });
    }
    Ok(Watchers { seen, readers })
}

/// Finds where events begin in a stream that arrives in pieces.
#[derive(Debug, Default)]
struct Events {
    /// The end of the last piece, shorter than what is looked for.
    last: Vec<u8>,
}

impl Events {
    fn read(&mut self, piece: &[u8]) -> u64 {
        const BEGIN: &[u8] = b"\nevent:";
        self.last.extend_from_slice(piece);
        let windows = self.last.windows(BEGIN.len());
        let begun = windows.filter(|window| *window == BEGIN).count();
        self.last.drain(..self.last.len().saturating_sub(BEGIN.len() - 1));
        begun as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_however_they_arrive() {
        let stream = b"HTTP/1.1 200 OK\r\n\r\n20\r\nevent: counts\ndata: {}\n\n\r\n8\r\n: alive\n\r\n20\r\nevent: counts\n";
        for size in 1..stream.len() {
            let mut events = Events::default();
            let seen: u64 = stream.chunks(size).map(|piece| events.read(piece)).sum();
            assert_eq!(seen, 2, "in pieces of {size}");
        }
    }
}
