//! Groups and members as they were elsewhere, with their times.

use headcount_core::Clock;
use serde_json::json;

use crate::testkit::{GROUP, Server};

#[tokio::test]
async fn import_group_keeps_its_time_of_creation() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    let now_s = server.clock.wall_s();
    let body = json!({
        "Type": "Community", "Name": "n", "GroupId": "@TGS#_old", "Owner_Account": "ann",
        "CreateTime": 1_500_000_000, "SupportTopic": 1,
    });
    let answer = server.ok(GROUP, "import_group", body).await;
    assert_eq!(answer["GroupId"], "@TGS#_old");
    server
        .ok(
            GROUP,
            "import_group",
            json!({ "Type": "Public", "Name": "n", "GroupId": "new" }),
        )
        .await;
    let body = json!({ "GroupIdList": ["@TGS#_old", "new"] });
    let info = server.ok(GROUP, "get_group_info", body).await;
    assert_eq!(info["GroupInfo"][0]["CreateTime"], 1_500_000_000);
    assert_eq!(info["GroupInfo"][0]["SupportTopic"], 1);
    assert_eq!(
        info["GroupInfo"][1]["CreateTime"], now_s,
        "now, when it is not said"
    );

    for (more, code) in [
        (json!({ "CreateTime": now_s + 1 }), 10004),
        (json!({ "CreateTime": -1 }), 10004),
        (json!({ "Type": "AVChatRoom" }), 10007),
        (json!({ "Type": "Club" }), 10004),
        (json!({ "GroupId": "new" }), 10021),
        (json!({ "Owner_Account": "zoe" }), 10019),
        (json!({ "Owner_Account": 7 }), 60015),
        (json!({ "Name": "" }), 10004),
    ] {
        let mut body = json!({ "Type": "Public", "Name": "n" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        assert_eq!(server.code(GROUP, "import_group", body).await, code, "{more}");
    }
}

#[tokio::test]
async fn import_group_member_keeps_role_and_join_time() {
    let server = Server::start().await;
    server.import(&["ann", "ben", "cat", "dan"]).await;
    let created = 1_500_000_000;
    let group = json!({ "Type": "Public", "Name": "n", "GroupId": "old", "CreateTime": created });
    server.ok(GROUP, "import_group", group).await;
    let import = async |members| {
        let body = json!({ "GroupId": "old", "MemberList": members });
        server.call(GROUP, "import_group_member", body).await
    };
    let members = json!([
        { "Member_Account": "ann", "Role": "Admin", "JoinTime": created + 10 },
        { "Member_Account": "ben", "JoinTime": created + 20, "UnreadMsgNum": 5 },
        { "Member_Account": "cat" },
        { "Member_Account": "zoe", "JoinTime": created + 10 },
    ]);
    let answer = import(members).await;
    let results: Vec<_> = answer["MemberList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["Result"].clone())
        .collect();
    assert_eq!(
        (&answer["ErrorCode"], results),
        (&json!(0), vec![json!(1), json!(1), json!(1), json!(0)])
    );
    let again = import(json!([{ "Member_Account": "ann" }])).await;
    assert_eq!(again["MemberList"][0]["Result"], 2);

    let now_s = server.clock.wall_s();
    let list = json!({ "GroupId": "old", "MemberInfoFilter": ["Role", "JoinTime"] });
    let list = server.ok(GROUP, "get_group_member_info", list).await;
    let expected = json!([
        { "Member_Account": "ann", "Role": "Admin", "JoinTime": created + 10 },
        { "Member_Account": "ben", "Role": "Member", "JoinTime": created + 20 },
        { "Member_Account": "cat", "Role": "Member", "JoinTime": now_s },
    ]);
    assert_eq!(list["MemberList"], expected);

    for (member, code) in [
        (json!({ "Member_Account": "dan", "JoinTime": created - 1 }), 10004),
        (json!({ "Member_Account": "dan", "JoinTime": now_s + 1 }), 10004),
        (json!({ "Member_Account": "dan", "JoinTime": -5 }), 10004),
        (json!({ "Member_Account": "dan", "Role": "Owner" }), 10004),
        (json!({ "Member_Account": 7 }), 60015),
        (json!({ "Member_Account": "zoe" }), 10019),
        (json!({ "Role": "Admin" }), 10004),
    ] {
        let members = json!([member]);
        assert_eq!(import(members).await["ErrorCode"], code, "{member}");
    }
    // One bad time refuses the call as a whole.
    let mixed = json!([{ "Member_Account": "dan" }, { "Member_Account": "ann", "JoinTime": 5 }]);
    assert_eq!(import(mixed).await["ErrorCode"], 10004);
    let role = json!({ "GroupId": "old", "User_Account": ["dan"] });
    let role = server.ok(GROUP, "get_role_in_group", role).await;
    assert_eq!(role["UserIdList"][0]["Role"], "NotMember");
}

#[tokio::test]
async fn import_group_member_faults() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    server.group("AVChatRoom", "room", &[]).await;
    server.group("Public", "mine", &[]).await;
    let too_many: Vec<_> = (0..301)
        .map(|n| json!({ "Member_Account": format!("user{n}") }))
        .collect();
    let one = json!([{ "Member_Account": "ann" }]);
    for (id, members, code) in [
        ("room", &one, 10007),
        ("none", &one, 10010),
        ("", &one, 10015),
        ("mine", &json!(too_many), 10005),
        ("mine", &json!("ann"), 10004),
        ("mine", &one, 0),
    ] {
        let body = json!({ "GroupId": id, "MemberList": members });
        assert_eq!(
            server.code(GROUP, "import_group_member", body).await,
            code,
            "{id}"
        );
    }
}
