//! get_group_member_info (1047/34948): the members of a group, page by page.

use headcount_core::limits::MEMBER_PAGE_DEFAULT;
use headcount_core::{GroupType, Role};
use headcount_service::MemberCursor;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::GROUP_SVCS;
use super::show::{self, Filter};
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "get_group_member_info",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(get_group_member_info),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "GroupId")]
    group: String,
    #[serde(rename = "MemberInfoFilter")]
    filter: Filter,
    #[serde(rename = "MemberRoleFilter", default)]
    roles: Vec<String>,
    #[serde(rename = "Limit")]
    limit: Option<u32>,
    #[serde(rename = "Offset", default)]
    offset: u32,
    #[serde(rename = "Next")]
    next: Option<String>,
}

async fn get_group_member_info(call: Call, request: Request) -> Result<Map<String, Value>, Fault> {
    let roles = request.roles.iter().map(|name| {
        Role::from_wire(name).ok_or_else(|| Fault::Parameter(format!("MemberRoleFilter {name:?} is unknown")))
    });
    let roles = roles.collect::<Result<Vec<_>, Fault>>()?;
    let limit = request
        .limit
        .filter(|&limit| limit > 0)
        .unwrap_or(MEMBER_PAGE_DEFAULT);
    let cursor = match &request.next {
        Some(next) => MemberCursor::Next(next),
        None => MemberCursor::Offset(request.offset),
    };
    let list = call
        .service
        .list_members(&call.caller, &request.group, roles, cursor, limit)
        .await?;
    let shown = list
        .members
        .iter()
        .map(|(member, online)| show::member(member, list.group_type, Some(*online), &request.filter));
    let mut fields = Map::new();
    fields.insert("MemberNum".to_owned(), json!(list.total));
    fields.insert("MemberList".to_owned(), shown.map(Value::Object).collect());
    if list.group_type == GroupType::Community {
        let next = list.next.map(|next| next.to_string()).unwrap_or_default();
        fields.insert("Next".to_owned(), json!(next));
    }
    Ok(fields)
}
