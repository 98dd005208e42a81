//! Adding, removing and listing members.

use headcount_core::{AccountKey, GroupKey, Role};

use super::stage::{APP, NOW_S, OTHER_APP, Stage, joined, left, member, members, public, user, users};
use crate::{AddMembersError, AddedMember, Member, NewGroup, NewMember, PageStart, RemovedMembers};

pub(super) async fn adding_tells_what_became_of_each(stage: Stage) {
    let [a, b, c] = stage.accounts(["a", "b", "c"]).await;
    stage.account(OTHER_APP, "d").await;
    let group = stage.create(public("g", Some("a"), &[])).await.key;
    drop(stage.sink.take());
    let admin = NewMember {
        role: Role::Admin,
        joined_at_s: Some(5),
        ..member("c")
    };
    let new = [
        vec![member("d"), member("b"), member("a"), admin],
        members(&["b"]),
    ]
    .concat();
    let added = stage.directory.add_members(group, new, NOW_S + 1).await;
    assert_eq!(
        added,
        Ok(vec![
            AddedMember::AccountAbsent,
            AddedMember::Added(b),
            AddedMember::AlreadyMember(a),
            AddedMember::Added(c),
            AddedMember::AlreadyMember(b),
        ])
    );
    assert_eq!(stage.sink.take(), [joined(group, b), joined(group, c)]);
    assert_eq!(stage.group("g").await.expect("g").members, 3);
    let roll = stage.roll(group).await;
    let roll: Vec<_> = roll.iter().map(|m| (m.account, m.role, m.joined_at_s)).collect();
    assert_eq!(
        roll,
        [
            (a, Role::Owner, NOW_S),
            (b, Role::Member, NOW_S + 1),
            (c, Role::Admin, 5)
        ]
    );

    let admin_again = NewMember {
        role: Role::Admin,
        ..member("b")
    };
    let added = stage
        .directory
        .add_members(group, vec![admin_again], NOW_S + 2)
        .await;
    assert_eq!(added, Ok(vec![AddedMember::AlreadyMember(b)]));
    assert_eq!(stage.roll(group).await[1].role, Role::Member, "nothing changed");
    assert_eq!(
        stage.directory.add_members(group, vec![], NOW_S).await,
        Ok(vec![])
    );
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn a_full_group_takes_none_of_too_many(stage: Stage) {
    stage.accounts(["a", "b", "c", "d"]).await;
    let small = NewGroup {
        members_max: 3,
        ..public("g", Some("a"), &["b"])
    };
    let group = stage.create(small).await.key;
    drop(stage.sink.take());
    let directory = &stage.directory;
    let refused = directory.add_members(group, members(&["c", "d"]), NOW_S).await;
    assert_eq!(refused, Err(AddMembersError::Full));
    assert_eq!(stage.sink.take(), []);
    assert_eq!(stage.group("g").await.expect("g").members, 2);
    assert_eq!(stage.roll(group).await.len(), 2);
    // Those who are members already and those who do not exist take no room.
    let fits = directory
        .add_members(group, members(&["a", "nobody", "c", "b", "c"]), NOW_S)
        .await;
    assert_eq!(fits.expect("there is room for one").len(), 5);
    assert_eq!(stage.group("g").await.expect("g").members, 3);
    let none_new = directory
        .add_members(group, members(&["a", "b", "c"]), NOW_S)
        .await;
    assert!(none_new.is_ok(), "a full group holds its members");
    let refused = directory.add_members(group, members(&["d"]), NOW_S).await;
    assert_eq!(refused, Err(AddMembersError::Full));
    let removed = directory.remove_members(group, users(&["b"])).await;
    assert!(removed.is_ok());
    stage.add(group, &["d"]).await;
}

pub(super) async fn nobody_joins_a_group_that_is_gone(stage: Stage) {
    stage.accounts(["a"]).await;
    let absent = GroupKey(77);
    let directory = &stage.directory;
    let added = directory.add_members(absent, members(&["a"]), NOW_S).await;
    assert_eq!(added, Err(AddMembersError::GroupGone));
    assert_eq!(directory.remove_members(absent, users(&["a"])).await, Ok(None));
    assert_eq!(
        directory.member_of(absent, users(&["a", "b"])).await,
        Ok(vec![None, None])
    );
    assert_eq!(directory.dissolve_group(absent).await, Ok(false));
    assert_eq!(stage.roll(absent).await, []);
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn removing_passes_over_strangers(stage: Stage) {
    let [a, b, c, _] = stage.accounts(["a", "b", "c", "d"]).await;
    let group = stage.create(public("g", Some("a"), &["b", "c"])).await.key;
    let other = stage.create(public("other", None, &["c"])).await.key;
    drop(stage.sink.take());
    let removed = stage
        .directory
        .remove_members(group, users(&["c", "d", "nobody", "b", "c"]))
        .await;
    assert_eq!(removed, Ok(Some(RemovedMembers { removed: vec![c, b] })));
    assert_eq!(stage.sink.take(), [left(group, c), left(group, b)]);
    let found = stage.group("g").await.expect("g");
    assert_eq!((found.members, found.owner), (1, Some(user("a"))));
    assert_eq!(stage.groups_at_login(a).await, [group]);
    assert_eq!(stage.groups_at_login(b).await, []);
    assert_eq!(stage.groups_at_login(c).await, [other]);
    let removed = stage.directory.remove_members(group, users(&["c"])).await;
    assert_eq!(removed, Ok(Some(RemovedMembers::default())));
    assert_eq!(stage.sink.take(), []);
}

pub(super) async fn a_group_whose_owner_is_removed_has_none(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let group = stage.create(public("g", Some("a"), &["b"])).await.key;
    let removed = stage.directory.remove_members(group, users(&["a"])).await;
    assert_eq!(removed, Ok(Some(RemovedMembers { removed: vec![a] })));
    let found = stage.group("g").await.expect("g");
    assert_eq!((found.owner, found.members), (None, 1));
    assert_eq!(stage.directory.owned_count(a, 10).await, Ok(0));
    stage.add(group, &["a"]).await;
    let roles: Vec<_> = stage
        .roll(group)
        .await
        .iter()
        .map(|m| (m.account, m.role))
        .collect();
    assert_eq!(
        roles,
        [(a, Role::Member), (b, Role::Member)],
        "back as a member like others"
    );
    assert_eq!(stage.group("g").await.expect("g").owner, None);
}

pub(super) async fn memberships_of_users_come_in_their_order(stage: Stage) {
    let [a, b, _] = stage.accounts(["a", "b", "c"]).await;
    let group = stage.create(public("g", Some("b"), &["a"])).await.key;
    let of = |account, name, role| {
        Some(Member {
            account,
            user: user(name),
            role,
            joined_at_s: NOW_S,
        })
    };
    let (owner, ordinary) = (of(b, "b", Role::Owner), of(a, "a", Role::Member));
    let found = stage
        .directory
        .member_of(group, users(&["c", "b", "nobody", "a", "b"]))
        .await;
    assert_eq!(found, Ok(vec![None, owner.clone(), None, ordinary, owner]));
}

pub(super) async fn pages_by_key_show_each_member_once_while_others_join(stage: Stage) {
    let names: Vec<String> = (0..60).map(|n| format!("user{n}")).collect();
    for name in &names {
        stage.account(APP, name).await;
    }
    let name = |n: usize| names[n].as_str();
    let first: Vec<&str> = (0..60).step_by(2).map(name).collect();
    let group = stage.create(public("g", None, &first)).await.key;
    let mut seen: Vec<Member> = Vec::new();
    for turn in 0.. {
        let after = seen.last().map_or(AccountKey(0), |last| last.account);
        let page = stage.page(group, PageStart::After(after), 7, &[]).await;
        if page.is_empty() {
            break;
        }
        seen.extend(page);
        // One joins behind the page and one before it, and one who was seen leaves.
        stage.add(group, &[name(turn * 2 + 1), name(59 - turn * 2)]).await;
        let gone = seen[turn].user.clone();
        let removed = stage.directory.remove_members(group, vec![gone]).await;
        assert!(removed.is_ok());
    }
    assert!(
        seen.windows(2).all(|pair| pair[0].account < pair[1].account),
        "in order, none twice"
    );
    for name in first {
        assert!(
            seen.iter().any(|member| member.user.as_str() == name),
            "{name} was missed"
        );
    }
    let beyond = stage
        .page(group, PageStart::After(AccountKey(u64::MAX)), 7, &[])
        .await;
    assert_eq!(beyond, []);
}

pub(super) async fn pages_by_offset_and_by_role(stage: Stage) {
    let keys = stage.accounts(["a", "b", "c", "d", "e"]).await;
    let [ann, bob, cleo, dan, eve] = keys;
    let group = stage.create(public("g", Some("c"), &["a", "e"])).await.key;
    let admins = users(&["d", "b"]).into_iter().map(|user| NewMember {
        user,
        role: Role::Admin,
        joined_at_s: None,
    });
    let added = stage.directory.add_members(group, admins.collect(), NOW_S).await;
    assert!(added.is_ok());
    let start = PageStart::Offset;
    let after = PageStart::After;
    let rows: [(PageStart, u32, &[Role], &[AccountKey]); 14] = [
        (start(0), 10, &[], &keys),
        (start(0), 2, &[], &[ann, bob]),
        (start(3), 10, &[], &[dan, eve]),
        (start(9), 10, &[], &[]),
        (start(0), 0, &[], &[]),
        (start(0), 10, &[Role::Owner], &[cleo]),
        (start(0), 10, &[Role::Admin], &[bob, dan]),
        (start(1), 10, &[Role::Admin], &[dan]),
        (start(0), 10, &[Role::Admin, Role::Owner], &[bob, cleo, dan]),
        (start(0), 10, &[Role::Member], &[ann, eve]),
        (start(0), 10, &[Role::Member, Role::Owner], &[ann, cleo, eve]),
        (after(bob), 10, &[Role::Admin, Role::Owner], &[cleo, dan]),
        (after(bob), 1, &[Role::Admin, Role::Owner], &[cleo]),
        (after(ann), 10, &[Role::Member], &[eve]),
    ];
    for (start, limit, roles, expected) in rows {
        let page = stage.page(group, start, limit, roles).await;
        let page: Vec<AccountKey> = page.iter().map(|member| member.account).collect();
        assert_eq!(page, expected, "{start:?} {limit} {roles:?}");
    }
}
