//! The embedded store: SQLite in a data folder.
//!
//! One thread writes and shares one sync of the disk among all commands that wait; up to
//! [`STORE_READERS_MAX`](headcount_core::limits::STORE_READERS_MAX) connections read beside it, each
//! seeing what is committed. A dissolved group's rows are removed step by step between commands.

mod accounts;
mod apps;
mod bulk;
mod checkpoint;
mod columns;
mod command;
pub(crate) mod export;
mod groups;
mod members;
mod offline;
mod open;
mod readers;
mod schema;
mod snapshot;
mod sweep;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use headcount_core::limits::{STORE_BULK_MAX, STORE_BULK_ROWS_MIN, STORE_QUEUE_MAX};
use headcount_core::{AccountKey, App, Change, GroupId, GroupKey, SdkAppId, UserId};
use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use bulk::{BulkImport, BulkMember, BulkOutcome, BulkRefusal, UnknownAccount};
pub use offline::{DriftedGroup, OfflineDirectory, StoreCheck};
pub use open::OpenError;

use crate::{
    Account, AccountImport, AddMembersError, AddedMember, Announce, CommitSink, CreateAppError,
    CreateGroupError, Directory, Group, JoinedGroups, JoinedQuery, LoginFacts, Member, MemberPage, NewGroup,
    NewMember, RemovedMembers, Snapshot, StoreError,
};
use checkpoint::LogWatch;
use command::{Cut, Order, Typed};
use open::{Database, FolderLock};
use readers::Readers;
use writer::Writer;

macro_rules! from_sqlite_error {
    ($($error:ty),*) => {$(
        impl From<rusqlite::Error> for $error {
            fn from(error: rusqlite::Error) -> Self {
                StoreError(error.to_string()).into()
            }
        }
    )*};
}

from_sqlite_error!(StoreError, CreateAppError, CreateGroupError, AddMembersError);

/// The directory of one server, in a data folder. Dropping it finishes the commands under way, so it may
/// block for a moment; [`close`](Self::close) does the same off the async threads.
pub struct SqliteDirectory {
    readers: Readers,
    /// `None` only while it is dropped.
    orders: Option<mpsc::Sender<Order>>,
    /// Turns of bulk commands: with all of them in the queue, each small one would wait for all.
    bulk: Semaphore,
    threads: Vec<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
    _lock: FolderLock,
}

impl SqliteDirectory {
    /// Opens the store in a data folder, creating both when they are missing, and takes the folder for
    /// this server alone. Commits are reported to `sink`. What an earlier server had begun to remove is
    /// removed further.
    pub fn open(folder: &Path, sink: Arc<dyn CommitSink>) -> Result<Self, OpenError> {
        let database = Database::create(folder)?;
        let lock = database.lock()?;
        let mut connection = database.writer(|| Ok(()))?;
        let sweeps = sweep::left_over(&connection)?;
        let (log, checkpointer) = LogWatch::start(&mut connection, database.checkpointer()?)
            .map_err(|error| thread_failed(&error))?;
        let (orders, waiting) = mpsc::channel(STORE_QUEUE_MAX);
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            connection,
            database: database.clone(),
            orders: waiting,
            sink,
            log,
            sweeps,
            commits: Arc::clone(&commits),
            held: None,
            overtaken: 0,
            sweeps_paused: false,
        };
        let writer = thread::Builder::new()
            .name("directory".to_owned())
            .spawn(move || writer.work())
            .map_err(|error| thread_failed(&error))?;
        Ok(Self {
            readers: Readers::start(&database).map_err(|error| thread_failed(&error))?,
            orders: Some(orders),
            bulk: Semaphore::new(STORE_BULK_MAX),
            threads: vec![writer, checkpointer],
            commits,
            _lock: lock,
        })
    }

    /// Finishes the commands under way, moves the log into the database file and gives the folder free.
    pub async fn close(self) {
        // It fails only when the runtime is going down, and then the drop has run all the same.
        drop(tokio::task::spawn_blocking(move || drop(self)).await);
    }

    /// Transactions of commands that were committed since it was opened. Many commands share one.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `body` in a transaction of the writer's, with what else is waiting.
    async fn write<T, E>(
        &self,
        rows: usize,
        body: impl FnOnce(&Connection, &mut Vec<Change>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        // Held until the answer. Never closed, so this cannot fail.
        let _turn = match rows {
            STORE_BULK_ROWS_MIN.. => self.bulk.acquire().await.ok(),
            _ => None,
        };
        let (asker, answer) = oneshot::channel();
        // One row more for the row of the group, account or app itself.
        let command = Typed::new(rows + 1, Box::new(body), asker);
        self.order(Order::Command(Box::new(command))).await?;
        answer.await.map_err(|_| E::from(stopped()))?
    }

    async fn order(&self, order: Order) -> Result<(), StoreError> {
        let orders = self.orders.as_ref().ok_or_else(stopped)?;
        orders.send(order).await.map_err(|_| stopped())
    }
}

