//! import_group (1047/34967): a group as it was elsewhere, with its time of creation.

use headcount_core::GroupType;
use serde::Deserialize;

use super::GROUP_SVCS;
use super::create_group::{Created, Profile, created};
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "import_group",
    callers: Callers::Admin,
    family: Family::Group,
    run: |call| call.handle(import_group),
};

#[derive(Deserialize)]
struct Request {
    #[serde(flatten)]
    profile: Profile,
    #[serde(rename = "CreateTime")]
    created_at_s: Option<u64>,
}

async fn import_group(call: Call, request: Request) -> Result<Created, Fault> {
    let mut import = request.profile.describe(Vec::new())?;
    if import.group_type == GroupType::AvChatRoom {
        let info = "an AVChatRoom has nothing to import: create it";
        return Err(Fault::code(headcount_core::Code::GROUP_NOT_PERMITTED, info));
    }
    if request
        .created_at_s
        .is_some_and(|at_s| at_s > call.service.clock().wall_s())
    {
        return Err(Fault::Parameter("CreateTime is in the future".to_owned()));
    }
    let now_s = call.service.clock().wall_s();
    import.created_at_s = request.created_at_s.filter(|&at_s| at_s > 0).or(Some(now_s));
    let group = call.service.create_group(&call.caller, import).await?;
    Ok(created(&group))
}
