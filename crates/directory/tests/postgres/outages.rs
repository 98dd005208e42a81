//! A database that crashes, and servers that were stopped for too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount_core::{Change, GroupKey};
use headcount_directory::postgres::{OpenError, PostgresDirectory};
use headcount_directory::{AddMembersError, CommitSink, Directory};
use testbed::Postgres;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, spawn_blocking};

use crate::postgres;
use crate::server::{APP, Journal, NOW_S, Server, agreed, connect, execute, member, number, one_waits, user};

/// Joins and leaves until told to stop; failures of the store are part of it.
async fn come_and_go(server: Arc<Server>, group: GroupKey, name: String, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let added = server
            .directory
            .add_members(group, vec![member(&name)], NOW_S)
            .await;
        assert!(
            matches!(added, Ok(_) | Err(AddMembersError::Store(_))),
            "{added:?}"
        );
        drop(server.directory.remove_members(group, vec![user(&name)]).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_doubled_when_the_database_crashes() {
    let mut database = Postgres::start();
    let url = database.create_database();
    let servers = [
        Arc::new(Server::open(&url).await),
        Arc::new(Server::open(&url).await),
    ];
    let group = servers[0].create("@TGS#_g").await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let name = format!("user{n}");
        servers[0].account(&name).await;
        tasks.spawn(come_and_go(
            Arc::clone(&servers[n % 2]),
            group,
            name,
            Arc::clone(&stop),
        ));
    }
    for _ in 0..3 {
        for server in &servers {
            // Both are at work.
            server.journal.reach(server.journal.told().position() + 20).await;
        }
        database.kill();
        assert!(servers[0].directory.apps_revision().await.is_err());
        assert!(
            servers[1]
                .directory
                .revoke_usersigs(APP, user("user1"), 1)
                .await
                .is_err()
        );
        assert!(servers[1].directory.cut(Box::new(|| {})).await.is_err());
        database.start_again();
    }
    for server in &servers {
        server.journal.reach(server.journal.told().position() + 20).await;
    }
    stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    // The first call after the outage may be the one that finds out.
    let told = agreed(&[&servers[0], &servers[1]]).await;
    let (shown, at_cut) = servers[1].cut().await;
    assert_eq!(shown, at_cut.seats());
    assert!(at_cut.position() >= told.position());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_stopped_gives_errors_and_one_that_is_back_works() {
    let mut database = Postgres::start();
    let url = database.create_database();
    let server = Server::open(&url).await;
    let account = server.account("a").await;
    let group = server.create("@TGS#_g").await;
    database.stop();
    assert!(server.directory.login_facts(account).await.is_err());
    let refused = server
        .directory
        .add_members(group, vec![member("a")], NOW_S)
        .await;
    assert!(matches!(refused, Err(AddMembersError::Store(_))));
    database.start_again();
    assert!(server.directory.login_facts(account).await.is_ok());
    let added = server
        .directory
        .add_members(group, vec![member("a")], NOW_S)
        .await;
    assert!(added.is_ok(), "{added:?}");
    let told = server.journal.told();
    assert_eq!(
        told.commits.last(),
        Some(&vec![Change::Joined { account, group }])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_takes_connections_and_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://a@{}/a", silent.local_addr().unwrap());
    let refused = PostgresDirectory::open(&url, Arc::new(Journal::default())).await;
    let Some(OpenError::Store(error)) = refused.err() else {
        panic!("it was taken for a database");
    };
    assert!(error.0.contains("did not answer"), "{error}");
}

/// A sink that fails at its second commit.
struct Stumbling(AtomicBool);

impl CommitSink for Stumbling {
    fn committed(&self, _: u64, changes: &[Change]) {
        assert!(
            changes.is_empty() || !self.0.swap(true, Ordering::Relaxed),
            "as a defect would"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_failed_to_take_in_a_commit_does_not_go_on() {
    let url = postgres().create_database();
    let journal = Arc::new(Stumbling(AtomicBool::new(false)));
    let directory = PostgresDirectory::open(&url, journal).await.unwrap();
    let other = Server::open(&url).await;
    other.account("a").await;
    for _ in 0..2 {
        assert_eq!(other.directory.revoke_usersigs(APP, user("a"), 1).await, Ok(true));
    }
    let failed = directory.failed().await;
    assert!(failed.0.contains("failed to take in"), "{failed}");
    assert_eq!(directory.revoke_usersigs(APP, user("a"), 1).await, Err(failed));
}

/// A server whose tasks run only while its runtime does something: it can be stopped.
async fn stopped(url: &str) -> (Runtime, Server) {
    let url = url.to_owned();
    let opened = spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let server = runtime.block_on(Server::open(&url));
        (runtime, server)
    });
    opened.await.expect("no panic")
}

/// Something happens to the database while a server is stopped; returns why it cannot go on.
async fn fails_after(sql: &'static str) -> String {
    let url = postgres().create_database();
    let (runtime, server) = stopped(&url).await;
    let other = Server::open(&url).await;
    for name in ["a", "b", "c"] {
        other.account(name).await;
    }
    execute(&connect(&url).await, sql).await;
    let resumed = spawn_blocking(move || {
        runtime.block_on(async {
            let failed = server.directory.failed().await;
            let refused = server.directory.revoke_usersigs(APP, user("a"), 1).await;
            assert_eq!(refused, Err(failed.clone()));
            let cut = server.directory.cut(Box::new(|| panic!("there is no cut"))).await;
            assert_eq!(cut.err(), Some(failed.clone()));
            failed.0
        })
    });
    resumed.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_was_stopped_for_longer_than_the_log_reaches_back_says_so() {
    for sql in [
        "DELETE FROM log WHERE position < 3",
        "DELETE FROM log",
        "DELETE FROM log WHERE position = 2",
    ] {
        let why = fails_after(sql).await;
        assert!(why.contains("no longer reaches back"), "{sql}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_was_set_back_and_entries_nobody_knows_are_noticed() {
    let why = fails_after("UPDATE log SET changes = '[{\"renamed\":{}}]' WHERE position = 2").await;
    assert!(why.contains("does not know"), "{why}");

    let url = postgres().create_database();
    let server = Server::open(&url).await;
    server.account("a").await;
    execute(&connect(&url).await, "UPDATE log_head SET position = 0").await;
    let why = server.directory.failed().await;
    assert!(why.0.contains("set back"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_falls_silent_in_its_transaction_does_not_hold_the_others_for_long() {
    let url = postgres().create_database();
    let (runtime, silent) = stopped(&url).await;
    let other = Server::open(&url).await;
    for name in ["a", "b", "c"] {
        other.account(name).await;
    }
    let group = other.create("@TGS#_g").await;
    let beside = connect(&url).await;
    execute(&beside, "BEGIN; UPDATE groups SET name = 'x'").await;
    let waiting_at = url.clone();
    let falls_silent = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                added = silent.directory.add_members(group, vec![member("a")], NOW_S) => panic!("{added:?}"),
                () = one_waits(&waiting_at) => {}
            }
        });
        (runtime, silent)
    });
    let (runtime, silent) = falls_silent.await.unwrap();
    // Now the database answers the silent one, which has the position that the other one needs.
    execute(&beside, "COMMIT").await;
    let added = other.directory.add_members(group, vec![member("b")], NOW_S).await;
    assert!(added.is_ok(), "{added:?}");
    assert_eq!(number(&beside, "SELECT count(*) FROM member").await, 1);

    let resumed = spawn_blocking(move || {
        runtime.block_on(async {
            let added = silent
                .directory
                .add_members(group, vec![member("c")], NOW_S)
                .await;
            assert!(added.is_ok(), "{added:?}");
            agreed(&[&silent, &other]).await
        })
    });
    assert_eq!(resumed.await.unwrap().seats().len(), 2);
}
