//! A directory in the hands of a test: it delegates everything to the real one, and can be held at a
//! call, made to fail, and have its apps changed as another process would change them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use headcount_core::{AccountKey, App, Change, GroupId, GroupKey, SdkAppId, UserId};
use headcount_directory::sqlite::SqliteDirectory;
use headcount_directory::{
    Account, AccountImport, AddMembersError, AddedMember, CommitSink, CreateAppError, CreateGroupError,
    Directory, Group, JoinedGroups, JoinedQuery, LoginFacts, Member, MemberPage, NewGroup, NewMember,
    RemovedMembers, Snapshot, StoreError,
};
use headcount_service::Live;
use tokio::sync::{Notify, watch};

/// What a test does to its directory, and what it sees of it.
pub(crate) struct Stage {
    live: Arc<Live>,
    /// Every call fails before it reaches the store.
    pub(crate) failing: AtomicBool,
    /// Apps as another process has left them.
    pub(crate) changed_apps: Mutex<Vec<App>>,
    /// Every other login lingers between its read and its opening, while anything is being written.
    pub(crate) logins_linger: AtomicBool,
    /// What happened to the accounts of logins in that window, and how often.
    pub(crate) seen_in_window: Mutex<BTreeMap<&'static str, u32>>,
    holds: Mutex<Vec<(&'static str, Arc<Hold>)>>,
    changes: Mutex<Vec<Change>>,
    writes: watch::Sender<Writes>,
    logins: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Writes {
    under_way: usize,
    committed: u64,
}

/// The next call of one kind, held after it was done and before it is answered.
#[derive(Default)]
pub(crate) struct Hold {
    reached: Notify,
    released: Notify,
}

impl Hold {
    /// Waits until the call is held.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the call be answered.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

impl Stage {
    pub(super) fn new(live: Arc<Live>) -> Arc<Self> {
        Arc::new(Self {
            live,
            failing: AtomicBool::new(false),
            changed_apps: Mutex::default(),
            logins_linger: AtomicBool::new(false),
            seen_in_window: Mutex::default(),
            holds: Mutex::default(),
            changes: Mutex::default(),
            writes: watch::Sender::default(),
            logins: AtomicU64::new(0),
        })
    }

    pub(super) fn over(self: &Arc<Self>, store: SqliteDirectory) -> Staged {
        Staged {
            stage: Arc::clone(self),
            store,
        }
    }

    /// Holds the next call of this name.
    pub(crate) fn hold(&self, call: &'static str) -> Arc<Hold> {
        assert!(CALLS.contains(&call), "{call} is a call of the directory");
        let hold = Arc::default();
        lock(&self.holds).push((call, Arc::clone(&hold)));
        hold
    }

    fn before(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError(String::from("the test wants it to fail")));
        }
        Ok(())
    }

    async fn after(&self, call: &str) {
        let held = {
            let mut holds = lock(&self.holds);
            let at = holds.iter().position(|(held, _)| *held == call);
            at.map(|at| holds.remove(at).1)
        };
        if let Some(hold) = held {
            hold.reached.notify_one();
            hold.released.notified().await;
        }
    }

    fn write(&self) -> WriteUnderWay<'_> {
        self.writes.send_modify(|writes| writes.under_way += 1);
        WriteUnderWay(self)
    }

    /// Stays between the read of a login and its opening until something else was committed.
    async fn linger(&self, account: AccountKey, began_at: usize) {
        if !self.logins_linger.load(Ordering::SeqCst) {
            return;
        }
        if self.logins.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            let mut writes = self.writes.subscribe();
            let before = writes.borrow().committed;
            let moved = |now: &Writes| now.under_way == 0 || now.committed > before;
            writes.wait_for(moved).await.expect("the stage is there");
        }
        let changes = lock(&self.changes);
        let mut seen = lock(&self.seen_in_window);
        for change in &changes[began_at..] {
            let what = match change {
                Change::Joined { account: who, .. } if *who == account => "joined",
                Change::Left { account: who, .. } if *who == account => "left",
                Change::AccountDeleted { account: who, .. } if *who == account => "deleted",
                Change::UserSigsRevoked { account: who, .. } if *who == account => "revoked",
                Change::Dissolved { .. } => "dissolved",
                _ => continue,
            };
            *seen.entry(what).or_default() += 1;
        }
    }
}

impl CommitSink for Stage {
    fn committed(&self, position: u64, changes: &[Change]) {
        self.live.committed(position, changes);
        lock(&self.changes).extend_from_slice(changes);
        self.writes.send_modify(|writes| writes.committed += 1);
    }
}

