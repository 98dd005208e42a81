//! How events are written into the entries of a log.

use bytes::Bytes;
use headcount_core::limits::RELAY_ENTRY_BYTES_MAX;
use headcount_core::{AccountKey, GroupKey, Platform};
use headcount_presence::{Event, SessionFacts};
use serde::{Deserialize, Serialize};

/// The first byte of every entry. Nodes that write another one are not understood.
pub(crate) const VERSION: u8 = 1;

/// One thing that a log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Something happened.
    Event(Event),
    /// All open sessions of the node follow, among what happens meanwhile.
    TellingBegan,
    /// That were all; a session that was not told since it began is over.
    TellingEnded,
}

/// A [`Line`] in numbers. The order of the variants is the format: only add at the end, with a new version.
#[derive(Serialize, Deserialize)]
enum Written {
    Opened {
        account: u64,
        number: u64,
        instance: u32,
        platform: u8,
        login_at_ms: u64,
        opened_at_ms: u64,
        usersig_issued_at_s: u64,
        position: u64,
        groups: Vec<u64>,
        rooms: Vec<u64>,
    },
    Closed {
        account: u64,
        number: u64,
    },
    RoomEntered {
        account: u64,
        room: u64,
        asked: bool,
    },
    RoomLeft {
        account: u64,
        room: u64,
        asked: bool,
    },
    Told {
        accounts: Vec<u64>,
        message: Vec<u8>,
    },
    TellingBegan,
    TellingEnded,
}

/// An entry that says nothing this version knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Writes lines into as few entries as go.
pub(crate) fn write(lines: Vec<Line>) -> Vec<Bytes> {
    let mut entries = Vec::new();
    let mut entry = vec![VERSION];
    for line in lines {
        let before = entry.len();
        // A vector takes everything, so this fails for no line.
        entry = postcard::to_extend(&Written::from(line), entry).unwrap_or_default();
        if entry.len() > RELAY_ENTRY_BYTES_MAX && before > 1 {
            let mut next = vec![VERSION];
            next.extend(entry.drain(before..));
            entries.push(Bytes::from(std::mem::replace(&mut entry, next)));
        }
    }
    if entry.len() > 1 {
        entries.push(entry.into());
    }
    entries
}

/// Reads the lines of an entry.
pub(crate) fn read(entry: &[u8]) -> Result<Vec<Line>, Unreadable> {
    let mut rest = entry.strip_prefix(&[VERSION]).ok_or(Unreadable)?;
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (written, after) = postcard::take_from_bytes::<Written>(rest).map_err(|_| Unreadable)?;
        lines.push(written.into());
        rest = after;
    }
    Ok(lines)
}

fn numbers(groups: &[GroupKey]) -> Vec<u64> {
    groups.iter().map(|group| group.0).collect()
}

fn groups(numbers: Vec<u64>) -> Vec<GroupKey> {
    numbers.into_iter().map(GroupKey).collect()
}

impl From<Line> for Written {
    fn from(line: Line) -> Self {
        let event = match line {
            Line::Event(event) => event,
            Line::TellingBegan => return Self::TellingBegan,
            Line::TellingEnded => return Self::TellingEnded,
        };
        match event {
            Event::Opened(facts) => Self::Opened {
                account: facts.account.0,
                number: facts.number,
                instance: facts.instance,
                platform: facts.platform.client_number(),
                login_at_ms: facts.login_at_ms,
                opened_at_ms: facts.opened_at_ms,
                usersig_issued_at_s: facts.usersig_issued_at_s,
                position: facts.position,
                groups: numbers(&facts.groups),
                rooms: numbers(&facts.rooms),
            },
            Event::Closed { account, number } => Self::Closed {
                account: account.0,
                number,
            },
            Event::RoomEntered { account, room, asked } => Self::RoomEntered {
                account: account.0,
                room: room.0,
                asked,
            },
            Event::RoomLeft { account, room, asked } => Self::RoomLeft {
                account: account.0,
                room: room.0,
                asked,
            },
            Event::Told { accounts, message } => Self::Told {
                accounts: accounts.iter().map(|account| account.0).collect(),
                message,
            },
        }
    }
}

