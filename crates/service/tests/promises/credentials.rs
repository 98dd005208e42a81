//! Who may come in: verified UserSigs are remembered no longer than they hold, a kick voids what was
//! issued before it, and guessing ends soon.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headcount_core::limits::{FAILED_USERSIGS_MAX, FAILED_USERSIGS_WINDOW_MS};
use headcount_core::{Clock, MultiLogin, SdkAppId};
use headcount_service::{AuthError, AuthenticatedCall, Ending, KickError, LoginError};

use crate::FANS;
use crate::testkit::stage::lock;
use crate::testkit::{ADMIN, APP, OTHER, PEER, USERSIG_S, World, app, ending};

async fn world() -> Arc<World> {
    let world = World::with(MultiLogin::default(), 1).await;
    world.community(FANS, &["ann"]).await;
    world.import(APP, &[ADMIN]).await;
    world
}

fn call<'a>(
    sdkappid: SdkAppId,
    identifier: &'a str,
    usersig: &'a str,
    peer: IpAddr,
) -> AuthenticatedCall<'a> {
    AuthenticatedCall {
        sdkappid,
        identifier,
        usersig,
        peer,
    }
}

/// Whether this UserSig of the admin is remembered.
fn remembered(world: &World, usersig: &str) -> bool {
    let call = call(APP, ADMIN, usersig, PEER);
    world
        .service
        .authenticate_cached(&call, world.clock.wall_s())
        .is_some()
}

async fn authenticate(world: &World, usersig: &str) -> Result<(), AuthError> {
    let call = call(APP, ADMIN, usersig, PEER);
    world.service.authenticate(&call).await.map(drop)
}

#[tokio::test]
async fn a_verified_usersig_is_remembered_up_to_its_last_second() {
    let world = world().await;
    let usersig = world.sign(APP, ADMIN);
    assert!(!remembered(&world, &usersig), "not before it was verified");
    assert_eq!(authenticate(&world, &usersig).await, Ok(()));
    assert!(remembered(&world, &usersig));
    world.clock.advance_s(USERSIG_S);
    assert!(remembered(&world, &usersig), "its last second");
    world.clock.advance_s(1);
    assert!(!remembered(&world, &usersig));
    let expired = AuthError::UserSig(usersig::Error::Expired);
    assert_eq!(authenticate(&world, &usersig).await, Err(expired));
}

#[tokio::test]
async fn a_remembered_usersig_is_good_for_its_user_and_app_alone() {
    let world = world().await;
    let usersig = world.sign(APP, ADMIN);
    authenticate(&world, &usersig).await.unwrap();
    for (sdkappid, identifier, text) in [
        (APP, "ann", usersig.as_str()),
        (OTHER, ADMIN, &usersig),
        (SdkAppId(7), ADMIN, &usersig),
        (APP, ADMIN, &usersig[1..]),
        (APP, ADMIN, ""),
    ] {
        let call = call(sdkappid, identifier, text, PEER);
        assert!(
            world
                .service
                .authenticate_cached(&call, world.clock.wall_s())
                .is_none()
        );
    }
}

#[tokio::test]
async fn a_kick_voids_a_remembered_usersig() {
    let world = world().await;
    let usersig = world.sign(APP, ADMIN);
    authenticate(&world, &usersig).await.unwrap();
    world.kick(ADMIN).await;
    assert!(!remembered(&world, &usersig));
    assert_eq!(authenticate(&world, &usersig).await, Err(AuthError::Revoked));
    assert!(!remembered(&world, &usersig));
    let newer = world.sign(APP, ADMIN);
    assert_eq!(authenticate(&world, &newer).await, Ok(()));
    assert!(remembered(&world, &newer));
}

#[tokio::test]
async fn a_usersig_that_is_verified_while_its_user_is_kicked_is_not_remembered() {
    let world = world().await;
    let usersig = world.sign(APP, ADMIN);
    // Held when the account was read and not yet revoked.
    let hold = world.stage.hold("accounts");
    let verifying = {
        let (world, usersig) = (Arc::clone(&world), usersig.clone());
        tokio::spawn(async move { authenticate(&world, &usersig).await })
    };
    hold.reached().await;
    world.kick(ADMIN).await;
    hold.release();
    assert_eq!(verifying.await.unwrap(), Ok(()), "this call came before the kick");
    assert!(!remembered(&world, &usersig));
    assert_eq!(authenticate(&world, &usersig).await, Err(AuthError::Revoked));
}

