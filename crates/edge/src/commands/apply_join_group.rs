//! apply_join_group: a user joins by id. Only the gateway has it.

use headcount_service::{JoinError, JoinOutcome};
use serde::{Deserialize, Serialize};

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "apply_join_group",
    callers: Callers::User,
    family: Family::Group,
    run: |call| call.handle(apply_join_group),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
}

#[derive(Serialize)]
struct Joined {
    #[serde(rename = "JoinedStatus")]
    status: &'static str,
}

async fn apply_join_group(call: Call, request: Request) -> Result<Joined, JoinError> {
    let status = match call.service.join(&call.caller, &request.group).await? {
        JoinOutcome::Joined => "JoinedSuccess",
        JoinOutcome::WaitsForApproval => "WaitAdminApproval",
    };
    Ok(Joined { status })
}
