//! Many commands in one transaction, and transactions that fail.

use std::sync::mpsc::{SyncSender, sync_channel};

use headcount_core::limits::{STORE_BATCH_ROWS_MAX, STORE_SWEEP_PATIENCE};
use tokio::task::{JoinHandle as Task, JoinSet, spawn, yield_now};

use super::*;

/// Holds the writer inside a command until dropped, so that what is ordered meanwhile gathers.
struct Gate {
    open: SyncSender<()>,
    command: Task<Result<(), StoreError>>,
}

impl Stand {
    async fn hold(&self) -> Gate {
        let (open, opened) = sync_channel::<()>(0);
        let (enter, entered) = oneshot::channel();
        let directory = Arc::clone(&self.directory);
        let command = spawn(async move {
            let wait = move |_: &Connection, _: &mut Vec<Change>| {
                assert_eq!(enter.send(()), Ok(()));
                assert!(opened.recv().is_err(), "it opens by being dropped");
                Ok(())
            };
            directory.write(0, wait).await
        });
        entered.await.unwrap();
        Gate { open, command }
    }

    /// Returns when `count` orders wait.
    async fn waiting(&self, count: usize) {
        while STORE_QUEUE_MAX - self.directory.orders.as_ref().unwrap().capacity() < count {
            yield_now().await;
        }
    }

    fn order<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Connection, &mut Vec<Change>) -> Result<T, StoreError> + Send + 'static,
    ) -> Task<Result<T, StoreError>> {
        let directory = Arc::clone(&self.directory);
        spawn(async move { directory.write(1, body).await })
    }
}

impl Gate {
    async fn open(self) {
        drop(self.open);
        self.command.await.unwrap().ok();
    }
}

#[tokio::test]
async fn commands_that_wait_share_a_commit() {
    let stand = Stand::new();
    let users = stand.accounts("user", 100).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let before = stand.directory.commits();
    let gate = stand.hold().await;
    let mut tasks = JoinSet::new();
    for user in users {
        let directory = Arc::clone(&stand.directory);
        tasks.spawn(async move { directory.add_members(group, vec![member(user)], 1).await });
    }
    stand.waiting(100).await;
    assert_eq!(stand.sink.take(), [], "nothing is told before the commit");
    gate.open().await;
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(stand.directory.commits(), before + 1);
    assert_eq!(stand.sink.take().len(), 100);
}

#[tokio::test]
async fn a_commit_has_a_bounded_number_of_rows() {
    let stand = Stand::new();
    let users = stand.accounts("user", STORE_BULK_ROWS_MIN - 1).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let before = stand.directory.commits();
    let gate = stand.hold().await;
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let directory = Arc::clone(&stand.directory);
        let members = users.iter().cloned().map(member).collect();
        tasks.spawn(async move { directory.add_members(group, members, 1).await });
    }
    stand.waiting(100).await;
    gate.open().await;
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    let commits = stand.directory.commits() - before;
    let fewest = (100 * STORE_BULK_ROWS_MIN).div_ceil(STORE_BATCH_ROWS_MAX) as u64;
    assert!((fewest..=fewest + 1).contains(&commits), "{commits}");
}

#[tokio::test]
async fn bulk_commands_wait_outside_so_that_small_ones_pass_them() {
    let stand = Stand::new();
    let users = stand.accounts("user", STORE_BULK_ROWS_MIN).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let gate = stand.hold().await;
    let mut bulk = JoinSet::new();
    for _ in 0..5 {
        let directory = Arc::clone(&stand.directory);
        let members = users.iter().cloned().map(member).collect();
        bulk.spawn(async move { directory.add_members(group, members, 1).await });
    }
    stand.waiting(STORE_BULK_MAX).await;
    let small = stand.order(|_, _| Ok(()));
    stand.waiting(STORE_BULK_MAX + 1).await;
    for _ in 0..10 {
        yield_now().await;
    }
    let queued = STORE_QUEUE_MAX - stand.directory.orders.as_ref().unwrap().capacity();
    assert_eq!(queued, STORE_BULK_MAX + 1);
    gate.open().await;
    assert_eq!(small.await.unwrap(), Ok(()));
    assert!(
        bulk.join_all().await.iter().all(Result::is_ok),
        "each gets its turn"
    );
}

