//! Any commands in any order do what a naive model says.

#[path = "model/naive.rs"]
mod naive;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use headcount_core::{AccountKey, Change, GroupId, GroupKey, GroupType, Role, SdkAppId, UserId};
use headcount_directory::conformance::RecordingSink;
use headcount_directory::postgres::PostgresDirectory;
use headcount_directory::sqlite::{OfflineDirectory, SqliteDirectory};
use headcount_directory::{Directory, MemberPage, NewGroup, NewMember, PageStart};
use naive::Naive;
use proptest::prelude::*;
use tempfile::TempDir;
use testbed::Postgres;

#[derive(Clone, Debug)]
enum Op {
    Ensure(SdkAppId, UserId),
    Delete(SdkAppId, Vec<UserId>),
    Create(NewGroup),
    /// The groups are named by how many were created before them.
    Dissolve(usize),
    Add(usize, Vec<NewMember>, u64),
    Remove(usize, Vec<UserId>),
    Reopen,
}

fn app() -> impl Strategy<Value = SdkAppId> {
    (1..=2_u32).prop_map(SdkAppId)
}

fn user() -> impl Strategy<Value = UserId> {
    (0..6).prop_map(|n| UserId::parse(&format!("user{n}")).expect("a UserID"))
}

fn users() -> impl Strategy<Value = Vec<UserId>> {
    prop::collection::vec(user(), 0..4)
}

fn members() -> impl Strategy<Value = Vec<NewMember>> {
    let role = prop::sample::select(vec![Role::Member, Role::Admin]);
    let member = (user(), role, prop::option::of(1..9_u64)).prop_map(|(user, role, joined_at_s)| NewMember {
        user,
        role,
        joined_at_s,
    });
    prop::collection::vec(member, 0..4)
}

