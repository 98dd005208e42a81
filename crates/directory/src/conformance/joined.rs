//! The groups of an account.

use headcount_core::{AccountKey, GroupKey, GroupType, Role};

use super::stage::{APP, NOW_S, Stage, all_joined, group_id, public, user, users};
use crate::{JoinedQuery, NewGroup};

fn of_type(group_type: GroupType, support_topic: bool, new: NewGroup) -> NewGroup {
    NewGroup {
        group_type,
        support_topic,
        ..new
    }
}

pub(super) async fn joined_groups_are_counted_and_paged(stage: Stage) {
    let [a, _] = stage.accounts(["a", "b"]).await;
    let one = stage.create(public("one", Some("a"), &[])).await;
    let work = of_type(GroupType::Work, false, public("work", Some("b"), &["a"]));
    let work = stage.create(work).await;
    let plain = of_type(GroupType::Community, false, public("@TGS#_plain", None, &["a"]));
    let plain = stage.create(plain).await;
    let topics = of_type(
        GroupType::Community,
        true,
        public("@TGS#_topics", None, &["a", "b"]),
    );
    let topics = stage.create(topics).await;
    let two = stage.create(public("two", None, &["b", "a"])).await;
    stage.create(public("not a's", Some("b"), &[])).await;
    let ended = stage.create(public("ended", Some("a"), &[])).await;
    assert_eq!(stage.directory.dissolve_group(ended.key).await, Ok(true));

    let all = all_joined(false);
    let types = |types: &[GroupType]| JoinedQuery {
        types: types.to_vec(),
        ..all.clone()
    };
    let paged = |offset, limit| JoinedQuery {
        offset,
        limit,
        ..all.clone()
    };
    let rows: [(JoinedQuery, u32, &[GroupKey]); 9] = [
        (all.clone(), 4, &[one.key, work.key, plain.key, two.key]),
        (all_joined(true), 1, &[topics.key]),
        (types(&[]), 0, &[]),
        (types(&[GroupType::Public]), 2, &[one.key, two.key]),
        (
            types(&[GroupType::Work, GroupType::Community]),
            2,
            &[work.key, plain.key],
        ),
        (paged(0, 2), 4, &[one.key, work.key]),
        (paged(2, 2), 4, &[plain.key, two.key]),
        (paged(4, 2), 4, &[]),
        (paged(0, 0), 4, &[]),
    ];
    for (query, total, expected) in rows {
        let joined = stage
            .directory
            .joined_groups(a, query.clone())
            .await
            .expect("groups");
        let keys: Vec<GroupKey> = joined.groups.iter().map(|joined| joined.group.key).collect();
        assert_eq!((joined.total, keys.as_slice()), (total, expected), "{query:?}");
    }
    let joined = stage
        .directory
        .joined_groups(a, all.clone())
        .await
        .expect("groups")
        .groups;
    assert_eq!((joined[0].role, joined[1].role), (Role::Owner, Role::Member));
    assert_eq!(
        (&joined[0].group, &joined[1].group),
        (&one, &work),
        "whole groups"
    );
    assert_eq!(joined[1].joined_at_s, NOW_S);
    let nobody = stage
        .directory
        .joined_groups(AccountKey(999), all)
        .await
        .expect("groups");
    assert_eq!((nobody.total, nobody.groups), (0, vec![]));
}

pub(super) async fn joined_and_owned_groups_are_counted_up_to_a_bound(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    for id in ["1", "2", "3", "4"] {
        stage.create(public(id, Some("a"), &["b"])).await;
    }
    let ended = stage.create(public("5", Some("a"), &["b"])).await.key;
    assert_eq!(stage.directory.dissolve_group(ended).await, Ok(true));
    for (account, most, joined, owned) in [
        (a, 10, 4, 4),
        (a, 4, 4, 4),
        (a, 3, 3, 3),
        (a, 0, 0, 0),
        (b, 10, 4, 0),
    ] {
        assert_eq!(stage.directory.joined_count(account, most).await, Ok(joined));
        assert_eq!(stage.directory.owned_count(account, most).await, Ok(owned));
    }
}

pub(super) async fn another_opening_finds_all(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let kept = stage.create(public("kept", Some("a"), &["b"])).await;
    let ended = stage.create(public("ended", Some("a"), &["b"])).await;
    assert_eq!(stage.directory.dissolve_group(ended.key).await, Ok(true));
    assert_eq!(stage.directory.revoke_usersigs(APP, user("b"), 9).await, Ok(true));
    let accounts = stage.directory.accounts(APP, users(&["a", "b"])).await;

    let stage = stage.reopen().await;
    assert_eq!(stage.directory.accounts(APP, users(&["a", "b"])).await, accounts);
    assert_eq!(
        stage.directory.group(APP, group_id("kept")).await,
        Ok(Some(kept.clone()))
    );
    assert_eq!(stage.group("ended").await, None);
    assert_eq!(stage.groups_at_login(a).await, [kept.key]);
    assert_eq!(stage.groups_at_login(b).await, [kept.key]);
    assert_eq!(
        stage.sink.take(),
        [],
        "what was reported once is not reported again"
    );
}
