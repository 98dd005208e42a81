//! What these tests share: a server on loopback sockets, a REST client, a gateway client.

pub(crate) mod events;
mod gateway;
mod rest;
mod store;
mod time;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount_core::{App, Clock, MultiLogin, MultiLoginPolicy, SdkAppId};
use headcount_directory::Directory;
use headcount_directory::sqlite::SqliteDirectory;
use headcount_edge::{Door, Edge, EdgeSettings, LogFormat, RequestLog};
use headcount_service::{Live, Service, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use gateway::{Gateway, Opcode};
pub(crate) use rest::{code, request};
use store::Failing;
use time::Dice;
pub(crate) use time::TestClock;

/// The app of most tests.
pub(crate) const APP: SdkAppId = SdkAppId(1_400_000_001);
/// Another tenant of the same server.
pub(crate) const OTHER: SdkAppId = SdkAppId(1_400_000_002);
/// A tenant that lives in the region `frankfurt`.
pub(crate) const ELSEWHERE: SdkAppId = SdkAppId(1_400_000_003);
/// The admin of all three.
pub(crate) const ADMIN: &str = "administrator";
/// How long the UserSigs of [`Server::sign`] last.
pub(crate) const USERSIG_S: u64 = 86_400;

/// The services of the commands.
pub(crate) const MILLION: &str = "million_group_open_http_svc";
pub(crate) const GROUP: &str = "group_open_http_svc";
pub(crate) const LOGIN: &str = "im_open_login_svc";

/// What a test may want to be different.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) service: Settings,
    pub(crate) edge: EdgeSettings,
    pub(crate) rules: MultiLogin,
}

/// A server that serves.
pub(crate) struct Server {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) stop: CancellationToken,
    pub(crate) address: SocketAddr,
    pub(crate) ops_address: SocketAddr,
    failing: Arc<AtomicBool>,
    doors: Vec<JoinHandle<()>>,
    folder: TempDir,
}

