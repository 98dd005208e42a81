//! What the tasks of a race do.

use headcount_core::{Entropy, GroupType, Platform};
use headcount_service::{AddOutcome, JoinOutcome, LoggedIn};

use crate::books::{Books, Effect, GROUPS, USERS};
use crate::testkit::{Dice, World, describe};

/// One thing to do; users and groups by their place in the universe.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    LogIn {
        user: usize,
        platform: Platform,
    },
    /// Returns with the A2 of some earlier login.
    ComeBack {
        user: usize,
        which: usize,
    },
    /// Begins a login and gives it up after this many steps.
    GiveUp {
        user: usize,
        steps: u64,
    },
    LogOut {
        user: usize,
        which: usize,
    },
    Join {
        user: usize,
        group: usize,
    },
    Quit {
        user: usize,
        group: usize,
    },
    Add {
        group: usize,
        users: Vec<usize>,
    },
    Remove {
        group: usize,
        users: Vec<usize>,
    },
    Create {
        group: usize,
        members: Vec<usize>,
    },
    Dissolve {
        group: usize,
    },
    Kick {
        user: usize,
    },
    Delete {
        user: usize,
    },
    Count {
        group: usize,
    },
}

fn below(dice: &Dice, bound: u64) -> u64 {
    dice.next_u64() % bound
}

fn place(dice: &Dice, of: usize) -> usize {
    usize::try_from(below(dice, of as u64)).expect("a place is below a length")
}

/// Some users, each once.
fn some(dice: &Dice) -> Vec<usize> {
    (0..USERS.len()).filter(|_| below(dice, 3) == 0).collect()
}

pub(crate) fn choose(dice: &Dice) -> Op {
    let user = place(dice, USERS.len());
    let group = place(dice, GROUPS.len());
    match below(dice, 100) {
        0..22 => Op::LogIn {
            user,
            platform: Platform::ALL[place(dice, Platform::ALL.len())],
        },
        22..32 => Op::ComeBack {
            user,
            which: place(dice, 8),
        },
        32..35 => Op::GiveUp {
            user,
            steps: below(dice, 40),
        },
        35..48 => Op::LogOut {
            user,
            which: place(dice, 8),
        },
        48..61 => Op::Join { user, group },
        61..69 => Op::Quit { user, group },
        69..76 => Op::Add {
            group,
            users: some(dice),
        },
        76..82 => Op::Remove {
            group,
            users: some(dice),
        },
        82..88 => Op::Create {
            group,
            members: some(dice),
        },
        88..90 => Op::Dissolve { group },
        90..92 => Op::Kick { user },
        92..94 => Op::Delete { user },
        _ => Op::Count { group },
    }
}

fn names(users: &[usize]) -> Vec<String> {
    users.iter().map(|&user| USERS[user].to_owned()).collect()
}

/// Does it, and writes down what was acknowledged.
pub(crate) async fn act(world: &World, books: &Books, round: u64, op: Op) {
    let service = &world.service;
    let backend = world.backend(crate::testkit::APP);
    match op {
        Op::LogIn { user, platform } => {
            if let Ok(login) = world.try_log_in(USERS[user], platform).await {
                books.logged_in(user, round, login);
            }
        }
        Op::ComeBack { user, which } => {
            if let Some((a2, tiny_id)) = books.earlier_login(user, which)
                && let Ok(login) = world.come_back(&a2, tiny_id).await
            {
                books.logged_in(user, round, login);
            }
        }
        Op::GiveUp { user, steps } => {
            if let Some(login) = give_up(world, USERS[user], steps).await {
                books.logged_in(user, round, login);
            }
        }
        Op::LogOut { user, which } => books.log_out(user, which),
        Op::Join { user, group } => {
            if let Some(caller) = books.caller(user)
                && service.join(&caller, GROUPS[group].0).await == Ok(JoinOutcome::Joined)
            {
                let is = true;
                books.note(Effect::Member { user, group, is });
            }
        }
        Op::Quit { user, group } => {
            if let Some(caller) = books.caller(user)
                && service.quit(&caller, GROUPS[group].0).await == Ok(())
            {
                let is = false;
                books.note(Effect::Member { user, group, is });
            }
        }
        Op::Add { group, users } => {
            let added = service
                .add_members(&backend, GROUPS[group].0, &names(&users))
                .await;
            for (user, outcome) in users.into_iter().zip(added.unwrap_or_default()) {
                if outcome == AddOutcome::Added {
                    let is = true;
                    books.note(Effect::Member { user, group, is });
                }
            }
        }
        Op::Remove { group, users } => {
            let removed = service
                .remove_members(&backend, GROUPS[group].0, &names(&users))
                .await;
            if removed.is_ok() {
                for user in users {
                    let is = false;
                    books.note(Effect::Member { user, group, is });
                }
            }
        }
        Op::Create { group, members } => create(world, books, group, members).await,
        Op::Dissolve { group } => {
            if service.dissolve_group(&backend, GROUPS[group].0).await == Ok(()) {
                books.note(Effect::Dissolved { group });
            }
        }
        Op::Kick { user } => {
            if service.kick(&backend, USERS[user]).await == Ok(()) {
                books.note(Effect::SessionsEnded { user });
                books.note(Effect::Kicked { user });
            }
        }
        Op::Delete { user } => {
            let deleted = service.delete_accounts(&backend, &names(&[user])).await;
            if deleted.expect("the store works") == [true] {
                books.note(Effect::SessionsEnded { user });
                books.note(Effect::Kicked { user });
                books.note(Effect::Deleted { user });
            }
        }
        Op::Count { group } => {
            if let Ok(count) = world.try_count(GROUPS[group].0).await {
                assert!(count as usize <= USERS.len(), "{count} of {} users", USERS.len());
            }
        }
    }
}

async fn create(world: &World, books: &Books, group: usize, mut members: Vec<usize>) {
    let (id, group_type) = GROUPS[group];
    if group_type == GroupType::AvChatRoom {
        members.clear();
    }
    let first: Vec<&str> = members.iter().map(|&user| USERS[user]).collect();
    let backend = world.backend(crate::testkit::APP);
    let mut new = describe(group_type, id, &first);
    if members.len() > 4 {
        // Fewer failures for the want of one account.
        new.members.truncate(4);
        members.truncate(4);
    }
    if world.service.create_group(&backend, new).await.is_ok() {
        books.note(Effect::Created { group, members });
    }
}

/// A login whose caller may have lost patience; the login itself when it was faster.
async fn give_up(world: &World, user: &str, steps: u64) -> Option<LoggedIn> {
    let impatience = async {
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        login = world.try_log_in(user, Platform::Web) => login.ok(),
        () = impatience => None,
    }
}
