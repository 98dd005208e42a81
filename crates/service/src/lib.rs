//! Every command once: check, decide, write, publish.
//!
//! The doors (REST and the gateway) turn wire bodies into the calls of [`Service`] and its answers back.
//! The service is the only caller of the directory and of the presence engine, and knows nothing of
//! HTTP, WebSocket or JSON.

mod a2;
mod accounts;
mod apps;
mod audit;
mod authenticate;
mod caller;
mod catalog;
mod count;
mod counts;
mod create_group;
mod groups;
mod joined;
mod live;
mod login;
mod members;
mod membership;
mod names;
mod notice;
mod service;
mod session;
mod status;
mod verified;

pub use accounts::{AccountState, ImportError, KickError};
pub use apps::{AdminNumber, AppEntry, Regions};
pub use audit::{AuditReport, Difference};
pub use authenticate::{AuthError, AuthenticatedCall, StandingAdmin};
pub use caller::{Caller, Who};
pub use count::CountError;
pub use counts::{Counts, CountsError, Sight, Watch, Watching};
pub use create_group::{CreateGroup, CreateGroupError};
pub use groups::{DissolveError, FindGroupError, GroupInfo, GroupInfoError, SelfInfo};
pub use headcount_cluster::{ClusterStatus, PeerState, PeerStatus, StatusBoard};
pub use headcount_presence::{NodeNumber, Numbers, SessionDigest};
pub use joined::{JoinedError, JoinedList};
pub use live::Live;
pub use login::{Credentials, LoggedIn, LoginError, LoginRequest};
pub use members::{ListMembersError, MemberCursor, MemberList, RolesError};
pub use membership::{
    AddError, AddOutcome, ImportMember, ImportMembersError, JoinError, JoinOutcome, QuitError, RemoveError,
};
pub use notice::{News, Notice};
pub use service::{Health, Service, Settings};
pub use session::{Ending, LiveSession, Reach, SessionEvent, SessionHandle};
pub use status::{DeviceStatus, StatusError, UserStatus};
