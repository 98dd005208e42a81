//! An install moves from a folder into a database.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use headcount_core::limits::MIGRATE_BATCH_ROWS;
use headcount_core::{
    AccountKey, App, Change, GroupId, GroupType, InviteOption, JoinOption, Role, SdkAppId, UserId,
};
use headcount_directory::migrate::{MigrateError, Migration, Progress};
use headcount_directory::postgres::PostgresDirectory;
use headcount_directory::sqlite::{BulkImport, BulkMember, SqliteDirectory, UnknownAccount};
use headcount_directory::{
    AccountImport, CommitSink, Directory, Group, Member, MemberPage, NewGroup, NewMember, PageStart,
};
use tempfile::TempDir;
use testbed::Postgres;

const APP: SdkAppId = SdkAppId(1_400_000_001);
const OTHER_APP: SdkAppId = SdkAppId(7);
const NOW_S: u64 = 1_700_000_000;
const TYPES: [GroupType; 5] = [
    GroupType::Work,
    GroupType::Public,
    GroupType::Meeting,
    GroupType::AvChatRoom,
    GroupType::Community,
];

/// The server that all tests share. It ends with the process.
fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(Postgres::start)
}

/// What a step of the preparation came to.
fn done<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("the preparation succeeds")
}

struct Nobody;

impl CommitSink for Nobody {
    fn committed(&self, _position: u64, _changes: &[Change]) {}
}

fn embedded(folder: &Path) -> SqliteDirectory {
    done(SqliteDirectory::open(folder, Arc::new(Nobody)))
}

async fn shared(url: &str) -> PostgresDirectory {
    done(PostgresDirectory::open(url, Arc::new(Nobody)).await)
}

fn user(name: &str) -> UserId {
    done(UserId::parse(name))
}

fn group_id(group_type: GroupType) -> GroupId {
    let id = match group_type {
        GroupType::Community => "@TGS#_fans".to_owned(),
        other => format!("{other:?}"),
    };
    done(GroupId::parse(&id))
}

fn app(sdkappid: SdkAppId, admins: &[&str], region: Option<&str>) -> App {
    App {
        sdkappid,
        name: format!("app \"{sdkappid}\""),
        secret_key: format!("key of {sdkappid}"),
        admins: admins.iter().map(|&admin| admin.to_owned()).collect(),
        region: region.map(str::to_owned),
    }
}

fn new_group(group_type: GroupType, owner: Option<&str>) -> NewGroup {
    NewGroup {
        app: APP,
        id: group_id(group_type),
        group_type,
        name: format!("{group_type:?}, \u{1f600}"),
        introduction: "an introduction\nof two lines".to_owned(),
        notification: "'; DROP TABLE member; --".to_owned(),
        face_url: "http://face".to_owned(),
        owner: owner.map(user),
        members: Vec::new(),
        join_option: JoinOption::NeedPermission,
        invite_option: InviteOption::DisableInvite,
        members_max: 5_000,
        support_topic: group_type == GroupType::Community,
        created_at_s: NOW_S - 5,
    }
}

/// What everybody can ask of a directory.
#[derive(Debug, PartialEq)]
struct Truth {
    revision: u64,
    apps: Vec<App>,
    accounts: Vec<Option<headcount_directory::Account>>,
    groups: Vec<Option<Group>>,
    members: Vec<Vec<Member>>,
}

const USERS: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "gone", "last"];

async fn truth(directory: &dyn Directory) -> Truth {
    let users = || USERS.iter().map(|name| user(name)).collect();
    let mut accounts = done(directory.accounts(APP, users()).await);
    accounts.extend(done(directory.accounts(OTHER_APP, users()).await));
    let ids = TYPES.iter().map(|&group_type| group_id(group_type)).collect();
    let groups = done(directory.groups(APP, ids).await);
    let mut members = Vec::new();
    for group in groups.iter().flatten() {
        let page = MemberPage {
            start: PageStart::After(AccountKey(0)),
            limit: 100,
            roles: Vec::new(),
        };
        members.push(done(directory.members(group.key, page).await));
    }
    Truth {
        revision: done(directory.apps_revision().await),
        apps: done(directory.apps().await),
        accounts,
        groups,
        members,
    }
}

