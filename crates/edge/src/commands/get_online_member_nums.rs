//! get_online_member_nums: the counts of up to 500 groups in one call. This server's own command.

use headcount_service::{FindGroupError, Numbers};
use serde::{Deserialize, Serialize};

use super::HEADCOUNT_SVC;
use crate::by_platform::ByPlatform;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;

pub(super) const COMMAND: Command = Command {
    services: &[HEADCOUNT_SVC],
    name: "get_online_member_nums",
    callers: Callers::Admin,
    family: Family::Group,
    run: |call| call.handle(get_online_member_nums),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupIdList")]
    groups: Vec<String>,
    #[serde(rename = "ByPlatform", default)]
    by_platform: u32,
}

#[derive(Serialize)]
struct Answered {
    #[serde(rename = "AsOf")]
    as_of_ms: u64,
    #[serde(rename = "OnlineMemberNumList")]
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    #[serde(rename = "GroupId")]
    id: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Counted {
        #[serde(rename = "OnlineMemberNum")]
        online: u32,
        #[serde(rename = "OnlineMemberNumByPlatform", skip_serializing_if = "Option::is_none")]
        by_platform: Option<ByPlatform>,
    },
    Failed {
        #[serde(rename = "ErrorCode")]
        code: i32,
        #[serde(rename = "ErrorInfo")]
        info: String,
    },
}

async fn get_online_member_nums(call: Call, request: Request) -> Result<Answered, Fault> {
    let counts = call
        .service
        .online_member_nums(&call.caller, &request.groups)
        .await?;
    let mut groups = Vec::with_capacity(request.groups.len());
    for (id, counted) in request.groups.into_iter().zip(counts.groups) {
        let outcome = outcome(counted, request.by_platform == 1)?;
        groups.push(Group { id, outcome });
    }
    Ok(Answered {
        as_of_ms: counts.as_of_ms,
        groups,
    })
}

fn outcome(counted: Result<Numbers, FindGroupError>, by_platform: bool) -> Result<Outcome, Fault> {
    match counted.map_err(Fault::from) {
        Ok(numbers) => Ok(Outcome::Counted {
            online: numbers.online,
            by_platform: by_platform.then_some(ByPlatform(numbers.by_platform)),
        }),
        Err(Fault::Code(code, info)) => Ok(Outcome::Failed { code: code.0, info }),
        Err(other) => Err(other),
    }
}