struct WriteUnderWay<'a>(&'a Stage);

impl Drop for WriteUnderWay<'_> {
    fn drop(&mut self) {
        self.0.writes.send_modify(|writes| writes.under_way -= 1);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Staged {
    stage: Arc<Stage>,
    store: SqliteDirectory,
}

macro_rules! directory {
    (
        written out: { $($written_out:tt)* }
        reads: { $($read:ident($($read_arg:ident: $read_of:ty),*) -> $read_answer:ty;)* }
        writes: { $($write:ident($($write_arg:ident: $write_of:ty),*) -> $write_answer:ty;)* }
    ) => {
        const CALLS: &[&str] = &["login_facts", $(stringify!($read),)* $(stringify!($write),)*];

        #[async_trait]
        impl Directory for Staged {
            $($written_out)*
            $(async fn $read(&self, $($read_arg: $read_of),*) -> $read_answer {
                self.stage.before()?;
                let answer = self.store.$read($($read_arg),*).await;
                self.stage.after(stringify!($read)).await;
                answer
            })*
            $(async fn $write(&self, $($write_arg: $write_of),*) -> $write_answer {
                self.stage.before()?;
                let under_way = self.stage.write();
                let answer = self.store.$write($($write_arg),*).await;
                drop(under_way);
                self.stage.after(stringify!($write)).await;
                answer
            })*
        }
    };
}

directory! {
    written out: {
        async fn apps_revision(&self) -> Result<u64, StoreError> {
            self.stage.before()?;
            let changes = lock(&self.stage.changed_apps).len() as u64;
            Ok(self.store.apps_revision().await? + changes)
        }

        async fn apps(&self) -> Result<Vec<App>, StoreError> {
            self.stage.before()?;
            let mut apps = self.store.apps().await?;
            for changed in lock(&self.stage.changed_apps).iter() {
                apps.retain(|app| app.sdkappid != changed.sdkappid);
                apps.push(changed.clone());
            }
            Ok(apps)
        }

        async fn login_facts(&self, account: AccountKey) -> Result<Option<LoginFacts>, StoreError> {
            self.stage.before()?;
            let began_at = lock(&self.stage.changes).len();
            let facts = self.store.login_facts(account).await;
            self.stage.linger(account, began_at).await;
            self.stage.after("login_facts").await;
            facts
        }
    }
    reads: {
        accounts(app: SdkAppId, users: Vec<UserId>) -> Result<Vec<Option<Account>>, StoreError>;
        group(app: SdkAppId, id: GroupId) -> Result<Option<Group>, StoreError>;
        groups(app: SdkAppId, ids: Vec<GroupId>) -> Result<Vec<Option<Group>>, StoreError>;
        member_of(group: GroupKey, users: Vec<UserId>) -> Result<Vec<Option<Member>>, StoreError>;
        members(group: GroupKey, page: MemberPage) -> Result<Vec<Member>, StoreError>;
        joined_groups(account: AccountKey, query: JoinedQuery) -> Result<JoinedGroups, StoreError>;
        joined_count(account: AccountKey, most: u32) -> Result<u32, StoreError>;
        owned_count(account: AccountKey, most: u32) -> Result<u32, StoreError>;
        cut(at_cut: Box<dyn FnOnce() + Send>) -> Result<Box<dyn Snapshot>, StoreError>;
    }
    writes: {
        create_app(app: App, now_s: u64) -> Result<(), CreateAppError>;
        import_accounts(app: SdkAppId, accounts: Vec<AccountImport>, now_s: u64) -> Result<(), StoreError>;
        ensure_account(app: SdkAppId, user: UserId, now_s: u64) -> Result<Account, StoreError>;
        delete_accounts(app: SdkAppId, users: Vec<UserId>) -> Result<Vec<bool>, StoreError>;
        revoke_usersigs(app: SdkAppId, user: UserId, at_s: u64) -> Result<bool, StoreError>;
        create_group(group: NewGroup) -> Result<Group, CreateGroupError>;
        dissolve_group(group: GroupKey) -> Result<bool, StoreError>;
        add_members(group: GroupKey, members: Vec<NewMember>, now_s: u64) -> Result<Vec<AddedMember>, AddMembersError>;
        remove_members(group: GroupKey, users: Vec<UserId>) -> Result<Option<RemovedMembers>, StoreError>;
    }
}
