//! Three nodes of the real binary, on a real PostgreSQL and a real Redis.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Postgres, Proxy, Redis, RedisCluster, RedisOptions, until};

use crate::gateway::{Gateway, log_in, log_in_with, login};
use crate::support::process::Process;
use crate::support::rest::Connection;
use crate::support::{App, Server, headcount};

/// How long a silent node is borne with.
pub(crate) const LEASE: Duration = Duration::from_millis(2_500);
/// How soon everything is exact again after the last thing went wrong.
pub(crate) const HEAL: Duration = Duration::from_secs(5);
/// The community whose members are counted.
pub(crate) const TOWN: &str = "@TGS#_town";
const COUNT: &str = "million_group_open_http_svc/get_online_member_num";

/// What all nodes meet in.
pub(crate) enum Meeting {
    /// One Redis, each node by a network of its own.
    Single(Redis, [Proxy; 3]),
    /// A Cluster of three masters.
    Cluster(#[expect(dead_code, reason = "it runs until this is dropped")] RedisCluster),
}

/// Three nodes.
pub(crate) struct Fleet {
    pub(crate) nodes: [Node; 3],
    pub(crate) app: App,
    pub(crate) meeting: Meeting,
    pub(crate) postgres: Postgres,
    database: String,
}

/// One node, which may be down.
pub(crate) struct Node {
    name: &'static str,
    folder: TempDir,
    redis: String,
    server: Option<Server>,
}

impl Fleet {
    /// On one Redis that each node reaches by its own network.
    pub(crate) fn start() -> Self {
        let redis = Redis::start(RedisOptions::default());
        let networks = [(); 3].map(|()| Proxy::start(redis.port()));
        let urls = networks.each_ref().map(|network| redis.url_at(network.port()));
        Self::on(Meeting::Single(redis, networks), urls)
    }

    /// On a Redis Cluster.
    pub(crate) fn start_on_redis_cluster() -> Self {
        let redis = RedisCluster::start();
        let urls = redis.urls().join(",");
        Self::on(Meeting::Cluster(redis), [(); 3].map(|()| urls.clone()))
    }

    fn on(meeting: Meeting, urls: [String; 3]) -> Self {
        let postgres = Postgres::start();
        let database = postgres.create_database();
        let made = headcount(&["app", "create", "--database", &database]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let mut names = ["a", "b", "c"].into_iter();
        let nodes = urls.map(|redis| Node {
            name: names.next().expect("three names"),
            folder: TempDir::new().expect("a folder"),
            redis,
            server: None,
        });
        let mut fleet = Self {
            nodes,
            app: serde_json::from_str(&made.stdout).expect("it prints JSON"),
            meeting,
            postgres,
            database,
        };
        (0..3).for_each(|at| fleet.start_node(at));
        (0..3).for_each(|at| fleet.wait_until_ready(at));
        fleet.found_town();
        fleet
    }

    /// Starts a node that is down.
    pub(crate) fn start_node(&mut self, at: usize) {
        let mode = match self.meeting {
            Meeting::Single(..) => "single",
            Meeting::Cluster(_) => "cluster",
        };
        let lease_ms = LEASE.as_millis().to_string();
        let node = &mut self.nodes[at];
        let variables = [
            ("HEADCOUNT_CLUSTER__DATABASE", self.database.as_str()),
            ("HEADCOUNT_CLUSTER__REDIS", &node.redis),
            ("HEADCOUNT_CLUSTER__REDIS_MODE", mode),
            ("HEADCOUNT_CLUSTER__NODE", node.name),
            ("HEADCOUNT_CLUSTER__LEASE_MS", &lease_ms),
        ];
        let folder = node.folder.path();
        let data_dir = folder.to_str().expect("the folder's name is text");
        let any_port = "127.0.0.1:0";
        let args = [
            "serve",
            "--data-dir",
            data_dir,
            "--listen",
            any_port,
            "--ops-listen",
            any_port,
        ];
        node.server = Some(Server::ready(folder, Process::start(&args, &variables)));
    }

    pub(crate) fn wait_until_ready(&self, at: usize) {
        until("the node can count", || {
            (self.get(at, "/readyz").0 == 200).then_some(())
        });
    }

    fn found_town(&self) {
        let mut backend = self.backend(0);
        let group =
            json!({ "Type": "Community", "Name": "town", "GroupId": TOWN, "ApplyJoinOption": "FreeAccess" });
        backend.ok("group_open_http_svc/create_group", &group);
    }

    /// Makes users members of the town.
    pub(crate) fn settle(&self, at: usize, users: &[&str]) {
        let mut backend = self.backend(at);
        for user in users {
            backend.ok("im_open_login_svc/account_import", &json!({ "UserID": user }));
        }
        let members: Vec<Value> = users
            .iter()
            .map(|user| json!({ "Member_Account": user }))
            .collect();
        let body = json!({ "GroupId": TOWN, "MemberList": members });
        backend.ok("group_open_http_svc/add_group_member", &body);
    }

    fn server(&self, at: usize) -> &Server {
        self.nodes[at].server.as_ref().expect("the node runs")
    }

    /// The nodes that run.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..3).filter(|&at| self.nodes[at].server.is_some()).collect()
    }

