//! The promises to users, one by one, over the real store: exact, fresh and private here; who may come in
//! in `credentials`; what a failing store may spoil in `failing_store`.

mod credentials;
mod failing_store;
#[path = "../testkit/mod.rs"]
mod testkit;

use std::sync::Arc;

use headcount_core::{GroupType, MultiLogin, MultiLoginPolicy, Platform};
use headcount_service::{
    AuthError, CountError, Credentials, Ending, FindGroupError, JoinOutcome, LoginError,
};
use testkit::{APP, OTHER, World, describe, ending, names};

const FANS: &str = "@TGS#_fans";

/// A world with the rules of a new app, and a community of ann.
async fn world() -> Arc<World> {
    let world = World::with(MultiLogin::default(), 1).await;
    world.community(FANS, &["ann"]).await;
    world
}

#[tokio::test]
async fn exact_a_user_counts_once_on_however_many_devices() {
    let rules = MultiLogin {
        policy: MultiLoginPolicy::Multi,
        web_instances: 2,
        native_instances: 1,
    };
    let world = World::with(rules, 1).await;
    world.community(FANS, &["ann", "ben"]).await;
    let mut devices = Vec::new();
    for platform in [Platform::Web, Platform::Web, Platform::Android, Platform::Mac] {
        devices.push(world.try_log_in("ann", platform).await.unwrap());
        assert_eq!(world.count(FANS).await, 1, "with {} devices", devices.len());
    }
    let _ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 2);
    while let Some(device) = devices.pop() {
        assert_eq!(
            world.count(FANS).await,
            2,
            "with {} devices left",
            devices.len() + 1
        );
        drop(device);
    }
    assert_eq!(world.count(FANS).await, 1);
    world.audit().await;
}

#[tokio::test]
async fn exact_a_login_that_takes_the_place_of_another_is_no_second_one() {
    let world = world().await;
    let first = world.log_in("ann").await;
    let second = world.log_in("ann").await;
    assert_eq!(ending(&first), Some(Ending::SamePlatform));
    assert_eq!(world.count(FANS).await, 1);
    drop(first);
    assert_eq!(
        world.count(FANS).await,
        1,
        "the late end of the loser ends nothing"
    );
    let phone = world.try_log_in("ann", Platform::Android).await.unwrap();
    assert_eq!(ending(&second), None, "a phone goes together with a browser");
    let tablet = world.try_log_in("ann", Platform::IPad).await.unwrap();
    assert_eq!(ending(&phone), Some(Ending::OtherPlatform));
    assert_eq!(ending(&second), None);
    drop((phone, second));
    assert_eq!(world.count(FANS).await, 1);
    drop(tablet);
    assert_eq!(world.count(FANS).await, 0);
}

#[tokio::test]
async fn exact_a_return_takes_over_from_its_own_old_connection() {
    let world = world().await;
    let before = world.log_in("ann").await;
    let after = world.come_back(&before.a2, before.tiny_id.0).await.unwrap();
    assert_eq!((after.instance, after.tiny_id), (before.instance, before.tiny_id));
    assert_eq!(ending(&before), Some(Ending::Reconnected));
    assert_eq!(world.count(FANS).await, 1);
    drop(before);
    assert_eq!(world.count(FANS).await, 1);
    // Late: another login has taken the place meanwhile.
    world.clock.advance_s(1);
    let newer = world.log_in("ann").await;
    assert_eq!(ending(&after), Some(Ending::SamePlatform));
    let late = world.come_back(&after.a2, after.tiny_id.0).await;
    assert_eq!(late.map(drop), Err(LoginError::NewerLogin));
    assert_eq!(ending(&newer), None);
    assert_eq!(world.count(FANS).await, 1);
}

