//! What this node has to tell the others: each change of its own sessions and rooms, in order.

use headcount_core::{AccountKey, GroupKey, Platform};

/// A session as its node tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Whose it is.
    pub account: AccountKey,
    /// Its number on its node.
    pub number: u64,
    /// The instance.
    pub instance: u32,
    /// The kind of device.
    pub platform: Platform,
    /// When the user logged in, Unix milliseconds.
    pub login_at_ms: u64,
    /// When the connection came, Unix milliseconds by its node's clock.
    pub opened_at_ms: u64,
    /// When the UserSig it rests on was issued, Unix seconds.
    pub usersig_issued_at_s: u64,
    /// The commit up to which its node had followed the directory when it told this.
    pub position: u64,
    /// The groups that the account was a member of then.
    pub groups: Vec<GroupKey>,
    /// The rooms that its node holds for the account.
    pub rooms: Vec<GroupKey>,
}

/// Something that other nodes have to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session opened, or is still open.
    Opened(SessionFacts),
    /// A session is over.
    Closed {
        /// Whose it was.
        account: AccountKey,
        /// Its number.
        number: u64,
    },
    /// The node holds a room for an account.
    RoomEntered {
        /// Whose.
        account: AccountKey,
        /// The room.
        room: GroupKey,
        /// Whether the user asked for it here; otherwise the node follows another one.
        asked: bool,
    },
    /// The node no longer holds a room for an account.
    RoomLeft {
        /// Whose.
        account: AccountKey,
        /// The room.
        room: GroupKey,
        /// Whether the user asked for it here: then it is out everywhere.
        asked: bool,
    },
    /// A message for the sessions that these accounts have elsewhere.
    Told {
        /// For whom.
        accounts: Vec<AccountKey>,
        /// What, in words that the engine does not read.
        message: Vec<u8>,
    },
}

/// The events since they were last taken, up to a bound.
#[derive(Debug)]
pub(crate) struct Journal {
    most: usize,
    events: Vec<Event>,
    overflowed: bool,
}

/// What was taken from the journal.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// All that happened since the last time.
    Events(Vec<Event>),
    /// More than the bound happened: the events are lost, and the whole state has to be told.
    Overflowed,
}

impl Journal {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            events: Vec::new(),
            overflowed: false,
        }
    }

    pub(crate) fn note(&mut self, event: Event) {
        if self.events.len() < self.most {
            self.events.push(event);
        } else {
            self.overflowed = true;
        }
    }

    pub(crate) fn take(&mut self) -> Taken {
        let events = std::mem::take(&mut self.events);
        if std::mem::take(&mut self.overflowed) {
            Taken::Overflowed
        } else {
            Taken::Events(events)
        }
    }
}
