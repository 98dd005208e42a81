//! A store that fails spoils what needs it, and nothing that is known already; when it works again, so
//! does everything.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headcount_core::{Clock, MultiLogin, Platform};
use headcount_service::{AuthError, AuthenticatedCall, CountError, FindGroupError, LoginError};

use crate::FANS;
use crate::testkit::{ADMIN, APP, PEER, World};

async fn world() -> Arc<World> {
    let world = World::with(MultiLogin::default(), 1).await;
    world.community(FANS, &["ann", "ben"]).await;
    world
}

fn fails(world: &World, fails: bool) {
    world.stage.failing.store(fails, Ordering::SeqCst);
}

#[tokio::test]
async fn the_count_of_an_unknown_community_fails_and_recovers() {
    let world = world().await;
    let _ann = world.log_in("ann").await;
    fails(&world, true);
    let failed = world.try_count(FANS).await;
    assert!(
        matches!(failed, Err(CountError::Find(FindGroupError::Store(_)))),
        "{failed:?}"
    );
    fails(&world, false);
    assert_eq!(world.count(FANS).await, 1);
}

#[tokio::test]
async fn a_known_community_is_counted_without_the_store() {
    let world = world().await;
    let ann = world.log_in("ann").await;
    let ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 2);
    fails(&world, true);
    assert_eq!(world.count(FANS).await, 2);
    drop(ann);
    assert_eq!(world.count(FANS).await, 1, "and what ends meanwhile is seen");
    drop(ben);
    assert_eq!(world.count(FANS).await, 0);
}

#[tokio::test]
async fn a_known_usersig_is_accepted_without_the_store() {
    let world = world().await;
    let (known, unknown) = (world.sign(APP, ADMIN), world.sign(APP, "root"));
    let call = |identifier, usersig| AuthenticatedCall {
        sdkappid: APP,
        identifier,
        usersig,
        peer: PEER,
    };
    world.service.authenticate(&call(ADMIN, &known)).await.unwrap();
    fails(&world, true);
    assert!(
        world
            .service
            .authenticate_cached(&call(ADMIN, &known), world.clock.wall_s())
            .is_some()
    );
    let failed = world.service.authenticate(&call("root", &unknown)).await;
    assert!(matches!(failed, Err(AuthError::Store(_))), "{failed:?}");
    fails(&world, false);
    assert!(world.service.authenticate(&call("root", &unknown)).await.is_ok());
}

#[tokio::test]
async fn a_login_fails_and_leaves_nobody_online() {
    let world = world().await;
    let earlier = world.log_in("ann").await;
    fails(&world, true);
    let failed = world.try_log_in("ben", Platform::Web).await;
    assert!(
        matches!(failed, Err(LoginError::Auth(AuthError::Store(_)))),
        "{failed:?}"
    );
    let failed = world.come_back(&earlier.a2, earlier.tiny_id.0).await;
    assert!(
        matches!(failed, Err(LoginError::Auth(AuthError::Store(_)))),
        "{failed:?}"
    );
    assert_eq!(world.service.live().online_accounts(), 1, "ann, as before");
    fails(&world, false);
    assert_eq!(world.count(FANS).await, 1);
    let _ann = world.come_back(&earlier.a2, earlier.tiny_id.0).await.unwrap();
    let _ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 2);
    world.audit().await;
}

#[tokio::test]
async fn a_change_that_failed_changed_nothing() {
    let world = world().await;
    let _ann = world.log_in("ann").await;
    assert_eq!(world.count(FANS).await, 1);
    fails(&world, true);
    let backend = world.backend(APP);
    let users = [String::from("ann")];
    assert!(
        world
            .service
            .remove_members(&backend, FANS, &users)
            .await
            .is_err()
    );
    assert!(world.service.dissolve_group(&backend, FANS).await.is_err());
    assert!(world.service.delete_accounts(&backend, &users).await.is_err());
    assert!(world.service.kick(&backend, "ann").await.is_err());
    assert!(world.service.audit().await.is_err());
    assert_eq!(world.count(FANS).await, 1);
    fails(&world, false);
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
    world.remove(FANS, "ann").await;
    assert_eq!(world.count(FANS).await, 0);
}
