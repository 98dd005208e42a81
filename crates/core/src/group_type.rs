//! Group types, roles and join options.

/// The five types of a group (1047/33529).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupType {
    /// Friends' groups, `Private` on the wire and `Work` in newer SDKs.
    Work,
    /// Public groups, joined after approval.
    Public,
    /// Open chat rooms, `ChatRoom` on the wire and `Meeting` in newer SDKs.
    Meeting,
    /// Live rooms: no stored members, only those present.
    AvChatRoom,
    /// Communities of up to a million members.
    Community,
}

impl GroupType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::Work,
        Self::Public,
        Self::Meeting,
        Self::AvChatRoom,
        Self::Community,
    ];

    /// The type of a name in a request; both spellings of Work and Meeting are accepted (1047/34895).
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        Some(match name {
            "Private" | "Work" => Self::Work,
            "Public" => Self::Public,
            "ChatRoom" | "Meeting" => Self::Meeting,
            "AVChatRoom" => Self::AvChatRoom,
            "Community" => Self::Community,
            _ => return None,
        })
    }

    /// The name used in answers: always the older spelling.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Work => "Private",
            Self::Public => "Public",
            Self::Meeting => "ChatRoom",
            Self::AvChatRoom => "AVChatRoom",
            Self::Community => "Community",
        }
    }

    /// Whether the directory stores who is a member. An AVChatRoom has only those present.
    #[must_use]
    pub fn stores_members(self) -> bool {
        self != Self::AvChatRoom
    }

    /// How one joins unless the creator says otherwise (1047/34895).
    #[must_use]
    pub fn default_join_option(self) -> JoinOption {
        match self {
            Self::Work => JoinOption::DisableApply,
            Self::Public => JoinOption::NeedPermission,
            Self::Meeting | Self::AvChatRoom | Self::Community => JoinOption::FreeAccess,
        }
    }

    /// Whether members may bring others in unless the creator says otherwise (1047/33529).
    #[must_use]
    pub fn default_invite_option(self) -> InviteOption {
        match self {
            Self::Work | Self::Community => InviteOption::FreeAccess,
            Self::Public | Self::Meeting | Self::AvChatRoom => InviteOption::DisableInvite,
        }
    }
}

/// A member's rank in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An ordinary member.
    Member,
    /// Helps the owner.
    Admin,
    /// Owns the group; at most one.
    Owner,
}

impl Role {
    /// The role of a wire name.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        Some(match name {
            "Member" => Self::Member,
            "Admin" => Self::Admin,
            "Owner" => Self::Owner,
            _ => return None,
        })
    }

    /// The name on the wire.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Member => "Member",
            Self::Admin => "Admin",
            Self::Owner => "Owner",
        }
    }
}

/// How one joins by id, `ApplyJoinOption` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinOption {
    /// At once.
    FreeAccess,
    /// After approval.
    NeedPermission,
    /// Not at all.
    DisableApply,
}

impl JoinOption {
    /// The option of a wire name.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        Some(match name {
            "FreeAccess" => Self::FreeAccess,
            "NeedPermission" => Self::NeedPermission,
            "DisableApply" => Self::DisableApply,
            _ => return None,
        })
    }

    /// The name on the wire.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::FreeAccess => "FreeAccess",
            Self::NeedPermission => "NeedPermission",
            Self::DisableApply => "DisableApply",
        }
    }
}

/// How a member brings others in, `InviteJoinOption` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InviteOption {
    /// Any member, at once.
    FreeAccess,
    /// Owner and admins at once; others may not.
    NeedPermission,
    /// Nobody.
    DisableInvite,
}

impl InviteOption {
    /// The option of a wire name.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        Some(match name {
            "FreeAccess" => Self::FreeAccess,
            "NeedPermission" => Self::NeedPermission,
            "DisableInvite" => Self::DisableInvite,
            _ => return None,
        })
    }

    /// The name on the wire.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::FreeAccess => "FreeAccess",
            Self::NeedPermission => "NeedPermission",
            Self::DisableInvite => "DisableInvite",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_lead_to_one_type() {
        assert_eq!(GroupType::from_wire("Work"), GroupType::from_wire("Private"));
        assert_eq!(GroupType::from_wire("Meeting"), GroupType::from_wire("ChatRoom"));
        assert_eq!(
            GroupType::from_wire("community"),
            None,
            "names are case-sensitive"
        );
        for group_type in GroupType::ALL {
            assert_eq!(GroupType::from_wire(group_type.wire_name()), Some(group_type));
        }
    }
}
