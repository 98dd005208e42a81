//! What must hold: at any time, in time, and after everything has healed.

use std::collections::BTreeSet;

use headcount_core::{AccountKey, GroupKey, Platform};
use headcount_presence::SessionFacts;

use super::{ACCOUNTS, Awaited, World};
use crate::place::{RULES, lock};

impl World {
    /// The node that acknowledged something shows it at once.
    pub(super) fn check_here(&self, at: usize, account: AccountKey) {
        let place = self.place(at);
        if place.engine.presence().position() < lock(&self.directory).position()
            || !place.engine.presence().is_online(account)
        {
            return;
        }
        let groups = lock(&self.directory).groups_of(account);
        for group in lock(&self.directory).living() {
            assert_eq!(
                place.counts_in(account, group),
                groups.contains(&group),
                "{account:?} in {group:?} on node {at}"
            );
        }
    }

    /// What holds at any time.
    pub(super) fn check_always(&mut self) {
        let seemed_dead = lock(&self.place(0).link.beats).seemed_dead();
        for (at, place) in self.places.iter().enumerate() {
            let Some(place) = place else { continue };
            let status = place.board.read();
            if at > 0 && (!status.ready || seemed_dead) {
                continue;
            }
            for account in (0..self.anchored).map(AccountKey) {
                let presence = place.engine.presence();
                assert!(
                    presence.is_online(account),
                    "{account:?} never left, but node {at} lost it: {status:?}"
                );
            }
        }
        let due = self
            .awaited
            .extract_if(.., |awaited| awaited.by_ms <= self.now_ms)
            .collect::<Vec<_>>();
        for Awaited { account, turn, .. } in due {
            if self.calm && self.turns[usize::try_from(account.0).expect("an index")] == turn {
                self.check_account_everywhere(account);
            }
        }
    }

    /// The sessions that there are, by the nodes that hold them.
    fn truth(&self, account: AccountKey) -> Vec<(usize, SessionFacts)> {
        let places = self.places.iter().enumerate();
        let facts = places.flat_map(|(at, place)| {
            let facts = place
                .iter()
                .flat_map(|place| place.engine.presence().facts_of(account));
            facts.map(move |facts| (at, facts)).collect::<Vec<_>>()
        });
        facts.collect()
    }

    fn check_account_everywhere(&self, account: AccountKey) {
        let truth = self.truth(account);
        let platforms: BTreeSet<_> = truth.iter().map(|(_, facts)| facts.platform).collect();
        let rooms: BTreeSet<_> = truth.iter().flat_map(|(_, facts)| facts.rooms.clone()).collect();
        let groups = lock(&self.directory).groups_of(account);
        for (at, place) in self.places.iter().enumerate() {
            let Some(place) = place else { continue };
            let status = place.board.read();
            if !status.ready {
                continue;
            }
            let presence = place.engine.presence();
            let seen: BTreeSet<_> = presence
                .sessions(account)
                .iter()
                .map(|open| open.platform)
                .collect();
            assert_eq!(
                seen, platforms,
                "the platforms of {account:?} on node {at}: {status:?}"
            );
            for group in lock(&self.directory).living() {
                let counts = !truth.is_empty() && groups.contains(&group);
                assert_eq!(
                    presence.counts_in(account, group),
                    counts,
                    "{account:?} in {group:?} on node {at}"
                );
            }
            for room in [0, 1].map(|room| GroupKey(1_000_000 + room)) {
                assert_eq!(
                    presence.is_in_room(account, room),
                    rooms.contains(&room),
                    "{account:?} in {room:?} on node {at}"
                );
            }
        }
    }

    /// After everything has healed, every number on every node is what a recount gives.
    pub(super) fn check_everything(&mut self) {
        for account in (0..ACCOUNTS).map(AccountKey) {
            self.check_account_everywhere(account);
            self.check_rules(account);
        }
        let groups = lock(&self.directory).living();
        for group in groups {
            let is_in = |account: &AccountKey| {
                lock(&self.directory).groups_of(*account).contains(&group) && !self.truth(*account).is_empty()
            };
            let online = (0..ACCOUNTS).map(AccountKey).filter(is_in).count();
            for (at, place) in self.places.iter().enumerate() {
                let Some(place) = place else { continue };
                let status = place.board.read();
                assert!(status.ready, "node {at} can count again: {status:?}");
                let shown = place.engine.presence().online_in(group);
                assert_eq!(shown as usize, online, "{group:?} on node {at}");
            }
        }
        self.check_clients();
    }

    /// No two sessions are open that do not go together.
    fn check_rules(&self, account: AccountKey) {
        let truth = self.truth(account);
        for platform in [Platform::Web, Platform::IPhone] {
            let open = truth
                .iter()
                .filter(|(_, facts)| facts.platform == platform)
                .count();
            let most = RULES.instances_max(platform);
            assert!(
                open <= most,
                "{open} sessions of {account:?} on {platform:?}: {truth:?}"
            );
        }
    }

    /// A session that is over was told so, and one that was not is open and rests on a UserSig that holds.
    fn check_clients(&mut self) {
        let clients = std::mem::take(&mut self.clients);
        self.clients = clients
            .into_iter()
            .filter(|client| {
                let place = self.place(client.at);
                let presence = place.engine.presence();
                let open = presence
                    .sessions(client.account)
                    .iter()
                    .find(|open| open.key == client.key);
                assert_eq!(
                    open.is_none(),
                    place.engine.was_told(client.key),
                    "a session ends with a word"
                );
                if let Some(open) = open {
                    let admitted = lock(&self.directory).admits(client.account, open.usersig_issued_at_s);
                    assert!(admitted, "a revoked UserSig holds nothing");
                }
                open.is_some()
            })
            .collect();
    }
}
