//! delete_group_member (1047/34949): by the app, or by a member whose role allows it.

use headcount_service::RemoveError;
use serde::Deserialize;

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};
use crate::wire::{self, Account};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "delete_group_member",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(delete_group_member),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
    #[serde(rename = "MemberToDel_Account")]
    members: Vec<Account>,
}

async fn delete_group_member(call: Call, request: Request) -> Result<(), RemoveError> {
    let names = wire::names(request.members);
    call.service
        .remove_members(&call.caller, &request.group, &names)
        .await
}