/// A folder with something of everything. The last account and the last group that were made are gone.
async fn install() -> TempDir {
    let folder = done(TempDir::new());
    let directory = embedded(folder.path());
    done(directory.create_app(app(OTHER_APP, &[], Some("eu")), NOW_S).await);
    let admins = ["administrator", "second"];
    done(directory.create_app(app(APP, &admins, None), NOW_S).await);
    make_accounts(&directory).await;
    for (number, group_type) in (1..).zip(TYPES) {
        make_group(&directory, group_type, NOW_S + number * 10).await;
    }
    let doomed = NewGroup {
        id: done(GroupId::parse("doomed")),
        ..new_group(GroupType::Public, Some("dave"))
    };
    done(directory.create_group(doomed).await);
    done(directory.ensure_account(OTHER_APP, user("last"), NOW_S).await);
    for (app, name) in [(APP, "gone"), (OTHER_APP, "last")] {
        let deleted = directory.delete_accounts(app, vec![user(name)]).await;
        assert_eq!(deleted, Ok(vec![true]));
    }
    directory.close().await;
    // A group that is dissolved and that no server has begun to remove.
    execute(
        folder.path(),
        "UPDATE groups SET dissolved = 1 WHERE group_id = 'doomed'",
    );
    folder
}

async fn make_accounts(directory: &dyn Directory) {
    let imports = USERS.iter().map(|name| AccountImport {
        user: user(name),
        nick: (*name != "bob").then(|| format!("{name} \u{e9}\\N")),
        face_url: (*name == "alice").then(|| "http://alice".to_owned()),
    });
    done(directory.import_accounts(APP, imports.collect(), NOW_S).await);
    done(
        directory
            .ensure_account(OTHER_APP, user("alice"), NOW_S + 1)
            .await,
    );
    let revoked = directory.revoke_usersigs(APP, user("bob"), NOW_S + 9).await;
    assert_eq!(revoked, Ok(true));
}

/// A group of some type, with members where these are stored.
async fn make_group(directory: &dyn Directory, group_type: GroupType, joined_at_s: u64) {
    let owner = (group_type != GroupType::Meeting).then_some("alice");
    let group = done(directory.create_group(new_group(group_type, owner)).await);
    if group_type == GroupType::AvChatRoom {
        return;
    }
    let members = ["bob", "carol", "gone"].into_iter().zip(1..);
    let members = members.map(|(name, place)| NewMember {
        user: user(name),
        role: if name == "carol" {
            Role::Admin
        } else {
            Role::Member
        },
        joined_at_s: Some(joined_at_s + place),
    });
    done(directory.add_members(group.key, members.collect(), NOW_S).await);
}

fn execute(folder: &Path, sql: &str) {
    let database = done(rusqlite::Connection::open(folder.join("headcount.db")));
    assert_eq!(database.execute(sql, []), Ok(1), "{sql}");
}

/// Moves everything, and returns what there was to say.
async fn migrate(folder: &Path, url: &str) -> Result<Vec<Progress>, MigrateError> {
    let migration = Migration::begin(folder, url).await?;
    let mut told = Vec::new();
    migration.copy(&mut |progress| told.push(progress)).await?;
    assert_eq!(differences(&migration).await, [""; 0]);
    migration.finish().await?;
    Ok(told)
}

