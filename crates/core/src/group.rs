//! Group ids and their forms (1047/33529, 269/1502).

use std::borrow::Borrow;
use std::fmt;

use crate::GroupType;
use crate::limits::GROUP_ID_BYTES_MAX;

/// A group's number inside the directory: dense, never used twice, also not after the id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(pub u64);

/// A group id of valid form: 1 to 48 bytes of printable ASCII that is no topic id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Box<str>);

/// The text is no group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadGroupId {
    /// Empty, longer than 48 bytes, or not printable ASCII.
    Form,
    /// The id of a topic, which lives inside a community.
    Topic,
    /// A custom id for this type must not begin like this.
    Prefix(GroupType),
}

impl fmt::Display for BadGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                write!(
                    f,
                    "invalid group id: it has 1 to {GROUP_ID_BYTES_MAX} bytes of printable ASCII"
                )
            }
            Self::Topic => f.write_str("invalid group id: this is the id of a topic, not of a group"),
            Self::Prefix(GroupType::Community) => f.write_str(
                "invalid group id: a community's own id begins with @TGS#_ and not with @TGS#_@TGS#",
            ),
            Self::Prefix(_) => f.write_str("invalid group id: a group's own id must not begin with @TGS#"),
        }
    }
}

impl std::error::Error for BadGroupId {}

/// What every id that the server assigns begins with.
const ASSIGNED: &str = "@TGS#";
/// What every community id begins with.
const COMMUNITY: &str = "@TGS#_";
/// What every community id that the server assigns begins with.
const COMMUNITY_ASSIGNED: &str = "@TGS#_@TGS#";
/// What separates a community's id from the topic's part.
const TOPIC: &str = "@TOPIC#_";

/// Letters and digits of an assigned id, as seen in published samples.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl GroupId {
    /// Checks `text` against the form of any group id, assigned or custom.
    pub fn parse(text: &str) -> Result<Self, BadGroupId> {
        if text.contains(TOPIC) {
            return Err(BadGroupId::Topic);
        }
        let fits = (1..=GROUP_ID_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
            Ok(Self(text.into()))
        } else {
            Err(BadGroupId::Form)
        }
    }

    /// Checks an id that the creator of a group chose against the rules for its type.
    pub fn parse_custom(text: &str, group_type: GroupType) -> Result<Self, BadGroupId> {
        let id = Self::parse(text)?;
        let allowed = match group_type {
            GroupType::Community => {
                text.starts_with(COMMUNITY)
                    && text.len() > COMMUNITY.len()
                    && !text.starts_with(COMMUNITY_ASSIGNED)
            }
            _ => !text.starts_with(ASSIGNED),
        };
        if allowed {
            Ok(id)
        } else {
            Err(BadGroupId::Prefix(group_type))
        }
    }

    /// A new id in the form the server assigns to groups of this type, from 64 random bits.
    #[must_use]
    pub fn assigned(group_type: GroupType, mut random: u64) -> Self {
        let prefix = match group_type {
            GroupType::Work => "@TGS#1",
            GroupType::Public => "@TGS#2",
            GroupType::Meeting => "@TGS#3",
            GroupType::AvChatRoom => "@TGS#a",
            GroupType::Community => "@TGS#_@TGS#c",
        };
        let mut text = String::from(prefix);
        for _ in 0..12 {
            text.push(char::from(ALPHABET[(random % 32) as usize]));
            random /= 32;
        }
        Self(text.into())
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for GroupId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_an_id() {
        for good in [
            "g",
            "@TGS#2J4SZEAEL",
            "@TGS#_@TGS#cQVLVHIM62CJ",
            "with space",
            &"x".repeat(48),
        ] {
            assert!(GroupId::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", &"x".repeat(49), "a\n", "\u{7f}", "é"] {
            assert_eq!(GroupId::parse(bad), Err(BadGroupId::Form), "{bad:?}");
        }
        assert_eq!(
            GroupId::parse("@TGS#_@TGS#cX@TOPIC#_@TOPIC#cY"),
            Err(BadGroupId::Topic)
        );
    }

    #[test]
    fn custom_ids_keep_out_of_the_assigned_ones() {
        let custom = GroupId::parse_custom;
        assert!(custom("room", GroupType::Public).is_ok());
        assert!(custom("@TGS#room", GroupType::Public).is_err());
        assert!(custom("@TGS#_fans", GroupType::Community).is_ok());
        assert!(custom("@TGS#_", GroupType::Community).is_err());
        assert!(custom("fans", GroupType::Community).is_err());
        assert!(custom("@TGS#_@TGS#fans", GroupType::Community).is_err());
    }

    #[test]
    fn assigned_ids_tell_their_type_and_are_valid() {
        for group_type in GroupType::ALL {
            for random in [0, 1, u64::MAX] {
                let id = GroupId::assigned(group_type, random);
                assert_eq!(GroupId::parse(id.as_str()), Ok(id.clone()));
                assert_eq!(
                    id.as_str().starts_with(COMMUNITY),
                    group_type == GroupType::Community
                );
            }
        }
    }
}
