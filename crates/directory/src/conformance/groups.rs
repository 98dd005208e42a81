//! Creating and dissolving groups.

use headcount_core::{AccountKey, Change, GroupType, InviteOption, JoinOption, Role};

use super::stage::{
    APP, NOW_S, OTHER_APP, Stage, all_joined, group_id, joined, member, members, public, user, users,
};
use crate::{AddMembersError, CreateGroupError, Group, NewGroup, NewMember, PageStart};

pub(super) async fn a_group_is_found_as_it_was_created(stage: Stage) {
    let [a, b, c] = stage.accounts(["a", "b", "c"]).await;
    let admin = NewMember {
        role: Role::Admin,
        joined_at_s: Some(7),
        ..member("c")
    };
    let new = NewGroup {
        group_type: GroupType::Community,
        name: "name".to_owned(),
        introduction: "introduction".to_owned(),
        notification: "notification".to_owned(),
        face_url: "face".to_owned(),
        members: vec![admin, member("a")],
        join_option: JoinOption::NeedPermission,
        invite_option: InviteOption::NeedPermission,
        members_max: 1_000_000,
        support_topic: true,
        ..public("@TGS#_fans", Some("b"), &[])
    };
    let expected = |key| Group {
        key,
        app: APP,
        id: group_id("@TGS#_fans"),
        group_type: GroupType::Community,
        name: "name".to_owned(),
        introduction: "introduction".to_owned(),
        notification: "notification".to_owned(),
        face_url: "face".to_owned(),
        owner: Some(user("b")),
        join_option: JoinOption::NeedPermission,
        invite_option: InviteOption::NeedPermission,
        members: 3,
        members_max: 1_000_000,
        support_topic: true,
        created_at_s: NOW_S,
    };
    let group = stage.create(new).await;
    assert_eq!(group, expected(group.key));
    assert_eq!(stage.group("@TGS#_fans").await, Some(expected(group.key)));
    let told = [b, c, a].map(|account| joined(group.key, account));
    assert_eq!(
        stage.sink.take(),
        told,
        "the owner, then the members in their order"
    );
    let roll = stage.roll(group.key).await;
    let roll: Vec<_> = roll.iter().map(|m| (m.account, m.role, m.joined_at_s)).collect();
    assert_eq!(
        roll,
        [
            (a, Role::Member, NOW_S),
            (b, Role::Owner, NOW_S),
            (c, Role::Admin, 7)
        ]
    );
}

pub(super) async fn the_owner_may_be_named_among_the_members(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let new = NewGroup {
        members_max: 2,
        ..public("g", Some("a"), &["b", "a", "b"])
    };
    let group = stage.create(new).await;
    assert_eq!(group.members, 2, "each counts once");
    assert_eq!(stage.sink.take(), [joined(group.key, a), joined(group.key, b)]);
    let roles: Vec<_> = stage.roll(group.key).await.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::Owner, Role::Member]);
}

pub(super) async fn a_live_room_stores_no_members(stage: Stage) {
    let [a] = stage.accounts(["a"]).await;
    let room = NewGroup {
        group_type: GroupType::AvChatRoom,
        ..public("room", Some("a"), &[])
    };
    let group = stage.create(room).await;
    assert_eq!((group.owner, group.members), (Some(user("a")), 0));
    assert_eq!(stage.sink.take(), []);
    assert_eq!(stage.roll(group.key).await, []);
    assert_eq!(stage.directory.owned_count(a, 10).await, Ok(1));
    assert_eq!(stage.directory.joined_count(a, 10).await, Ok(0));
    assert_eq!(stage.directory.dissolve_group(group.key).await, Ok(true));
    assert_eq!(stage.group("room").await, None);
}

