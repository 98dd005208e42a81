//! destroy_group (1047/34896): dissolves a group.

use headcount_service::DissolveError;

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};
use serde::Deserialize;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "destroy_group",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(destroy_group),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
}

async fn destroy_group(call: Call, request: Request) -> Result<(), DissolveError> {
    call.service.dissolve_group(&call.caller, &request.group).await
}
