//! Moving from one machine's folder into the database of several.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Postgres, Redis, RedisOptions};

use crate::support::process::{Ended, Process};
use crate::support::{App, Server, create_app, headcount};
use crate::text;

/// The server that all tests share. It ends with the process.
fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(Postgres::start)
}

/// A data folder with an app, a Redis, and a place for files.
struct Stand {
    folder: TempDir,
    app: App,
    redis: Redis,
}

impl Stand {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let app = create_app(&folder.path().join("data"), &["--admin", "administrator"]);
        let redis = Redis::start(RedisOptions::default());
        let stand = Self { folder, app, redis };
        stand.fill();
        stand
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Groups of all types, with accounts that were revoked and deleted.
    fn fill(&self) {
        let server = Server::start(&self.data(), &[]);
        let mut connection = server.connect(&self.app);
        let accounts = json!({ "Accounts": ["alice", "bob", "carol", "gone"] });
        connection.ok("im_open_login_svc/multiaccount_import", &accounts);
        for (group_type, id) in GROUPS {
            let group = json!({ "Type": group_type, "Name": id, "GroupId": id, "Owner_Account": "alice" });
            connection.ok("group_open_http_svc/create_group", &group);
            if group_type != "AVChatRoom" {
                let members: Vec<_> = ["bob", "carol", "gone"]
                    .map(|name| json!({ "Member_Account": name }))
                    .into();
                let add = json!({ "GroupId": id, "MemberList": members });
                connection.ok("group_open_http_svc/add_group_member", &add);
            }
        }
        connection.ok(
            "group_open_http_svc/destroy_group",
            &json!({ "GroupId": "public" }),
        );
        let gone = json!({ "DeleteItem": [{ "UserID": "gone" }] });
        connection.ok("im_open_login_svc/account_delete", &gone);
        connection.ok("im_open_login_svc/kick", &json!({ "UserID": "bob" }));
        assert_eq!(server.stop().code, Some(0));
    }

    fn start(&self, url: &str) -> Process {
        let from = format!("sqlite:{}", text(&self.data()));
        Process::start(&["migrate", "--from", &from, "--to", url], &[])
    }

    fn migrate(&self, url: &str) -> Ended {
        self.start(url).ended()
    }

    /// A server of the cluster at a database, as it starts.
    fn node(&self, url: &str) -> (PathBuf, Process) {
        let folder = self.folder.path().join("node");
        fs::create_dir_all(&folder).expect("a folder");
        let process = Process::start(
            &[
                "serve",
                "--data-dir",
                text(&folder),
                "--listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
            ],
            &[
                ("HEADCOUNT_CLUSTER__DATABASE", url),
                ("HEADCOUNT_CLUSTER__REDIS", &self.redis.url()),
            ],
        );
        (folder, process)
    }

    fn assert_unfinished(&self, url: &str) {
        let again = self.migrate(url);
        assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""), "{again:?}");
        let (_, node) = self.node(url);
        let refused = node.ended();
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let create = headcount(&["app", "create", "--database", url]);
        assert_eq!((create.code, create.stdout.as_str()), (Some(1), ""), "{create:?}");
        for said in [&again.stderr, &refused.stderr, &create.stderr] {
            assert!(said.contains("was not finished"), "{said}");
            assert!(said.contains("use a fresh database"), "{said}");
        }
    }
}

const GROUPS: [(&str, &str); 6] = [
    ("Private", "work"),
    ("Public", "public"),
    ("Public", "public2"),
    ("ChatRoom", "meeting"),
    ("AVChatRoom", "live"),
    ("Community", "@TGS#_fans"),
];

/// What a backend sees of the groups and accounts.
fn seen(server: &Server, app: &App) -> Vec<Value> {
    let mut connection = server.connect(app);
    let ids: Vec<_> = GROUPS.iter().map(|(_, id)| id).collect();
    let mut seen = vec![connection.ok(
        "group_open_http_svc/get_group_info",
        &json!({ "GroupIdList": ids }),
    )];
    for (group_type, id) in GROUPS {
        if group_type != "AVChatRoom" && id != "public" {
            let list = json!({ "GroupId": id, "Limit": 100, "Offset": 0 });
            seen.push(connection.ok("group_open_http_svc/get_group_member_info", &list));
        }
    }
    for user in ["alice", "bob"] {
        let joined = json!({ "Member_Account": user });
        seen.push(connection.ok("group_open_http_svc/get_joined_group_list", &joined));
    }
    let users = ["alice", "bob", "gone"].map(|user| json!({ "UserID": user }));
    let check = json!({ "CheckItem": users });
    seen.push(connection.ok("im_open_login_svc/account_check", &check));
    seen
}

