//! The shared store: a PostgreSQL that several servers use at the same time.
//!
//! Every writing transaction of any server begins by taking the next position of one log, and holds the row
//! with the last one until it commits: so there is one writer among all servers at a time, commits are
//! numbered in the order in which they become visible, and a command sees all that was committed before it.
//! In the same transaction it appends what it means for who counts where. Each server follows the log and
//! tells its sink every commit, its own included, one by one; it answers a command when that was done.
//!
//! Only what a pooler in transaction mode lets through is used, and only SQL that other databases with
//! PostgreSQL's protocol know as well.

mod accounts;
mod apps;
mod batch;
mod columns;
mod command;
mod connection;
mod groups;
pub(crate) mod import;
mod log;
mod members;
mod pool;
mod schema;
mod snapshot;
mod sweep;
mod tail;
mod tls;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use headcount_core::limits::{
    STORE_BULK_ROWS_MIN, STORE_COMMAND_MS_MAX, STORE_CUT_MS_MAX, STORE_QUEUE_MAX, STORE_SHARED_BULK_MAX,
};
use headcount_core::{AccountKey, App, GroupId, GroupKey, SdkAppId, UserId};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{
    Account, AccountImport, AddMembersError, AddedMember, CommitSink, CreateAppError, CreateGroupError,
    Directory, Group, JoinedGroups, JoinedQuery, LoginFacts, Member, MemberPage, NewGroup, NewMember,
    RemovedMembers, Snapshot, StoreError,
};
use command::{Body, Command, Typed};
use connection::{Target, too_slow};
use pool::Pool;
use snapshot::PostgresSnapshot;
use tail::Tail;
use writer::Writer;

