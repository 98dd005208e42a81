//! query_online_status (1047/35477, 269/2566): who is online, and on which devices.

use headcount_core::Code;
use headcount_service::UserStatus;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;
use crate::wire::{self, Account};

pub(super) const COMMAND: Command = Command {
    services: &["openim"],
    name: "query_online_status",
    callers: Callers::Admin,
    family: Family::Openim,
    run: |call| call.answer_with(query_online_status),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "To_Account")]
    users: Vec<Account>,
    #[serde(rename = "IsNeedDetail", default)]
    need_detail: u32,
    #[serde(rename = "IsReturnInstid", default)]
    return_instance: u32,
}

#[derive(Serialize)]
struct Answered {
    #[serde(rename = "QueryResult")]
    results: Vec<User>,
    #[serde(rename = "ErrorList", skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Missing>,
}

#[derive(Serialize)]
struct User {
    #[serde(rename = "To_Account")]
    user: String,
    #[serde(rename = "Status")]
    status: &'static str,
    #[serde(rename = "Detail", skip_serializing_if = "Option::is_none")]
    detail: Option<Vec<Device>>,
}

#[derive(Serialize)]
struct Device {
    #[serde(rename = "Platform")]
    platform: &'static str,
    #[serde(rename = "Status")]
    status: &'static str,
    #[serde(rename = "Instid", skip_serializing_if = "Option::is_none")]
    instance: Option<u32>,
}

#[derive(Serialize)]
struct Missing {
    #[serde(rename = "To_Account")]
    user: String,
    #[serde(rename = "ErrorCode")]
    code: i32,
}

async fn query_online_status(call: Call, request: Request) -> Result<Answer, Fault> {
    let names = wire::names(request.users);
    let statuses = call.service.user_status(&call.caller, &names).await?;
    let mut answered = Answered {
        results: Vec::new(),
        errors: Vec::new(),
    };
    for (user, status) in names.into_iter().zip(statuses) {
        match status {
            Some(status) => {
                let detail =
                    (request.need_detail == 1).then(|| devices(&status, request.return_instance == 1));
                // Like the published sample, an offline user has no Detail.
                let detail = detail.filter(|devices| !devices.is_empty());
                let status = if status.devices.is_empty() {
                    "Offline"
                } else {
                    "Online"
                };
                answered.results.push(User { user, status, detail });
            }
            None => answered.errors.push(Missing {
                user,
                code: Code::ACCOUNT_ABSENT.0,
            }),
        }
    }
    if answered.results.is_empty() {
        return Ok(Answer::fail_with(
            Code::ACCOUNT_ABSENT,
            "none of the accounts exists",
            &answered,
        ));
    }
    Ok(Answer::ok(&answered))
}

fn devices(status: &UserStatus, with_instance: bool) -> Vec<Device> {
    let device = |device: &headcount_service::DeviceStatus| Device {
        platform: device.platform.wire_name(),
        status: "Online",
        instance: with_instance.then_some(device.instance),
    };
    status.devices.iter().map(device).collect()
}