fn group() -> impl Strategy<Value = NewGroup> {
    let types = prop::sample::select(vec![
        GroupType::Public,
        GroupType::Community,
        GroupType::AvChatRoom,
    ]);
    (app(), 0..3, types, prop::option::of(user()), members(), 1..5_u32).prop_map(
        |(app, id, group_type, owner, members, members_max)| NewGroup {
            app,
            id: GroupId::parse(&format!("group{id}")).expect("a group id"),
            group_type,
            name: String::new(),
            introduction: String::new(),
            notification: String::new(),
            face_url: String::new(),
            owner,
            members,
            join_option: group_type.default_join_option(),
            invite_option: group_type.default_invite_option(),
            members_max,
            support_topic: group_type == GroupType::Community,
            created_at_s: 1,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (app(), user()).prop_map(|(app, user)| Op::Ensure(app, user)),
        2 => (app(), users()).prop_map(|(app, users)| Op::Delete(app, users)),
        5 => group().prop_map(Op::Create),
        1 => (0..6_usize).prop_map(Op::Dissolve),
        6 => (0..6_usize, members(), 1..9_u64).prop_map(|(group, members, now)| Op::Add(group, members, now)),
        3 => (0..6_usize, users()).prop_map(|(group, users)| Op::Remove(group, users)),
        1 => Just(Op::Reopen),
    ]
}

/// A store that is opened again and again.
enum Store {
    Embedded(TempDir),
    Shared(String),
}

impl Store {
    async fn open(&self, sink: Arc<RecordingSink>) -> Box<dyn Directory> {
        match self {
            Self::Embedded(folder) => {
                Box::new(SqliteDirectory::open(folder.path(), sink).expect("the folder is free"))
            }
            Self::Shared(url) => {
                let directory = PostgresDirectory::open(url, sink).await;
                Box::new(directory.expect("the database is there"))
            }
        }
    }

    /// Looks for damage, where there is a tool for it.
    fn check(&self) {
        if let Self::Embedded(folder) = self {
            let mut tool = OfflineDirectory::open(folder.path()).expect("a tool may look");
            assert!(tool.check().expect("a check").is_clean());
        }
    }
}

struct Pair {
    store: Store,
    sink: Arc<RecordingSink>,
    directory: Box<dyn Directory>,
    naive: Naive,
    created: Vec<GroupKey>,
}

impl Pair {
    async fn new(store: Store) -> Self {
        let sink = Arc::new(RecordingSink::default());
        Self {
            directory: store.open(sink.clone()).await,
            store,
            sink,
            naive: Naive::default(),
            created: Vec::new(),
        }
    }

    /// A group that was created, or one that never was.
    fn key(&self, created: usize) -> GroupKey {
        self.created.get(created).copied().unwrap_or(GroupKey(1_000))
    }

    /// Does the same on both sides and compares the answers and what was told.
    async fn apply(mut self, op: Op) -> Self {
        match op {
            Op::Ensure(app, user) => {
                let account = self
                    .directory
                    .ensure_account(app, user.clone(), 1)
                    .await
                    .expect("an account");
                self.naive.ensure(app, &user, account.key);
            }
            Op::Delete(app, users) => {
                let deleted = self.directory.delete_accounts(app, users.clone()).await;
                assert_eq!(deleted, Ok(self.naive.delete(app, &users)));
            }
            Op::Create(new) => {
                let created = self.directory.create_group(new.clone()).await;
                let key = created.as_ref().map_or(GroupKey(0), |group| group.key);
                assert_eq!(created, self.naive.create(&new, key));
                self.created.extend(created.map(|group| group.key));
            }
            Op::Dissolve(group) => {
                let group = self.key(group);
                let dissolved = self.directory.dissolve_group(group).await;
                assert_eq!(dissolved, Ok(self.naive.dissolve(group)));
            }
            Op::Add(group, members, now_s) => {
                let group = self.key(group);
                let added = self.directory.add_members(group, members.clone(), now_s).await;
                assert_eq!(added, self.naive.add(group, &members, now_s));
            }
            Op::Remove(group, users) => {
                let group = self.key(group);
                let removed = self.directory.remove_members(group, users.clone()).await;
                let removed = removed.expect("the store works").map(|removed| removed.removed);
                assert_eq!(removed, self.naive.remove(group, &users));
            }
            Op::Reopen => {
                drop(self.directory);
                self.directory = self.store.open(self.sink.clone()).await;
            }
        }
        assert_eq!(in_group_order(self.sink.take()), self.naive.take_changes());
        self
    }

    async fn compare(&self) {
        for (app, user, key) in self.naive.accounts() {
            let found = self.directory.accounts(app, vec![user]).await.expect("read");
            assert_eq!(found[0].as_ref().map(|account| account.key), Some(key));
            let facts = self
                .directory
                .login_facts(key)
                .await
                .expect("read")
                .expect("the account is there");
            assert_eq!(facts.groups, self.naive.groups_of(key));
            let joined = u32::try_from(facts.groups.len()).expect("few");
            assert_eq!(self.directory.joined_count(key, 100).await, Ok(joined));
            assert_eq!(
                self.directory.owned_count(key, 100).await,
                Ok(self.naive.owned_by(key))
            );
        }
        for &key in &self.created {
            let page = MemberPage {
                start: PageStart::After(AccountKey(0)),
                limit: 100,
                roles: Vec::new(),
            };
            let members = self.directory.members(key, page).await.expect("read");
            assert_eq!(members, self.naive.members(key));
        }
        for (app, id, group) in self.naive.groups() {
            assert_eq!(self.directory.group(app, id).await, Ok(Some(group)));
        }
        let mut snapshot = self.directory.cut(Box::new(|| {})).await.expect("a snapshot");
        let reading = tokio::task::spawn_blocking(move || {
            let mut seats = BTreeSet::new();
            let read = snapshot.memberships(&mut |group, account| {
                seats.insert((group, account));
            });
            (read, seats)
        });
        assert_eq!(reading.await.expect("no panic"), (Ok(()), self.naive.seats()));
        self.store.check();
    }
}

/// In which order the groups of a deleted account are told is open.
fn in_group_order(mut changes: Vec<Change>) -> Vec<Change> {
    for run in changes.chunk_by_mut(|one, next| match (one, next) {
        (Change::Left { account: one, .. }, Change::Left { account: next, .. }) => one == next,
        _ => false,
    }) {
        run.sort_by_key(|change| match change {
            Change::Left { group, .. } => *group,
            _ => GroupKey(0),
        });
    }
    changes
}

/// One store at a time: a program that one test starts holds, until it is on its own, all that this process
/// has open, and so the lock of a folder that another test gives up meanwhile.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(ops: Vec<Op>, store: Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut pair = Pair::new(store).await;
        for op in ops {
            let reopened = matches!(op, Op::Reopen);
            pair = pair.apply(op).await;
            if reopened {
                pair.compare().await;
            }
        }
        pair.compare().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_store_does_what_the_model_says(ops in prop::collection::vec(op(), 1..60)) {
        let _turn = turn();
        run(ops, Store::Embedded(TempDir::new().expect("a folder")));
    }
}

proptest! {
    // Each case has a database of its own, and a statement of it goes to another process.
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_shared_store_does_what_the_model_says(ops in prop::collection::vec(op(), 1..60)) {
        static POSTGRES: OnceLock<Postgres> = OnceLock::new();
        let _turn = turn();
        let postgres = POSTGRES.get_or_init(Postgres::start);
        run(ops, Store::Shared(postgres.create_database()));
    }
}