impl From<Written> for Line {
    fn from(written: Written) -> Self {
        Self::Event(match written {
            Written::Opened {
                account,
                number,
                instance,
                platform,
                login_at_ms,
                opened_at_ms,
                usersig_issued_at_s,
                position,
                groups: of_groups,
                rooms,
            } => Event::Opened(SessionFacts {
                account: AccountKey(account),
                number,
                instance,
                platform: Platform::from_client_number(platform.into()),
                login_at_ms,
                opened_at_ms,
                usersig_issued_at_s,
                position,
                groups: groups(of_groups),
                rooms: groups(rooms),
            }),
            Written::Closed { account, number } => Event::Closed {
                account: AccountKey(account),
                number,
            },
            Written::RoomEntered { account, room, asked } => Event::RoomEntered {
                account: AccountKey(account),
                room: GroupKey(room),
                asked,
            },
            Written::RoomLeft { account, room, asked } => Event::RoomLeft {
                account: AccountKey(account),
                room: GroupKey(room),
                asked,
            },
            Written::Told { accounts, message } => Event::Told {
                accounts: accounts.into_iter().map(AccountKey).collect(),
                message,
            },
            Written::TellingBegan => return Self::TellingBegan,
            Written::TellingEnded => return Self::TellingEnded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(number: u64, groups: u64) -> Line {
        Line::Event(Event::Opened(SessionFacts {
            account: AccountKey(number),
            number,
            instance: u32::MAX,
            platform: Platform::IPad,
            login_at_ms: 1_700_000_000_000,
            opened_at_ms: 1_700_000_000_001,
            usersig_issued_at_s: 1_700_000_000,
            position: 9,
            groups: (0..groups).map(GroupKey).collect(),
            rooms: vec![GroupKey(7)],
        }))
    }

    fn one_of_each() -> Vec<Line> {
        let (account, room) = (AccountKey(u64::MAX), GroupKey(1 << 40));
        let events = [
            Event::Closed { account, number: 3 },
            Event::RoomEntered {
                account,
                room,
                asked: true,
            },
            Event::RoomLeft {
                account,
                room,
                asked: false,
            },
            Event::Told {
                accounts: vec![account],
                message: vec![0, 255],
            },
        ];
        let mut lines = vec![Line::TellingBegan, opened(1, 10)];
        lines.extend(events.map(Line::Event));
        lines.push(Line::TellingEnded);
        lines
    }

    #[test]
    fn what_was_written_is_read() {
        let entries = write(one_of_each());
        assert_eq!(entries.len(), 1);
        assert_eq!(read(&entries[0]), Ok(one_of_each()));
        assert_eq!(write(Vec::new()), Vec::<Bytes>::new());
    }

    #[test]
    fn long_entries_are_split_between_lines() {
        let lines: Vec<Line> = (0..3_000).map(|number| opened(number, 20)).collect();
        let entries = write(lines.clone());
        assert!(entries.len() > 1);
        assert!(entries.iter().all(|entry| entry.len() <= RELAY_ENTRY_BYTES_MAX));
        let back: Vec<Line> = entries.iter().flat_map(|entry| read(entry).unwrap()).collect();
        assert_eq!(back, lines);

        let long = vec![opened(1, 1), opened(2, 100_000), opened(3, 1)];
        let entries = write(long.clone());
        let back: Vec<Line> = entries.iter().flat_map(|entry| read(entry).unwrap()).collect();
        assert_eq!(back, long);
    }

    #[test]
    fn an_entry_that_is_cut_or_of_another_version_is_refused() {
        let entry = &write(one_of_each())[0];
        for cut in 2..entry.len() {
            // A cut between two lines reads as fewer of them.
            if let Ok(lines) = read(&entry[..cut]) {
                assert!(one_of_each().starts_with(&lines));
            }
        }
        assert_eq!(read(&[]), Err(Unreadable));
        assert_eq!(read(&[VERSION + 1]), Err(Unreadable));
        assert_eq!(read(&[VERSION, 200]), Err(Unreadable));
    }
}
