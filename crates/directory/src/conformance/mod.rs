//! What every directory has to pass: the tests of a backend run [`run_all`].

mod accounts;
mod cuts;
mod groups;
mod joined;
mod members;
mod races;
mod stage;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use headcount_core::Change;

use crate::{CommitSink, Directory};
use stage::Stage;

/// A backend under test: one empty store, to be opened again and again.
#[async_trait]
pub trait Bench: Send + Sync + 'static {
    /// Opens the directory. Called again only after the one before was dropped; then it shows what that
    /// one had stored.
    async fn open(&self, sink: Arc<dyn CommitSink>) -> Arc<dyn Directory>;
}

/// A sink that remembers all it was told.
#[derive(Debug, Default)]
pub struct RecordingSink(Mutex<Vec<Change>>);

impl CommitSink for RecordingSink {
    fn committed(&self, _position: u64, changes: &[Change]) {
        self.lock().extend_from_slice(changes);
    }
}

impl RecordingSink {
    /// All it was told, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Change> {
        self.lock().clone()
    }

    /// All it was told since this was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Run = fn(Stage) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One requirement, which panics when it is not met.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is required.
    pub name: &'static str,
    run: Run,
}

macro_rules! cases {
    ($($area:ident { $($case:ident),* $(,)? })*) => {
        &[$($(Case {
            name: stringify!($case),
            run: |stage| Box::pin($area::$case(stage)),
        }),*),*]
    };
}

/// Every requirement.
pub const ALL: &[Case] = cases! {
    accounts {
        apps_are_stored_once_and_raise_the_revision,
        imported_accounts_keep_their_key_and_take_on_new_values,
        a_login_makes_its_account_once,
        the_same_user_of_two_apps_is_two_accounts,
        login_facts_name_the_living_groups,
        revoking_usersigs_never_moves_back,
        deleting_accounts_ends_their_memberships,
        a_deleted_account_leaves_no_trace_to_its_successor,
    }
    groups {
        a_group_is_found_as_it_was_created,
        the_owner_may_be_named_among_the_members,
        a_live_room_stores_no_members,
        a_taken_id_is_refused_and_tells_whose_it_is,
        refused_groups_leave_nothing_behind,
        the_same_id_in_two_apps_is_two_groups,
        a_dissolved_group_is_gone_for_everybody,
        the_id_of_a_dissolved_group_is_free_at_once,
    }
    members {
        adding_tells_what_became_of_each,
        a_full_group_takes_none_of_too_many,
        nobody_joins_a_group_that_is_gone,
        removing_passes_over_strangers,
        a_group_whose_owner_is_removed_has_none,
        memberships_of_users_come_in_their_order,
        pages_by_key_show_each_member_once_while_others_join,
        pages_by_offset_and_by_role,
    }
    joined {
        joined_groups_are_counted_and_paged,
        joined_and_owned_groups_are_counted_up_to_a_bound,
        another_opening_finds_all,
    }
    races {
        commits_are_reported_in_the_order_in_which_they_took_place,
        concurrent_logins_of_one_user_make_one_account,
        concurrent_creations_of_one_id_make_one_group,
        a_group_is_never_filled_beyond_its_bound,
    }
    cuts {
        a_cut_shows_exactly_what_was_reported_before_it,
        a_cut_does_not_move_when_the_truth_does,
    }
};

/// Runs every requirement on a bench of its own and panics with the names of those that were not met.
///
/// # Panics
///
/// When the backend does not conform.
pub async fn run_all<B: Bench>(bench: impl Fn() -> B) {
    let mut failed = Vec::new();
    for case in ALL {
        let bench: Arc<dyn Bench> = Arc::new(bench());
        // A task of its own, so that one failure does not hide the others.
        let run = async { (case.run)(Stage::new(bench).await).await };
        if tokio::spawn(run).await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "not met: {failed:#?}");
}
