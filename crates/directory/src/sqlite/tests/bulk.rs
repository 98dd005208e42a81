//! Importing in bulk comes to what the same rows one by one come to.

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::PageStart;

/// Groups of the plans; the last has room for nearly all.
const ROOM: [u32; 3] = [2, 4, 20];
const USERS: u64 = 8;
const GONE: usize = ROOM.len();

/// A row of a plan, before it is known what its group is called inside.
#[derive(Clone, Debug)]
struct Planned {
    group: usize,
    user: u64,
    role: Role,
    joined_at_s: u64,
}

fn planned() -> impl Strategy<Value = Planned> {
    let role = prop_oneof![Just(Role::Member), Just(Role::Admin)];
    let row = (0..=GONE, 0..USERS, role, 1_u64..100);
    row.prop_map(|(group, user, role, joined_at_s)| Planned {
        group,
        user,
        role,
        joined_at_s,
    })
}

/// What is in a directory: the members and number of each group, and who has an account.
type Content = (Vec<(u32, Vec<(UserId, Role, u64)>)>, Vec<UserId>);

impl Stand {
    /// The groups of the plans, one of them gone, and accounts for half of the users.
    async fn planned() -> (Self, Vec<GroupKey>) {
        let stand = Self::new();
        stand.accounts("u", 4).await;
        let mut keys = Vec::new();
        for (number, room) in ROOM.into_iter().chain([9]).enumerate() {
            let new = NewGroup {
                members_max: room,
                ..community(&format!("@TGS#_{number}"))
            };
            keys.push(stand.directory.create_group(new).await.unwrap().key);
        }
        stand.directory.dissolve_group(keys[GONE]).await.unwrap();
        (stand, keys)
    }

    async fn content(&self, keys: &[GroupKey]) -> Content {
        let mut groups = Vec::new();
        for (number, &key) in keys[..GONE].iter().enumerate() {
            let id = GroupId::parse(&format!("@TGS#_{number}")).unwrap();
            let group = self.directory.group(APP, id).await.unwrap().unwrap();
            let page = MemberPage {
                start: PageStart::Offset(0),
                limit: 100,
                roles: Vec::new(),
            };
            let members = self.directory.members(key, page).await.unwrap();
            let mut members: Vec<_> = members
                .into_iter()
                .map(|member| (member.user, member.role, member.joined_at_s))
                .collect();
            members.sort();
            groups.push((group.members, members));
        }
        let users: Vec<_> = (0..USERS).map(|n| user(&format!("u{n}"))).collect();
        let found = self.directory.accounts(APP, users).await.unwrap();
        (
            groups,
            found.into_iter().flatten().map(|account| account.user).collect(),
        )
    }

    /// Adds a row as a caller of the directory does.
    async fn add_one(
        &self,
        row: &BulkMember,
        unknown: UnknownAccount,
    ) -> Result<AddedMember, AddMembersError> {
        let member = NewMember {
            user: row.user.clone(),
            role: row.role,
            joined_at_s: Some(row.joined_at_s),
        };
        let add = || self.directory.add_members(row.group, vec![member.clone()], 1);
        let added = add().await?;
        if (added[0], unknown) != (AddedMember::AccountAbsent, UnknownAccount::Made) {
            return Ok(added[0]);
        }
        self.directory.ensure_account(APP, row.user.clone(), 1).await?;
        let added = add().await;
        if added.is_err() {
            // Somebody for whom there is no room gets no account.
            self.directory
                .delete_accounts(APP, vec![row.user.clone()])
                .await?;
        }
        Ok(added?[0])
    }
}