#[tokio::test]
async fn fresh_the_next_read_sees_a_login_and_its_end() {
    let world = world().await;
    assert_eq!(world.count(FANS).await, 0);
    for _ in 0..3 {
        let ann = world.log_in("ann").await;
        assert_eq!(world.count(FANS).await, 1);
        drop(ann);
        assert_eq!(world.count(FANS).await, 0);
    }
    // A connection whose task is cut off in the middle of whatever it does.
    let ann = world.log_in("ann").await;
    let task = tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(ann);
    });
    assert_eq!(world.count(FANS).await, 1);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(world.count(FANS).await, 0);
}

#[tokio::test]
async fn fresh_the_next_read_sees_a_join_and_a_leave() {
    let world = world().await;
    world.import(APP, &["ben"]).await;
    let ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 0);
    let joined = world.service.join(&ben.caller, FANS).await;
    assert_eq!(joined, Ok(JoinOutcome::Joined));
    assert_eq!(world.count(FANS).await, 1);
    assert_eq!(world.service.quit(&ben.caller, FANS).await, Ok(()));
    assert_eq!(world.count(FANS).await, 0);
    world.add(FANS, "ben").await;
    assert_eq!(world.count(FANS).await, 1);
    world.remove(FANS, "ben").await;
    assert_eq!(world.count(FANS).await, 0);
    // One who is offline joins, and counts from the login on.
    drop(ben);
    world.add(FANS, "ben").await;
    assert_eq!(world.count(FANS).await, 0);
    let _ben = world.log_in("ben").await;
    assert_eq!(world.count(FANS).await, 1);
}

#[tokio::test]
async fn fresh_the_next_read_sees_a_kick_a_deletion_and_a_dissolution() {
    let world = world().await;
    world.community("@TGS#_other", &["ann", "ben"]).await;
    let ann = world.log_in("ann").await;
    let ben = world.log_in("ben").await;
    assert_eq!(
        (world.count(FANS).await, world.count("@TGS#_other").await),
        (1, 2)
    );

    world.kick("ann").await;
    assert_eq!(ending(&ann), Some(Ending::Kicked));
    assert_eq!(
        (world.count(FANS).await, world.count("@TGS#_other").await),
        (0, 1)
    );
    drop(ann);

    world.delete("ben").await;
    assert_eq!(ending(&ben), Some(Ending::Kicked));
    assert_eq!(world.count("@TGS#_other").await, 0);
    drop(ben);
    let _stranger = world.log_in("ben").await;
    assert_eq!(
        world.count("@TGS#_other").await,
        0,
        "a new account of the same name"
    );

    let _ann = world.log_in("ann").await;
    assert_eq!(
        (world.count(FANS).await, world.count("@TGS#_other").await),
        (1, 1)
    );
    world.dissolve(FANS).await;
    let absent = CountError::Find(FindGroupError::Absent);
    assert_eq!(world.try_count(FANS).await, Err(absent));
    assert_eq!(world.count("@TGS#_other").await, 1);
    world.audit().await;
}

#[tokio::test]
async fn fresh_a_room_counts_who_is_there() {
    let world = world().await;
    let room = describe(GroupType::AvChatRoom, "room", &[]);
    world
        .service
        .create_group(&world.backend(APP), room)
        .await
        .unwrap();
    let ann = world.log_in("ann").await;
    assert_eq!(world.count("room").await, 0);
    assert_eq!(
        world.service.join(&ann.caller, "room").await,
        Ok(JoinOutcome::Joined)
    );
    assert_eq!(world.count("room").await, 1);
    let phone = world.try_log_in("ann", Platform::Android).await.unwrap();
    assert_eq!(world.count("room").await, 1);
    drop(ann);
    assert_eq!(
        world.count("room").await,
        1,
        "the user is there, on whichever device"
    );
    world.audit().await;
    drop(phone);
    assert_eq!(world.count("room").await, 0);
    let _ann = world.log_in("ann").await;
    assert_eq!(
        world.count("room").await,
        0,
        "being there ended with the last device"
    );
}

