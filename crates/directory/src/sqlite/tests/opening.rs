//! Folders, locks, versions, and tools beside a running server.

use super::*;

fn open(folder: &Path) -> Result<SqliteDirectory, OpenError> {
    SqliteDirectory::open(folder, Arc::new(RecordingSink::default()))
}

fn app(number: u32) -> App {
    App {
        sdkappid: SdkAppId(number),
        name: "demo".to_owned(),
        secret_key: "a secret".to_owned(),
        admins: vec!["administrator".to_owned()],
        region: None,
    }
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_is_closed() {
    let folder = TempDir::new().unwrap();
    let first = open(folder.path()).unwrap();
    let second = open(folder.path()).err().unwrap();
    let path = folder.path().to_owned();
    assert_eq!(second, OpenError::Locked { path });
    assert!(
        second.to_string().contains("another Headcount server"),
        "{second}"
    );
    // The refused one did no harm to the first.
    first.ensure_account(APP, user("a"), 1).await.unwrap();
    first.close().await;
    let third = open(folder.path()).unwrap();
    assert_eq!(third.accounts(APP, vec![user("a")]).await.unwrap().len(), 1);
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    let newer = i64::try_from(schema::MIGRATIONS.len()).unwrap() + 1;
    let connection = Connection::open(folder.path().join("headcount.db")).unwrap();
    connection.pragma_update(None, "user_version", newer).unwrap();
    let refused = OpenError::NewerVersion {
        found: newer,
        known: schema::MIGRATIONS.len(),
    };
    assert_eq!(open(folder.path()).err(), Some(refused.clone()));
    assert_eq!(OfflineDirectory::open(folder.path()).err(), Some(refused.clone()));
    assert!(refused.to_string().contains("newer Headcount"), "{refused}");
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(found, newer);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a file");
    std::fs::write(&file, "in the way").unwrap();
    for path in [file.clone(), file.join("below")] {
        let refused = open(&path).err().unwrap();
        assert!(matches!(&refused, OpenError::FolderNotWritable { path: named, .. } if *named == path));
        assert!(refused.to_string().contains("data folder"), "{refused}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("headcount.db"), "not a database".repeat(1_000)).unwrap();
    assert!(matches!(open(folder.path()), Err(OpenError::Store(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn what_holds_secrets_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("new").join("data");
    let directory = open(&folder).unwrap();
    directory.create_app(app(1), 1).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 3, "the database, its log and the lock");
}

#[test]
fn tables_in_use_elsewhere_are_not_upgraded() {
    let folder = TempDir::new().unwrap();
    let mut connection = Connection::open(folder.path().join("db")).unwrap();
    let steps = [
        "CREATE TABLE one (x);",
        "CREATE TABLE two (x);",
        "CREATE TABLE three (x);",
    ];
    let locked = || OpenError::Locked {
        path: folder.path().to_owned(),
    };
    let version = |connection: &Connection| -> i64 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    // New tables are nobody's yet.
    schema::migrate(&mut connection, &steps[..1], || Err(locked())).unwrap();
    let refused = schema::migrate(&mut connection, &steps, || Err(locked()));
    assert_eq!((refused, version(&connection)), (Err(locked()), 1));
    schema::migrate(&mut connection, &steps, || Ok(())).unwrap();
    assert_eq!(version(&connection), 3);
    schema::migrate(&mut connection, &steps, || Err(locked())).unwrap();
    // A step that fails leaves all as it was.
    let failing = [
        steps.as_slice(),
        &["CREATE TABLE four (x); CREATE TABLE one (x);"],
    ]
    .concat();
    assert!(schema::migrate(&mut connection, &failing, || Ok(())).is_err());
    assert_eq!(version(&connection), 3);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 3);
}

#[tokio::test]
async fn a_running_server_sees_apps_that_a_tool_creates() {
    let stand = Stand::new();
    let before = stand.directory.apps_revision().await.unwrap();
    let mut tool = OfflineDirectory::open(stand.folder.path()).unwrap();
    tool.create_app(&app(1), 1).unwrap();
    assert!(stand.directory.apps_revision().await.unwrap() > before);
    assert_eq!(stand.directory.apps().await.unwrap(), [app(1)]);
    assert_eq!(tool.create_app(&app(1), 1), Err(CreateAppError::Taken));
    assert_eq!(
        stand.directory.create_app(app(1), 1).await,
        Err(CreateAppError::Taken)
    );
    stand.directory.create_app(app(2), 1).await.unwrap();
    assert_eq!(tool.apps().unwrap(), [app(1), app(2)]);
    drop(tool);
    stand.directory.ensure_account(APP, user("a"), 1).await.unwrap();
}

#[test]
fn a_tool_creates_the_store_for_a_later_server() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    let mut tool = OfflineDirectory::open(&folder).unwrap();
    tool.create_app(&app(7), 1).unwrap();
    assert!(tool.check().unwrap().is_clean());
    let _server = open(&folder).unwrap();
    assert_eq!(tool.apps().unwrap(), [app(7)]);
}

#[tokio::test]
async fn a_check_names_the_groups_whose_number_is_wrong() {
    let stand = Stand::new();
    let users = stand.accounts("user", 3).await;
    stand.community("@TGS#_right", &users).await;
    let wrong = stand.community("@TGS#_wrong", &users).await;
    let mut tool = OfflineDirectory::open(stand.folder.path()).unwrap();
    assert!(tool.check().unwrap().is_clean());

    let update = "UPDATE groups SET member_num = 5 WHERE id = ?1";
    stand.connection().execute(update, [wrong.0]).unwrap();
    let found = tool.check().unwrap();
    let drifted = DriftedGroup {
        id: "@TGS#_wrong".to_owned(),
        app: APP,
        shown: 5,
        counted: 3,
    };
    assert_eq!((found.drifted, found.problems), (vec![drifted], vec![]));
    assert!(stand.directory.dissolve_group(wrong).await.unwrap());
    assert!(tool.check().unwrap().is_clean(), "a dissolved group is no drift");
}

#[tokio::test]
async fn a_check_reports_a_damaged_file() {
    let stand = Stand::new();
    let users = stand.accounts("user", 100).await;
    stand.community("@TGS#_g", &users).await;
    // An index that is another one's pages, as after a bad disk.
    let connection = stand.connection();
    connection
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'groups_by_owner')
             WHERE name = 'member_by_account';",
        )
        .unwrap();
    drop(connection);
    let mut tool = OfflineDirectory::open(stand.folder.path()).unwrap();
    // Damage is either listed or fails the check; it never passes for clean.
    assert!(!tool.check().is_ok_and(|found| found.is_clean()));
}
