//! The domain of Headcount: ids and their rules, group types and what each may do, roles, limits and
//! error codes.
//!
//! Nothing here does IO, reads a clock, or knows a wire format. Everything is plain data and pure
//! functions, so that a rule can be read and tested by itself.

mod account;
mod app;
mod change;
mod clock;
mod code;
mod group;
mod group_type;
pub mod limits;
mod multi_login;
mod platform;
pub mod rules;

pub use account::{AccountKey, BadUserId, TinyId, UserId};
pub use app::{App, SdkAppId};
pub use change::Change;
pub use clock::{Clock, Entropy};
pub use code::Code;
pub use group::{BadGroupId, GroupId, GroupKey};
pub use group_type::{GroupType, InviteOption, JoinOption, Role};
pub use multi_login::{MultiLogin, MultiLoginPolicy};
pub use platform::{Platform, PlatformClass, PlatformSet};
