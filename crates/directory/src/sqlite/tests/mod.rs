//! What is particular to this store. What every directory promises is tested by the conformance suite.

mod bulk;
mod opening;
mod sweeping;
mod writing;

use headcount_core::{GroupType, Role};
use tempfile::TempDir;

use super::*;
use crate::conformance::RecordingSink;

const APP: SdkAppId = SdkAppId(1_400_000_001);

/// An open directory in a folder of its own.
struct Stand {
    folder: TempDir,
    sink: Arc<RecordingSink>,
    directory: Arc<SqliteDirectory>,
}

impl Stand {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let sink = Arc::new(RecordingSink::default());
        let directory = Arc::new(SqliteDirectory::open(folder.path(), sink.clone()).unwrap());
        Self {
            folder,
            sink,
            directory,
        }
    }

    fn reopen(self) -> Self {
        drop(self.directory);
        let directory = Arc::new(SqliteDirectory::open(self.folder.path(), self.sink.clone()).unwrap());
        Self { directory, ..self }
    }

    /// A connection of its own to the database file.
    fn connection(&self) -> Connection {
        Connection::open(self.folder.path().join("headcount.db")).unwrap()
    }

    /// What a query for one number comes to, among the writer's commands.
    async fn number(&self, sql: &'static str) -> i64 {
        let read = move |db: &Connection, _: &mut Vec<Change>| -> Result<i64, StoreError> {
            Ok(db.query_row(sql, [], |row| row.get(0))?)
        };
        self.directory.write(0, read).await.unwrap()
    }

    /// Runs SQL as a command.
    async fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        let run = move |db: &Connection, _: &mut Vec<Change>| Ok(db.execute_batch(sql)?);
        self.directory.write(0, run).await
    }

    /// Makes accounts exist, named `prefix0`, `prefix1` and so on.
    async fn accounts(&self, prefix: &str, count: usize) -> Vec<UserId> {
        let users: Vec<UserId> = (0..count).map(|n| user(&format!("{prefix}{n}"))).collect();
        let import = |user: &UserId| AccountImport {
            user: user.clone(),
            nick: None,
            face_url: None,
        };
        let imports = users.iter().map(import).collect();
        self.directory.import_accounts(APP, imports, 1).await.unwrap();
        users
    }

    async fn community(&self, id: &str, users: &[UserId]) -> GroupKey {
        let group = self.directory.create_group(community(id)).await.unwrap().key;
        for some in users.chunks(300) {
            let some = some.iter().cloned().map(member).collect();
            self.directory.add_members(group, some, 1).await.unwrap();
        }
        group
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn member(user: UserId) -> NewMember {
    NewMember {
        user,
        role: Role::Member,
        joined_at_s: None,
    }
}

fn community(id: &str) -> NewGroup {
    NewGroup {
        app: APP,
        id: GroupId::parse(id).unwrap(),
        group_type: GroupType::Community,
        name: "fans".to_owned(),
        introduction: String::new(),
        notification: String::new(),
        face_url: String::new(),
        owner: None,
        members: Vec::new(),
        join_option: GroupType::Community.default_join_option(),
        invite_option: GroupType::Community.default_invite_option(),
        members_max: 1_000_000,
        support_topic: true,
        created_at_s: 1,
    }
}
