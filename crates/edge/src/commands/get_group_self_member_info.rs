//! get_group_self_member_info: groups as their member sees them. Only the gateway has it; the SDK asks
//! whenever it meets a group.

use headcount_service::SelfInfo;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::GROUP_SVCS;
use super::get_group_info::failed;
use super::show::{self, ResponseFilter};
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "get_group_self_member_info",
    callers: Callers::User,
    family: Family::Group,
    run: |call| call.handle(get_group_self_member_info),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupIdList")]
    groups: Vec<String>,
    #[serde(rename = "ResponseFilter", default)]
    filter: ResponseFilter,
}

async fn get_group_self_member_info(call: Call, request: Request) -> Result<Value, Fault> {
    if request.groups.len() > headcount_core::limits::GROUP_INFO_MAX {
        return Err(headcount_service::GroupInfoError::TooManyGroups.into());
    }
    let filter = request.filter.fill();
    let mut shown = Vec::with_capacity(request.groups.len());
    for id in &request.groups {
        shown.push(match call.service.self_info(&call.caller, id).await {
            Ok(info) => group_with_self(&info, &filter),
            Err(error) => failed(id, error)?,
        });
    }
    Ok(json!({ "GroupInfo": shown }))
}

fn group_with_self(info: &SelfInfo, filter: &ResponseFilter) -> Map<String, Value> {
    let mut fields = show::group(&info.group, &filter.group);
    fields.insert("ErrorCode".to_owned(), json!(0));
    fields.insert("ErrorInfo".to_owned(), json!(""));
    let own = info
        .member
        .iter()
        .map(|own| show::member(own, info.group.group_type, None, &filter.member));
    fields.insert("MemberList".to_owned(), own.map(Value::Object).collect());
    fields
}
