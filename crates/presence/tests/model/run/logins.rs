//! Sessions: from the announcement of a login to the logout.

use headcount_core::{AccountKey, GroupKey, Platform};
use headcount_presence::{Arrival, Displacement, LoginTicket, NewSession, Refused, SessionKey};

use super::{REMEMBERED_MAX, Run};
use crate::truth::Live;

const INSTANCES: u64 = 5;
const PENDING_MAX: usize = 8;
/// Every platform, and some of them more often, so that instances of one platform meet.
const PLATFORMS: [Platform; 9] = [
    Platform::Web,
    Platform::Web,
    Platform::Web,
    Platform::Android,
    Platform::Android,
    Platform::IPhone,
    Platform::IPad,
    Platform::Mac,
    Platform::Windows,
];

/// A login between its announcement and its end.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: LoginTicket,
    /// What the session will be; of a fresh login without its time, which it gets when it opens.
    pub(super) live: Live,
    is_return: bool,
    read: Option<Vec<GroupKey>>,
}

impl Run {
    pub(super) fn start_login(&mut self) {
        if self.pending.len() == PENDING_MAX {
            return;
        }
        let key = SessionKey(self.key());
        let (live, is_return) = if !self.past.is_empty() && self.dice.one_in(3) {
            let past = self.past[self.dice.index(self.past.len())].clone();
            (Live { key, ..past }, true)
        } else {
            let live = Live {
                account: self.account(),
                key,
                instance: u32::try_from(self.dice.below(INSTANCES)).expect("few instances"),
                platform: self.dice.pick(&PLATFORMS),
                login_at_ms: 0,
                usersig_issued_at_s: (self.wall_ms / 1000).saturating_sub(self.dice.below(4)),
            };
            (live, false)
        };
        let ticket = self.engine.login_started(live.account);
        assert_eq!(ticket.account(), live.account);
        self.pending.push(Pending {
            ticket,
            live,
            is_return,
            read: None,
        });
    }

    /// The read of the directory for one of the pending logins. It may say that there is no such account
    /// (any more), or that its UserSig is void, and then the server gives the login up.
    pub(super) fn read_directory(&mut self) {
        let unread = |pending: &Pending| pending.read.is_none();
        let Some(at) = self.pending.iter().position(unread) else {
            return;
        };
        let live = &self.pending[at].live;
        let revoked_at_s = self.truth.revoked.get(&live.account);
        if !self.truth.accounts.contains(&live.account)
            || revoked_at_s.is_some_and(|&at_s| live.usersig_issued_at_s <= at_s)
        {
            self.saw("read refuses a login");
            let pending = self.pending.remove(at);
            self.engine.login_aborted(pending.ticket);
            return;
        }
        let mut groups = self.truth.memberships(live.account);
        self.dice.shuffle(&mut groups);
        if !groups.is_empty() && self.dice.one_in(4) {
            groups.push(self.dice.pick(&groups));
        }
        self.pending[at].read = Some(groups);
    }

    pub(super) fn open_session(&mut self) {
        let ready: Vec<_> = (0..self.pending.len())
            .filter(|&at| self.pending[at].read.is_some())
            .collect();
        if ready.is_empty() {
            return;
        }
        let at = self.dice.pick(&ready);
        let Pending {
            ticket,
            mut live,
            is_return,
            read,
        } = self.pending.remove(at);
        let read = read.unwrap_or_default();
        let before = self.truth.sessions_of(live.account);
        let arrival = if is_return {
            Arrival::Return {
                login_at_ms: live.login_at_ms,
            }
        } else {
            let newest = before.iter().map(|other| other.login_at_ms).max();
            live.login_at_ms = self.wall_ms.max(newest.map_or(0, |newest| newest + 1));
            if live.login_at_ms > self.wall_ms {
                self.saw("login while the clock is back");
            }
            Arrival::Login { now_ms: self.wall_ms }
        };
        let new = NewSession {
            key: live.key,
            instance: live.instance,
            platform: live.platform,
            usersig_issued_at_s: live.usersig_issued_at_s,
            arrival,
            opened_at_ms: self.wall_ms,
            handle: live.key.0,
        };
        if before.is_empty() {
            self.note_races(live.account, &read);
        }

        let opened = self.engine.session_opened(ticket, new, read);
        match (opened, self.truth.open(&live)) {
            (Ok(opened), Ok(mut gone)) => {
                assert_eq!(opened.first, before.is_empty(), "first session of {live:?}");
                assert_eq!(opened.login_at_ms, live.login_at_ms, "time of {live:?}");
                for displaced in &opened.displaced {
                    let was = Live::of(live.account, &displaced.session);
                    assert!(before.contains(&was), "{was:?} was never open");
                    self.saw(match displaced.reason {
                        Displacement::Reconnected => "displaced by itself",
                        Displacement::SamePlatform => "displaced on its platform",
                        Displacement::OtherPlatform => "displaced by another platform",
                    });
                }
                let mut displaced: Vec<_> = opened
                    .displaced
                    .iter()
                    .map(|displaced| (displaced.session.key, displaced.reason))
                    .collect();
                displaced.sort_by_key(|(key, _)| *key);
                gone.sort_by_key(|(key, _)| *key);
                assert_eq!(displaced, gone, "displaced by {live:?}");
                self.saw(if before.is_empty() {
                    "first session"
                } else {
                    "further session"
                });
                self.remember(live);
            }
            (Err(refused), Err(expected)) => {
                assert_eq!(refused, expected, "{live:?}");
                self.saw(match refused {
                    Refused::AccountDeleted => "refused: deleted",
                    Refused::UserSigRevoked => "refused: revoked",
                    Refused::NewerLogin => "refused: newer login",
                });
            }
            (opened, expected) => panic!("{live:?}: {opened:?}, and the model says {expected:?}"),
        }
    }

    /// What changed between the read and the opening that depends on it.
    fn note_races(&mut self, account: AccountKey, read: &[GroupKey]) {
        let now = self.truth.memberships(account);
        if now.iter().any(|group| !read.contains(group)) {
            self.saw("join during a login");
        }
        for group in read.iter().filter(|group| !now.contains(group)) {
            self.saw(if self.truth.groups.contains(group) {
                "leave during a login"
            } else {
                "dissolution during a login"
            });
        }
    }

    pub(super) fn abort_login(&mut self) {
        if !self.pending.is_empty() {
            let at = self.dice.index(self.pending.len());
            let pending = self.pending.remove(at);
            self.engine.login_aborted(pending.ticket);
        }
    }

    pub(super) fn close_session(&mut self) {
        if self.truth.sessions.is_empty() {
            return;
        }
        let Live { account, key, .. } = self.truth.sessions[self.dice.index(self.truth.sessions.len())];
        let in_room = self.truth.present.iter().any(|(present, _)| *present == account);
        self.truth.end(|live| live.key == key);
        let last = !self.truth.is_online(account);
        assert_eq!(
            self.engine.session_closed(account, key),
            Some(last),
            "{account:?}"
        );
        assert_eq!(
            self.engine.session_closed(account, key),
            None,
            "{account:?} again"
        );
        if last && in_room {
            self.saw("last session in a room");
        }
    }

    fn remember(&mut self, live: Live) {
        if self.past.len() == REMEMBERED_MAX {
            self.past.remove(0);
        }
        self.past.push(live);
    }
}