#[test]
fn a_cluster_shows_what_the_one_server_showed() {
    let stand = Stand::new();
    let url = postgres().create_database();
    let before = Server::start(&stand.data(), &[]);
    // Beside the running server.
    let ended = stand.migrate(&url);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    let starts = [
        "copied: 1 apps, 1 admins of apps, 3 accounts, 5 groups, 12 members; 22 rows in ",
        "verified: every row is the same, and every MemberNum equals its rows; 22 rows in ",
        "What a server on ",
    ];
    assert_eq!(lines.len(), starts.len(), "{ended:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    for said in ["members: 0 of 12\n", "verifying members: 0 of 12\n"] {
        assert!(ended.stderr.contains(said), "{ended:?}");
    }

    let (folder, node) = stand.node(&url);
    let after = Server::ready(&folder, node);
    let shown = seen(&after, &stand.app);
    assert_eq!(shown, seen(&before, &stand.app));
    assert_eq!(shown[0]["GroupInfo"][5]["MemberNum"], 3, "{shown:?}");
    let mut connection = after.connect(&stand.app);
    let new = json!({ "Accounts": ["new"] });
    connection.ok("im_open_login_svc/multiaccount_import", &new);
    let add = json!({ "GroupId": "@TGS#_fans", "MemberList": [{ "Member_Account": "new" }] });
    connection.ok("group_open_http_svc/add_group_member", &add);
    assert_eq!(after.stop().code, Some(0));
    assert_eq!(before.stop().code, Some(0));

    let again = stand.migrate(&url);
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""), "{again:?}");
    assert!(again.stderr.contains("the database is not empty"), "{again:?}");
}

#[test]
fn a_copy_that_was_killed_is_refused_for_what_it_is() {
    let stand = Stand::new();
    let url = postgres().create_database();
    make_tables(&url);
    postgres().execute(
        &url,
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(600); RETURN NEW; END'; \
         CREATE TRIGGER wait BEFORE INSERT ON member FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let mut copying = stand.start(&url);
    copying.wait_for("members: 0 of 12");
    copying.kill();
    let ended = copying.ended();
    assert_eq!((ended.code, ended.stdout.as_str()), (None, ""), "{ended:?}");
    stand.assert_unfinished(&url);
}

#[test]
fn a_row_that_arrives_otherwise_is_named_and_nothing_handed_over() {
    let stand = Stand::new();
    let url = postgres().create_database();
    make_tables(&url);
    postgres().execute(
        &url,
        "CREATE FUNCTION promote() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN NEW.role := 1; RETURN NEW; END'; \
         CREATE TRIGGER promote BEFORE INSERT ON member FOR EACH ROW WHEN (NEW.account = 3 AND NEW.grp = 3) \
         EXECUTE FUNCTION promote()",
    );
    let found = stand.migrate(&url);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(
        found
            .stdout
            .ends_with("\ntable member, grp 3, account 3: role differs\n"),
        "{found:?}"
    );
    assert!(found.stderr.contains("not handed over"), "{found:?}");
    stand.assert_unfinished(&url);
    postgres().execute(&url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let from = format!("sqlite:{}", text(&stand.data()));
    let again = Process::start(
        &["migrate", "--from", &from, "--skip-verification"],
        &[("HEADCOUNT_CLUSTER__DATABASE", &url)],
    )
    .ended();
    assert_eq!(again.code, Some(0), "without its tables it is fresh: {again:?}");
    assert!(!again.stdout.contains("verified"), "{again:?}");
}

/// Makes the tables as a server does that finds none, and writes nothing.
fn make_tables(url: &str) {
    let refused = headcount(&["app", "create", "--database", url, "--sdkappid", "0"]);
    assert!(refused.stderr.contains("a positive number"), "{refused:?}");
}

#[test]
fn what_cannot_be_copied_is_said_at_once() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let from = format!("sqlite:{}", text(&data));
    let absent = headcount(&["migrate", "--from", &from, "--to", "postgres://127.0.0.1:1/x"]);
    assert_eq!(absent.code, Some(1), "{absent:?}");
    assert!(absent.stderr.contains("there is no data in "), "{absent:?}");
    assert!(!data.exists());

    let bare = headcount(&[
        "migrate",
        "--from",
        text(&data),
        "--to",
        "postgres://127.0.0.1:1/x",
    ]);
    assert_eq!(bare.code, Some(2), "{bare:?}");
    assert!(bare.stderr.contains("sqlite:DATA_DIR"), "{bare:?}");

    create_app(&data, &[]);
    for (to, said) in [
        ("mysql://127.0.0.1/x", "it does not begin with postgres://"),
        (
            "postgres://root:password@127.0.0.1:1/x",
            "the database cannot be opened",
        ),
    ] {
        let refused = headcount(&["migrate", "--from", &from, "--to", to]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(1), ""),
            "{refused:?}"
        );
        assert!(refused.stderr.contains(said), "{refused:?}");
        assert!(!refused.stderr.contains("password"), "{refused:?}");
    }
}
