//! How groups and members look on the wire, and the filters that choose their fields (section 4.3 of the
//! reference: 1047/34961, 1047/34948).

use headcount_core::{GroupType, Role};
use headcount_directory::{Group, Member};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The names of wanted fields; absent is all.
pub(crate) type Filter = Option<Vec<String>>;

/// `ResponseFilter` of the commands that show groups.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ResponseFilter {
    #[serde(rename = "GroupBaseInfoFilter")]
    pub(crate) group: Filter,
    #[serde(rename = "MemberInfoFilter")]
    pub(crate) member: Filter,
    #[serde(rename = "SelfInfoFilter")]
    pub(crate) own: Filter,
}

impl ResponseFilter {
    /// With any filter, only what is named comes.
    pub(crate) fn fill(mut self) -> Self {
        if self.group.is_some() || self.member.is_some() || self.own.is_some() {
            for filter in [&mut self.group, &mut self.member, &mut self.own] {
                filter.get_or_insert_default();
            }
        }
        self
    }
}

const GROUP_FIELDS: &[&str] = &[
    "Appid",
    "ApplyJoinOption",
    "CreateTime",
    "FaceUrl",
    "InfoSeq",
    "Introduction",
    "InviteJoinOption",
    "LastInfoTime",
    "LastMsgTime",
    "MaxMemberNum",
    "MemberNum",
    "MuteAllMember",
    "Name",
    "NextMsgSeq",
    "Notification",
    "Owner_Account",
    "SupportTopic",
    "Type",
];

const MEMBER_FIELDS: &[&str] = &[
    "Role",
    "JoinTime",
    "MsgSeq",
    "MsgFlag",
    "LastSendMsgTime",
    "MuteUntil",
    "NameCard",
];

/// The fields of a group that `filter` names, and always its id.
pub(crate) fn group(group: &Group, filter: &Filter) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("GroupId".to_owned(), json!(group.id.as_str()));
    for name in wanted(filter, GROUP_FIELDS) {
        if let Some(value) = group_field(group, name) {
            fields.insert(name.to_owned(), value);
        }
    }
    if group.support_topic {
        // The SDK reads it whenever it meets a group, and its filters do not name it.
        fields.insert("SupportTopic".to_owned(), json!(1));
    }
    fields
}

fn group_field(group: &Group, name: &str) -> Option<Value> {
    Some(match name {
        "Appid" => json!(group.app.0),
        "ApplyJoinOption" => json!(group.join_option.wire_name()),
        "CreateTime" | "LastInfoTime" => json!(group.created_at_s),
        "FaceUrl" => json!(group.face_url),
        // Profiles do not change yet, and no messages are kept: both sequences are at their start.
        "InfoSeq" | "LastMsgTime" => json!(0),
        "NextMsgSeq" => json!(1),
        "Introduction" => json!(group.introduction),
        "InviteJoinOption" => json!(group.invite_option.wire_name()),
        // An AVChatRoom has no limit, which is written 0.
        "MaxMemberNum" if group.group_type == GroupType::AvChatRoom => json!(0),
        "MaxMemberNum" => json!(group.members_max),
        "MemberNum" => json!(group.members),
        // The REST pages and the client SDK have a name each for the same switch.
        "MuteAllMember" | "ShutUpAllMember" => json!("Off"),
        "Name" => json!(group.name),
        "Notification" => json!(group.notification),
        "Owner_Account" => json!(group.owner.as_ref().map_or("", |owner| owner.as_str())),
        "SupportTopic" if group.group_type == GroupType::Community => json!(u8::from(group.support_topic)),
        "Type" => json!(group.group_type.wire_name()),
        "AppDefinedData" => json!([]),
        _ => return None,
    })
}

/// The fields of a member that `filter` names, and always its account. `online` is told when asked for.
pub(crate) fn member(
    member: &Member,
    group_type: GroupType,
    online: Option<bool>,
    filter: &Filter,
) -> Map<String, Value> {
    let mut fields = own(member.role, member.joined_at_s, group_type, online, filter);
    fields.insert("Member_Account".to_owned(), json!(member.user.as_str()));
    fields
}

/// The fields of a membership without the name of the member.
pub(crate) fn own(
    role: Role,
    joined_at_s: u64,
    group_type: GroupType,
    online: Option<bool>,
    filter: &Filter,
) -> Map<String, Value> {
    let mut fields = Map::new();
    for name in wanted(filter, MEMBER_FIELDS) {
        let value = match name {
            "Role" => json!(role.wire_name()),
            "JoinTime" => json!(joined_at_s),
            "MsgFlag" => json!(message_flag(group_type)),
            "MsgSeq" | "LastSendMsgTime" | "MuteUntil" | "ShutUpUntil" => json!(0),
            "NameCard" => json!(""),
            "OnlineStatus" => match online {
                Some(online) => json!(if online { "Online" } else { "Offline" }),
                None => continue,
            },
            _ => continue,
        };
        fields.insert(name.to_owned(), value);
    }
    fields
}

/// The message option of a member who never chose one (1047/33529).
fn message_flag(group_type: GroupType) -> &'static str {
    match group_type {
        GroupType::Work | GroupType::Public | GroupType::Community => "AcceptAndNotify",
        GroupType::Meeting | GroupType::AvChatRoom => "AcceptNotNotify",
    }
}

fn wanted<'a>(filter: &'a Filter, all: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let named = filter.as_ref().map(|names| names.iter().map(String::as_str));
    let everything = filter.is_none().then(|| all.iter().copied());
    named
        .into_iter()
        .flatten()
        .chain(everything.into_iter().flatten())
}
