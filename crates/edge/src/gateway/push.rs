//! What the gateway says of its own accord. A push of the wrong shape stops the SDK from handling any
//! further message, so the shapes are fixed here and each field that the SDK needs is always there.

use headcount_service::{Ending, News, Notice};
use serde_json::{Value, json};

/// The author of system notices.
const SYSTEM: &str = "@TIM#SYSTEM";

/// Tells a client why its session is over; `None` where it should not notice.
pub(super) fn kickout(ending: Ending) -> Option<Vec<u8>> {
    let kick_type = match ending {
        Ending::SamePlatform => 1,
        Ending::OtherPlatform => 2,
        Ending::Kicked => 3,
        Ending::Reconnected | Ending::TooSlow => return None,
    };
    let kickout = json!({ "KickoutMsgNotify": { "KickType": kick_type, "NewInstInfo": "" } });
    Some(push(&json!({ "Event": 10, "C2cNotifyMsgArray": [kickout] })))
}

/// Tells a client of a change of its user's groups; the SDK adds or removes the group.
pub(super) fn notice(notice: &Notice, seq: u32) -> Vec<u8> {
    let report_type = match notice.news {
        News::Added => 7,
        News::Removed => 4,
        News::Dissolved => 5,
    };
    let tip = json!({
        "From_Account": SYSTEM,
        "ToGroupId": notice.group.as_str(),
        "MsgSeq": seq,
        "MsgRandom": notice.random,
        "MsgTimeStamp": notice.at_s,
        "IsPlaceMsg": 0,
        "MsgBody": { "ReportType": report_type, "Operator_Account": notice.operator, "RemarkInfo": "" },
        "GroupInfo": {
            "GroupId": notice.group.as_str(),
            "GroupName": notice.group_name,
            "GroupType": notice.group_type.wire_name(),
        },
    });
    push(&json!({ "Event": 5, "GroupTips": [tip] }))
}

fn push(event: &Value) -> Vec<u8> {
    let message = json!({
        "head": { "ver": "v4", "servcmd": "im_open_push.msg_push", "seq": 0 },
        "body": { "EventArray": [event] },
    });
    message.to_string().into_bytes()
}
