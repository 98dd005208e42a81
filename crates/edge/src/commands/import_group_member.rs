//! import_group_member (1047/34969): members as they were elsewhere, with role and join time.

use headcount_service::ImportMember;
use serde::Deserialize;

use super::GROUP_SVCS;
use super::add_group_member::{Added, added};
use super::create_group::given_role;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;
use crate::wire::{Account, Object};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "import_group_member",
    callers: Callers::Admin,
    family: Family::Group,
    run: |call| call.handle(import_group_member),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
    #[serde(rename = "MemberList")]
    members: Vec<Object<Import>>,
}

#[derive(Deserialize)]
struct Import {
    #[serde(rename = "Member_Account")]
    account: Account,
    #[serde(rename = "Role")]
    role: Option<String>,
    #[serde(rename = "JoinTime")]
    joined_at_s: Option<u64>,
}

async fn import_group_member(call: Call, request: Request) -> Result<Added, Fault> {
    let members = request.members.into_iter().map(|Object(member)| {
        let role = given_role(member.role.as_deref())?;
        Ok(ImportMember {
            user: member.account.0,
            role,
            joined_at_s: member.joined_at_s,
        })
    });
    let members = members.collect::<Result<Vec<_>, Fault>>()?;
    let outcomes = call
        .service
        .import_members(&call.caller, &request.group, &members)
        .await?;
    Ok(added(
        members.into_iter().map(|member| member.user).collect(),
        outcomes,
    ))
}
