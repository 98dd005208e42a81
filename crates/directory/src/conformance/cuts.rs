//! Recounts as of one moment.

use std::sync::{Arc, Mutex, PoisonError};

use headcount_core::{Change, GroupKey, SdkAppId};

use super::stage::{APP, NOW_S, Stage, members, public, recount, replay, user, users};
use crate::{Directory, Snapshot};

/// A snapshot, and all that the sink had been told at the cut.
async fn cut(stage: &Stage) -> (Box<dyn Snapshot>, Vec<Change>) {
    let told = Arc::new(Mutex::new(None));
    let (sink, at_cut) = (Arc::clone(&stage.sink), Arc::clone(&told));
    let at_cut = Box::new(move || {
        *at_cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink.all());
    });
    let snapshot = stage.directory.cut(at_cut).await.expect("a snapshot");
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).take();
    (snapshot, told.expect("at_cut ran before the answer"))
}

/// Reads a snapshot, which blocks.
async fn read<T: Send + 'static>(
    mut snapshot: Box<dyn Snapshot>,
    look: fn(&mut dyn Snapshot) -> T,
) -> (Box<dyn Snapshot>, T) {
    let looking = tokio::task::spawn_blocking(move || {
        let seen = look(snapshot.as_mut());
        (snapshot, seen)
    });
    looking.await.expect("the snapshot is read")
}

/// The groups that a snapshot shows.
fn groups(snapshot: &mut dyn Snapshot) -> Vec<(GroupKey, SdkAppId, String, u32)> {
    let mut groups = Vec::new();
    let read =
        snapshot.groups(&mut |group, app, id, members| groups.push((group, app, id.to_owned(), members)));
    assert!(read.is_ok());
    groups.sort();
    groups
}

async fn churn(directory: Arc<dyn Directory>, task: usize) {
    for turn in 0..30 {
        let name = format!("user{}", (task * 5 + turn) % 12);
        let id = format!("g{}", (task + turn) % 3);
        let account = directory.ensure_account(APP, user(&name), NOW_S).await;
        assert!(account.is_ok());
        let group = directory
            .group(APP, super::stage::group_id(&id))
            .await
            .expect("read");
        // Refusals are part of the race.
        match (group.map(|group| group.key), (task + turn * 7) % 11) {
            (None, _) => drop(directory.create_group(public(&id, None, &[&name])).await),
            (Some(group), 0) => drop(directory.dissolve_group(group).await),
            (Some(_), 1) => drop(directory.delete_accounts(APP, users(&[&name])).await),
            (Some(group), 2..=4) => drop(directory.remove_members(group, users(&[&name])).await),
            (Some(group), _) => drop(directory.add_members(group, members(&[&name]), NOW_S).await),
        }
    }
}

pub(super) async fn a_cut_shows_exactly_what_was_reported_before_it(stage: Stage) {
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..6 {
        tasks.spawn(churn(Arc::clone(&stage.directory), task));
    }
    for _ in 0..20 {
        let (snapshot, told) = cut(&stage).await;
        // Writers go on between the cut and the recount.
        tokio::task::yield_now().await;
        assert_eq!(read(snapshot, recount).await.1, replay(&told));
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no task fails");
    }
    let (snapshot, told) = cut(&stage).await;
    assert_eq!(told, stage.sink.all());
    assert_eq!(read(snapshot, recount).await.1, replay(&told));
}

pub(super) async fn a_cut_does_not_move_when_the_truth_does(stage: Stage) {
    let [a, b] = stage.accounts(["a", "b"]).await;
    let kept = stage.create(public("kept", Some("a"), &["b"])).await.key;
    let ends = stage.create(public("ends", None, &["a"])).await.key;
    let (snapshot, _) = cut(&stage).await;
    assert_eq!(stage.directory.dissolve_group(ends).await, Ok(true));
    assert!(stage.directory.remove_members(kept, users(&["b"])).await.is_ok());
    assert!(stage.directory.delete_accounts(APP, users(&["a"])).await.is_ok());
    stage.create(public("new", None, &["b"])).await;

    let expected = [(kept, a), (kept, b), (ends, a)];
    let (snapshot, seats) = read(snapshot, recount).await;
    assert_eq!(seats, expected.into_iter().collect());
    let (snapshot, again) = read(snapshot, recount).await;
    assert_eq!(again, seats, "as often as it is read");
    let (snapshot, groups) = read(snapshot, groups).await;
    let expected = [
        (kept, APP, "kept".to_owned(), 2),
        (ends, APP, "ends".to_owned(), 1),
    ];
    assert_eq!(groups, expected);
    drop(snapshot);
    let (snapshot, told) = cut(&stage).await;
    assert_eq!(read(snapshot, recount).await.1, replay(&told));
}