    pub(crate) fn backend(&self, at: usize) -> Connection {
        self.server(at).connect(&self.app)
    }

    pub(crate) fn log_in(&self, at: usize, user: &str) -> Gateway {
        log_in(self.server(at).listen, &self.app, user)
    }

    /// A login from another kind of device than a browser, by its number.
    pub(crate) fn log_in_on(&self, at: usize, user: &str, platform: u8) -> Gateway {
        let mut frame = login(&self.app, user);
        let browser = br#""platform":7"#;
        let place = frame.windows(browser.len()).position(|window| window == browser);
        frame[place.expect("a login says it") + browser.len() - 1] = b'0' + platform;
        log_in_with(self.server(at).listen, &frame)
    }

    /// How many members of the town are online, as a node says.
    pub(crate) fn count(&self, at: usize) -> u64 {
        let answer = self.backend(at).ok(COUNT, &json!({ "GroupId": TOWN }));
        answer["OnlineMemberNum"].as_u64().expect("a number")
    }

    /// Waits until these nodes say this number, and tells how long that took.
    pub(crate) fn wait_for_count(&self, nodes: &[usize], expected: u64) -> Duration {
        let began = now();
        for &at in nodes {
            until(&format!("node {at} counts {expected}"), || {
                (self.count(at) == expected).then_some(())
            });
        }
        began.elapsed()
    }

    /// These nodes say this number, and go on saying it for a while.
    pub(crate) fn keeps_counting(&self, nodes: &[usize], expected: u64, time: Duration) {
        holds_for(time, || {
            for &at in nodes {
                assert_eq!(self.count(at), expected, "node {at}");
            }
        });
    }

    /// Waits until all nodes that run say this number and agree with each other and with a recount; that
    /// must be so in time.
    pub(crate) fn is_exact_again(&self, expected: u64) {
        let nodes = self.running();
        let took = self.wait_for_count(&nodes, expected);
        assert!(took <= HEAL, "it took {took:?}");
        self.audit();
    }

    /// Recounts on every node.
    pub(crate) fn audit(&self) {
        let ops = self.server(self.running()[0]).ops_listen;
        let audit = headcount(&["audit", "--cluster", "--url", &format!("http://{ops}")]);
        assert_eq!(audit.code, Some(0), "{audit:?}");
    }

    /// Kills a node: nothing of it is said any more.
    pub(crate) fn kill(&mut self, at: usize) {
        self.nodes[at].server = None;
    }

    /// Asks a node to stop, and waits until it has.
    pub(crate) fn stop(&mut self, at: usize) {
        let server = self.nodes[at].server.take().expect("the node runs");
        server.process.signal("TERM");
        let ended = server.process.ended();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    pub(crate) fn signal(&self, at: usize, name: &str) {
        self.server(at).process.signal(name);
    }

    /// What a node's operators' listener answers.
    pub(crate) fn get(&self, at: usize, path: &str) -> (u16, String) {
        get(self.server(at).ops_listen, path)
    }

    /// A number of `/readyz`.
    pub(crate) fn silent_ms(&self, at: usize, of: &str) -> u64 {
        let (_, body) = self.get(at, "/readyz");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body[format!("{of}_silent_ms")].as_u64().expect("a number")
    }

    pub(crate) fn redis(&mut self) -> &mut Redis {
        match &mut self.meeting {
            Meeting::Single(redis, _) => redis,
            Meeting::Cluster(_) => panic!("there are three"),
        }
    }

    pub(crate) fn network(&self, at: usize) -> &Proxy {
        match &self.meeting {
            Meeting::Single(_, networks) => &networks[at],
            Meeting::Cluster(_) => panic!("they have no network of their own"),
        }
    }
}

/// Waits for the word that a session is over, past whatever else is said.
pub(crate) fn hear_end(client: &mut Gateway) {
    while !client
        .hear()
        .expect("the end comes with a word")
        .contains("KickoutMsgNotify")
    {}
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.expect("a status"), body.expect("a body"))
}

/// The time of the test itself.
#[expect(clippy::disallowed_methods, reason = "it asks how soon real nodes do what")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Looks for a while, and again and again: nothing may be seen to change.
fn holds_for(time: Duration, mut look: impl FnMut()) {
    let end = now() + time;
    while now() < end {
        look();
    }
}
