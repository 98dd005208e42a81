//! A server that is killed loses nothing that it answered.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use headcount_core::{GroupId, GroupKey, GroupType, Role, SdkAppId, UserId};
use headcount_directory::conformance::RecordingSink;
use headcount_directory::sqlite::{OfflineDirectory, SqliteDirectory};
use headcount_directory::{Directory, NewGroup, NewMember};
use tempfile::TempDir;
use tokio::task::JoinSet;

const APP: SdkAppId = SdkAppId(1);
const FOLDER: &str = "HEADCOUNT_TEST_CRASH_FOLDER";
const GROUPS: [&str; 2] = ["grows", "comes and goes"];

fn open(folder: &std::path::Path) -> SqliteDirectory {
    SqliteDirectory::open(folder, Arc::new(RecordingSink::default())).expect("the folder is free")
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a UserID")
}

fn id(name: &str) -> GroupId {
    GroupId::parse(name).expect("a group id")
}

async fn group(directory: &SqliteDirectory, name: &str) -> GroupKey {
    if let Some(group) = directory.group(APP, id(name)).await.expect("read") {
        return group.key;
    }
    let new = NewGroup {
        app: APP,
        id: id(name),
        group_type: GroupType::Community,
        name: String::new(),
        introduction: String::new(),
        notification: String::new(),
        face_url: String::new(),
        owner: None,
        members: Vec::new(),
        join_option: GroupType::Community.default_join_option(),
        invite_option: GroupType::Community.default_invite_option(),
        members_max: 1_000_000,
        support_topic: false,
        created_at_s: 1,
    };
    directory.create_group(new).await.expect("the id is free").key
}

async fn join(directory: &SqliteDirectory, group: GroupKey, name: &str) {
    directory
        .ensure_account(APP, user(name), 1)
        .await
        .expect("an account");
    let member = NewMember {
        user: user(name),
        role: Role::Member,
        joined_at_s: None,
    };
    directory
        .add_members(group, vec![member], 1)
        .await
        .expect("joined");
}

/// Not a test: the server that is killed. Writes for ever and says what was answered.
#[tokio::test]
#[ignore = "run by the test below, in a process of its own"]
async fn server_to_kill() {
    let folder = PathBuf::from(env::var_os(FOLDER).expect("run by the test below"));
    let directory = Arc::new(open(&folder));
    let grows = group(&directory, GROUPS[0]).await;
    let process = std::process::id();
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let directory = Arc::clone(&directory);
        tasks.spawn(async move {
            for turn in 0_u64.. {
                let name = format!("{process}.{task}.{turn}");
                join(&directory, grows, &name).await;
                if task == 0 && turn % 5 == 4 {
                    let ends = group(&directory, GROUPS[1]).await;
                    join(&directory, ends, &name).await;
                    assert!(directory.dissolve_group(ends).await.expect("dissolved"));
                }
                let mut out = std::io::stdout().lock();
                writeln!(out, "answered {name}")
                    .and_then(|()| out.flush())
                    .expect("the parent listens");
            }
        });
    }
    tasks.join_all().await;
}

fn start(folder: &TempDir) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args([
            "--exact",
            "server_to_kill",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts")
}

#[tokio::test]
async fn a_killed_server_loses_nothing_that_it_answered() {
    let folder = TempDir::new().expect("a folder");
    let mut answered = Vec::new();
    for lines in [1, 20, 77, 300, 800] {
        let mut server = start(&folder);
        let out = BufReader::new(server.stdout.take().expect("piped"));
        let mut heard = 0;
        // The lines that were under way when it was killed count too.
        for line in out.lines() {
            let line = line.expect("text");
            if let Some((_, name)) = line.split_once("answered ") {
                answered.push(user(name));
                heard += 1;
            }
            if heard == lines {
                server.kill().expect("killed");
            }
        }
        server.wait().expect("gone");
        assert!(heard >= lines, "the server stopped by itself");

        let directory = open(folder.path());
        let grows = group(&directory, GROUPS[0]).await;
        let found = directory.member_of(grows, answered.clone()).await.expect("read");
        let lost = answered
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .count();
        assert_eq!(lost, 0, "of {} members", answered.len());
        let mut tool = OfflineDirectory::open(folder.path()).expect("a tool may look");
        assert!(tool.check().expect("a check").is_clean());
    }
}