/// A shared store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The URL is not understood, or what it names is not there. The text does not repeat the URL, which
    /// may have a password in it.
    Url(String),
    /// The tables were made by a newer Headcount.
    NewerVersion {
        /// Their version.
        found: u64,
        /// The newest version known here.
        known: usize,
    },
    /// The database failed or cannot be reached.
    Store(StoreError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(text) => write!(f, "the URL of the database cannot be used: {text}"),
            Self::NewerVersion { found, known } => write!(
                f,
                "the database has version {found} and this Headcount knows versions up to {known}; run the \
                 newer Headcount that made it"
            ),
            Self::Store(error) => write!(f, "the database cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The directory of one of several servers that share a PostgreSQL. When the database fails, calls fail and
/// work again when it does. Dropping it lets the commands that wait be carried out and does not wait for
/// that; [`close`](Self::close) does.
pub struct PostgresDirectory {
    target: Arc<Target>,
    pool: Arc<Pool>,
    tail: Arc<Tail>,
    /// `None` only while it is dropped.
    orders: Option<mpsc::Sender<Box<dyn Command>>>,
    /// Turns of bulk commands: with all of them in the queue, each small one would wait for all.
    bulk: Semaphore,
    writer: Option<JoinHandle<()>>,
    /// Tasks that end when this does.
    followers: [JoinHandle<()>; 2],
}

impl PostgresDirectory {
    /// Opens the store at `url`, such as `postgres://user:password@host/database?sslmode=verify-full`, and
    /// makes its tables if there are none. Commits of all servers are reported to `sink`, from those on that
    /// are not committed yet; it is told at once, with no changes, which is the last that is.
    ///
    /// `sslmode` is `disable` unless it is `require` or `verify-full`; both check the server's certificate
    /// and name, against the system's root certificates or those in the file `sslrootcert`.
    ///
    /// Connections and tasks belong to the runtime that this is called in.
    pub async fn open(url: &str, sink: Arc<dyn CommitSink>) -> Result<Self, OpenError> {
        let target = Arc::new(Target::parse(url)?);
        schema::migrate(&target.connect().await?).await?;
        let pool = Arc::new(Pool::new(Arc::clone(&target)));
        let tail = Arc::new(Tail::start(Arc::clone(&pool), sink).await?);
        let (orders, waiting) = mpsc::channel(STORE_QUEUE_MAX);
        let dissolved = Arc::new(Notify::new());
        let writer = Writer {
            target: Arc::clone(&target),
            tail: Arc::clone(&tail),
            orders: waiting,
            dissolved: Arc::clone(&dissolved),
            held: None,
        };
        let following = Arc::clone(&tail);
        let followers = [
            tokio::spawn(async move { following.follow().await }),
            tokio::spawn(sweep::clean_up(Arc::clone(&pool), dissolved)),
        ];
        Ok(Self {
            target,
            pool,
            tail,
            orders: Some(orders),
            bulk: Semaphore::new(STORE_SHARED_BULK_MAX),
            writer: Some(tokio::spawn(writer.work())),
            followers,
        })
    }

    /// Waits until this server can no longer follow the commits of the others, and says why: it was stopped
    /// for longer than the log reaches back, or the database was set back. It has to start afresh then.
    pub async fn failed(&self) -> StoreError {
        self.tail.failed().await
    }

    /// Carries out the commands that wait, and closes the connections.
    pub async fn close(mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            // A task that panicked has said so on stderr.
            drop(writer.await);
        }
    }

    /// Runs `body` in a transaction, with what else is waiting, within the time that a command may take. A
    /// command that has waited for longer is not begun.
    async fn write<I, T, E>(&self, rows: usize, input: I, body: Body<I, T, E>) -> Result<T, E>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let limit = Duration::from_millis(STORE_COMMAND_MS_MAX);
        let written = timeout(limit, self.wait_and_write(rows, input, body)).await;
        written.unwrap_or_else(|_| Err(too_slow("the directory", STORE_COMMAND_MS_MAX).into()))
    }

    async fn wait_and_write<I, T, E>(&self, rows: usize, input: I, body: Body<I, T, E>) -> Result<T, E>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        // Held until the answer. Never closed, so this cannot fail.
        let _turn = match rows {
            STORE_BULK_ROWS_MIN.. => self.bulk.acquire().await.ok(),
            _ => None,
        };
        let (asker, answer) = oneshot::channel();
        let command = Typed {
            // One row more for the row of the group, account or app itself.
            rows: rows + 1,
            input,
            body,
            result: None,
            asker,
        };
        let orders = self.orders.as_ref().ok_or_else(stopped)?;
        orders.send(Box::new(command)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| E::from(stopped()))?
    }

    async fn take_snapshot(&self, at_cut: Box<dyn FnOnce() + Send>) -> Result<PostgresSnapshot, StoreError> {
        let connection = self.target.connect().await?;
        let snapshot = PostgresSnapshot::begin(connection, self.target.runtime().clone()).await?;
        self.tail.cut(snapshot.rows(), at_cut).await?;
        Ok(snapshot)
    }
}

impl Drop for PostgresDirectory {
    fn drop(&mut self) {
        for follower in &self.followers {
            follower.abort();
        }
    }
}

fn stopped() -> StoreError {
    StoreError("a command of the directory was broken off".to_owned())
}

#[async_trait]
impl Directory for PostgresDirectory {
    async fn apps_revision(&self) -> Result<u64, StoreError> {
        apps::revision(self.pool.as_ref()).await
    }

    async fn apps(&self) -> Result<Vec<App>, StoreError> {
        apps::all(self.pool.as_ref()).await
    }

    async fn create_app(&self, app: App, now_s: u64) -> Result<(), CreateAppError> {
        let rows = app.admins.len();
        self.write(rows, (app, now_s), |db, (app, now_s), _| {
            Box::pin(apps::create(db, app, *now_s))
        })
        .await
    }

    async fn import_accounts(
        &self,
        app: SdkAppId,
        imports: Vec<AccountImport>,
        now_s: u64,
    ) -> Result<(), StoreError> {
        let input = (app, imports, now_s);
        self.write(input.1.len(), input, |db, (app, imports, now_s), _| {
            Box::pin(accounts::import(db, *app, imports, *now_s))
        })
        .await
    }

    async fn ensure_account(&self, app: SdkAppId, user: UserId, now_s: u64) -> Result<Account, StoreError> {
        // Nearly every login is of a known account and need not wait for the writer.
        if let Some(account) = accounts::find(self.pool.as_ref(), app, &user).await? {
            return Ok(account);
        }
        self.write(1, (app, user, now_s), |db, (app, user, now_s), _| {
            Box::pin(accounts::ensure(db, *app, user, *now_s))
        })
        .await
    }

