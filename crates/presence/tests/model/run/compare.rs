//! After each step: everything the engine says, against the truth.

use std::collections::BTreeMap;

use headcount_core::{AccountKey, GroupKey, Platform, PlatformSet};
use headcount_presence::Numbers;

use super::Run;
use crate::truth::Live;

impl Run {
    /// Compares all that the engine says with the truth.
    pub(super) fn compare(&self) {
        let (engine, truth) = (&self.engine, &self.truth);
        let online = truth.online();
        let mut cut = engine.cut();
        cut.online.sort_unstable_by_key(|(account, _)| *account);
        let with_platforms: Vec<_> = online
            .iter()
            .map(|&account| {
                (
                    account,
                    truth.platforms_of(account).into_iter().collect::<PlatformSet>(),
                )
            })
            .collect();
        assert_eq!(cut.online, with_platforms, "accounts online");
        assert_eq!(engine.online_accounts(), online.len());
        for &account in truth.accounts.iter().chain(&online) {
            let sessions = engine.sessions(account).iter();
            let sessions: Vec<_> = sessions.map(|session| Live::of(account, session)).collect();
            assert_eq!(sessions, truth.sessions_of(account), "sessions of {account:?}");
            assert_eq!(
                engine.is_online(account),
                online.contains(&account),
                "{account:?}"
            );
        }

        let mut rooms: Vec<_> = truth
            .present
            .iter()
            .map(|&(account, room)| (room, account))
            .collect();
        rooms.sort_unstable();
        cut.rooms.sort_unstable();
        assert_eq!(cut.rooms, rooms, "who is in which room");

        let counts: BTreeMap<GroupKey, Numbers> = cut.counts.iter().copied().collect();
        assert_eq!(counts.len(), cut.counts.len(), "a group is counted twice");
        for &group in truth.groups.iter().chain(&truth.rooms) {
            self.compare_count(group, counts.get(&group).copied().unwrap_or_default(), &online);
        }
        for (&group, &running) in &counts {
            assert!(!truth.dissolved.contains(&group), "{group:?} is counted and gone");
            self.compare_count(group, running, &online);
        }
        for handle in &self.watched {
            let group = handle.group();
            let gone = truth.dissolved.contains(&group);
            assert_eq!(handle.is_dissolved(), gone, "{group:?}");
            let nobody = Numbers::default();
            let expected = if gone { Some(&nobody) } else { counts.get(&group) };
            assert_eq!(Some(&handle.numbers()), expected, "a handle of {group:?}");
            if gone {
                self.compare_count(group, nobody, &online);
            }
        }
        assert_eq!(engine.no_login_pending(), self.pending.is_empty());
    }

    /// Recounts one group from first principles. While a change is under way, its account may count
    /// already or not; without one there is one right answer, and the numbers have to be of those who count.
    fn compare_count(&self, group: GroupKey, running: Numbers, online: &[AccountKey]) {
        let mut recount = Numbers::default();
        for &account in online {
            let says = self.engine.counts_in(account, group);
            let in_room = self.engine.is_in_room(account, group);
            if let Some(expected) = self.truth.counts_in(account, group) {
                assert_eq!(says, expected, "{account:?} in {group:?}");
            }
            assert_eq!(
                in_room,
                self.truth.present.contains(&(account, group)),
                "{account:?} in room {group:?}"
            );
            if says {
                recount.online += 1;
                for platform in self.truth.platforms_of(account) {
                    let at = Platform::ALL.iter().position(|other| *other == platform);
                    recount.by_platform[at.expect("every platform is in the list")] += 1;
                }
            }
        }
        assert_eq!(running, recount, "{group:?}");
    }

    /// A watcher that reads only what has a later stamp than its last look must know every number.
    pub(super) fn look(&mut self) {
        let latest = self.engine.latest_change().stamp();
        assert!(latest >= self.looked_at, "stamps do not go back");
        for handle in &self.watched {
            let now = (handle.numbers(), handle.is_dissolved());
            let stamp = handle.changed();
            assert!(stamp <= latest, "a change that nobody was told of");
            let known = self.known.entry(handle.group()).or_insert(now);
            if stamp > self.looked_at {
                *known = now;
            }
            assert_eq!(*known, now, "{:?} changed without a stamp", handle.group());
        }
        self.looked_at = latest;
    }
}
