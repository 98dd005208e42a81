//! Several servers on one database.

use std::sync::Arc;

use headcount_core::{Change, GroupKey};
use headcount_directory::postgres::{OpenError, PostgresDirectory};
use headcount_directory::{AccountImport, AddedMember, Directory, StoreError};
use tokio::task::JoinSet;

use crate::postgres;
use crate::server::{APP, Journal, NOW_S, Server, agreed, connect, execute, member, number, one_waits, user};

const USERS: usize = 12;

fn name(n: usize) -> String {
    format!("user{}", n % USERS)
}

/// Does this and that on one server. Whatever it did was told before it was answered.
async fn churn(server: Arc<Server>, task: usize) {
    let Server { directory, journal } = server.as_ref();
    for turn in 0..40 {
        let (name, id) = (name(task * 5 + turn), format!("g{}", (task + turn) % 3));
        let account = server.account(&name).await;
        let id = headcount_core::GroupId::parse(&id).expect("a group id");
        let group = directory.group(APP, id.clone()).await.expect("the store works");
        match (group.map(|group| group.key), (task + turn * 7) % 12) {
            // Another task may have been faster.
            (None, _) => drop(
                directory
                    .create_group(crate::server::community(id.as_str()))
                    .await,
            ),
            (Some(group), 0) => {
                if directory.dissolve_group(group).await.expect("the store works") {
                    let app = APP;
                    assert!(journal.told().contains(&Change::Dissolved { app, id, group }));
                }
            }
            (Some(_), 1) => {
                let deleted = directory
                    .delete_accounts(APP, vec![user(&name)])
                    .await
                    .expect("the store works");
                let user = user(&name);
                let app = APP;
                // Somebody else may have deleted it, and a third one made it again.
                if deleted == [true] && server.directory.login_facts(account).await == Ok(None) {
                    assert!(
                        journal
                            .told()
                            .contains(&Change::AccountDeleted { app, user, account })
                    );
                }
            }
            (Some(_), 2) => assert!(directory.revoke_usersigs(APP, user(&name), NOW_S).await.is_ok()),
            (Some(group), 3..=5) => leave(&server, group, &name).await,
            (Some(group), _) => join(&server, group, &name).await,
        }
    }
}

async fn join(server: &Server, group: GroupKey, name: &str) {
    let added = server
        .directory
        .add_members(group, vec![member(name)], NOW_S)
        .await;
    if let Ok([AddedMember::Added(account)]) = added.as_deref() {
        let account = *account;
        assert!(server.journal.told().contains(&Change::Joined { account, group }));
    }
}

