//! What the SDK asks for by itself after a login, and what this server truthfully has of it: there are
//! no friends, no blocklists, no conversations and no messages here, so the lists are empty and complete.
//!
//! Some of these the SDK repeats without pause unless the answer says that the list is complete.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::command::{Call, Callers, Command, Family, Reply};

macro_rules! fixed {
    ($(#[$doc:meta])* $row:ident, $service:literal, $name:literal, $fields:tt) => {
        $(#[$doc])*
        pub(super) const $row: Command = Command {
            services: &[$service],
            name: $name,
            callers: Callers::User,
            family: Family::Account,
            run: |call| answer(&call, &json!($fields)),
        };
    };
}

fn answer(_: &Call, fields: &Value) -> Reply {
    Reply::Now(Answer::ok(fields))
}

fixed!(
    /// Without the sequence the SDK asks again at once, without end.
    BLACK_LIST_GET, "sns", "black_list_get", { "BlackListItem": [], "StartIndex": 0, "CurruentSequence": 0 }
);
fixed!(
    /// The SDK's friends.
    FRIEND_GET, "sns", "friend_get",
    { "UserDataItem": [], "StandardSequence": 0, "CustomSequence": 0, "FriendNum": 0, "CompleteFlag": 1, "NextStartIndex": 0 }
);
fixed!(
    /// The SDK's groups of friends.
    FRIEND_GROUP_GET, "sns", "group_get", { "ResultItem": [], "CurrentSequence": 0 }
);
fixed!(
    /// Friend requests.
    PENDENCY_GET, "sns", "pendency_get",
    { "PendencyItem": [], "UnreadPendencyCount": 0, "StartTime": 0, "CurrentSequence": 0 }
);
fixed!(
    /// Without `CompleteFlag` the SDK asks again at once, without end.
    CONVERSATION_PAGE_GET, "recentcontact", "page_get",
    { "SessionItem": [], "CompleteFlag": 1, "TimeStamp": 0, "StartIndex": 0, "TopTimeStamp": 0, "TopStartIndex": 0 }
);
fixed!(
    /// Groups of conversations.
    CONVERSATION_GROUP_GET, "recentcontact", "get_contact_group",
    { "GroupItem": [], "ContactItem": [], "CompleteFlag": 1, "NextStartIndex": 0, "CurrentSequence": 0 }
);
fixed!(
    /// Groups of one conversation.
    CONVERSATION_GROUP_SEARCH, "recentcontact", "search_contact_group", {}
);
fixed!(
    /// One-to-one messages since the last time.
    MESSAGES_GET, "openim", "getmsg", { "MsgList": [], "Cookie": "0", "SyncFlag": 2, "EventArray": [] }
);
fixed!(
    /// The SDK confirms a push.
    PUSH_ACK, "openim", "ws_msg_push_ack", {}
);
fixed!(
    /// Notices of groups since the last time.
    GROUP_NOTIFY_GET, "group_open_http_svc", "batch_get_group_notify", {}
);
fixed!(
    /// Settings for the SDK: none.
    FETCH_CONFIG, "im_sdk_config_mgr", "fetch_config", {}
);
fixed!(
    /// What the app has bought; an answer without bits keeps those of the login. An error would be
    /// asked again every second.
    FETCH_PURCHASE_BITS, "im_sdk_config_mgr", "fetch_imsdk_purchase_bitsv2", {}
);
fixed!(
    /// The SDK reports on itself; nobody here reads it.
    REPORT, "imopenstat", "tim_web_report_v2", {}
);