impl Drop for SqliteDirectory {
    fn drop(&mut self) {
        self.orders = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

fn stopped() -> StoreError {
    StoreError("the directory's writer has stopped".to_owned())
}

fn thread_failed(error: &std::io::Error) -> OpenError {
    OpenError::Store(StoreError(format!("a thread cannot be started: {error}")))
}

#[async_trait]
impl Directory for SqliteDirectory {
    async fn apps_revision(&self) -> Result<u64, StoreError> {
        self.readers.read(apps::revision).await
    }

    async fn apps(&self) -> Result<Vec<App>, StoreError> {
        self.readers.read(apps::all).await
    }

    async fn create_app(&self, app: App, now_s: u64) -> Result<(), CreateAppError> {
        let rows = app.admins.len();
        self.write(rows, move |db, _| apps::create(db, &app, now_s)).await
    }

    async fn import_accounts(
        &self,
        app: SdkAppId,
        imports: Vec<AccountImport>,
        now_s: u64,
    ) -> Result<(), StoreError> {
        self.write(imports.len(), move |db, _| {
            for import in &imports {
                accounts::import_one(db, app, import, now_s)?;
            }
            Ok(())
        })
        .await
    }

    async fn ensure_account(&self, app: SdkAppId, user: UserId, now_s: u64) -> Result<Account, StoreError> {
        // Nearly every login is of a known account and need not wait for the writer.
        let wanted = user.clone();
        let known = self.readers.read(move |db| accounts::find(db, app, &wanted));
        if let Some(account) = known.await? {
            return Ok(account);
        }
        self.write(1, move |db, _| accounts::ensure(db, app, &user, now_s))
            .await
    }

    async fn accounts(&self, app: SdkAppId, users: Vec<UserId>) -> Result<Vec<Option<Account>>, StoreError> {
        let find = move |db: &Connection| users.iter().map(|user| accounts::find(db, app, user)).collect();
        self.readers.read(find).await
    }

    async fn login_facts(&self, account: AccountKey) -> Result<Option<LoginFacts>, StoreError> {
        self.readers
            .read_statements(move |db| accounts::login_facts(db, account))
            .await
    }

    async fn login(
        &self,
        app: SdkAppId,
        user: UserId,
        now_s: u64,
        announce: Announce,
    ) -> Result<Option<LoginFacts>, StoreError> {
        // One trip to a reader for nearly every login.
        let wanted = user.clone();
        let read = self
            .readers
            .read_statements(move |db| match accounts::key(db, app, &wanted)? {
                Some(key) => {
                    announce(key);
                    Ok(Ok(accounts::login_facts(db, key)?))
                }
                None => Ok(Err(announce)),
            });
        match read.await? {
            Ok(facts) => Ok(facts),
            Err(announce) => {
                let account = self.ensure_account(app, user, now_s).await?;
                announce(account.key);
                self.login_facts(account.key).await
            }
        }
    }

    async fn delete_accounts(&self, app: SdkAppId, users: Vec<UserId>) -> Result<Vec<bool>, StoreError> {
        self.write(users.len(), move |db, changes| {
            Ok(accounts::delete(db, app, &users, changes)?)
        })
        .await
    }

    async fn revoke_usersigs(&self, app: SdkAppId, user: UserId, at_s: u64) -> Result<bool, StoreError> {
        self.write(1, move |db, changes| {
            Ok(accounts::revoke_usersigs(db, app, &user, at_s, changes)?)
        })
        .await
    }

    async fn create_group(&self, group: NewGroup) -> Result<Group, CreateGroupError> {
        let rows = group.members.len() + 1;
        self.write(rows, move |db, changes| groups::create(db, group, changes))
            .await
    }

    async fn group(&self, app: SdkAppId, id: GroupId) -> Result<Option<Group>, StoreError> {
        self.readers.read(move |db| groups::find(db, app, &id)).await
    }

    async fn groups(&self, app: SdkAppId, ids: Vec<GroupId>) -> Result<Vec<Option<Group>>, StoreError> {
        let find = move |db: &Connection| ids.iter().map(|id| groups::find(db, app, id)).collect();
        self.readers.read(find).await
    }

    async fn dissolve_group(&self, group: GroupKey) -> Result<bool, StoreError> {
        self.write(1, move |db, changes| Ok(groups::dissolve(db, group, changes)?))
            .await
    }

    async fn add_members(
        &self,
        group: GroupKey,
        members: Vec<NewMember>,
        now_s: u64,
    ) -> Result<Vec<AddedMember>, AddMembersError> {
        self.write(members.len(), move |db, changes| {
            members::add(db, group, &members, now_s, changes)
        })
        .await
    }

    async fn remove_members(
        &self,
        group: GroupKey,
        users: Vec<UserId>,
    ) -> Result<Option<RemovedMembers>, StoreError> {
        self.write(users.len(), move |db, changes| {
            Ok(members::remove(db, group, &users, changes)?)
        })
        .await
    }

    async fn member_of(
        &self,
        group: GroupKey,
        users: Vec<UserId>,
    ) -> Result<Vec<Option<Member>>, StoreError> {
        self.readers
            .read(move |db| members::of_users(db, group, &users))
            .await
    }

    async fn members(&self, group: GroupKey, page: MemberPage) -> Result<Vec<Member>, StoreError> {
        self.readers.read(move |db| members::page(db, group, &page)).await
    }

    async fn joined_groups(
        &self,
        account: AccountKey,
        query: JoinedQuery,
    ) -> Result<JoinedGroups, StoreError> {
        self.readers
            .read(move |db| groups::joined(db, account, &query))
            .await
    }

    async fn joined_count(&self, account: AccountKey, most: u32) -> Result<u32, StoreError> {
        self.readers
            .read(move |db| groups::joined_count(db, account, most))
            .await
    }

    async fn owned_count(&self, account: AccountKey, most: u32) -> Result<u32, StoreError> {
        self.readers
            .read(move |db| groups::owned_count(db, account, most))
            .await
    }

    async fn cut(&self, at_cut: Box<dyn FnOnce() + Send>) -> Result<Box<dyn Snapshot>, StoreError> {
        let (asker, answer) = oneshot::channel();
        self.order(Order::Cut(Cut { at_cut, asker })).await?;
        let snapshot = answer.await.map_err(|_| stopped())??;
        Ok(Box::new(snapshot))
    }
}
