//! A login is held after it has read its groups and before it is open, and something commits meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headcount_core::{MultiLogin, MultiLoginPolicy, Platform};
use headcount_service::{AuthError, CountError, FindGroupError, LoggedIn, LoginError};

use crate::testkit::{APP, World};

const FANS: &str = "@TGS#_fans";

/// A world with one community of one member.
async fn world() -> Arc<World> {
    let rules = MultiLogin {
        policy: MultiLoginPolicy::Multi,
        ..MultiLogin::default()
    };
    let world = World::with(rules, 1).await;
    world.community(FANS, &["ann"]).await;
    world.import(APP, &["ben"]).await;
    world
}

/// A login of this user, in whose window this happens.
async fn log_in_while(
    world: &Arc<World>,
    user: &'static str,
    happens: impl AsyncFnOnce(),
) -> Result<LoggedIn, LoginError> {
    let hold = world.stage.hold("login_facts");
    let login = {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.try_log_in(user, Platform::Web).await })
    };
    hold.reached().await;
    happens().await;
    hold.release();
    login.await.expect("the login does not fail")
}

/// The same for the return of an earlier login.
async fn come_back_while(
    world: &Arc<World>,
    earlier: &LoggedIn,
    happens: impl AsyncFnOnce(),
) -> Result<LoggedIn, LoginError> {
    let hold = world.stage.hold("login_facts");
    let login = {
        let (world, a2, tiny_id) = (Arc::clone(world), earlier.a2.clone(), earlier.tiny_id.0);
        tokio::spawn(async move { world.come_back(&a2, tiny_id).await })
    };
    hold.reached().await;
    happens().await;
    hold.release();
    login.await.expect("the return does not fail")
}

#[tokio::test]
async fn a_join_is_counted() {
    let world = world().await;
    let login = log_in_while(&world, "ben", async || world.add(FANS, "ben").await)
        .await
        .unwrap();
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
    drop(login);
    assert_eq!(world.count(FANS).await, 0);
}

#[tokio::test]
async fn a_leave_is_not_counted() {
    let world = world().await;
    let login = log_in_while(&world, "ann", async || world.remove(FANS, "ann").await)
        .await
        .unwrap();
    assert_eq!(world.count(FANS).await, 0);
    world.audit().await;
    drop(login);
    assert_eq!(world.count(FANS).await, 0);
}

#[tokio::test]
async fn the_last_of_several_changes_counts() {
    let world = world().await;
    let there_and_gone = log_in_while(&world, "ben", async || {
        world.add(FANS, "ben").await;
        world.remove(FANS, "ben").await;
    });
    let ben = there_and_gone.await.unwrap();
    assert_eq!(world.count(FANS).await, 0);
    let gone_and_back = log_in_while(&world, "ann", async || {
        world.remove(FANS, "ann").await;
        world.add(FANS, "ann").await;
    });
    let ann = gone_and_back.await.unwrap();
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
    drop((ann, ben));
    assert_eq!(world.count(FANS).await, 0);
}

#[tokio::test]
async fn a_group_dissolved_and_made_anew_counts_only_its_own() {
    let world = world().await;
    let ann = log_in_while(&world, "ann", async || world.dissolve(FANS).await)
        .await
        .unwrap();
    let absent = CountError::Find(FindGroupError::Absent);
    assert_eq!(world.try_count(FANS).await, Err(absent));
    world.audit().await;
    // The same id again, without ann.
    world.community(FANS, &["ben"]).await;
    assert_eq!(world.count(FANS).await, 0);
    let ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 1);
    drop(ann);
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
    drop(ben);
}

#[tokio::test]
async fn a_group_created_with_the_user_is_counted() {
    let world = world().await;
    let ben = log_in_while(&world, "ben", async || {
        world.community("@TGS#_new", &["ben"]).await;
    });
    let ben = ben.await.unwrap();
    assert_eq!(world.count("@TGS#_new").await, 1);
    world.audit().await;
    drop(ben);
}

#[tokio::test]
async fn a_kick_refuses_the_login_and_the_return() {
    let world = world().await;
    let refused = log_in_while(&world, "ann", async || world.kick("ann").await).await;
    assert_eq!(refused.map(drop), Err(LoginError::Auth(AuthError::Revoked)));
    assert_eq!(world.count(FANS).await, 0);

    let earlier = world.log_in("ann").await;
    let refused = come_back_while(&world, &earlier, async || world.kick("ann").await).await;
    assert_eq!(refused.map(drop), Err(LoginError::A2Invalid));
    assert_eq!(world.count(FANS).await, 0);
    world.audit().await;

    let _again = world.log_in("ann").await;
    assert_eq!(world.count(FANS).await, 1);
}