#[tokio::test]
async fn a_deleted_accounts_usersig_is_forgotten() {
    let world = world().await;
    let usersig = world.sign(APP, ADMIN);
    authenticate(&world, &usersig).await.unwrap();
    world.delete(ADMIN).await;
    assert!(!remembered(&world, &usersig));
}

#[tokio::test]
async fn a_new_key_voids_all_that_the_old_one_signed() {
    let world = world().await;
    let usersig = world.sign(APP, ADMIN);
    authenticate(&world, &usersig).await.unwrap();
    let others = world.sign(OTHER, ADMIN);
    let others = call(OTHER, ADMIN, &others, PEER);
    world.service.authenticate(&others).await.unwrap();
    let ann = world.log_in("ann").await;

    lock(&world.stage.changed_apps).push(app(APP, String::from("a new key")));
    assert!(remembered(&world, &usersig), "nobody has looked yet");
    world.service.refresh_apps().await.unwrap();
    assert!(!remembered(&world, &usersig));
    let signature = AuthError::UserSig(usersig::Error::BadSignature);
    assert_eq!(authenticate(&world, &usersig).await, Err(signature));
    let returned = world.come_back(&ann.a2, ann.tiny_id.0).await;
    assert_eq!(returned.map(drop), Err(LoginError::A2Invalid));

    let newer = usersig::sign("a new key", APP.0, ADMIN, world.clock.wall_s(), 60, None);
    assert_eq!(authenticate(&world, &newer).await, Ok(()));
    assert!(
        world
            .service
            .authenticate_cached(&others, world.clock.wall_s())
            .is_some(),
        "an app that did not change keeps its own"
    );
}

#[tokio::test]
async fn an_admin_who_is_none_any_more_is_none_at_once() {
    let world = world().await;
    let mut changed = app(APP, crate::testkit::key_of(APP));
    changed.admins = vec![String::from("root")];
    lock(&world.stage.changed_apps).push(changed);
    world.service.refresh_apps().await.unwrap();
    let entry = world.service.app(APP).unwrap();
    assert!(entry.admin(ADMIN).is_none());
    assert!(entry.admin("root").is_some());
}

#[tokio::test]
async fn a_kick_and_a_deletion_void_also_what_was_remembered_since_the_app_changed() {
    let world = world().await;
    // Calls that came in before the change, and are at work after it.
    let backend = world.backend(APP);
    let mut changed = app(APP, crate::testkit::key_of(APP));
    changed.admins.push(String::from("root"));
    lock(&world.stage.changed_apps).push(changed);
    world.service.refresh_apps().await.unwrap();

    let usersig = world.sign(APP, ADMIN);
    authenticate(&world, &usersig).await.unwrap();
    let committed = world.stage.hold("revoke_usersigs");
    let passes = async {
        committed.reached().await;
        committed.release();
        world.clock.advance_s(1);
    };
    let (kicked, ()) = tokio::join!(world.service.kick(&backend, ADMIN), passes);
    assert_eq!(kicked, Ok(()));
    assert!(!remembered(&world, &usersig), "kicked");

    let newer = world.sign(APP, ADMIN);
    authenticate(&world, &newer).await.unwrap();
    let names = [ADMIN.to_owned()];
    world.service.delete_accounts(&backend, &names).await.unwrap();
    assert!(!remembered(&world, &newer), "deleted");
}