#[tokio::test]
async fn private_two_apps_may_use_the_same_names() {
    let world = world().await;
    world.import(OTHER, &["ann", "zoe"]).await;
    let (ours, theirs) = (world.backend(APP), world.backend(OTHER));
    let count = async |backend| world.service.online_member_num(backend, FANS, |_| true).await;
    assert_eq!(
        count(&theirs).await,
        Err(CountError::Find(FindGroupError::Absent))
    );
    let same_id = describe(GroupType::Community, FANS, &["ann", "zoe"]);
    world.service.create_group(&theirs, same_id).await.unwrap();

    let _ann = world.log_in("ann").await;
    assert_eq!(count(&ours).await, Ok(1));
    assert_eq!(count(&theirs).await, Ok(0));
    assert!(world.service.known_online_member_num(&theirs, FANS, |_| true) == Some(Ok(0)));
    let usersig = world.sign(OTHER, "zoe");
    let credentials = Credentials::UserSig {
        identifier: "zoe",
        usersig: &usersig,
    };
    let zoe = world
        .log_in_with(OTHER, credentials, Platform::Web)
        .await
        .unwrap();
    assert_eq!((count(&ours).await, count(&theirs).await), (Ok(1), Ok(1)));

    // Neither sees, kicks, deletes or dissolves the other's.
    let status = world.service.user_status(&ours, &names(&["zoe"])).await.unwrap();
    assert_eq!(status, [None]);
    let status = world
        .service
        .user_status(&theirs, &names(&["ann"]))
        .await
        .unwrap();
    assert_eq!(
        status[0].as_ref().unwrap().devices,
        [],
        "their ann is another one"
    );
    world
        .service
        .delete_accounts(&theirs, &names(&["ann"]))
        .await
        .unwrap();
    assert_eq!((count(&ours).await, count(&theirs).await), (Ok(1), Ok(1)));
    world.dissolve(FANS).await;
    assert_eq!(count(&theirs).await, Ok(1));
    assert_eq!(ending(&zoe), None);
}

#[tokio::test]
async fn private_credentials_of_another_app_or_user_open_nothing() {
    let world = world().await;
    world.import(OTHER, &["ann"]).await;
    let theirs = world.sign(OTHER, "ann");
    let with = |usersig| Credentials::UserSig {
        identifier: "ann",
        usersig,
    };
    let refused = world.log_in_with(APP, with(&theirs), Platform::Web).await;
    let mismatch = LoginError::Auth(AuthError::UserSig(usersig::Error::AppMismatch));
    assert_eq!(refused.map(drop), Err(mismatch));
    // The same app's number, signed with another app's key.
    let forged = usersig::sign(&testkit::key_of(OTHER), APP.0, "ann", 1_800_000_000, 86_400, None);
    let refused = world.log_in_with(APP, with(&forged), Platform::Web).await;
    let signature = LoginError::Auth(AuthError::UserSig(usersig::Error::BadSignature));
    assert_eq!(refused.map(drop), Err(signature));
    let bens = world.sign(APP, "ben");
    let refused = world.log_in_with(APP, with(&bens), Platform::Web).await;
    let user = LoginError::Auth(AuthError::UserSig(usersig::Error::UserMismatch));
    assert_eq!(refused.map(drop), Err(user));

    let there = world
        .log_in_with(OTHER, with(&theirs), Platform::Web)
        .await
        .unwrap();
    let here = world.log_in("ann").await;
    for (a2, tiny_id) in [
        (&there.a2, there.tiny_id),
        (&there.a2, here.tiny_id),
        (&here.a2, there.tiny_id),
    ] {
        let returned = world.come_back(a2, tiny_id.0).await;
        assert_eq!(returned.map(drop), Err(LoginError::A2Invalid));
        let caller = world.service.caller_of_a2(APP, a2, tiny_id.0).await;
        assert_eq!(caller.map(drop), Err(LoginError::A2Invalid));
    }
    assert_eq!(ending(&here), None);
    assert_eq!(world.count(FANS).await, 1);
}