async fn differences(migration: &Migration) -> Vec<String> {
    let found = done(migration.verify(&mut |_| {}).await);
    found.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_over_with_its_keys() {
    let folder = install().await;
    let url = postgres().create_database();
    let told = migrate(folder.path(), &url).await.unwrap();
    let counts: Vec<_> = told
        .iter()
        .filter(|progress| progress.done == progress.total)
        .map(|progress| (progress.rows, progress.total))
        .collect();
    // Of the four groups with members, three have an owner besides the two who joined and are left.
    let expected = [
        ("apps", 2),
        ("admins of apps", 2),
        ("accounts", 7),
        ("groups", 5),
        ("members", 11),
    ];
    assert_eq!(counts, expected, "{told:?}");
    let after = shared(&url).await;
    let before = embedded(folder.path());
    let there = truth(&after).await;
    assert_eq!(there, truth(&before).await);
    assert!(there.accounts[1].as_ref().unwrap().usersigs_void_to_s.is_some());
    assert_eq!(there.groups.iter().flatten().count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_follow_the_largest_that_were_ever_used() {
    let folder = install().await;
    let url = postgres().create_database();
    migrate(folder.path(), &url).await.unwrap();
    let (before, after) = (embedded(folder.path()), shared(&url).await);
    let mut keys = Vec::new();
    let directories: [&dyn Directory; 2] = [&before, &after];
    for directory in directories {
        let account = directory.ensure_account(APP, user("new"), NOW_S).await.unwrap();
        let mut group = new_group(GroupType::Public, Some("new"));
        group.id = GroupId::parse("new").unwrap();
        let group = directory.create_group(group).await.unwrap();
        keys.push((account.key.0, group.key.0));
    }
    assert_eq!(keys[0], (10, 7), "nine accounts and six groups were made before");
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_written_to_is_refused_and_left_as_it_is() {
    let folder = install().await;
    let url = postgres().create_database();
    let directory = shared(&url).await;
    let app = app(SdkAppId(5), &[], None);
    directory.create_app(app, NOW_S).await.unwrap();
    let refused = migrate(folder.path(), &url).await;
    assert_eq!(refused, Err(MigrateError::NotEmpty));
    assert_eq!(directory.apps().await.unwrap().len(), 1);
    // It can be written to as before.
    directory
        .ensure_account(SdkAppId(5), user("alice"), NOW_S)
        .await
        .unwrap();

    let url = postgres().create_database();
    drop(shared(&url).await);
    postgres().execute(&url, "INSERT INTO member VALUES (1, 1, 1, 0)");
    let refused = migrate(folder.path(), &url).await;
    assert_eq!(refused, Err(MigrateError::NotEmpty), "no commit, but a row");

    let url = postgres().create_database();
    migrate(folder.path(), &url).await.unwrap();
    let refused = migrate(folder.path(), &url).await;
    assert_eq!(refused, Err(MigrateError::NotEmpty), "a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_broken_off_leaves_a_database_that_nobody_uses() {
    let folder = install().await;
    let url = postgres().create_database();
    drop(Migration::begin(folder.path(), &url).await.unwrap());
    assert_unfinished(folder.path(), &url).await;

    // In the middle of it: the fourth table refuses a row.
    let url = postgres().create_database();
    drop(shared(&url).await);
    postgres().execute(&url, "ALTER TABLE groups ADD CHECK (group_id <> '@TGS#_fans')");
    let migration = Migration::begin(folder.path(), &url).await.unwrap();
    let broken_off = migration.copy(&mut |_| {}).await;
    assert!(broken_off.unwrap_err().0.contains("groups_group_id_check"));
    drop(migration);
    assert_unfinished(folder.path(), &url).await;
}

async fn assert_unfinished(folder: &Path, url: &str) {
    let again = migrate(folder, url).await;
    assert_eq!(again, Err(MigrateError::Unfinished));
    let opened = PostgresDirectory::open(url, Arc::new(Nobody)).await;
    let error = opened.err().expect("nobody can open it").to_string();
    assert!(error.contains("its copy was not finished"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_run_already_wait_for_the_end() {
    let folder = install().await;
    let url = postgres().create_database();
    let running = shared(&url).await;
    let migration = Migration::begin(folder.path(), &url).await.unwrap();
    migration.copy(&mut |_| {}).await.unwrap();
    let refused = running.ensure_account(APP, user("new"), NOW_S).await;
    assert!(refused.unwrap_err().0.contains("data is being copied"));
    assert_eq!(differences(&migration).await, [""; 0]);
    migration.finish().await.unwrap();
    let made = running.ensure_account(APP, user("new"), NOW_S).await.unwrap();
    assert_eq!(made.key, AccountKey(10));
    assert_eq!(
        running.apps_revision().await,
        Ok(4),
        "the apps are seen to be new"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_the_folder_goes_on_and_what_it_commits_stays_there() {
    let folder = install().await;
    let url = postgres().create_database();
    let running = embedded(folder.path());
    let before = truth(&running).await;
    let migration = Migration::begin(folder.path(), &url).await.unwrap();
    running.ensure_account(APP, user("gone"), NOW_S).await.unwrap();
    let fans = running.group(APP, group_id(GroupType::Community)).await.unwrap();
    let left = running
        .remove_members(fans.unwrap().key, vec![user("bob")])
        .await
        .unwrap();
    assert_eq!(left.map(|left| left.removed.len()), Some(1));
    migration.copy(&mut |_| {}).await.unwrap();
    assert_eq!(differences(&migration).await, [""; 0]);
    migration.finish().await.unwrap();
    assert_eq!(truth(&shared(&url).await).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_tampered_with_is_found() {
    let folder = install().await;
    for (tampering, found) in [
        (
            "UPDATE app SET secret_key = 'other' WHERE sdkappid = 7",
            "table app, sdkappid 7: secret_key differs",
        ),
        (
            "UPDATE app_admin SET user_id = 'other' WHERE position = 1",
            "table app_admin, app 1400000001, position 1: user_id differs",
        ),
        (
            "UPDATE account SET usersigs_void_to_s = NULL WHERE user_id = 'bob'",
            "table account, id 2: usersigs_void_to_s differs",
        ),
        (
            "DELETE FROM account WHERE user_id = 'erin'",
            "table account, id 5: it is not in PostgreSQL",
        ),
        (
            "INSERT INTO member VALUES (9, 1, 1, 0)",
            "table member, grp 9, account 1: it is in PostgreSQL and not in the data folder",
        ),
        (
            "UPDATE member SET role = 1 WHERE grp = 5 AND account = 2",
            "table member, grp 5, account 2: role differs",
        ),
    ] {
        let url = postgres().create_database();
        let migration = Migration::begin(folder.path(), &url).await.unwrap();
        migration.copy(&mut |_| {}).await.unwrap();
        postgres().execute(&url, tampering);
        assert_eq!(differences(&migration).await, [found], "{tampering}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_number_of_members_is_not_carried_over_unnoticed() {
    let folder = install().await;
    execute(
        folder.path(),
        "UPDATE groups SET member_num = member_num + 2 WHERE group_id = 'Public'",
    );
    let url = postgres().create_database();
    let migration = Migration::begin(folder.path(), &url).await.unwrap();
    migration.copy(&mut |_| {}).await.unwrap();
    let found = "table groups, id 2: the group Public of app 1400000001 shows 2 members more than it has";
    assert_eq!(differences(&migration).await, [found]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_postgresql_cannot_store_is_named_before_anything_is_written() {
    let folder = install().await;
    execute(
        folder.path(),
        "UPDATE account SET nick = 'a' || char(0) || 'b' WHERE user = 'carol'",
    );
    let url = postgres().create_database();
    let refused = migrate(folder.path(), &url).await;
    assert_eq!(refused, Err(MigrateError::Unfit("account 3: nick".to_owned())));
    execute(
        folder.path(),
        "UPDATE account SET nick = 'ab' WHERE user = 'carol'",
    );
    migrate(folder.path(), &url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_install_moves_too() {
    let folder = TempDir::new().unwrap();
    embedded(folder.path()).close().await;
    let url = postgres().create_database();
    migrate(folder.path(), &url).await.unwrap();
    let directory = shared(&url).await;
    let first = directory.ensure_account(APP, user("first"), NOW_S).await.unwrap();
    assert_eq!(first.key, AccountKey(1));
}

/// Makes an install whose accounts fill batches to the last row, and whose members have one more.
async fn large() -> TempDir {
    let folder = done(TempDir::new());
    let directory = embedded(folder.path());
    done(directory.create_app(app(APP, &[], None), NOW_S).await);
    let mut keys = Vec::new();
    for group_type in [GroupType::Community, GroupType::Public] {
        let group = NewGroup {
            members_max: 1_000_000,
            ..new_group(group_type, None)
        };
        keys.push(done(directory.create_group(group).await).key);
    }
    directory.close().await;
    let member = |group, number| BulkMember {
        group,
        user: user(&format!("user{number}")),
        role: Role::Member,
        joined_at_s: NOW_S,
    };
    let mut members: Vec<_> = (0..2 * MIGRATE_BATCH_ROWS)
        .map(|number| member(keys[0], number))
        .collect();
    members.push(member(keys[1], 0));
    let mut import = done(BulkImport::open(folder.path(), APP));
    let imported = done(import.members(&members, UnknownAccount::Made, NOW_S));
    assert_eq!(imported.accounts_made, 2 * MIGRATE_BATCH_ROWS as u64);
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_meet_at_their_ends() {
    let folder = large().await;
    let url = postgres().create_database();
    let told = migrate(folder.path(), &url).await.unwrap();
    let members: Vec<_> = told
        .iter()
        .filter(|progress| progress.rows == "members")
        .map(|progress| (progress.done, progress.total))
        .collect();
    let batch = MIGRATE_BATCH_ROWS as u64;
    let total = 2 * batch + 1;
    let expected = [(0, total), (batch, total), (2 * batch, total), (total, total)];
    assert_eq!(members, expected);

    // A row behind the last full batch, and one at a seam, are not overlooked.
    for (tampering, found) in [
        (
            format!(
                "INSERT INTO account VALUES ({}, 1, 'x', '', '', NULL, 1)",
                2 * batch + 1
            ),
            format!(
                "table account, id {}: it is in PostgreSQL and not in the data folder",
                2 * batch + 1
            ),
        ),
        (
            format!("DELETE FROM account WHERE id = {batch}"),
            format!("table account, id {batch}: it is not in PostgreSQL"),
        ),
    ] {
        let url = postgres().create_database();
        let migration = Migration::begin(folder.path(), &url).await.unwrap();
        migration.copy(&mut |_| {}).await.unwrap();
        postgres().execute(&url, &tampering);
        assert_eq!(differences(&migration).await, [found], "{tampering}");
    }
}