#[tokio::test]
async fn a_kick_answers_when_its_second_has_passed_and_not_before() {
    let world = world().await;
    let ann = world.log_in("ann").await;
    let same_second = world.sign(APP, "ann");
    let committed = world.stage.hold("revoke_usersigs");
    let backend = world.backend(APP);
    let mut kick = pin!(world.service.kick(&backend, "ann"));
    tokio::select! {
        answer = &mut kick => panic!("answered before its commit: {answer:?}"),
        () = committed.reached() => committed.release(),
    }
    assert_eq!(ending(&ann), Some(Ending::Kicked), "sessions end at once");
    let looks = world.clock.looks.load(Ordering::SeqCst);
    tokio::select! {
        answer = &mut kick => panic!("answered in its own second: {answer:?}"),
        () = looked_at(&world, looks + 5) => {}
    }
    world.clock.advance_s(1);
    assert_eq!(kick.await, Ok(()));

    let with = |usersig| headcount_service::Credentials::UserSig {
        identifier: "ann",
        usersig,
    };
    let web = headcount_core::Platform::Web;
    let refused = world.log_in_with(APP, with(&same_second), web).await;
    assert_eq!(refused.map(drop), Err(LoginError::Auth(AuthError::Revoked)));
    let refused = world.come_back(&ann.a2, ann.tiny_id.0).await;
    assert_eq!(refused.map(drop), Err(LoginError::A2Invalid));
    let refused = world.service.caller_of_a2(APP, &ann.a2, ann.tiny_id.0).await;
    assert_eq!(refused.map(drop), Err(LoginError::A2Invalid));
    assert_eq!(world.count(FANS).await, 0);
    // What is issued after the answer holds.
    let _ann = world.log_in("ann").await;
    assert_eq!(world.count(FANS).await, 1);
}

async fn looked_at(world: &World, times: u64) {
    while world.clock.looks.load(Ordering::SeqCst) < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_kicks_who_is_not_there() {
    let world = world().await;
    let backend = world.backend(APP);
    for name in ["zoe", "", "not\nan id"] {
        let kicked = world.service.kick(&backend, name).await;
        assert_eq!(kicked, Err(KickError::AccountAbsent), "{name:?}");
    }
}

#[tokio::test]
async fn an_a2_holds_as_long_as_the_usersig_it_came_from() {
    let world = world().await;
    let ann = world.log_in("ann").await;
    world.clock.advance_s(USERSIG_S);
    let ann = world.come_back(&ann.a2, ann.tiny_id.0).await.unwrap();
    world.clock.advance_s(1);
    let late = world.come_back(&ann.a2, ann.tiny_id.0).await;
    assert_eq!(
        late.map(drop),
        Err(LoginError::A2Invalid),
        "a return does not prolong it"
    );
}

#[tokio::test]
async fn guessing_ends_for_who_guesses_and_for_nobody_else() {
    let world = world().await;
    let cached = world.sign(APP, ADMIN);
    authenticate(&world, &cached).await.unwrap();
    let wrong = usersig::sign("a guess", APP.0, ADMIN, world.clock.wall_s(), 60, None);
    let signature = Err(AuthError::UserSig(usersig::Error::BadSignature));
    for _ in 0..FAILED_USERSIGS_MAX {
        assert_eq!(authenticate(&world, &wrong).await, signature);
    }
    assert_eq!(
        authenticate(&world, &wrong).await,
        Err(AuthError::TooManyFailures)
    );
    world.clock.advance_s(1);
    let right = world.sign(APP, ADMIN);
    assert_ne!(right, cached);
    let refused = authenticate(&world, &right).await;
    assert_eq!(
        refused,
        Err(AuthError::TooManyFailures),
        "the right one could be guessed too"
    );
    assert!(remembered(&world, &cached), "what is known needs no check");

    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let from_elsewhere = call(APP, ADMIN, &right, elsewhere);
    assert!(world.service.authenticate(&from_elsewhere).await.is_ok());
    let another_app = world.sign(OTHER, ADMIN);
    let another_app = call(OTHER, ADMIN, &another_app, PEER);
    assert!(world.service.authenticate(&another_app).await.is_ok());
    let _another_user = world.log_in("ann").await;

    let newer = usersig::sign(
        &crate::testkit::key_of(APP),
        APP.0,
        ADMIN,
        world.clock.wall_s(),
        600,
        None,
    );
    assert_eq!(
        authenticate(&world, &newer).await,
        Err(AuthError::TooManyFailures)
    );
    world.clock.advance_s(FAILED_USERSIGS_WINDOW_MS / 1000);
    assert_eq!(authenticate(&world, &newer).await, Ok(()), "a minute later");
}
