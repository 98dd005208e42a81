//! What a commit of the directory means for who counts where.

use crate::{AccountKey, GroupId, GroupKey, SdkAppId, UserId};

/// One durable change that presence has to follow, in the order of the commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An account became a member of a group.
    Joined {
        /// Who.
        account: AccountKey,
        /// Of what.
        group: GroupKey,
    },
    /// An account is no longer a member of a group.
    Left {
        /// Who.
        account: AccountKey,
        /// Of what.
        group: GroupKey,
    },
    /// A group is gone, and with it all its memberships.
    Dissolved {
        /// The app it was in.
        app: SdkAppId,
        /// The id it had; the id may be used again by a later group with another key.
        id: GroupId,
        /// The group.
        group: GroupKey,
    },
    /// An account is gone; its memberships were reported as [`Change::Left`] before.
    AccountDeleted {
        /// The app it was in.
        app: SdkAppId,
        /// The UserID it had; a later account with another key may have it again.
        user: UserId,
        /// Who.
        account: AccountKey,
    },
    /// The account's UserSigs issued up to this second are void.
    UserSigsRevoked {
        /// The app it is in.
        app: SdkAppId,
        /// Its UserID.
        user: UserId,
        /// Whose.
        account: AccountKey,
        /// The last second whose UserSigs are void, Unix time.
        at_s: u64,
    },
}