pub(super) async fn a_taken_id_is_refused_and_tells_whose_it_is(stage: Stage) {
    stage.accounts(["a", "b"]).await;
    stage.create(public("of a", Some("a"), &["b"])).await;
    stage.create(public("of none", None, &[])).await;
    drop(stage.sink.take());
    for (id, owner, by_same_owner) in [
        ("of a", Some("a"), true),
        ("of a", Some("b"), false),
        ("of a", None, false),
        ("of none", Some("a"), false),
        ("of none", None, false),
    ] {
        let refused = stage.directory.create_group(public(id, owner, &[])).await;
        assert_eq!(
            refused,
            Err(CreateGroupError::IdTaken { by_same_owner }),
            "{id} {owner:?}"
        );
    }
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn refused_groups_leave_nothing_behind(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let directory = &stage.directory;
    let absent = Err(CreateGroupError::AccountAbsent(user("nobody")));
    let refused = directory.create_group(public("g", Some("nobody"), &["a"])).await;
    assert_eq!(refused, absent);
    let refused = directory
        .create_group(public("g", Some("a"), &["b", "nobody"]))
        .await;
    assert_eq!(refused, absent);
    let small = NewGroup {
        members_max: 1,
        ..public("g", Some("a"), &["b"])
    };
    assert_eq!(directory.create_group(small).await, Err(CreateGroupError::Full));

    assert_eq!(stage.group("g").await, None);
    assert_eq!(stage.sink.take(), []);
    for account in [a, b] {
        assert_eq!(directory.joined_count(account, 10).await, Ok(0));
        assert_eq!(directory.owned_count(account, 10).await, Ok(0));
    }
    assert_eq!(stage.create(public("g", Some("a"), &["b"])).await.members, 2);
}

pub(super) async fn the_same_id_in_two_apps_is_two_groups(stage: Stage) {
    let [here] = stage.accounts(["a"]).await;
    let there = stage.account(OTHER_APP, "a").await.key;
    stage.account(OTHER_APP, "stranger").await;
    let one = stage.create(public("g", Some("a"), &[])).await;
    let other = NewGroup {
        app: OTHER_APP,
        ..public("g", Some("a"), &[])
    };
    let two = stage.create(other).await;
    assert_eq!(stage.sink.take(), [joined(one.key, here), joined(two.key, there)]);
    let foreign = stage
        .directory
        .create_group(public("h", None, &["stranger"]))
        .await;
    assert_eq!(foreign, Err(CreateGroupError::AccountAbsent(user("stranger"))));
    assert_eq!(stage.directory.dissolve_group(two.key).await, Ok(true));
    assert_eq!(stage.group("g").await, Some(one));
    assert_eq!(stage.directory.group(OTHER_APP, group_id("g")).await, Ok(None));
    let ids = ["none", "g", "g"].map(group_id).to_vec();
    let found = stage.directory.groups(APP, ids.clone()).await;
    assert_eq!(
        found,
        Ok(vec![None, stage.group("g").await, stage.group("g").await])
    );
    let found = stage.directory.groups(OTHER_APP, ids).await;
    assert_eq!(found, Ok(vec![None, None, None]));
}

pub(super) async fn a_dissolved_group_is_gone_for_everybody(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let group = stage.create(public("g", Some("a"), &["b"])).await.key;
    let directory = &stage.directory;
    drop(stage.sink.take());
    assert_eq!(directory.dissolve_group(group).await, Ok(true));
    let told = Change::Dissolved {
        app: APP,
        id: group_id("g"),
        group,
    };
    assert_eq!(stage.sink.take(), [told], "and no Left for each member");

    assert_eq!(directory.dissolve_group(group).await, Ok(false));
    assert_eq!(stage.group("g").await, None);
    assert_eq!(stage.roll(group).await, []);
    assert_eq!(
        stage.page(group, PageStart::Offset(0), 9, &[Role::Owner]).await,
        []
    );
    assert_eq!(directory.member_of(group, users(&["a"])).await, Ok(vec![None]));
    let added = directory.add_members(group, members(&["b"]), NOW_S).await;
    assert_eq!(added, Err(AddMembersError::GroupGone));
    assert_eq!(directory.remove_members(group, users(&["b"])).await, Ok(None));
    for account in [a, b] {
        assert_eq!(stage.groups_at_login(account).await, []);
        assert_eq!(directory.joined_count(account, 10).await, Ok(0));
        assert_eq!(directory.owned_count(account, 10).await, Ok(0));
        let joined = directory
            .joined_groups(account, all_joined(false))
            .await
            .expect("groups");
        assert_eq!((joined.total, joined.groups), (0, vec![]));
    }
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn the_id_of_a_dissolved_group_is_free_at_once(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let mut last = stage.create(public("g", Some("a"), &["b"])).await.key;
    for _ in 0..5 {
        assert_eq!(stage.directory.dissolve_group(last).await, Ok(true));
        let next = stage.create(public("g", Some("b"), &[])).await;
        assert!(next.key > last, "keys are never used twice");
        assert_eq!(stage.groups_at_login(a).await, []);
        assert_eq!(stage.groups_at_login(b).await, [next.key]);
        let roll: Vec<AccountKey> = stage.roll(next.key).await.iter().map(|m| m.account).collect();
        assert_eq!(roll, [b], "the members of the old group are not those of the new");
        last = next.key;
    }
    assert_eq!(stage.directory.dissolve_group(last).await, Ok(true));
    let stage = stage.reopen().await;
    let next = stage.create(public("g", Some("b"), &[])).await;
    assert!(next.key > last, "also after another opening");
}
