//! A store that fails when a test wants it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use headcount_core::{AccountKey, App, GroupId, GroupKey, SdkAppId, UserId};
use headcount_directory::sqlite::SqliteDirectory;
use headcount_directory::{
    Account, AccountImport, AddMembersError, AddedMember, CreateAppError, CreateGroupError, Directory, Group,
    JoinedGroups, JoinedQuery, LoginFacts, Member, MemberPage, NewGroup, NewMember, RemovedMembers, Snapshot,
    StoreError,
};

pub(super) struct Failing {
    store: SqliteDirectory,
    failing: Arc<AtomicBool>,
}

impl Failing {
    pub(super) fn new(store: SqliteDirectory, failing: Arc<AtomicBool>) -> Self {
        Self { store, failing }
    }

    fn try_it(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError(String::from("a secret of the store")));
        }
        Ok(())
    }
}

macro_rules! failing {
    ($($call:ident($($arg:ident: $of:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Directory for Failing {
            $(async fn $call(&self, $($arg: $of),*) -> $answer {
                self.try_it()?;
                self.store.$call($($arg),*).await
            })*
        }
    };
}

failing! {
    apps_revision() -> Result<u64, StoreError>;
    apps() -> Result<Vec<App>, StoreError>;
    create_app(app: App, now_s: u64) -> Result<(), CreateAppError>;
    import_accounts(app: SdkAppId, accounts: Vec<AccountImport>, now_s: u64) -> Result<(), StoreError>;
    ensure_account(app: SdkAppId, user: UserId, now_s: u64) -> Result<Account, StoreError>;
    accounts(app: SdkAppId, users: Vec<UserId>) -> Result<Vec<Option<Account>>, StoreError>;
    login_facts(account: AccountKey) -> Result<Option<LoginFacts>, StoreError>;
    delete_accounts(app: SdkAppId, users: Vec<UserId>) -> Result<Vec<bool>, StoreError>;
    revoke_usersigs(app: SdkAppId, user: UserId, at_s: u64) -> Result<bool, StoreError>;
    create_group(group: NewGroup) -> Result<Group, CreateGroupError>;
    group(app: SdkAppId, id: GroupId) -> Result<Option<Group>, StoreError>;
    groups(app: SdkAppId, ids: Vec<GroupId>) -> Result<Vec<Option<Group>>, StoreError>;
    dissolve_group(group: GroupKey) -> Result<bool, StoreError>;
    add_members(group: GroupKey, members: Vec<NewMember>, now_s: u64) -> Result<Vec<AddedMember>, AddMembersError>;
    remove_members(group: GroupKey, users: Vec<UserId>) -> Result<Option<RemovedMembers>, StoreError>;
    member_of(group: GroupKey, users: Vec<UserId>) -> Result<Vec<Option<Member>>, StoreError>;
    members(group: GroupKey, page: MemberPage) -> Result<Vec<Member>, StoreError>;
    joined_groups(account: AccountKey, query: JoinedQuery) -> Result<JoinedGroups, StoreError>;
    joined_count(account: AccountKey, most: u32) -> Result<u32, StoreError>;
    owned_count(account: AccountKey, most: u32) -> Result<u32, StoreError>;
    cut(at_cut: Box<dyn FnOnce() + Send>) -> Result<Box<dyn Snapshot>, StoreError>;
}
