//! Showing and dissolving groups, and the groups of an account.

use serde_json::{Value, json};

use crate::testkit::{GROUP, MILLION, Server, member_list};

#[tokio::test]
async fn get_group_info_shows_all_or_what_is_asked_for() {
    let server = Server::start().await;
    server.group("Public", "mine", &["ann", "ben"]).await;
    let body = json!({ "GroupIdList": ["mine", "none", ""] });
    let answer = server.ok(GROUP, "get_group_info", body).await;
    let infos = answer["GroupInfo"].as_array().unwrap();
    let mine = infos[0].as_object().unwrap();
    for field in [
        "GroupId",
        "ErrorCode",
        "ErrorInfo",
        "Appid",
        "Type",
        "Name",
        "Introduction",
        "Notification",
        "FaceUrl",
        "Owner_Account",
        "CreateTime",
        "InfoSeq",
        "LastInfoTime",
        "LastMsgTime",
        "NextMsgSeq",
        "MemberNum",
        "MaxMemberNum",
        "ApplyJoinOption",
        "MuteAllMember",
        "MemberList",
    ] {
        assert!(mine.contains_key(field), "{field}: {mine:?}");
    }
    assert_eq!((&mine["ErrorCode"], &mine["MemberNum"]), (&json!(0), &json!(2)));
    let member = mine["MemberList"][0].as_object().unwrap();
    for field in [
        "Member_Account",
        "Role",
        "JoinTime",
        "MsgFlag",
        "MsgSeq",
        "LastSendMsgTime",
        "NameCard",
    ] {
        assert!(member.contains_key(field), "{field}: {member:?}");
    }
    // Each has a verdict of its own.
    assert_eq!(
        (&infos[1]["GroupId"], &infos[1]["ErrorCode"]),
        (&json!("none"), &json!(10010))
    );
    assert_eq!(infos[2]["ErrorCode"], 10015);

    let filters = [
        (
            json!({ "GroupBaseInfoFilter": ["Name"] }),
            vec!["GroupId", "ErrorCode", "ErrorInfo", "Name"],
        ),
        (
            json!({ "GroupBaseInfoFilter": ["Type", "Unknown"], "MemberInfoFilter": ["Account", "Role"] }),
            vec!["GroupId", "ErrorCode", "ErrorInfo", "Type", "MemberList"],
        ),
        (
            json!({ "MemberInfoFilter": ["Role"] }),
            vec!["GroupId", "ErrorCode", "ErrorInfo", "MemberList"],
        ),
    ];
    for (filter, mut fields) in filters {
        let body = json!({ "GroupIdList": ["mine"], "ResponseFilter": filter });
        let answer = server.ok(GROUP, "get_group_info", body).await;
        let shown = answer["GroupInfo"][0].as_object().unwrap();
        fields.sort_unstable();
        assert_eq!(shown.keys().collect::<Vec<_>>(), fields, "{filter}");
        if let Some(member) = shown.get("MemberList") {
            assert_eq!(member[0], json!({ "Member_Account": "ann", "Role": "Member" }));
        }
    }
    let too_many = vec!["mine"; 51];
    for (body, code) in [
        (json!({ "GroupIdList": too_many }), 10005),
        (json!({}), 10004),
        (json!({ "GroupIdList": "mine" }), 10004),
        (json!({ "GroupIdList": [7] }), 10004),
    ] {
        assert_eq!(
            server.code(GROUP, "get_group_info", body.clone()).await,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn destroy_group() {
    let server = Server::start().await;
    for group_type in ["Private", "Public", "ChatRoom", "AVChatRoom"] {
        server.group(group_type, "mine", &[]).await;
        server
            .ok(GROUP, "destroy_group", json!({ "GroupId": "mine" }))
            .await;
        assert_eq!(
            server
                .code(GROUP, "destroy_group", json!({ "GroupId": "mine" }))
                .await,
            10010
        );
    }
    server.group("Community", "@TGS#_fans", &["ann"]).await;
    let _ann = server.client("ann").await;
    assert_eq!(server.count("@TGS#_fans").await, 1);
    server
        .ok(MILLION, "destroy_group", json!({ "GroupId": "@TGS#_fans" }))
        .await;
    assert_eq!(server.count_code("@TGS#_fans").await, 10010);
    let joined = json!({ "Member_Account": "ann" });
    assert_eq!(
        server.ok(GROUP, "get_joined_group_list", joined).await["TotalCount"],
        0
    );
    for (body, code) in [
        (json!({ "GroupId": "" }), 10015),
        (json!({ "GroupId": "never" }), 10010),
        (json!({}), 10004),
    ] {
        assert_eq!(
            server.code(GROUP, "destroy_group", body.clone()).await,
            code,
            "{body}"
        );
    }
}

/// The ids of a list, in any order.
fn ids(answer: &Value) -> Vec<&str> {
    let rows = answer["GroupIdList"].as_array().expect("a list");
    let mut ids: Vec<_> = rows
        .iter()
        .map(|row| row["GroupId"].as_str().expect("an id"))
        .collect();
    ids.sort_unstable();
    ids
}

/// A server where ann is in a group of every type that has members, and in a community with topics.
async fn server_with_groups() -> Server {
    let server = Server::start().await;
    server.group("Private", "work", &["ann"]).await;
    server.group("Public", "public", &["ann", "ben"]).await;
    server.group("ChatRoom", "meeting", &["ann"]).await;
    server.group("Community", "@TGS#_plain", &["ann"]).await;
    server.group("AVChatRoom", "room", &[]).await;
    let topics = json!({
        "Type": "Community", "Name": "t", "GroupId": "@TGS#_topics", "SupportTopic": 1,
        "MemberList": member_list(&["ann"]),
    });
    server.ok(GROUP, "create_group", topics).await;
    server
}

#[tokio::test]
async fn get_joined_group_list_by_service_type_and_topics() {
    let server = server_with_groups().await;
    let everything = ["@TGS#_plain", "meeting", "public", "work"];
    for (service, more, expected) in [
        (GROUP, json!({}), &everything[..]),
        (GROUP, json!({ "GroupType": "Public" }), &["public"]),
        (GROUP, json!({ "GroupType": "Work" }), &["work"]),
        (GROUP, json!({ "GroupType": "Community" }), &["@TGS#_plain"]),
        (GROUP, json!({ "GroupType": "AVChatRoom" }), &[]),
        (MILLION, json!({}), &["@TGS#_plain"]),
        (
            GROUP,
            json!({ "GroupType": "Community", "SupportTopic": 1 }),
            &["@TGS#_topics"],
        ),
        (MILLION, json!({ "SupportTopic": 1 }), &["@TGS#_topics"]),
    ] {
        let mut body = more.clone();
        body["Member_Account"] = json!("ann");
        let answer = server.ok(service, "get_joined_group_list", body).await;
        assert_eq!(ids(&answer), expected, "{service} {more}");
        assert_eq!(answer["TotalCount"], expected.len(), "{service} {more}");
    }
}

#[tokio::test]
async fn get_joined_group_list_page_by_page() {
    let server = server_with_groups().await;
    let mut seen = Vec::new();
    for offset in 0..5 {
        let body = json!({ "Member_Account": "ann", "Limit": 1, "Offset": offset });
        let answer = server.ok(GROUP, "get_joined_group_list", body).await;
        assert_eq!(answer["TotalCount"], 4);
        seen.extend(ids(&answer).into_iter().map(str::to_owned));
    }
    seen.sort_unstable();
    assert_eq!(seen, ["@TGS#_plain", "meeting", "public", "work"]);
}

#[tokio::test]
async fn get_joined_group_list_shows_what_is_asked_for() {
    let server = server_with_groups().await;
    let ask = async |more: Value| {
        let mut body = json!({ "Member_Account": "ann", "GroupType": "Public" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        server.ok(GROUP, "get_joined_group_list", body).await["GroupIdList"][0].take()
    };
    assert_eq!(ask(json!({})).await, json!({ "GroupId": "public" }));
    let filter = json!({ "GroupBaseInfoFilter": ["Type", "Name", "MemberNum"], "SelfInfoFilter": ["Role"] });
    let expected = json!({
        "GroupId": "public", "Type": "Public", "Name": "a name", "MemberNum": 2,
        "SelfInfo": { "Role": "Member" },
    });
    assert_eq!(ask(json!({ "ResponseFilter": filter })).await, expected);
    let with_topics = ask(json!({ "GroupType": "Community", "SupportTopic": 1 })).await;
    let expected = json!({ "GroupId": "@TGS#_topics", "Type": "Community", "SupportTopic": 1 });
    assert_eq!(with_topics, expected);
}

#[tokio::test]
async fn get_joined_group_list_faults() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    for (body, code) in [
        (json!({ "Member_Account": "ann" }), 0),
        (json!({ "Member_Account": "zoe" }), 10004),
        (json!({ "Member_Account": "" }), 10004),
        (json!({ "Member_Account": 7 }), 60015),
        (json!({ "Member_Account": "ann", "GroupType": "Club" }), 10004),
        (json!({ "Member_Account": "ann", "Offset": -1 }), 10004),
        (json!({}), 10004),
    ] {
        assert_eq!(
            server.code(GROUP, "get_joined_group_list", body.clone()).await,
            code,
            "{body}"
        );
    }
}
