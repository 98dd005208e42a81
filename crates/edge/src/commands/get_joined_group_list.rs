//! get_joined_group_list (1047/34925): the groups of an account, page by page.

use headcount_core::GroupType;
use headcount_core::limits::JOINED_PAGE_MAX;
use headcount_directory::JoinedGroup;
use headcount_service::JoinedList;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::show::{self, ResponseFilter};
use super::{GROUP_SVCS, MILLION_SVC};
use crate::command::{Call, Callers, Command, Family};
use crate::fault::{self, Fault};
use crate::wire::Account;

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "get_joined_group_list",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(get_joined_group_list),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "Member_Account")]
    user: Account,
    #[serde(rename = "Limit")]
    limit: Option<u32>,
    #[serde(rename = "Offset", default)]
    offset: u32,
    #[serde(rename = "GroupType")]
    group_type: Option<String>,
    #[serde(rename = "SupportTopic", default)]
    support_topic: u32,
    #[serde(rename = "ResponseFilter", default)]
    filter: ResponseFilter,
}

async fn get_joined_group_list(call: Call, request: Request) -> Result<Value, Fault> {
    let list = JoinedList {
        user: request.user.0,
        types: types(&call, request.group_type.as_deref())?,
        support_topic: request.support_topic == 1,
        offset: request.offset,
        limit: request
            .limit
            .filter(|&limit| limit > 0)
            .unwrap_or(JOINED_PAGE_MAX),
    };
    let joined = call.service.joined_groups(&call.caller, list).await?;
    let filter = request.filter.fill();
    // Without a filter the published answer has the ids alone.
    let bare = filter.group.is_none();
    let shown = joined
        .groups
        .iter()
        .map(|group| Value::Object(row(group, &filter, bare)));
    Ok(json!({ "TotalCount": joined.total, "GroupIdList": shown.collect::<Vec<_>>() }))
}

/// Which types to list. A client asks twice, the community service and the other one, and each answers
/// with its own kind; the app's backend asks the other one for everything.
fn types(call: &Call, named: Option<&str>) -> Result<Vec<GroupType>, Fault> {
    let named = named.filter(|name| !name.is_empty());
    let named = named.map(|name| GroupType::from_wire(name).ok_or_else(|| fault::unknown_type(name)));
    let named = named.transpose()?;
    let communities = call.service_name == MILLION_SVC;
    let everything = call.caller.is_admin() && !communities;
    let listed = |group_type: &GroupType| {
        group_type.stores_members()
            && (everything || communities == (*group_type == GroupType::Community))
            && named.is_none_or(|named| named == *group_type)
    };
    Ok(GroupType::ALL.into_iter().filter(listed).collect())
}

fn row(joined: &JoinedGroup, filter: &ResponseFilter, bare: bool) -> Map<String, Value> {
    let group = &joined.group;
    let mut fields = show::group(group, if bare { NOTHING } else { &filter.group });
    if group.support_topic {
        fields.insert("Type".to_owned(), json!(group.group_type.wire_name()));
    }
    if !bare && filter.own.as_ref().is_some_and(|names| !names.is_empty()) {
        let own = show::own(
            joined.role,
            joined.joined_at_s,
            group.group_type,
            None,
            &filter.own,
        );
        fields.insert("SelfInfo".to_owned(), Value::Object(own));
    }
    fields
}

const NOTHING: &show::Filter = &Some(Vec::new());