#[tokio::test]
async fn a_sweep_gets_on_while_commands_always_wait() {
    let stand = Stand::new();
    let users = stand.accounts("user", 10).await;
    let group = stand.community("@TGS#_g", &users).await;
    let gate = stand.hold().await;
    let directory = Arc::clone(&stand.directory);
    let dissolved = spawn(async move { directory.dissolve_group(group).await });
    // More batches than may overtake the sweep.
    let fillers = STORE_BATCH_ROWS_MAX / STORE_BULK_ROWS_MIN * (STORE_SWEEP_PATIENCE as usize + 2);
    let mut tasks = JoinSet::new();
    for _ in 0..fillers {
        let directory = Arc::clone(&stand.directory);
        let nothing = |_: &Connection, _: &mut Vec<Change>| Ok(());
        tasks.spawn(async move {
            directory
                .write::<(), StoreError>(STORE_BULK_ROWS_MIN - 1, nothing)
                .await
        });
    }
    stand.waiting(1 + fillers).await;
    let count = "SELECT count(*) FROM member";
    let left = stand.order(move |db, _| Ok(db.query_row(count, [], |row| row.get::<_, i64>(0))?));
    stand.waiting(2 + fillers).await;
    gate.open().await;
    assert_eq!(left.await.unwrap(), Ok(0));
    assert_eq!(dissolved.await.unwrap(), Ok(true));
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_command_that_fails_or_panics_leaves_its_neighbours_alone() {
    let stand = Stand::new();
    let users = stand.accounts("user", 2).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let before = stand.directory.commits();
    let gate = stand.hold().await;
    let add = |user: &UserId| {
        let (directory, new) = (Arc::clone(&stand.directory), vec![member(user.clone())]);
        spawn(async move { directory.add_members(group, new, 1).await })
    };
    let spoil = |db: &Connection, changes: &mut Vec<Change>| {
        let account = AccountKey(99);
        let (app, user) = (APP, user("user0"));
        changes.push(Change::AccountDeleted { app, user, account });
        db.execute("DELETE FROM account", []).unwrap();
    };
    let first = add(&users[0]);
    let panics = stand.order::<()>(move |db, changes| {
        spoil(db, changes);
        panic!("as a defect would")
    });
    let fails = stand.order::<()>(move |db, changes| {
        spoil(db, changes);
        Ok(db.execute_batch("INSERT INTO member VALUES (NULL, NULL, NULL, NULL)")?)
    });
    let last = add(&users[1]);
    stand.waiting(4).await;
    gate.open().await;
    assert!(panics.await.unwrap().unwrap_err().0.contains("panicked"));
    assert!(fails.await.unwrap().unwrap_err().0.contains("NOT NULL"));
    assert!(first.await.unwrap().is_ok() && last.await.unwrap().is_ok());
    assert_eq!(stand.directory.commits(), before + 1, "all in one transaction");
    let joined = |account| Change::Joined { account, group };
    assert_eq!(stand.sink.take(), [AccountKey(1), AccountKey(2)].map(joined));
    assert_eq!(stand.number("SELECT count(*) FROM account").await, 2);
}

#[tokio::test]
async fn a_commit_that_fails_fails_all_its_commands_and_no_later_one() {
    let stand = Stand::new();
    let users = stand.accounts("user", 2).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let gate = stand.hold().await;
    let (directory, new) = (Arc::clone(&stand.directory), vec![member(users[0].clone())]);
    let add = spawn(async move { directory.add_members(group, new, 1).await });
    // A broken reference is noticed by COMMIT and by nothing before it.
    let breaks = stand.order(|db, _| {
        Ok(db.execute_batch(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO child VALUES (1);",
        )?)
    });
    stand.waiting(2).await;
    gate.open().await;
    assert!(breaks.await.unwrap().is_err());
    assert!(matches!(add.await.unwrap(), Err(AddMembersError::Store(_))));
    assert_eq!(stand.sink.take(), [], "what was not committed is not told");
    assert_eq!(stand.number("SELECT count(*) FROM member").await, 0);

    let added = stand
        .directory
        .add_members(group, vec![member(users[1].clone())], 1)
        .await;
    assert_eq!(added.unwrap().len(), 1);
    assert_eq!(stand.sink.take().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_full_works_again_when_it_is_not() {
    let stand = Stand::new();
    stand.execute("PRAGMA max_page_count = 40").await.unwrap();
    let long = |n: u32| AccountImport {
        user: user(&format!("user{n}")),
        nick: Some("long".repeat(100)),
        face_url: None,
    };
    let imports = || (0..1_000).map(long).collect();
    let full = stand.directory.import_accounts(APP, imports(), 1).await;
    assert!(full.unwrap_err().0.contains("full"));
    assert_eq!(stand.number("SELECT count(*) FROM account").await, 0);
    stand
        .directory
        .ensure_account(APP, user("small"), 1)
        .await
        .unwrap();
    stand.execute("PRAGMA max_page_count = 1000000").await.unwrap();
    stand.directory.import_accounts(APP, imports(), 1).await.unwrap();
    assert_eq!(stand.number("SELECT count(*) FROM account").await, 1_001);
}

#[tokio::test]
async fn a_transaction_that_the_database_gives_up_fails_as_a_whole() {
    let stand = Stand::new();
    let users = stand.accounts("user", 1).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let gate = stand.hold().await;
    let (directory, new) = (Arc::clone(&stand.directory), vec![member(users[0].clone())]);
    let add = spawn(async move { directory.add_members(group, new, 1).await });
    // Stands for an error after which the database has rolled back by itself.
    let gives_up = stand.order::<()>(|db, _| {
        db.execute_batch("ROLLBACK")?;
        Err(StoreError("the disk failed".to_owned()))
    });
    stand.waiting(2).await;
    gate.open().await;
    assert!(gives_up.await.unwrap().is_err());
    assert!(matches!(add.await.unwrap(), Err(AddMembersError::Store(_))));
    assert_eq!(stand.sink.take(), []);
    assert_eq!(stand.number("SELECT count(*) FROM member").await, 0);
}

#[tokio::test]
async fn a_command_fails_while_another_process_keeps_writing_and_no_longer() {
    let stand = Stand::new();
    stand.execute("PRAGMA busy_timeout = 1").await.unwrap();
    let other = stand.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = stand.directory.ensure_account(APP, user("a"), 1).await;
    assert!(refused.unwrap_err().0.contains("locked"));
    other.execute_batch("ROLLBACK").unwrap();
    stand.directory.ensure_account(APP, user("a"), 1).await.unwrap();
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_not_begun() {
    let stand = Stand::new();
    let gate = stand.hold().await;
    let directory = Arc::clone(&stand.directory);
    let abandoned = spawn(async move { directory.revoke_usersigs(APP, user("a"), 1).await });
    let insert = "INSERT INTO account (app, user, nick, face_url, created_s) VALUES (1, 'x', '', '', 1)";
    let other = stand.order(move |db, _| Ok(db.execute_batch(insert)?));
    stand.waiting(2).await;
    other.abort();
    abandoned.abort();
    assert!(other.await.unwrap_err().is_cancelled());
    gate.open().await;
    assert_eq!(stand.number("SELECT count(*) FROM account").await, 0);
}

#[tokio::test]
async fn orders_that_wait_are_carried_out_before_a_stop() {
    let stand = Stand::new();
    let users = stand.accounts("user", 50).await;
    let group = stand.community("@TGS#_g", &[]).await;
    let mut tasks = JoinSet::new();
    for user in users {
        let directory = Arc::clone(&stand.directory);
        tasks.spawn(async move { directory.add_members(group, vec![member(user)], 1).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    let stand = stand.reopen();
    assert_eq!(stand.number("SELECT count(*) FROM member").await, 50);
    assert_eq!(stand.number("SELECT member_num FROM groups").await, 50);
}

#[tokio::test]
async fn an_empty_log_is_left_behind_by_a_stop() {
    let stand = Stand::new();
    stand.accounts("user", 100).await;
    let log = stand.folder.path().join("headcount.db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    drop(stand.directory);
    assert!(log.metadata().map_or(0, |log| log.len()) == 0);
}
