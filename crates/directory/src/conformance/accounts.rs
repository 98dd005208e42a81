//! Apps and accounts.

use headcount_core::{AccountKey, App, Change, SdkAppId};

use super::stage::{APP, NOW_S, OTHER_APP, Stage, joined, left, public, user, users};
use crate::{AccountImport, CreateAppError};

fn app(number: u32) -> App {
    App {
        sdkappid: SdkAppId(number),
        name: format!("app {number}"),
        secret_key: "a secret".to_owned(),
        admins: vec!["zoe".to_owned(), "administrator".to_owned()],
        region: number.is_multiple_of(2).then(|| "eu".to_owned()),
    }
}

pub(super) async fn apps_are_stored_once_and_raise_the_revision(stage: Stage) {
    let directory = &stage.directory;
    let before = directory.apps_revision().await.expect("a revision");
    assert_eq!(directory.apps().await, Ok(vec![]));
    assert_eq!(directory.create_app(app(2), NOW_S).await, Ok(()));
    let after_one = directory.apps_revision().await.expect("a revision");
    assert_eq!(directory.create_app(app(1), NOW_S).await, Ok(()));
    let after_two = directory.apps_revision().await.expect("a revision");
    assert!(before < after_one && after_one < after_two);

    let renamed = App {
        name: "other".to_owned(),
        ..app(1)
    };
    assert_eq!(
        directory.create_app(renamed, NOW_S).await,
        Err(CreateAppError::Taken)
    );
    assert_eq!(directory.apps_revision().await, Ok(after_two));
    let mut apps = directory.apps().await.expect("apps");
    apps.sort_by_key(|app| app.sdkappid);
    assert_eq!(apps, [app(1), app(2)], "with the admins in their order");
    assert_eq!(stage.sink.take(), [], "apps are no business of the sink");
}

fn import(name: &str, nick: Option<&str>, face_url: Option<&str>) -> AccountImport {
    AccountImport {
        user: user(name),
        nick: nick.map(str::to_owned),
        face_url: face_url.map(str::to_owned),
    }
}

