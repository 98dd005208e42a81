//! The interface of a directory.

use async_trait::async_trait;
use headcount_core::{AccountKey, App, Change, GroupId, GroupKey, SdkAppId, UserId};

use crate::model::{
    Account, AccountImport, AddMembersError, AddedMember, CreateAppError, CreateGroupError, Group,
    JoinedGroups, JoinedQuery, LoginFacts, Member, MemberPage, NewGroup, NewMember, RemovedMembers,
    StoreError,
};

/// Told of every commit, in the order of the commits, before the command that caused it is answered.
///
/// Called on the store's own thread: it must not block and must not call the directory.
pub trait CommitSink: Send + Sync + 'static {
    /// `changes` have just become durable and visible to readers.
    ///
    /// `position` is the number of the commit in a store that several servers share: each is one more
    /// than the one before, for all servers alike. Such a store also says once, when it is opened and
    /// with no changes, where it stands. In a store of one server it is always 0.
    fn committed(&self, position: u64, changes: &[Change]);
}

/// Told whose groups a login is about to read.
pub type Announce = Box<dyn FnOnce(AccountKey) + Send>;

/// The durable truth. Times are Unix seconds, given by the caller.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// A number that grows with every change of any app, also by another process.
    async fn apps_revision(&self) -> Result<u64, StoreError>;

    /// All apps.
    async fn apps(&self) -> Result<Vec<App>, StoreError>;

    /// Stores a new app.
    async fn create_app(&self, app: App, now_s: u64) -> Result<(), CreateAppError>;

    /// Makes accounts exist; those that do already keep their key and take on the profile values given.
    async fn import_accounts(
        &self,
        app: SdkAppId,
        accounts: Vec<AccountImport>,
        now_s: u64,
    ) -> Result<(), StoreError>;

    /// The account of a user who logs in: the existing one, or a new one.
    async fn ensure_account(&self, app: SdkAppId, user: UserId, now_s: u64) -> Result<Account, StoreError>;

    /// The accounts of these users, in the same order; `None` for each that does not exist.
    async fn accounts(&self, app: SdkAppId, users: Vec<UserId>) -> Result<Vec<Option<Account>>, StoreError>;

    /// What a login has to know of its account, in one consistent read; `None` when it is gone.
    async fn login_facts(&self, account: AccountKey) -> Result<Option<LoginFacts>, StoreError>;

    /// The facts of a user who logs in, of a new account when there was none; `None` when the account was
    /// deleted meanwhile. `announce` is called as soon as the account is known, and before its groups are
    /// read, from any thread; it must not block.
    async fn login(
        &self,
        app: SdkAppId,
        user: UserId,
        now_s: u64,
        announce: Announce,
    ) -> Result<Option<LoginFacts>, StoreError> {
        let account = self.ensure_account(app, user, now_s).await?;
        announce(account.key);
        self.login_facts(account.key).await
    }

    /// Deletes accounts with their memberships; groups they own stay, without an owner. Tells, in the
    /// same order, which of the users existed. Reports `Left` for each membership, then `AccountDeleted`.
    async fn delete_accounts(&self, app: SdkAppId, users: Vec<UserId>) -> Result<Vec<bool>, StoreError>;

    /// Voids the UserSigs that a user was issued up to `at_s`; never moves that moment back. `false`
    /// when there is no such account. Reports `UserSigsRevoked`.
    async fn revoke_usersigs(&self, app: SdkAppId, user: UserId, at_s: u64) -> Result<bool, StoreError>;

    /// Creates a group with its owner and first members. Reports `Joined` for each of them.
    async fn create_group(&self, group: NewGroup) -> Result<Group, CreateGroupError>;

    /// A living group by its id.
    async fn group(&self, app: SdkAppId, id: GroupId) -> Result<Option<Group>, StoreError>;

    /// The living groups of these ids, of one moment and in the same order; `None` for each that there is
    /// not.
    async fn groups(&self, app: SdkAppId, ids: Vec<GroupId>) -> Result<Vec<Option<Group>>, StoreError>;

    /// Dissolves a group: at once it is gone for every reader, its id is free, and `Dissolved` is
    /// reported; what is left of its members is removed bit by bit, also across restarts. `false` when it
    /// was gone already.
    async fn dissolve_group(&self, group: GroupKey) -> Result<bool, StoreError>;

    /// Adds members, in the order given. Reports `Joined` for each added. Users named twice count once.
    async fn add_members(
        &self,
        group: GroupKey,
        members: Vec<NewMember>,
        now_s: u64,
    ) -> Result<Vec<AddedMember>, AddMembersError>;

    /// Removes members; strangers are passed over. `None` when the group is gone. Reports `Left` for each
    /// removed. Removing the owner leaves the group without one.
    async fn remove_members(
        &self,
        group: GroupKey,
        users: Vec<UserId>,
    ) -> Result<Option<RemovedMembers>, StoreError>;

    /// The memberships of these users in a group, in the same order; `None` for strangers.
    async fn member_of(&self, group: GroupKey, users: Vec<UserId>)
    -> Result<Vec<Option<Member>>, StoreError>;

    /// One page of a group's members, in the order of their account keys. Costs no more on a late page
    /// than on the first when it starts [after a key](crate::PageStart::After).
    async fn members(&self, group: GroupKey, page: MemberPage) -> Result<Vec<Member>, StoreError>;

    /// One page of the living groups that an account is a member of, in the order of their keys.
    async fn joined_groups(
        &self,
        account: AccountKey,
        query: JoinedQuery,
    ) -> Result<JoinedGroups, StoreError>;

    /// How many living groups an account is a member of, counted up to `most`.
    async fn joined_count(&self, account: AccountKey, most: u32) -> Result<u32, StoreError>;

    /// How many living groups an account owns, counted up to `most`.
    async fn owned_count(&self, account: AccountKey, most: u32) -> Result<u32, StoreError>;

    /// Freezes the truth between two commits: `at_cut` runs while none is under way and all earlier ones
    /// have been reported, and the snapshot shows exactly what was durable then.
    async fn cut(&self, at_cut: Box<dyn FnOnce() + Send>) -> Result<Box<dyn Snapshot>, StoreError>;
}

/// The directory as it was at one moment, read for a recount. Blocking: use it off the async threads.
pub trait Snapshot: Send {
    /// Every living group: its key, app and id, and the member number it shows.
    fn groups(&mut self, each: &mut dyn FnMut(GroupKey, SdkAppId, &str, u32)) -> Result<(), StoreError>;

    /// Every membership of every living group, the members of one group together.
    fn memberships(&mut self, each: &mut dyn FnMut(GroupKey, AccountKey)) -> Result<(), StoreError>;
}
