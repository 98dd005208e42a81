//! After each step: everything the engine says, against the truth.

use std::collections::BTreeMap;

use headcount_core::{AccountKey, GroupKey};

use super::Run;
use crate::truth::Live;

impl Run {
    /// Compares all that the engine says with the truth.
    pub(super) fn compare(&self) {
        let (engine, truth) = (&self.engine, &self.truth);
        let online = truth.online();
        let mut cut = engine.cut();
        cut.online.sort_unstable();
        assert_eq!(cut.online, online, "accounts online");
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

        let counts: BTreeMap<GroupKey, u32> = cut.counts.iter().copied().collect();
        assert_eq!(counts.len(), cut.counts.len(), "a group is counted twice");
        for &group in truth.groups.iter().chain(&truth.rooms) {
            self.compare_count(group, counts.get(&group).copied().unwrap_or(0), &online);
        }
        for (&group, &count) in &counts {
            assert!(!truth.dissolved.contains(&group), "{group:?} is counted and gone");
            self.compare_count(group, count, &online);
        }
        for handle in &self.watched {
            let group = handle.group();
            let gone = truth.dissolved.contains(&group);
            assert_eq!(handle.is_dissolved(), gone, "{group:?}");
            let expected = if gone { Some(&0) } else { counts.get(&group) };
            assert_eq!(Some(&handle.online()), expected, "a handle of {group:?}");
            if gone {
                self.compare_count(group, 0, &online);
            }
        }
        assert_eq!(engine.no_login_pending(), self.pending.is_empty());
    }

    /// Recounts one group from first principles. While a change is under way, its account may count
    /// already or not; without one there is one right number.
    fn compare_count(&self, group: GroupKey, count: u32, online: &[AccountKey]) {
        let (mut sure, mut unsure) = (0, 0);
        for &account in online {
            let says = self.engine.counts_in(account, group);
            let in_room = self.engine.is_in_room(account, group);
            let expected = self.truth.counts_in(account, group);
            match expected {
                Some(expected) => assert_eq!(says, expected, "{account:?} in {group:?}"),
                None => unsure += 1,
            }
            sure += u32::from(expected == Some(true));
            assert_eq!(
                in_room,
                self.truth.present.contains(&(account, group)),
                "{account:?} in room {group:?}"
            );
        }
        assert!(
            (sure..=sure + unsure).contains(&count),
            "{group:?} says {count}, the recount {sure} and {unsure} unsure"
        );
    }
}