pub(super) async fn imported_accounts_keep_their_key_and_take_on_new_values(stage: Stage) {
    let directory = &stage.directory;
    let first = vec![
        import("a", Some("Ann"), None),
        import("b", None, Some("http://b")),
        import("b", Some("Bob"), None),
    ];
    assert_eq!(directory.import_accounts(APP, first, NOW_S).await, Ok(()));
    let found = directory.accounts(APP, users(&["b", "nobody", "a", "b"])).await;
    let found = found.expect("accounts");
    let (b, a) = (found[0].clone().expect("b"), found[2].clone().expect("a"));
    assert_eq!(found[1], None);
    assert_eq!(found[3].as_ref(), Some(&b), "one answer for each name asked");
    assert_eq!(
        (a.user.as_str(), a.nick.as_str(), a.face_url.as_str()),
        ("a", "Ann", "")
    );
    assert_eq!((b.nick.as_str(), b.face_url.as_str()), ("Bob", "http://b"));
    assert_eq!((a.app, a.usersigs_void_to_s), (APP, None));
    assert!(a.key != b.key && a.key > AccountKey(0) && b.key > AccountKey(0));

    let second = vec![
        import("a", None, Some("http://a")),
        import("b", Some(""), None),
        import("c", None, None),
    ];
    assert_eq!(directory.import_accounts(APP, second, NOW_S).await, Ok(()));
    let found = directory
        .accounts(APP, users(&["a", "b"]))
        .await
        .expect("accounts");
    let again = found[0].clone().expect("a");
    assert_eq!(
        (again.key, again.nick.as_str(), again.face_url.as_str()),
        (a.key, "Ann", "http://a")
    );
    let again = found[1].clone().expect("b");
    assert_eq!(
        (again.key, again.nick.as_str(), again.face_url.as_str()),
        (b.key, "", "http://b")
    );
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn a_login_makes_its_account_once(stage: Stage) {
    let account = stage.account(APP, "a").await;
    assert_eq!(
        (account.app, account.user.as_str(), account.nick.as_str()),
        (APP, "a", "")
    );
    let imported = stage
        .directory
        .import_accounts(APP, vec![import("a", Some("Ann"), None)], NOW_S)
        .await;
    assert_eq!(imported, Ok(()));
    let again = stage.account(APP, "a").await;
    assert_eq!(
        (again.key, again.nick.as_str()),
        (account.key, "Ann"),
        "as it is, not made anew"
    );
}

pub(super) async fn the_same_user_of_two_apps_is_two_accounts(stage: Stage) {
    let here = stage.account(APP, "a").await;
    let there = stage.account(OTHER_APP, "a").await;
    assert_ne!(here.key, there.key);
    let deleted = stage.directory.delete_accounts(OTHER_APP, users(&["a"])).await;
    assert_eq!(deleted, Ok(vec![true]));
    assert_eq!(
        stage.directory.accounts(OTHER_APP, users(&["a"])).await,
        Ok(vec![None])
    );
    assert_eq!(
        stage.directory.accounts(APP, users(&["a"])).await,
        Ok(vec![Some(here)])
    );
    let revoked = stage.directory.revoke_usersigs(OTHER_APP, user("a"), NOW_S).await;
    assert_eq!(revoked, Ok(false), "the other app's account is out of reach");
}

pub(super) async fn login_facts_name_the_living_groups(stage: Stage) {
    let account = stage.account(APP, "a").await;
    assert_eq!(
        stage.directory.login_facts(AccountKey(account.key.0 + 1)).await,
        Ok(None)
    );
    assert_eq!(stage.groups_at_login(account.key).await, []);
    let mut keys = Vec::new();
    for id in ["one", "two", "three"] {
        keys.push(stage.create(public(id, None, &["a"])).await.key);
    }
    assert_eq!(stage.directory.dissolve_group(keys.remove(1)).await, Ok(true));
    let facts = stage
        .directory
        .login_facts(account.key)
        .await
        .expect("facts")
        .expect("a");
    assert_eq!(facts.account, account);
    let mut groups = facts.groups;
    groups.sort();
    assert_eq!(groups, keys);
}

pub(super) async fn revoking_usersigs_never_moves_back(stage: Stage) {
    let directory = &stage.directory;
    assert_eq!(directory.revoke_usersigs(APP, user("a"), 100).await, Ok(false));
    assert_eq!(stage.sink.take(), []);
    let account = stage.account(APP, "a").await.key;
    for (asked, stands) in [(100, 100), (50, 100), (100, 100), (101, 101)] {
        assert_eq!(directory.revoke_usersigs(APP, user("a"), asked).await, Ok(true));
        let facts = directory.login_facts(account).await.expect("facts").expect("a");
        assert_eq!(facts.account.usersigs_void_to_s, Some(stands));
        let told = Change::UserSigsRevoked {
            app: APP,
            user: user("a"),
            account,
            at_s: stands,
        };
        assert_eq!(stage.sink.take(), [told], "what is told is what stands");
    }
}

pub(super) async fn deleting_accounts_ends_their_memberships(stage: Stage) {
    let directory = &stage.directory;
    let [a, b] = stage.accounts(["a", "b"]).await;
    let owned = stage.create(public("owned", Some("a"), &["b"])).await.key;
    let joins = stage.create(public("joins", Some("b"), &["a"])).await.key;
    let ended = stage.create(public("ended", Some("a"), &["b"])).await.key;
    assert_eq!(directory.dissolve_group(ended).await, Ok(true));
    drop(stage.sink.take());

    let deleted = directory.delete_accounts(APP, users(&["nobody", "a", "a"])).await;
    assert_eq!(
        deleted,
        Ok(vec![false, true, true]),
        "which of them existed when asked"
    );
    let mut told = stage.sink.take();
    let deleted = Change::AccountDeleted {
        app: APP,
        user: user("a"),
        account: a,
    };
    assert_eq!(told.pop(), Some(deleted));
    told.sort_by_key(|change| *change == left(joins, a));
    assert_eq!(told, [left(owned, a), left(joins, a)], "of living groups alone");

    assert_eq!(directory.accounts(APP, users(&["a"])).await, Ok(vec![None]));
    assert_eq!(directory.login_facts(a).await, Ok(None));
    let group = stage.group("owned").await.expect("the group stays");
    assert_eq!((group.owner, group.members), (None, 1));
    let group = stage.group("joins").await.expect("the group stays");
    assert_eq!((group.owner, group.members), (Some(user("b")), 1));
    assert_eq!(stage.groups_at_login(b).await, [owned, joins]);
    let again = directory.delete_accounts(APP, users(&["a"])).await;
    assert_eq!(again, Ok(vec![false]));
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn a_deleted_account_leaves_no_trace_to_its_successor(stage: Stage) {
    let [_, a] = stage.accounts(["b", "a"]).await;
    let group = stage.create(public("g", Some("a"), &[])).await.key;
    assert_eq!(
        stage.directory.revoke_usersigs(APP, user("a"), NOW_S).await,
        Ok(true)
    );
    let deleted = stage.directory.delete_accounts(APP, users(&["a"])).await;
    assert_eq!(deleted, Ok(vec![true]));
    // Opened again, because a store may forget the keys that are gone when it is.
    let stage = stage.reopen().await;
    let successor = stage.account(APP, "a").await;
    assert!(successor.key > a, "keys are never used twice");
    assert_eq!(successor.usersigs_void_to_s, None);
    assert_eq!(stage.groups_at_login(successor.key).await, []);
    assert_eq!(stage.group("g").await.expect("the group stays").owner, None);
    stage.add(group, &["a"]).await;
    assert_eq!(stage.sink.take(), [joined(group, successor.key)]);
}