/// The same batches in bulk and one by one.
async fn compare(batches: &[Vec<Planned>], unknown: UnknownAccount) {
    let (one_by_one, keys) = Stand::planned().await;
    let (stand, same_keys) = Stand::planned().await;
    assert_eq!(keys, same_keys);
    let Stand {
        folder,
        sink,
        directory,
    } = stand;
    drop(directory);
    let mut import = BulkImport::open(folder.path(), APP).unwrap();
    for batch in batches {
        let rows = batch.iter().map(|row| BulkMember {
            group: keys[row.group],
            user: user(&format!("u{}", row.user)),
            role: row.role,
            joined_at_s: row.joined_at_s,
        });
        let rows: Vec<_> = rows.collect();
        let mut expected = BulkOutcome::default();
        let before = one_by_one.content(&keys).await.1.len();
        for (place, row) in rows.iter().enumerate() {
            match one_by_one.add_one(row, unknown).await {
                Ok(AddedMember::Added(_)) => expected.added += 1,
                Ok(AddedMember::AlreadyMember(_)) => expected.present += 1,
                Ok(AddedMember::AccountAbsent) => {
                    expected.refused.push((place, BulkRefusal::AccountAbsent));
                }
                Err(AddMembersError::Full) => expected.refused.push((place, BulkRefusal::Full)),
                Err(AddMembersError::GroupGone) => expected.refused.push((place, BulkRefusal::GroupGone)),
                Err(AddMembersError::Store(error)) => panic!("{error}"),
            }
        }
        expected.accounts_made = (one_by_one.content(&keys).await.1.len() - before) as u64;
        let mut outcome = import.members(&rows, unknown, 1).unwrap();
        outcome.refused.sort_by_key(|(place, _)| *place);
        assert_eq!(outcome, expected);
    }
    drop(import);
    let directory = Arc::new(SqliteDirectory::open(folder.path(), sink.clone()).unwrap());
    let stand = Stand {
        folder,
        sink,
        directory,
    };
    assert_eq!(stand.content(&keys).await, one_by_one.content(&keys).await);
    drop(stand.directory);
    let checked = OfflineDirectory::open(stand.folder.path())
        .unwrap()
        .check()
        .unwrap();
    assert!(checked.is_clean(), "{checked:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn members_in_bulk_are_members_one_by_one(
        batches in prop::collection::vec(prop::collection::vec(planned(), 0..16), 1..4),
        make in any::<bool>(),
    ) {
        let unknown = if make { UnknownAccount::Made } else { UnknownAccount::Refused };
        Runtime::new().unwrap().block_on(compare(&batches, unknown));
    }
}

#[tokio::test]
async fn accounts_in_bulk_are_accounts_one_by_one() {
    let row = |name: &str, nick: Option<&str>, face_url: Option<&str>| AccountImport {
        user: user(name),
        nick: nick.map(str::to_owned),
        face_url: face_url.map(str::to_owned),
    };
    let rows = [
        row("b", Some("B"), None),
        row("a", None, None),
        row("b", None, Some("http://b")),
        row("c", Some("first"), None),
        row("c", Some("second"), None),
        row("a", None, None),
    ];
    let one_by_one = Stand::new();
    for row in &rows {
        one_by_one
            .directory
            .import_accounts(APP, vec![row.clone()], 1)
            .await
            .unwrap();
    }
    let folder = TempDir::new().unwrap();
    let mut import = BulkImport::open(folder.path(), APP).unwrap();
    let outcome = import.accounts(&rows, 1).unwrap();
    assert_eq!((outcome.added, outcome.changed, outcome.present), (3, 2, 1));
    let again = import.accounts(&rows[..3], 1).unwrap();
    assert_eq!((again.added, again.changed, again.present), (0, 0, 3));
    drop(import);
    let imported = SqliteDirectory::open(folder.path(), Arc::new(RecordingSink::default())).unwrap();
    let users = vec![user("a"), user("b"), user("c")];
    let told = |accounts: Vec<Option<Account>>| -> Vec<_> {
        accounts
            .into_iter()
            .flatten()
            .map(|account| (account.user, account.nick, account.face_url))
            .collect()
    };
    let in_bulk = told(imported.accounts(APP, users.clone()).await.unwrap());
    assert_eq!(in_bulk.len(), 3);
    assert_eq!(
        in_bulk,
        told(one_by_one.directory.accounts(APP, users).await.unwrap())
    );
}

#[test]
fn an_import_and_a_server_keep_each_other_out() {
    let folder = TempDir::new().unwrap();
    let locked = OpenError::Locked {
        path: folder.path().to_owned(),
    };
    let open = || SqliteDirectory::open(folder.path(), Arc::new(RecordingSink::default()));
    let import = BulkImport::open(folder.path(), APP).unwrap();
    assert_eq!(open().err(), Some(locked.clone()));
    drop(import);
    let server = open().unwrap();
    assert_eq!(BulkImport::open(folder.path(), APP).err(), Some(locked));
    drop(server);
}
