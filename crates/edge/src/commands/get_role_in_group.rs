//! get_role_in_group (1047/34963).

use headcount_service::RolesError;
use serde::{Deserialize, Serialize};

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};
use crate::wire::{self, Account};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "get_role_in_group",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(get_role_in_group),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
    #[serde(rename = "User_Account")]
    users: Vec<Account>,
}

#[derive(Serialize)]
struct Roles {
    #[serde(rename = "UserIdList")]
    users: Vec<UserRole>,
}

#[derive(Serialize)]
struct UserRole {
    #[serde(rename = "Member_Account")]
    account: String,
    #[serde(rename = "Role")]
    role: &'static str,
}

async fn get_role_in_group(call: Call, request: Request) -> Result<Roles, RolesError> {
    let names = wire::names(request.users);
    let roles = call.service.roles(&call.caller, &request.group, &names).await?;
    let user = |(account, role): (String, Option<headcount_core::Role>)| UserRole {
        account,
        role: role.map_or("NotMember", headcount_core::Role::wire_name),
    };
    Ok(Roles {
        users: names.into_iter().zip(roles).map(user).collect(),
    })
}
