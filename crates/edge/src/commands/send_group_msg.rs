//! send_group_msg, as far as the SDK sends one by itself.
//!
//! Headcount counts who is there and carries no messages. But the SDK announces each group it creates
//! with a message of its own, and refusing that one would surface as an error of createGroup.

use headcount_core::Code;
use serde::{Deserialize, Serialize};

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;
use crate::wire::Object;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "send_group_msg",
    callers: Callers::User,
    family: Family::Group,
    run: |call| call.handle(send_group_msg),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
    #[serde(rename = "MsgBody")]
    elements: Vec<Object<Element>>,
}

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "MsgType")]
    kind: String,
    #[serde(rename = "MsgContent")]
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "Data", default)]
    data: String,
}

#[derive(Deserialize)]
struct Announcement {
    #[serde(rename = "businessID")]
    business: String,
}

#[derive(Serialize)]
struct Sent {
    #[serde(rename = "MsgTime")]
    time_s: u64,
    #[serde(rename = "MsgSeq")]
    seq: u32,
}

impl Request {
    /// Whether it is the SDK's announcement of a new group: a custom element whose text is JSON.
    fn announces_creation(&self) -> bool {
        let [Object(one)] = &self.elements[..] else {
            return false;
        };
        let announcement = serde_json::from_str::<Announcement>(&one.content.data);
        one.kind == "TIMCustomElem" && announcement.is_ok_and(|said| said.business == "group_create")
    }
}

async fn send_group_msg(call: Call, request: Request) -> Result<Sent, Fault> {
    if !request.announces_creation() {
        return Err(Fault::code(
            Code::COMMAND_DISABLED,
            "this server carries no messages",
        ));
    }
    let info = call.service.self_info(&call.caller, &request.group).await?;
    if info.member.is_none() {
        return Err(Fault::code(
            Code::GROUP_NOT_PERMITTED,
            "you are no member of this group",
        ));
    }
    Ok(Sent {
        time_s: call.service.clock().wall_s(),
        seq: 1,
    })
}