async fn leave(server: &Server, group: GroupKey, name: &str) {
    let removed = server
        .directory
        .remove_members(group, vec![user(name)])
        .await
        .expect("the store works");
    for account in removed.into_iter().flat_map(|removed| removed.removed) {
        assert!(server.journal.told().contains(&Change::Left { account, group }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_server_is_told_every_commit_in_the_same_order() {
    let url = postgres().create_database();
    let servers = [
        Arc::new(Server::open(&url).await),
        Arc::new(Server::open(&url).await),
    ];
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        tasks.spawn(churn(Arc::clone(&servers[task % 2]), task));
    }
    for turn in 0..10 {
        let (shown, told) = servers[turn % 2].cut().await;
        assert_eq!(shown, told.seats(), "a cut is of the commits of all servers");
    }
    tasks.join_all().await;

    let told = agreed(&[&servers[0], &servers[1]]).await;
    let all = |change: fn(&Change) -> bool| told.commits.iter().flatten().filter(|told| change(told)).count();
    assert!(all(|change| matches!(change, Change::Joined { .. })) > 20);
    assert!(all(|change| matches!(change, Change::Left { .. })) > 5);
    assert!(all(|change| matches!(change, Change::Dissolved { .. })) > 0);
    assert!(all(|change| matches!(change, Change::AccountDeleted { .. })) > 0);
    assert!(all(|change| matches!(change, Change::UserSigsRevoked { .. })) > 0);
    let (shown, at_cut) = servers[1].cut().await;
    assert_eq!((shown, at_cut), (told.seats(), told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_comes_later_is_told_where_the_store_stands() {
    let url = postgres().create_database();
    let first = Server::open(&url).await;
    first.account("a").await;
    let group = first.create("@TGS#_g").await;
    let second = Server::open(&url).await;
    assert_eq!(second.journal.told().began_at, first.journal.told().position());
    let account = first.account("b").await;
    assert_eq!(
        second
            .directory
            .add_members(group, vec![member("b")], NOW_S)
            .await,
        Ok(vec![AddedMember::Added(account)])
    );
    let told = first.journal.reach(second.journal.told().position()).await;
    assert_eq!(
        told.commits.last(),
        Some(&vec![Change::Joined { account, group }])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_wrote_nothing_is_no_commit() {
    let url = postgres().create_database();
    let server = Server::open(&url).await;
    server.account("a").await;
    let before = server.journal.told();
    assert_eq!(
        server.directory.revoke_usersigs(APP, user("b"), 1).await,
        Ok(false)
    );
    assert_eq!(server.directory.dissolve_group(GroupKey(99)).await, Ok(false));
    let same = AccountImport {
        user: user("a"),
        nick: Some(String::new()),
        face_url: None,
    };
    assert_eq!(
        server.directory.import_accounts(APP, vec![same], NOW_S).await,
        Ok(())
    );
    assert_eq!(server.journal.told(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_together_make_the_tables_once() {
    for _ in 0..3 {
        let url = postgres().create_database();
        let mut opening = JoinSet::new();
        for _ in 0..6 {
            let url = url.clone();
            opening.spawn(async move { Server::open(&url).await });
        }
        let servers = opening.join_all().await;
        servers[0].account("a").await;
        agreed(&servers.iter().collect::<Vec<_>>()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tables_of_a_newer_version_are_refused() {
    let url = postgres().create_database();
    Server::open(&url).await.directory.close().await;
    postgres().execute(&url, "UPDATE schema_version SET version = 99");
    let refused = PostgresDirectory::open(&url, Arc::new(Journal::default())).await;
    assert!(matches!(
        refused.err(),
        Some(OpenError::NewerVersion { found: 99, .. })
    ));
}

#[tokio::test]
async fn urls_that_cannot_be_used_are_refused() {
    for url in [
        "",
        "host=localhost",
        "mysql://localhost/db",
        "postgres://localhost:port/db",
        "postgres://localhost/db?sslmode=prefer",
        "postgres://localhost/db?sslmode=verify-full&sslrootcert=/no/such/file",
    ] {
        let refused = PostgresDirectory::open(url, Arc::new(Journal::default())).await;
        assert!(matches!(refused.err(), Some(OpenError::Url(_))), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_that_fails_leaves_those_alone_that_share_its_transaction() {
    let url = postgres().create_database();
    let server = Arc::new(Server::open(&url).await);
    let beside = connect(&url).await;
    // All wait for this, and then share a transaction.
    execute(&beside, "BEGIN; SELECT 1 FROM log_head FOR UPDATE").await;
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let server = Arc::clone(&server);
        tasks.spawn(async move {
            let import = AccountImport {
                user: user(&format!("user{n}")),
                // PostgreSQL stores any character but this.
                nick: (n % 2 == 1).then(|| "\0".to_owned()),
                face_url: None,
            };
            (
                n,
                server.directory.import_accounts(APP, vec![import], NOW_S).await,
            )
        });
    }
    one_waits(&url).await;
    execute(&beside, "COMMIT").await;
    for (n, imported) in tasks.join_all().await {
        assert_eq!(imported.is_err(), n % 2 == 1, "{imported:?}");
    }
    assert_eq!(number(&beside, "SELECT count(*) FROM account").await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_that_the_database_gives_up_for_another_is_run_again() {
    let url = postgres().create_database();
    // Time for the other to close the circle before the server's transaction looks for one.
    postgres().execute(&url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''2s''', current_database()); END $$");
    let server = Arc::new(Server::open(&url).await);
    let account = server.account("a").await;
    let group = server.create("@TGS#_g").await;
    let other = connect(&url).await;
    execute(
        &other,
        "SET deadlock_timeout = '60s'; BEGIN; UPDATE groups SET name = 'x'",
    )
    .await;
    let adding = Arc::clone(&server);
    let added = tokio::spawn(async move {
        adding
            .directory
            .add_members(group, vec![member("a")], NOW_S)
            .await
    });
    one_waits(&url).await;
    // Each has what the other one waits for. The server's transaction is the one that gives way.
    execute(&other, "UPDATE log_head SET position = position; COMMIT").await;
    assert_eq!(added.await.unwrap(), Ok(vec![AddedMember::Added(account)]));
    let told = server.journal.told();
    assert_eq!(
        told.commits.last(),
        Some(&vec![Change::Joined { account, group }])
    );
    assert_eq!(number(&other, "SELECT member_num FROM groups").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_of_a_dissolved_group_are_removed_by_any_server() {
    let url = postgres().create_database();
    let beside = connect(&url).await;
    let server = Server::open(&url).await;
    let names: Vec<_> = (0..1_500).map(|n| format!("user{n}")).collect();
    let imports = names.iter().map(|name| AccountImport {
        user: user(name),
        nick: None,
        face_url: None,
    });
    server
        .directory
        .import_accounts(APP, imports.collect(), NOW_S)
        .await
        .unwrap();
    let group = server.create("@TGS#_g").await;
    let members = names.iter().map(|name| member(name)).collect();
    server.directory.add_members(group, members, NOW_S).await.unwrap();
    server.directory.close().await;
    // As a server would that dies at once.
    execute(&beside, "UPDATE groups SET dissolved = 1").await;
    assert_eq!(number(&beside, "SELECT count(*) FROM member").await, 1_500);
    let _another = Server::open(&url).await;
    while number(
        &beside,
        "SELECT (SELECT count(*) FROM member) + (SELECT count(*) FROM groups)",
    )
    .await
        > 0
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn old_commits_leave_the_log_and_late_servers_do_not_miss_them() {
    let url = postgres().create_database();
    let beside = connect(&url).await;
    let server = Server::open(&url).await;
    for name in ["a", "b", "c"] {
        server.account(name).await;
    }
    server.directory.close().await;
    execute(&beside, "UPDATE log SET at_s = at_s - 4000 WHERE position < 3").await;
    let later = Server::open(&url).await;
    while number(&beside, "SELECT count(*) FROM log").await > 1 {
        tokio::task::yield_now().await;
    }
    later.account("d").await;
    assert_eq!(later.journal.told().position(), 4);
    assert_eq!(number(&beside, "SELECT min(position) FROM log").await, 3);
    let failed: StoreError = tokio::select! {
        biased;
        failed = later.directory.failed() => failed,
        () = std::future::ready(()) => return,
    };
    panic!("{failed}");
}
