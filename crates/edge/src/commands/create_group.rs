//! create_group (1047/34895, 269/1615).

use headcount_core::{GroupType, InviteOption, JoinOption, Role};
use headcount_directory::Group;
use headcount_service::CreateGroup;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::GROUP_SVCS;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::{self, Fault};
use crate::wire::{Account, Object};

pub(super) const COMMAND: Command = Command {
    services: GROUP_SVCS,
    name: "create_group",
    callers: Callers::Both,
    family: Family::Group,
    run: |call| call.handle(create_group),
};

#[derive(Deserialize)]
struct Request {
    #[serde(flatten)]
    profile: Profile,
    #[serde(rename = "MemberList", default)]
    members: Vec<Object<FirstMember>>,
}

#[derive(Deserialize)]
struct FirstMember {
    #[serde(rename = "Member_Account")]
    account: Account,
    #[serde(rename = "Role")]
    role: Option<String>,
}

/// What create_group and import_group have in common.
#[derive(Deserialize)]
pub(super) struct Profile {
    #[serde(rename = "Type")]
    group_type: String,
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "GroupId")]
    id: Option<String>,
    #[serde(rename = "Owner_Account")]
    owner: Option<Account>,
    #[serde(rename = "Introduction", default)]
    introduction: String,
    #[serde(rename = "Notification", default)]
    notification: String,
    #[serde(rename = "FaceUrl", default)]
    face_url: String,
    #[serde(rename = "ApplyJoinOption")]
    join_option: Option<String>,
    #[serde(rename = "InviteJoinOption")]
    invite_option: Option<String>,
    #[serde(rename = "MaxMemberCount")]
    members_max: Option<u32>,
    #[serde(rename = "SupportTopic", default)]
    support_topic: u32,
    #[serde(rename = "AppDefinedData", default)]
    custom_fields: Vec<Value>,
}

/// The answer of create_group and import_group.
#[derive(Serialize)]
pub(super) struct Created {
    #[serde(rename = "GroupId")]
    id: String,
    /// With topics only, like the published sample.
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    group_type: Option<&'static str>,
    #[serde(rename = "HugeGroupFlag", skip_serializing_if = "Option::is_none")]
    huge: Option<u32>,
}

impl Profile {
    /// The group to create, with these first members.
    pub(super) fn describe(self, members: Vec<(String, Role)>) -> Result<CreateGroup, Fault> {
        let group_type =
            GroupType::from_wire(&self.group_type).ok_or_else(|| fault::unknown_type(&self.group_type))?;
        if !self.custom_fields.is_empty() {
            // Custom fields have to be defined for the app first, and none are.
            return Err(Fault::Parameter("all defined key is invalid".to_owned()));
        }
        Ok(CreateGroup {
            group_type,
            id: self.id,
            name: self.name,
            introduction: self.introduction,
            notification: self.notification,
            face_url: self.face_url,
            owner: self.owner.map(|owner| owner.0),
            members,
            join_option: option("ApplyJoinOption", self.join_option, JoinOption::from_wire)?,
            invite_option: option("InviteJoinOption", self.invite_option, InviteOption::from_wire)?,
            members_max: self.members_max,
            support_topic: self.support_topic == 1,
            created_at_s: None,
        })
    }
}

fn option<T>(field: &str, name: Option<String>, read: fn(&str) -> Option<T>) -> Result<Option<T>, Fault> {
    name.map(|name| read(&name).ok_or_else(|| Fault::Parameter(format!("{field} {name:?} is unknown"))))
        .transpose()
}

/// A role that members may be given when they are added: `Admin`, or none for an ordinary member.
pub(super) fn given_role(role: Option<&str>) -> Result<Role, Fault> {
    match role {
        None | Some("" | "Member") => Ok(Role::Member),
        Some("Admin") => Ok(Role::Admin),
        Some(other) => Err(Fault::Parameter(format!(
            "Role {other:?} is unknown, it is Admin or absent"
        ))),
    }
}

/// The answer for a group that was created.
pub(super) fn created(group: &Group) -> Created {
    let with_topics = group.support_topic;
    Created {
        id: group.id.to_string(),
        group_type: with_topics.then(|| group.group_type.wire_name()),
        huge: with_topics.then_some(0),
    }
}

async fn create_group(call: Call, request: Request) -> Result<Created, Fault> {
    let members = request.members.into_iter().map(|Object(member)| {
        let role = given_role(member.role.as_deref())?;
        Ok((member.account.0, role))
    });
    let create = request.profile.describe(members.collect::<Result<_, Fault>>()?)?;
    let group = call.service.create_group(&call.caller, create).await?;
    Ok(created(&group))
}
