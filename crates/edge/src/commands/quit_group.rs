//! quit_group: a user leaves. Only the gateway has it.

use headcount_service::QuitError;
use serde::Deserialize;

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "quit_group",
    callers: Callers::User,
    family: Family::Group,
    run: |call| call.handle(quit_group),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
}

async fn quit_group(call: Call, request: Request) -> Result<(), QuitError> {
    call.service.quit(&call.caller, &request.group).await
}
