//! kick (1047/34957, 269/3853): ends a user's sessions and voids the UserSigs issued so far.

use headcount_service::KickError;
use serde::Deserialize;

use super::LOGIN_SVC;
use crate::command::{Call, Callers, Command, Family};
use crate::wire::Account;

pub(super) const COMMAND: Command = Command {
    services: &[LOGIN_SVC],
    name: "kick",
    callers: Callers::Admin,
    family: Family::Account,
    run: |call| call.handle(kick),
};

#[derive(Deserialize)]
struct Request {
    /// Older SDKs say `Identifier`.
    #[serde(rename = "UserID", alias = "Identifier")]
    user: Account,
}

async fn kick(call: Call, request: Request) -> Result<(), KickError> {
    call.service.kick(&call.caller, &request.user.0).await
}
