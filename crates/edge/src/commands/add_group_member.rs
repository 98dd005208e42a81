//! add_group_member (1047/34921): by the app, or by a member who invites.

use headcount_service::{AddError, AddOutcome};
use serde::{Deserialize, Serialize};

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};
use crate::wire::{MemberAccount, Object};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "add_group_member",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(add_group_member),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
    #[serde(rename = "MemberList")]
    members: Vec<Object<MemberAccount>>,
}

/// The outcome of every member, in the order of the request.
#[derive(Serialize)]
pub(super) struct Added {
    #[serde(rename = "MemberList")]
    members: Vec<AddedMember>,
}

#[derive(Serialize)]
struct AddedMember {
    #[serde(rename = "Member_Account")]
    account: String,
    /// 0 failed, 1 added, 2 already a member (1047/34921).
    #[serde(rename = "Result")]
    result: u8,
}

/// The answer of add_group_member and import_group_member.
pub(super) fn added(names: Vec<String>, outcomes: Vec<AddOutcome>) -> Added {
    let member = |(account, outcome)| AddedMember {
        account,
        result: match outcome {
            AddOutcome::Failed => 0,
            AddOutcome::Added => 1,
            AddOutcome::AlreadyMember => 2,
        },
    };
    Added {
        members: names.into_iter().zip(outcomes).map(member).collect(),
    }
}

async fn add_group_member(call: Call, request: Request) -> Result<Added, AddError> {
    let names: Vec<_> = request
        .members
        .into_iter()
        .map(|Object(member)| member.account.0)
        .collect();
    let outcomes = call
        .service
        .add_members(&call.caller, &request.group, &names)
        .await?;
    Ok(added(names, outcomes))
}
