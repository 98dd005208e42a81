//! One of several servers: its directory, what its sink was told, and short words for what is done often.

use std::collections::BTreeSet;
use std::sync::Arc;

use headcount_core::{AccountKey, Change, GroupId, GroupKey, GroupType, Role, SdkAppId, UserId};
use headcount_directory::postgres::PostgresDirectory;
use headcount_directory::{CommitSink, Directory, NewGroup, NewMember};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls};

pub(crate) const APP: SdkAppId = SdkAppId(1_400_000_001);
pub(crate) const NOW_S: u64 = 1_700_000_000;

/// A membership.
pub(crate) type Seat = (GroupKey, AccountKey);

/// What a sink was told, commit by commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) began_at: u64,
    pub(crate) commits: Vec<Vec<Change>>,
}

impl Told {
    /// The last commit.
    pub(crate) fn position(&self) -> u64 {
        self.began_at + u64::try_from(self.commits.len()).expect("a number of commits")
    }

    pub(crate) fn contains(&self, change: &Change) -> bool {
        self.commits.iter().flatten().any(|told| told == change)
    }

    /// The memberships that all of it leads to; nobody joins twice or leaves without having joined.
    pub(crate) fn seats(&self) -> BTreeSet<Seat> {
        let mut seats = BTreeSet::new();
        for change in self.commits.iter().flatten() {
            match *change {
                Change::Joined { account, group } => {
                    assert!(seats.insert((group, account)), "joined twice: {change:?}");
                }
                Change::Left { account, group } => {
                    assert!(seats.remove(&(group, account)), "left twice: {change:?}");
                }
                Change::Dissolved { group, .. } => seats.retain(|&(of, _)| of != group),
                Change::AccountDeleted { .. } | Change::UserSigsRevoked { .. } => {}
            }
        }
        seats
    }
}

/// A sink that remembers all, and fails when a commit is left out, told twice or told late.
#[derive(Debug, Default)]
pub(crate) struct Journal(watch::Sender<Option<Told>>);

impl CommitSink for Journal {
    fn committed(&self, position: u64, changes: &[Change]) {
        self.0.send_modify(|told| match told {
            None => {
                assert_eq!(changes, [], "the first call tells where the store stands");
                let began_at = position;
                let commits = Vec::new();
                *told = Some(Told { began_at, commits });
            }
            Some(told) => {
                assert_eq!(position, told.position() + 1, "commit by commit");
                told.commits.push(changes.to_vec());
            }
        });
    }
}

impl Journal {
    pub(crate) fn told(&self) -> Told {
        self.0.borrow().clone().expect("the store is open")
    }

    /// Waits until it was told a commit.
    pub(crate) async fn reach(&self, position: u64) -> Told {
        let mut told = self.0.subscribe();
        let reached = |told: &Option<Told>| told.as_ref().is_some_and(|told| told.position() >= position);
        let told = told.wait_for(reached).await.expect("the journal is kept");
        told.clone().expect("something was told")
    }
}

/// A server.
pub(crate) struct Server {
    pub(crate) directory: PostgresDirectory,
    pub(crate) journal: Arc<Journal>,
}

impl Server {
    pub(crate) async fn open(url: &str) -> Self {
        let journal = Arc::new(Journal::default());
        let directory = PostgresDirectory::open(url, journal.clone()).await;
        let directory = directory.expect("the database is there");
        Self { directory, journal }
    }

    pub(crate) async fn account(&self, name: &str) -> AccountKey {
        let account = self.directory.ensure_account(APP, user(name), NOW_S).await;
        account.expect("an account").key
    }

    pub(crate) async fn create(&self, id: &str) -> GroupKey {
        let group = self.directory.create_group(community(id)).await;
        group.expect("a new group").key
    }

    /// The memberships that a snapshot shows, and what the sink was told when it was made.
    pub(crate) async fn cut(&self) -> (BTreeSet<Seat>, Told) {
        let (sender, told) = std::sync::mpsc::sync_channel(1);
        let journal = Arc::clone(&self.journal);
        let at_cut = Box::new(move || sender.send(journal.told()).expect("the receiver waits"));
        let mut snapshot = self.directory.cut(at_cut).await.expect("a snapshot");
        let read = tokio::task::spawn_blocking(move || {
            let mut seats = BTreeSet::new();
            let each = &mut |group, account| {
                assert!(seats.insert((group, account)), "a membership was shown twice");
            };
            snapshot.memberships(each).expect("the memberships are read");
            seats
        });
        (
            read.await.expect("no panic"),
            told.recv().expect("at_cut ran before the answer"),
        )
    }
}

/// Waits until all servers were told all that any was told, and returns it.
pub(crate) async fn agreed(servers: &[&Server]) -> Told {
    let positions = servers.iter().map(|server| server.journal.told().position());
    let last = positions.max().expect("a server");
    let first = servers[0].journal.reach(last).await;
    for server in servers {
        let other = server.journal.reach(last).await;
        assert_eq!(first, other, "all servers were told the same in the same order");
    }
    first
}

/// A connection beside those of the servers.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    // It ends with the client.
    tokio::spawn(connection);
    client
}

pub(crate) async fn execute(client: &Client, sql: &str) {
    client.batch_execute(sql).await.expect("the SQL is right");
}

pub(crate) async fn number(client: &Client, sql: &str) -> i64 {
    let row = client.query_typed_one(sql, &[]).await;
    row.expect("a row").get(0)
}

/// Waits until a server waits for a lock.
pub(crate) async fn one_waits(url: &str) {
    // A connection of its own: within a transaction the answer would stay the same.
    let looking = connect(url).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
         AND datname = current_database()";
    while number(&looking, waiting).await == 0 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a UserID")
}

pub(crate) fn member(name: &str) -> NewMember {
    NewMember {
        user: user(name),
        role: Role::Member,
        joined_at_s: None,
    }
}

/// A community without an owner and members.
pub(crate) fn community(id: &str) -> NewGroup {
    NewGroup {
        app: APP,
        id: GroupId::parse(id).expect("a group id"),
        group_type: GroupType::Community,
        name: String::new(),
        introduction: String::new(),
        notification: String::new(),
        face_url: String::new(),
        owner: None,
        members: Vec::new(),
        join_option: GroupType::Community.default_join_option(),
        invite_option: GroupType::Community.default_invite_option(),
        members_max: 100_000,
        support_topic: false,
        created_at_s: NOW_S,
    }
}
