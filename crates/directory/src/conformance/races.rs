//! Commands that race.

use std::collections::BTreeSet;
use std::sync::Arc;

use headcount_core::Change;

use super::stage::{APP, NOW_S, Stage, members, public, replay, user, users};
use crate::{AddMembersError, CreateGroupError, NewGroup};

pub(super) async fn commits_are_reported_in_the_order_in_which_they_took_place(stage: Stage) {
    let names = ["a", "b", "c", "d"];
    stage.accounts(names).await;
    let group = stage.create(public("g", None, &[])).await.key;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let directory = Arc::clone(&stage.directory);
        let sink = Arc::clone(&stage.sink);
        tasks.spawn(async move {
            for turn in 0..25 {
                let name = names[(task + turn) % names.len()];
                if (task * 7 + turn * 3) % 5 < 3 {
                    let added = directory.add_members(group, members(&[name]), NOW_S).await;
                    let added = added.expect("added");
                    if let [crate::AddedMember::Added(account)] = added.as_slice() {
                        let told = Change::Joined {
                            account: *account,
                            group,
                        };
                        assert!(sink.all().contains(&told), "told before answered");
                    }
                } else {
                    let removed = directory.remove_members(group, users(&[name])).await;
                    assert!(removed.is_ok());
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no task fails");
    }
    // The replay fails when a join and a leave of one member were told the wrong way round.
    let told: BTreeSet<_> = replay(&stage.sink.all()).into_iter().collect();
    let roll = stage.roll(group).await;
    assert_eq!(
        roll.iter()
            .map(|member| (group, member.account))
            .collect::<BTreeSet<_>>(),
        told
    );
    assert_eq!(stage.group("g").await.expect("g").members as usize, told.len());
}

pub(super) async fn concurrent_logins_of_one_user_make_one_account(stage: Stage) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let directory = Arc::clone(&stage.directory);
        tasks.spawn(async move { directory.ensure_account(APP, user("a"), NOW_S).await });
    }
    let accounts = tasks.join_all().await;
    assert!(
        accounts
            .iter()
            .all(|account| account.is_ok() && account == &accounts[0])
    );
}

pub(super) async fn concurrent_creations_of_one_id_make_one_group(stage: Stage) {
    stage.accounts(["a"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let directory = Arc::clone(&stage.directory);
        tasks.spawn(async move { directory.create_group(public("g", Some("a"), &[])).await });
    }
    let outcomes = tasks.join_all().await;
    let taken = Err(CreateGroupError::IdTaken { by_same_owner: true });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|&outcome| outcome == &taken).count(), 19);
    assert_eq!(stage.sink.take().len(), 1);
}

pub(super) async fn a_group_is_never_filled_beyond_its_bound(stage: Stage) {
    let mut tasks = tokio::task::JoinSet::new();
    let small = NewGroup {
        members_max: 7,
        ..public("g", None, &[])
    };
    let group = stage.create(small).await.key;
    for n in 0..20 {
        let name = format!("user{n}");
        stage.account(APP, &name).await;
        let directory = Arc::clone(&stage.directory);
        tasks.spawn(async move { directory.add_members(group, members(&[&name]), NOW_S).await });
    }
    let outcomes = tasks.join_all().await;
    let full = Err(AddMembersError::Full);
    assert_eq!(outcomes.iter().filter(|&outcome| outcome == &full).count(), 13);
    assert_eq!(stage.group("g").await.expect("g").members, 7);
    assert_eq!(replay(&stage.sink.all()).len(), 7);
}
