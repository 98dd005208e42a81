//! What dissolved groups leave behind.

use super::*;

const LEFT: &str = "SELECT (SELECT count(*) FROM groups WHERE dissolved <> 0)
    + (SELECT count(*) FROM member m JOIN groups g ON g.id = m.grp WHERE g.dissolved <> 0)";

/// Asks among other commands until the sweep is through.
async fn swept(stand: &Stand) {
    for _ in 0..1_000 {
        if stand.number(LEFT).await == 0 {
            return;
        }
        stand
            .directory
            .revoke_usersigs(APP, user("other0"), 1)
            .await
            .unwrap();
    }
    panic!("the sweep does not get on");
}

#[tokio::test]
async fn a_dissolved_group_is_swept_and_others_are_not() {
    let stand = Stand::new();
    let users = stand.accounts("user", 2_500).await;
    let other = stand.accounts("other", 3).await;
    let kept = stand
        .community("@TGS#_kept", &[&users[..10], &other].concat())
        .await;
    let one = stand.community("@TGS#_one", &users).await;
    let two = stand.community("@TGS#_two", &users[..5]).await;
    for group in [one, two] {
        assert!(stand.directory.dissolve_group(group).await.unwrap());
    }
    swept(&stand).await;
    assert_eq!(stand.number("SELECT count(*) FROM member").await, 13);
    assert_eq!(stand.number("SELECT count(*) FROM groups").await, 1);
    let groups = stand
        .directory
        .login_facts(AccountKey(1))
        .await
        .unwrap()
        .unwrap()
        .groups;
    assert_eq!(groups, [kept]);
    let mut tool = OfflineDirectory::open(stand.folder.path()).unwrap();
    assert!(tool.check().unwrap().is_clean());
}

#[tokio::test]
async fn a_sweep_goes_on_after_another_opening() {
    let stand = Stand::new();
    let users = stand.accounts("user", 1_500).await;
    stand.accounts("other", 1).await;
    stand.community("@TGS#_g", &users).await;
    stand.community("@TGS#_h", &users[..1]).await;
    // As a server leaves it that was killed right after the commit.
    stand.execute("UPDATE groups SET dissolved = 1").await.unwrap();
    assert_eq!(stand.number(LEFT).await, 1_503);
    let stand = stand.reopen();
    swept(&stand).await;
    assert_eq!(stand.number("SELECT count(*) FROM member").await, 0);
    assert_eq!(stand.number("SELECT count(*) FROM account").await, 1_501);
}

#[tokio::test]
async fn a_step_touches_a_bounded_number_of_rows() {
    let stand = Stand::new();
    let users = stand.accounts("user", 25).await;
    let group = stand.community("@TGS#_g", &users).await;
    stand.execute("UPDATE groups SET dissolved = 1").await.unwrap();
    let connection = stand.connection();
    let mut left = Vec::new();
    loop {
        let done = sweep::step(&connection, group, 10).unwrap();
        let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        left.push(count("SELECT count(*) FROM member"));
        assert_eq!(count("SELECT count(*) FROM groups"), i64::from(!done));
        if done {
            break;
        }
    }
    assert_eq!(left, [15, 5, 0]);
}

#[tokio::test]
async fn a_sweep_that_fails_waits_and_goes_on() {
    let stand = Stand::new();
    let users = stand.accounts("user", 1_500).await;
    stand.accounts("other", 1).await;
    let group = stand.community("@TGS#_g", &users).await;
    let refuse = "CREATE TRIGGER refuse BEFORE DELETE ON member BEGIN SELECT raise(ABORT, 'refused'); END;";
    stand.execute(refuse).await.unwrap();
    assert!(stand.directory.dissolve_group(group).await.unwrap());
    for _ in 0..20 {
        assert_eq!(
            stand.number(LEFT).await,
            1_501,
            "commands are served all the same"
        );
    }
    stand.execute("DROP TRIGGER refuse").await.unwrap();
    swept(&stand).await;
}