    async fn accounts(&self, app: SdkAppId, users: Vec<UserId>) -> Result<Vec<Option<Account>>, StoreError> {
        accounts::of_users(self.pool.as_ref(), app, &users).await
    }

    async fn login_facts(&self, account: AccountKey) -> Result<Option<LoginFacts>, StoreError> {
        accounts::login_facts(self.pool.as_ref(), account).await
    }

    async fn delete_accounts(&self, app: SdkAppId, users: Vec<UserId>) -> Result<Vec<bool>, StoreError> {
        self.write(users.len(), (app, users), |db, (app, users), changes| {
            Box::pin(accounts::delete(db, *app, users, changes))
        })
        .await
    }

    async fn revoke_usersigs(&self, app: SdkAppId, user: UserId, at_s: u64) -> Result<bool, StoreError> {
        self.write(1, (app, user, at_s), |db, (app, user, at_s), changes| {
            Box::pin(accounts::revoke_usersigs(db, *app, user, *at_s, changes))
        })
        .await
    }

    async fn create_group(&self, group: NewGroup) -> Result<Group, CreateGroupError> {
        let rows = group.members.len() + 1;
        self.write(rows, group, |db, group, changes| {
            Box::pin(groups::create(db, group, changes))
        })
        .await
    }

    async fn group(&self, app: SdkAppId, id: GroupId) -> Result<Option<Group>, StoreError> {
        groups::find(self.pool.as_ref(), app, &id).await
    }

    async fn groups(&self, app: SdkAppId, ids: Vec<GroupId>) -> Result<Vec<Option<Group>>, StoreError> {
        groups::of_ids(self.pool.as_ref(), app, &ids).await
    }

    async fn dissolve_group(&self, group: GroupKey) -> Result<bool, StoreError> {
        self.write(1, group, |db, group, changes| {
            Box::pin(groups::dissolve(db, *group, changes))
        })
        .await
    }

    async fn add_members(
        &self,
        group: GroupKey,
        members: Vec<NewMember>,
        now_s: u64,
    ) -> Result<Vec<AddedMember>, AddMembersError> {
        let input = (group, members, now_s);
        self.write(input.1.len(), input, |db, (group, members, now_s), changes| {
            Box::pin(members::add(db, *group, members, *now_s, changes))
        })
        .await
    }

    async fn remove_members(
        &self,
        group: GroupKey,
        users: Vec<UserId>,
    ) -> Result<Option<RemovedMembers>, StoreError> {
        self.write(users.len(), (group, users), |db, (group, users), changes| {
            Box::pin(members::remove(db, *group, users, changes))
        })
        .await
    }

    async fn member_of(
        &self,
        group: GroupKey,
        users: Vec<UserId>,
    ) -> Result<Vec<Option<Member>>, StoreError> {
        members::of_users(self.pool.as_ref(), group, &users).await
    }

    async fn members(&self, group: GroupKey, page: MemberPage) -> Result<Vec<Member>, StoreError> {
        members::page(self.pool.as_ref(), group, &page).await
    }

    async fn joined_groups(
        &self,
        account: AccountKey,
        query: JoinedQuery,
    ) -> Result<JoinedGroups, StoreError> {
        groups::joined(self.pool.as_ref(), account, &query).await
    }

    async fn joined_count(&self, account: AccountKey, most: u32) -> Result<u32, StoreError> {
        groups::joined_count(self.pool.as_ref(), account, most).await
    }

    async fn owned_count(&self, account: AccountKey, most: u32) -> Result<u32, StoreError> {
        groups::owned_count(self.pool.as_ref(), account, most).await
    }

    async fn cut(&self, at_cut: Box<dyn FnOnce() + Send>) -> Result<Box<dyn Snapshot>, StoreError> {
        let limit = Duration::from_millis(STORE_CUT_MS_MAX);
        let snapshot = timeout(limit, self.take_snapshot(at_cut)).await;
        Ok(Box::new(
            snapshot.map_err(|_| too_slow("the database", STORE_CUT_MS_MAX))??,
        ))
    }
}
