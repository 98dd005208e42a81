//! What this node has yet to say: from the engine's events to entries that the relay has.

use std::collections::VecDeque;

use headcount_core::AccountKey;
use headcount_core::limits::{RELAY_APPEND_BYTES_MAX, RELAY_TELL_ACCOUNTS_MAX, RELAY_UNSENT_ENTRIES_MAX};
use headcount_presence::{Event, Presence, Taken};

use crate::relay::Entry;
use crate::wire::{self, Line};

/// Entries on their way to the relay, and the sessions that are still to be told.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    unsent: VecDeque<Entry>,
    /// The number of the last entry that was written, sent or not.
    written: u64,
    /// The number of the last entry that the relay has confirmed.
    sent: u64,
    /// Where the directory stood when the last entry was written.
    written_at: u64,
    /// Where it stood when the last confirmed one was.
    sent_at: u64,
    must_tell: bool,
    /// The accounts whose sessions are still to be told.
    telling: Option<Vec<AccountKey>>,
}

impl Outbox {
    /// Has all open sessions told, from the beginning.
    pub(crate) fn tell_all(&mut self) {
        self.must_tell = true;
        self.telling = None;
    }

    /// Writes what has happened since the last time, and the next sessions to be told. Does nothing while
    /// too much is unsent: the engine keeps events up to a bound of its own.
    pub(crate) fn gather<H>(&mut self, presence: &mut Presence<H>) {
        if self.unsent.len() >= RELAY_UNSENT_ENTRIES_MAX {
            return;
        }
        // First the events: what is told of an account comes after all that has happened to it.
        let mut lines: Vec<Line> = match presence.take_events() {
            Taken::Events(events) => events.into_iter().map(Line::Event).collect(),
            Taken::Overflowed => {
                self.tell_all();
                Vec::new()
            }
        };
        if self.must_tell {
            self.must_tell = false;
            self.telling = Some(presence.accounts_here());
            lines.push(Line::TellingBegan);
        }
        if let Some(accounts) = &mut self.telling {
            let from = accounts.len().saturating_sub(RELAY_TELL_ACCOUNTS_MAX);
            for account in accounts.drain(from..) {
                let facts = presence.facts_of(account).into_iter();
                lines.extend(facts.map(|facts| Line::Event(Event::Opened(facts))));
            }
            if accounts.is_empty() {
                self.telling = None;
                lines.push(Line::TellingEnded);
            }
        }
        self.written_at = presence.position();
        for bytes in wire::write(lines) {
            self.written += 1;
            let number = self.written;
            self.unsent.push_back(Entry { number, bytes });
        }
        if self.unsent.is_empty() {
            self.sent_at = self.written_at;
        }
    }

    /// The next entries for the relay.
    pub(crate) fn next(&self) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.bytes.len();
            bytes <= RELAY_APPEND_BYTES_MAX || bytes == entry.bytes.len()
        };
        self.unsent.iter().take_while(fits).cloned().collect()
    }

    /// The relay has the entries up to this number.
    pub(crate) fn confirmed(&mut self, number: u64) {
        while self.unsent.front().is_some_and(|entry| entry.number <= number) {
            self.unsent.pop_front();
        }
        self.sent = self.sent.max(number);
        if self.unsent.is_empty() {
            self.sent_at = self.written_at;
        }
    }

    /// Whether everything that was written is with the relay, and nothing is being told.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.telling.is_none() && !self.must_tell
    }

    /// The number of the last entry that the relay has, and the commit that the node had followed then.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.sent, self.sent_at)
    }
}