pub(crate) fn key_of(sdkappid: SdkAppId) -> String {
    format!("the secret key of app {sdkappid}")
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::over(folder, Arc::new(TestClock::default()), setup).await
    }

    async fn over(folder: TempDir, clock: Arc<TestClock>, setup: Setup) -> Self {
        let live = Live::new(setup.rules);
        let store = SqliteDirectory::open(folder.path(), Arc::clone(&live) as _).expect("the store opens");
        if store.apps().await.expect("apps").is_empty() {
            for (sdkappid, region) in [(APP, None), (OTHER, None), (ELSEWHERE, Some("frankfurt"))] {
                let app = App {
                    sdkappid,
                    name: String::from("test"),
                    secret_key: key_of(sdkappid),
                    admins: vec![ADMIN.to_owned()],
                    region: region.map(str::to_owned),
                };
                store.create_app(app, clock.wall_s()).await.expect("an app");
            }
        }
        let failing = Arc::new(AtomicBool::new(false));
        let directory = Failing::new(store, Arc::clone(&failing));
        let service = Service::new(
            setup.service,
            Arc::new(directory),
            live,
            None,
            Arc::clone(&clock) as _,
            Arc::new(Dice::default()),
        );
        service.refresh_apps().await.expect("the apps");
        let log = RequestLog::new(LogFormat::Text, std::io::sink()).expect("a log");
        let stop = CancellationToken::new();
        let edge = Edge::new(service, setup.edge, log, stop.clone());
        let (address, public) = open(&edge, Door::Public).await;
        let (ops_address, ops) = open(&edge, Door::Ops).await;
        Self {
            clock,
            edge,
            stop,
            address,
            ops_address,
            failing,
            doors: vec![public, ops],
            folder,
        }
    }

    /// Stops it as a whole and starts another one over the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.stop.cancel();
        for door in self.doors {
            door.await.expect("a door closes");
        }
        self.edge.closed().await;
        // The last hand on the store, whose folder only one server may have.
        drop(self.edge);
        Self::over(self.folder, self.clock, Setup::default()).await
    }

    /// Makes the store fail, or work again.
    pub(crate) fn store_fails(&self, fails: bool) {
        self.failing.store(fails, Ordering::SeqCst);
    }

    /// The wall clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.wall_ms()
    }

    /// A UserSig issued now.
    pub(crate) fn sign(&self, sdkappid: SdkAppId, user: &str) -> String {
        let now_s = self.clock.wall_s();
        usersig::sign(&key_of(sdkappid), sdkappid.0, user, now_s, USERSIG_S, None)
    }

    /// The query of an admin's call.
    pub(crate) fn query(&self, sdkappid: SdkAppId) -> String {
        let usersig = self.sign(sdkappid, ADMIN);
        format!("sdkappid={sdkappid}&identifier={ADMIN}&usersig={usersig}&random=4294967295&contenttype=json")
    }

    /// Calls a command as an app's backend, with a body of any text.
    pub(crate) async fn call_text(
        &self,
        sdkappid: SdkAppId,
        service: &str,
        command: &str,
        body: impl AsRef<[u8]>,
    ) -> String {
        let target = format!("/v4/{service}/{command}?{}", self.query(sdkappid));
        request(self.address, "POST", &target, body).await
    }

    /// Calls a command as the app's backend.
    pub(crate) async fn call(&self, service: &str, command: &str, body: Value) -> Value {
        let text = self.call_text(APP, service, command, body.to_string()).await;
        rest::envelope(&text)
    }

    /// Calls a command that has to succeed.
    pub(crate) async fn ok(&self, service: &str, command: &str, body: Value) -> Value {
        let answer = self.call(service, command, body).await;
        assert_eq!(answer["ErrorCode"], 0, "{service}/{command}: {answer}");
        answer
    }

    /// The code that a call is answered with.
    pub(crate) async fn code(&self, service: &str, command: &str, body: Value) -> i64 {
        code(&self.call(service, command, body).await)
    }

    /// The code that the count of a group is answered with.
    pub(crate) async fn count_code(&self, id: &str) -> i64 {
        self.code(MILLION, "get_online_member_num", json!({ "GroupId": id }))
            .await
    }

    /// How many members of a group are online.
    pub(crate) async fn count(&self, id: &str) -> u64 {
        let body = json!({ "GroupId": id });
        let answer = self.ok(GROUP, "get_online_member_num", body).await;
        answer["OnlineMemberNum"].as_u64().expect("a number")
    }

    /// Makes accounts exist.
    pub(crate) async fn import(&self, users: &[&str]) {
        for users in users.chunks(100) {
            let body = json!({ "Accounts": users });
            let answer = self.ok(LOGIN, "multiaccount_import", body).await;
            assert_eq!(answer["FailAccounts"], json!([]));
        }
    }

    /// Makes a group of this type with these members, whose accounts are made first, and no owner.
    pub(crate) async fn group(&self, group_type: &str, id: &str, members: &[&str]) {
        if !members.is_empty() {
            self.import(members).await;
        }
        let body = json!({ "Type": group_type, "Name": "a name", "GroupId": id });
        self.ok(GROUP, "create_group", body).await;
        for members in members.chunks(300) {
            let body = json!({ "GroupId": id, "MemberList": member_list(members) });
            self.ok(GROUP, "add_group_member", body).await;
        }
    }

    /// Kicks, while time goes by.
    pub(crate) async fn kick(&self, user: &str) {
        let body = json!({ "UserID": user });
        let mut kick = std::pin::pin!(self.ok(LOGIN, "kick", body));
        let mut every = tokio::time::interval(std::time::Duration::from_millis(1));
        loop {
            tokio::select! {
                _ = &mut kick => return,
                _ = every.tick() => self.clock.advance_s(1),
            }
        }
    }

    /// A client that has just connected.
    pub(crate) async fn connect(&self) -> Gateway {
        Gateway::open(self.address, APP).await
    }

    /// A client that is logged in, in a browser.
    pub(crate) async fn client(&self, user: &str) -> Gateway {
        self.client_on(user, 7).await
    }

    /// A client that is logged in, on a platform by its number.
    pub(crate) async fn client_on(&self, user: &str, platform: u64) -> Gateway {
        let mut client = self.connect().await;
        client.platform = platform;
        let answer = client.log_in(user, &self.sign(APP, user)).await;
        assert_eq!(answer["ErrorCode"], 0, "{answer}");
        client
    }
}

async fn open(edge: &Arc<Edge>, door: Door) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let places = Arc::new(Semaphore::new(1_000));
    let serving = headcount_edge::serve(Arc::clone(edge), door, listener, None, places);
    (address, tokio::spawn(serving))
}

/// A policy that lets a user be on every platform, and in two tabs.
pub(crate) fn every_platform() -> MultiLogin {
    MultiLogin {
        policy: MultiLoginPolicy::Multi,
        web_instances: 2,
        native_instances: 1,
    }
}

/// `MemberList` of these users.
pub(crate) fn member_list(users: &[&str]) -> Value {
    users
        .iter()
        .map(|user| json!({ "Member_Account": user }))
        .collect()
}

/// Waits until a count is what it should be: the server learns of some ends by itself.
pub(crate) async fn until_count(server: &Server, id: &str, online: u64) {
    while server.count(id).await != online {}
}
