//! The books of a race: what was acknowledged, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use headcount_core::GroupType;
use headcount_service::{Caller, CountError, FindGroupError, JoinOutcome, LoggedIn, QuitError};

use crate::testkit::stage::lock;
use crate::testkit::{APP, World, ending};

pub(crate) const USERS: [&str; 12] = [
    "ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo",
];

/// The group that only those present are in.
const ROOM: usize = 5;

pub(crate) const GROUPS: [(&str, GroupType); 6] = [
    ("@TGS#_one", GroupType::Community),
    ("@TGS#_two", GroupType::Community),
    ("@TGS#_three", GroupType::Community),
    ("public", GroupType::Public),
    ("meeting", GroupType::Meeting),
    ("room", GroupType::AvChatRoom),
];

/// What an acknowledged command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Member {
        user: usize,
        group: usize,
        is: bool,
    },
    Created {
        group: usize,
        members: Vec<usize>,
    },
    Dissolved {
        group: usize,
    },
    Deleted {
        user: usize,
    },
    /// Sessions that were open before are not any more.
    Kicked {
        user: usize,
    },
    /// Some session ended, and with it perhaps the user's presence.
    SessionsEnded {
        user: usize,
    },
}

/// What is known of one fact after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Unchanged,
    /// All that was acknowledged says the same.
    Is(bool),
    /// Acknowledged commands contradict each other, and their order is not known.
    Contested,
}

#[derive(Default)]
pub(crate) struct Books {
    /// Every session that nobody has closed, with the round it began in.
    sessions: Mutex<BTreeMap<usize, Vec<(u64, LoggedIn)>>>,
    /// A2 and TinyId of every login.
    logins: Mutex<BTreeMap<usize, Vec<(String, u64)>>>,
    callers: Mutex<BTreeMap<usize, Caller>>,
    /// Since the last time all was quiet.
    effects: Mutex<Vec<Effect>>,
    settled: Mutex<Settled>,
}

#[derive(Clone, Default)]
struct Settled {
    groups: BTreeSet<usize>,
    members: BTreeSet<(usize, usize)>,
}

impl Books {
    pub(crate) fn note(&self, effect: Effect) {
        lock(&self.effects).push(effect);
    }

    pub(crate) fn logged_in(&self, user: usize, round: u64, login: LoggedIn) {
        let known = (login.a2.clone(), login.tiny_id.0);
        lock(&self.logins).entry(user).or_default().push(known);
        lock(&self.callers).insert(user, login.caller.clone());
        lock(&self.sessions).entry(user).or_default().push((round, login));
    }

    pub(crate) fn earlier_login(&self, user: usize, which: usize) -> Option<(String, u64)> {
        let logins = lock(&self.logins);
        let known = logins.get(&user)?;
        // The newest ones, so that most of them still hold.
        known.iter().rev().nth(which % known.len()).cloned()
    }

    pub(crate) fn caller(&self, user: usize) -> Option<Caller> {
        lock(&self.callers).get(&user).cloned()
    }

    pub(crate) fn log_out(&self, user: usize, which: usize) {
        let login = {
            let mut sessions = lock(&self.sessions);
            let Some(open) = sessions.get_mut(&user).filter(|open| !open.is_empty()) else {
                return;
            };
            let at = which % open.len();
            open.remove(at)
        };
        drop(login);
        self.note(Effect::SessionsEnded { user });
    }

    /// All is quiet: draws the consequences of what was acknowledged, and compares.
    pub(crate) async fn settle(&self, world: &World, round: u64) {
        let effects = std::mem::take(&mut *lock(&self.effects));
        let before = lock(&self.settled).clone();
        let online = self.online(world, &effects, round).await;
        let mut after = Settled::default();
        for (group, &(id, group_type)) in GROUPS.iter().enumerate() {
            let exists = self.group_exists(world, group, &effects, &before).await;
            if !exists {
                assert_eq!(
                    world.try_count(id).await,
                    Err(CountError::Find(FindGroupError::Absent)),
                    "{id}"
                );
                continue;
            }
            after.groups.insert(group);
            let members = if group_type == GroupType::AvChatRoom {
                self.present(world, &effects, &before, &online).await
            } else {
                stored(world, group, &effects, &before).await
            };
            let expected = members.iter().filter(|&user| online.contains(user)).count();
            assert_eq!(
                world.count(id).await as usize,
                expected,
                "{id} after round {round}"
            );
            after
                .members
                .extend(members.into_iter().map(|user| (user, group)));
        }
        *lock(&self.settled) = after;
    }

