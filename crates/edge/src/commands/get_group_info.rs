//! get_group_info (1047/34961): the profiles of up to 50 groups.

use headcount_service::GroupInfo;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::GROUP_SVCS;
use super::show::{self, ResponseFilter};
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "get_group_info",
    callers: Callers::Admin,
    family: Family::Group,
    run: |call| call.handle(get_group_info),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupIdList")]
    groups: Vec<String>,
    #[serde(rename = "ResponseFilter", default)]
    filter: ResponseFilter,
}

async fn get_group_info(call: Call, request: Request) -> Result<Value, Fault> {
    let filter = request.filter.fill();
    let with_members = filter.member.as_ref().is_none_or(|names| !names.is_empty());
    let infos = call
        .service
        .group_infos(&call.caller, &request.groups, with_members)
        .await?;
    let mut shown = Vec::with_capacity(infos.len());
    for (id, info) in request.groups.iter().zip(infos) {
        shown.push(match info {
            Ok(info) => group_with_members(&info, &filter, with_members),
            Err(error) => failed(id, error)?,
        });
    }
    Ok(json!({ "GroupInfo": shown }))
}

fn group_with_members(info: &GroupInfo, filter: &ResponseFilter, with_members: bool) -> Map<String, Value> {
    let mut fields = show::group(&info.group, &filter.group);
    fields.insert("ErrorCode".to_owned(), json!(0));
    fields.insert("ErrorInfo".to_owned(), json!(""));
    if with_members && info.group.group_type.stores_members() {
        let members = info.members.iter();
        let shown = members.map(|member| show::member(member, info.group.group_type, None, &filter.member));
        fields.insert("MemberList".to_owned(), shown.map(Value::Object).collect());
    }
    fields
}

/// One group that could not be shown: its own code, beside those that could.
pub(super) fn failed(id: &str, error: impl Into<Fault>) -> Result<Map<String, Value>, Fault> {
    let (code, info) = match error.into() {
        Fault::Code(code, info) => (code, info),
        other => return Err(other),
    };
    let mut fields = Map::new();
    fields.insert("GroupId".to_owned(), json!(id));
    fields.insert("ErrorCode".to_owned(), json!(code.0));
    fields.insert("ErrorInfo".to_owned(), json!(info));
    Ok(fields)
}
