//! Nodes on one PostgreSQL and one Redis.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crowd::wire::{self, Messages};
use serde_json::{Value, json};
use testbed::{Postgres, Redis, RedisOptions, until};

use super::super::connection::Connection;
use super::super::count;
use super::super::server::{Folder, Server};
use crate::clock;

/// The community that everybody is a member of.
const TOWN: &str = "@TGS#_town";
/// The user whose logins are timed.
const PROBE: &str = "probe";

/// Nodes that are ready.
pub(super) struct Fleet {
    pub(super) nodes: Vec<Server>,
    pub(super) redis: Redis,
    _postgres: Postgres,
}

/// What a count of everybody is asked with.
pub(super) fn town() -> Value {
    json!({ "GroupId": TOWN })
}

/// The community of those who log in on a node.
pub(super) fn own_community(at: usize) -> String {
    format!("@TGS#_node{at}")
}

/// What the names of those begin with.
pub(super) fn prefix(at: usize) -> String {
    format!("node{at}user")
}

impl Fleet {
    pub(super) fn start(binary: &Path, nodes: usize) -> io::Result<Self> {
        let postgres = Postgres::start();
        let redis = Redis::start(RedisOptions::default());
        let database = postgres.create_database();
        let first = Folder::of_cluster(binary, &database)?;
        let mut folders = Vec::new();
        for _ in 1..nodes {
            folders.push(first.another()?);
        }
        folders.insert(0, first);
        let url = redis.url();
        let started = folders.into_iter().enumerate().map(|(at, folder)| {
            let name = at.to_string();
            let settings = [
                ("HEADCOUNT_CLUSTER__DATABASE", database.as_str()),
                ("HEADCOUNT_CLUSTER__REDIS", url.as_str()),
                ("HEADCOUNT_CLUSTER__NODE", name.as_str()),
            ];
            Server::on(folder, &settings)
        });
        let nodes = started.collect::<io::Result<Vec<_>>>()?;
        for node in &nodes {
            until("the node can count", || node.is_ready().then_some(()));
        }
        Ok(Self {
            nodes,
            redis,
            _postgres: postgres,
        })
    }

    /// Makes `each` users of every node members of the town and of their node's community.
    pub(super) async fn settle(&self, each: usize) -> io::Result<()> {
        let node = &self.nodes[0];
        let mut connection = Connection::open(node.address).await?;
        let mut groups = vec![TOWN.to_owned()];
        groups.extend((0..self.nodes.len()).map(own_community));
        for group in &groups {
            let body = json!({ "Type": "Community", "Name": "bench", "GroupId": group });
            node.call(&mut connection, "group_open_http_svc/create_group", &body)
                .await?;
        }
        for at in 0..self.nodes.len() {
            let users: Vec<String> = (0..each)
                .map(|number| format!("{}{number}", prefix(at)))
                .collect();
            join(node, &mut connection, &users, &[TOWN, &own_community(at)]).await?;
        }
        join(node, &mut connection, &[PROBE.to_owned()], &[TOWN]).await
    }

    /// Waits until every node counts so many.
    pub(super) async fn wait_until_all_count(&self, expected: usize) -> io::Result<()> {
        for node in &self.nodes {
            let mut connection = Connection::open(node.address).await?;
            while self.ask(node, &mut connection).await? != expected as u64 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }

    async fn ask(&self, node: &Server, connection: &mut Connection) -> io::Result<u64> {
        let answer = node.call(connection, count::COMMAND, &town()).await?;
        answer["OnlineMemberNum"]
            .as_u64()
            .ok_or_else(|| io::Error::other("no number"))
    }

    /// How long after the answer to a login on one node another one counts it, p50 and p99, in milliseconds.
    pub(super) async fn lateness(&self, probes: usize) -> io::Result<(f64, f64)> {
        let [here, there] = [&self.nodes[0], &self.nodes[1]];
        let mut asking = Connection::open(there.address).await?;
        let before = self.ask(there, &mut asking).await?;
        let messages = Messages::new(
            u32::try_from(here.folder.sdkappid).map_err(io::Error::other)?,
            TOWN,
        );
        let login = messages.login(PROBE, &here.folder.sign(PROBE, 86_400)?);
        let mut late = Vec::new();
        for _ in 0..probes {
            let client = log_in(here.address, &login)?;
            let told = clock::now();
            while self.ask(there, &mut asking).await? == before {}
            late.push(told.elapsed().as_secs_f64() * 1_000.0);
            drop(client);
            while self.ask(there, &mut asking).await? != before {}
        }
        late.sort_by(f64::total_cmp);
        let percentile = |percent: usize| late[(late.len() - 1) * percent / 100];
        Ok((percentile(50), percentile(99)))
    }

    /// Recounts on all nodes.
    pub(super) fn audit(&self) -> io::Result<()> {
        self.nodes[0].audit_cluster()
    }
}

/// Makes users exist, and members.
async fn join(
    node: &Server,
    connection: &mut Connection,
    users: &[String],
    groups: &[&str],
) -> io::Result<()> {
    for some in users.chunks(100) {
        let body = json!({ "Accounts": some });
        node.call(connection, "im_open_login_svc/multiaccount_import", &body)
            .await?;
    }
    for (group, some) in groups
        .iter()
        .flat_map(|group| users.chunks(300).map(move |some| (group, some)))
    {
        let members: Vec<Value> = some
            .iter()
            .map(|user| json!({ "Member_Account": user }))
            .collect();
        let body = json!({ "GroupId": group, "MemberList": members });
        node.call(connection, "group_open_http_svc/import_group_member", &body)
            .await?;
    }
    Ok(())
}

/// A client that was let in.
fn log_in(address: SocketAddr, login: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(&wire::handshake(&address.to_string()))?;
    let mut arrived = Vec::new();
    while !arrived.ends_with(b"\r\n\r\n") {
        read_more(&mut stream, &mut arrived)?;
    }
    stream.write_all(login)?;
    arrived.clear();
    loop {
        read_more(&mut stream, &mut arrived)?;
        if let Some(heard) = wire::heard(&arrived) {
            if wire::is_ok(heard.payload) {
                return Ok(stream);
            }
            return Err(io::Error::other(String::from_utf8_lossy(heard.payload)));
        }
    }
}

fn read_more(stream: &mut TcpStream, arrived: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4 << 10];
    let len = stream.read(&mut buffer)?;
    if len == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    arrived.extend_from_slice(&buffer[..len]);
    Ok(())
}