    /// Who has a session that nobody closed and the service did not end; compared with what it says.
    async fn online(&self, world: &World, effects: &[Effect], round: u64) -> BTreeSet<usize> {
        let mut devices: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (&user, open) in lock(&self.sessions).iter_mut() {
            open.retain(|(_, login)| ending(login).is_none());
            let kicked = effects.contains(&Effect::Kicked { user });
            for (began, login) in open {
                assert!(
                    !kicked || *began == round,
                    "{} was kicked and is still there",
                    USERS[user]
                );
                devices.entry(user).or_default().push(login.instance);
            }
        }
        let names = USERS.map(str::to_owned);
        let told = world.service.user_status(&world.backend(APP), &names).await;
        for (user, status) in told.expect("states").into_iter().enumerate() {
            let told = status.map(|status| status.devices).unwrap_or_default();
            let mut told: Vec<u32> = told.iter().map(|device| device.instance).collect();
            told.sort_unstable();
            let mut open = devices.get(&user).cloned().unwrap_or_default();
            open.sort_unstable();
            assert_eq!(told, open, "the devices of {} after round {round}", USERS[user]);
        }
        devices.into_keys().collect()
    }

    async fn group_exists(&self, world: &World, group: usize, effects: &[Effect], before: &Settled) -> bool {
        let id = GROUPS[group].0.to_owned();
        let infos = world.service.group_infos(&world.backend(APP), &[id], false).await;
        let exists = infos.expect("infos").remove(0).is_ok();
        let verdict = verdict(effects.iter().filter_map(|effect| match effect {
            Effect::Created { group: at, .. } if *at == group => Some(true),
            Effect::Dissolved { group: at } if *at == group => Some(false),
            _ => None,
        }));
        match verdict {
            Verdict::Unchanged => assert_eq!(exists, before.groups.contains(&group), "{}", GROUPS[group].0),
            Verdict::Is(is) => assert_eq!(exists, is, "{}", GROUPS[group].0),
            Verdict::Contested => {}
        }
        exists
    }

    /// Who is in the room. The room has no list: each one present leaves it and comes back.
    async fn present(
        &self,
        world: &World,
        effects: &[Effect],
        before: &Settled,
        online: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let room = GROUPS[ROOM].0;
        let count = world.count(room).await as usize;
        let mut present = BTreeSet::new();
        for &user in online {
            let caller = lock(&self.sessions)[&user][0].1.caller.clone();
            let left = world.service.quit(&caller, room).await;
            let was_there = left.is_ok();
            assert!(was_there || left == Err(QuitError::NotMember), "{left:?}");
            let verdict = verdict_on(user, ROOM, effects);
            let may_have_gone = effects.contains(&Effect::SessionsEnded { user });
            match verdict {
                _ if may_have_gone => {}
                Verdict::Unchanged => assert_eq!(was_there, before.members.contains(&(user, ROOM))),
                Verdict::Is(is) => assert_eq!(was_there, is, "{} in the room", USERS[user]),
                Verdict::Contested => {}
            }
            if was_there {
                present.insert(user);
            }
        }
        assert_eq!(count, present.len(), "the room before everyone left");
        assert_eq!(world.count(room).await, 0, "the room after everyone left");
        for user in &present {
            let caller = lock(&self.sessions)[user][0].1.caller.clone();
            assert_eq!(world.service.join(&caller, room).await, Ok(JoinOutcome::Joined));
        }
        present
    }
}

/// The members of a group that stores them: by the books where those are clear, and then the store has
/// to agree; by the store where they are not.
async fn stored(world: &World, group: usize, effects: &[Effect], before: &Settled) -> BTreeSet<usize> {
    let id = GROUPS[group].0;
    let names = USERS.map(str::to_owned);
    let roles = world.service.roles(&world.backend(APP), id, &names).await;
    let mut members = BTreeSet::new();
    for (user, role) in roles.expect("roles").into_iter().enumerate() {
        let is_member = role.is_some();
        let by_the_books = match verdict_on(user, group, effects) {
            Verdict::Unchanged => before.members.contains(&(user, group)),
            Verdict::Is(is) => is,
            Verdict::Contested => is_member,
        };
        assert_eq!(is_member, by_the_books, "{} in {id}", USERS[user]);
        if by_the_books {
            members.insert(user);
        }
    }
    members
}

fn verdict_on(user: usize, group: usize, effects: &[Effect]) -> Verdict {
    verdict(effects.iter().filter_map(|effect| match effect {
        Effect::Member {
            user: who,
            group: at,
            is,
        } if (*who, *at) == (user, group) => Some(*is),
        Effect::Created { group: at, members } if *at == group => Some(members.contains(&user)),
        Effect::Dissolved { group: at } if *at == group => Some(false),
        Effect::Deleted { user: who } if *who == user => Some(false),
        _ => None,
    }))
}

fn verdict(facts: impl Iterator<Item = bool>) -> Verdict {
    facts.fold(Verdict::Unchanged, |so_far, fact| match so_far {
        Verdict::Unchanged => Verdict::Is(fact),
        Verdict::Is(is) if is == fact => so_far,
        _ => Verdict::Contested,
    })
}