#[tokio::test]
async fn a_deletion_refuses_the_login_and_the_return() {
    let world = world().await;
    let refused = log_in_while(&world, "ann", async || world.delete("ann").await).await;
    assert_eq!(refused.map(drop), Err(LoginError::AccountAbsent));
    assert_eq!(world.count(FANS).await, 0);

    let earlier = world.log_in("ann").await;
    world.add(FANS, "ann").await;
    let refused = come_back_while(&world, &earlier, async || world.delete("ann").await).await;
    assert_eq!(refused.map(drop), Err(LoginError::A2Invalid));
    assert_eq!(world.count(FANS).await, 0);
    world.audit().await;
}

#[tokio::test]
async fn the_last_other_device_may_go() {
    let world = world().await;
    let phone = world.try_log_in("ann", Platform::Android).await.unwrap();
    let browser = log_in_while(&world, "ann", async || drop(phone)).await.unwrap();
    assert_eq!(world.count(FANS).await, 1);
    drop(browser);
    assert_eq!(world.count(FANS).await, 0);
    world.audit().await;
}

#[tokio::test]
async fn two_logins_at_once_count_once() {
    let world = world().await;
    let first = log_in_while(&world, "ben", async || {
        let phone = {
            let hold = world.stage.hold("login_facts");
            let phone = {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.try_log_in("ben", Platform::Android).await })
            };
            hold.reached().await;
            world.add(FANS, "ben").await;
            hold.release();
            phone.await.expect("the task").expect("the phone")
        };
        assert_eq!(world.count(FANS).await, 1);
        world.remove(FANS, "ben").await;
        drop(phone);
    });
    // It read before the join, the leave and the phone.
    let browser = first.await.unwrap();
    assert_eq!(world.count(FANS).await, 0);
    world.add(FANS, "ben").await;
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
    drop(browser);
}

#[tokio::test]
async fn a_login_given_up_leaves_nothing_behind() {
    let world = world().await;
    let hold = world.stage.hold("login_facts");
    let login = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.try_log_in("ann", Platform::Web).await })
    };
    hold.reached().await;
    login.abort();
    assert!(login.await.expect_err("it was given up").is_cancelled());
    assert_eq!(world.count(FANS).await, 0);
    world.remove(FANS, "ann").await;
    let _ann = world.log_in("ann").await;
    assert_eq!(world.count(FANS).await, 0, "as it is now");
    world.audit().await;
}

#[tokio::test]
async fn a_read_that_fails_refuses_the_login_and_no_later_one() {
    let world = world().await;
    let usersig = world.sign(APP, "ann");
    world.stage.failing.store(true, Ordering::SeqCst);
    let refused = world.try_log_in("ann", Platform::Web).await;
    assert!(matches!(refused, Err(LoginError::Auth(AuthError::Store(_)))));
    world.stage.failing.store(false, Ordering::SeqCst);
    let credentials = headcount_service::Credentials::UserSig {
        identifier: "ann",
        usersig: &usersig,
    };
    let _ann = world.log_in_with(APP, credentials, Platform::Web).await.unwrap();
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
}

#[tokio::test]
async fn a_count_that_waits_for_the_directory_never_shows_a_dissolved_group() {
    let world = world().await;
    let _ann = world.log_in("ann").await;
    let hold = world.stage.hold("group");
    let count = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.try_count(FANS).await })
    };
    hold.reached().await;
    world.dissolve(FANS).await;
    world.community(FANS, &["ben"]).await;
    hold.release();
    assert_eq!(count.await.unwrap(), Ok(0), "ben's community, not ann's");
    let _ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
}

#[tokio::test]
async fn an_audit_is_of_one_moment_whatever_goes_on() {
    let world = world().await;
    let _ann = world.log_in("ann").await;
    let ben = world.log_in("ben").await;
    // Held when the rows are pinned, before they are read.
    let hold = world.stage.hold("cut");
    let audit = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.audit().await })
    };
    hold.reached().await;
    world.add(FANS, "ben").await;
    world.remove(FANS, "ann").await;
    drop(ben);
    world.community("@TGS#_new", &["ann"]).await;
    hold.release();
    audit.await.expect("the audit is clean");
    assert_eq!(world.count(FANS).await, 0);
}
