//! get_online_member_num, the main job: of communities (1047/66883), and of groups (1047/38521).

use std::borrow::Cow;

use headcount_core::GroupType;
use headcount_service::CountError;
use serde::Deserialize;

use super::{GROUP_SVC, MILLION_SVC};
use crate::answer::Answer;
use crate::command::{Call, Callers, Command, Family, Reply};
use crate::fault::Fault;
use crate::wire;

/// The count of a community; other types are refused (the page as of 2026-05).
pub(super) const COMMUNITY: Command = Command {
    services: &[MILLION_SVC],
    name: "get_online_member_num",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| run(call, |group_type| group_type == GroupType::Community),
};

/// The count of a group of any type (the page as of 2024-12).
pub(super) const GROUP: Command = Command {
    services: &[GROUP_SVC],
    name: "get_online_member_num",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| run(call, |_| true),
};

#[derive(Deserialize)]
struct Request<'a> {
    /// Copied only when it has escapes.
    #[serde(rename = "GroupId", borrow)]
    group: Cow<'a, str>,
}

fn run(call: Call, counts: fn(GroupType) -> bool) -> Reply {
    let request = match wire::parse::<Request<'_>>(&call.body) {
        Ok(request) => request,
        Err(fault) => return Reply::Now(fault.answer(call.command.family)),
    };
    if let Some(known) = call
        .service
        .known_online_member_num(&call.caller, &request.group, counts)
    {
        return Reply::Now(answer(known));
    }
    let group = request.group.into_owned();
    Reply::Later(Box::pin(async move {
        answer(call.service.online_member_num(&call.caller, &group, counts).await)
    }))
}

fn answer(counted: Result<u32, CountError>) -> Answer {
    match counted {
        Ok(online) => Answer::online_member_num(online),
        Err(error) => Fault::from(error).answer(Family::Group),
    }
}
