//! Who may do what, by group type and role (1047/33529, 1047/33530, 1047/33515).
//!
//! An app admin has the owner's rights in every group without being a member, so these rules are only
//! asked about users.

use crate::{GroupType, InviteOption, JoinOption, Role};

/// How an attempt to join by id ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinVerdict {
    /// A member at once.
    Joined,
    /// The owner or an admin has to agree first.
    NeedsApproval,
    /// This group cannot be joined by id.
    Refused,
}

/// How joining by id ends in a group of this type with this option.
#[must_use]
pub fn join(group_type: GroupType, option: JoinOption) -> JoinVerdict {
    match (group_type, option) {
        (GroupType::Work, _) | (_, JoinOption::DisableApply) => JoinVerdict::Refused,
        (_, JoinOption::FreeAccess) => JoinVerdict::Joined,
        (_, JoinOption::NeedPermission) => JoinVerdict::NeedsApproval,
    }
}

/// Whether a member of this role may bring others in.
#[must_use]
pub fn may_invite(group_type: GroupType, option: InviteOption, role: Option<Role>) -> bool {
    let Some(role) = role else { return false };
    match (group_type, option) {
        (GroupType::AvChatRoom, _) | (_, InviteOption::DisableInvite) => false,
        (_, InviteOption::FreeAccess) => true,
        (_, InviteOption::NeedPermission) => role >= Role::Admin,
    }
}

/// Whether a member of role `actor` may remove one of role `target`. Nobody removes the owner.
#[must_use]
pub fn may_remove(group_type: GroupType, actor: Option<Role>, target: Role) -> bool {
    match (group_type, actor) {
        (GroupType::AvChatRoom, _) | (_, None | Some(Role::Member)) => false,
        (_, Some(Role::Owner)) => target < Role::Owner,
        (GroupType::Work, Some(Role::Admin)) => false,
        (_, Some(Role::Admin)) => target < Role::Admin,
    }
}

/// Whether a member of this role may dissolve the group. A Work group is dissolved by the app alone.
#[must_use]
pub fn may_dissolve(group_type: GroupType, role: Option<Role>) -> bool {
    group_type != GroupType::Work && role == Some(Role::Owner)
}

/// Whether a member of this role may leave by itself.
#[must_use]
pub fn may_quit(group_type: GroupType, role: Role) -> bool {
    role != Role::Owner || group_type == GroupType::Work
}

/// Whether a user who is not a member may see the group's profile: wherever one could join by id.
#[must_use]
pub fn visible_to_strangers(group_type: GroupType) -> bool {
    group_type != GroupType::Work
}

/// Whether a user may ask how many members are online: a member may, and anyone where everyone present
/// is a member.
#[must_use]
pub fn may_count_online(group_type: GroupType, role: Option<Role>) -> bool {
    role.is_some() || group_type == GroupType::AvChatRoom
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Option<Role>; 4] = [None, Some(Role::Member), Some(Role::Admin), Some(Role::Owner)];

    #[test]
    fn joining_by_id() {
        use JoinVerdict::{Joined, NeedsApproval, Refused};
        for group_type in GroupType::ALL {
            let open = if group_type == GroupType::Work {
                [Refused; 2]
            } else {
                [Joined, NeedsApproval]
            };
            assert_eq!(
                join(group_type, JoinOption::FreeAccess),
                open[0],
                "{group_type:?}"
            );
            assert_eq!(
                join(group_type, JoinOption::NeedPermission),
                open[1],
                "{group_type:?}"
            );
            assert_eq!(
                join(group_type, JoinOption::DisableApply),
                Refused,
                "{group_type:?}"
            );
        }
    }

    #[test]
    fn inviting_dissolving_and_quitting_cell_by_cell() {
        let t = true;
        let f = false;
        // type, invites with the default option as (stranger, member, admin, owner), dissolves, quits
        let table = [
            (GroupType::Work, [f, t, t, t], [f, f, f, f], [t, t, t]),
            (GroupType::Public, [f, f, f, f], [f, f, f, t], [t, t, f]),
            (GroupType::Meeting, [f, f, f, f], [f, f, f, t], [t, t, f]),
            (GroupType::AvChatRoom, [f, f, f, f], [f, f, f, t], [t, t, f]),
            (GroupType::Community, [f, t, t, t], [f, f, f, t], [t, t, f]),
        ];
        for (group_type, invites, dissolves, quits) in table {
            let option = group_type.default_invite_option();
            assert_eq!(
                ROLES.map(|role| may_invite(group_type, option, role)),
                invites,
                "{group_type:?}"
            );
            assert_eq!(
                ROLES.map(|role| may_dissolve(group_type, role)),
                dissolves,
                "{group_type:?}"
            );
            let roles = [Role::Member, Role::Admin, Role::Owner];
            assert_eq!(
                roles.map(|role| may_quit(group_type, role)),
                quits,
                "{group_type:?}"
            );
        }
    }

    #[test]
    fn removing_goes_down_the_ranks_only() {
        for group_type in GroupType::ALL {
            for actor in ROLES {
                for target in [Role::Member, Role::Admin, Role::Owner] {
                    let expected = match (group_type, actor) {
                        (GroupType::AvChatRoom, _) => false,
                        (_, Some(Role::Owner)) => target != Role::Owner,
                        (GroupType::Work, _) => false,
                        (_, Some(Role::Admin)) => target == Role::Member,
                        _ => false,
                    };
                    assert_eq!(
                        may_remove(group_type, actor, target),
                        expected,
                        "{group_type:?} {actor:?} {target:?}"
                    );
                }
            }
        }
    }
}
