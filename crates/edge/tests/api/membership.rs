//! Joining and leaving over the gateway, and what users are told when others do it for them.

use serde_json::{Value, json};

use crate::testkit::{GROUP, Gateway, Server, member_list, until_count};

const JOIN: &str = "group_open_http_svc.apply_join_group";
const QUIT: &str = "group_open_http_svc.quit_group";

async fn create(server: &Server, group_type: &str, id: &str, more: &Value) {
    let mut body = json!({ "Type": group_type, "Name": "n", "GroupId": id });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    server.ok(GROUP, "create_group", body).await;
}

/// How joining ends: `JoinedStatus`, or the code.
async fn join(client: &mut Gateway, id: &str) -> Value {
    let answer = client.ask(JOIN, json!({ "GroupId": id })).await;
    match answer.get("JoinedStatus") {
        Some(status) => status.clone(),
        None => answer["ErrorCode"].clone(),
    }
}

#[tokio::test]
async fn each_type_and_option_has_its_way_in() {
    let server = Server::start().await;
    let mut ann = server.client("ann").await;
    let joined = json!("JoinedSuccess");
    let waits = json!("WaitAdminApproval");
    let refused = json!(10007);
    let table = [
        ("Private", None, &refused),
        ("Public", None, &waits),
        ("ChatRoom", None, &joined),
        ("AVChatRoom", None, &joined),
        ("Community", None, &joined),
        ("Private", Some("FreeAccess"), &refused),
        ("Public", Some("FreeAccess"), &joined),
        ("Public", Some("DisableApply"), &refused),
        ("ChatRoom", Some("NeedPermission"), &waits),
        ("Community", Some("NeedPermission"), &waits),
        ("Community", Some("DisableApply"), &refused),
    ];
    for (group_type, option, expected) in table {
        let option = option.map_or(json!({}), |option| json!({ "ApplyJoinOption": option }));
        let id = if group_type == "Community" { "@TGS#_g" } else { "g" };
        create(&server, group_type, id, &option).await;
        assert_eq!(&join(&mut ann, id).await, expected, "{group_type} {option}");
        let there = u64::from(*expected == joined);
        assert_eq!(server.count(id).await, there, "{group_type} {option}");
        if there == 1 {
            assert_eq!(join(&mut ann, id).await, json!(10013), "{group_type}: twice");
        }
        server.ok(GROUP, "destroy_group", json!({ "GroupId": id })).await;
        assert_eq!(join(&mut ann, id).await, json!(10010), "{group_type}: dissolved");
    }
    assert_eq!(join(&mut ann, "").await, json!(10015));
    assert_eq!(ann.code(JOIN, json!({})).await, 10004);
}

#[tokio::test]
async fn a_full_group_takes_nobody_in() {
    let server = Server::start().await;
    create(&server, "ChatRoom", "small", &json!({ "MaxMemberCount": 1 })).await;
    let mut ann = server.client("ann").await;
    let mut ben = server.client("ben").await;
    assert_eq!(join(&mut ann, "small").await, json!("JoinedSuccess"));
    assert_eq!(join(&mut ben, "small").await, json!(10014));
    ann.ok(QUIT, json!({ "GroupId": "small" })).await;
    assert_eq!(join(&mut ben, "small").await, json!("JoinedSuccess"));
    assert_eq!(server.count("small").await, 1);
}

#[tokio::test]
async fn whoever_owns_a_group_cannot_just_leave_it() {
    let server = Server::start().await;
    server.import(&["ann", "ben"]).await;
    let mut ann = server.client("ann").await;
    let mut ben = server.client("ben").await;
    for (group_type, id, owner_quits) in [
        ("Private", "work", 0),
        ("Public", "public", 10009),
        ("ChatRoom", "meeting", 10009),
        ("Community", "@TGS#_fans", 10009),
    ] {
        let more = json!({ "Owner_Account": "ann", "MemberList": member_list(&["ben"]) });
        create(&server, group_type, id, &more).await;
        assert_eq!(server.count(id).await, 2);
        assert_eq!(
            ben.code(QUIT, json!({ "GroupId": id })).await,
            0,
            "{group_type}: a member"
        );
        assert_eq!(server.count(id).await, 1);
        assert_eq!(
            ben.code(QUIT, json!({ "GroupId": id })).await,
            10007,
            "{group_type}: a stranger"
        );
        assert_eq!(
            ann.code(QUIT, json!({ "GroupId": id })).await,
            owner_quits,
            "{group_type}: the owner"
        );
        assert_eq!(server.count(id).await, u64::from(owner_quits != 0));
    }
    assert_eq!(ann.code(QUIT, json!({ "GroupId": "none" })).await, 10010);
    assert_eq!(ann.code(QUIT, json!({ "GroupId": "" })).await, 10015);
    assert_eq!(ann.code(QUIT, json!({})).await, 10004);
}

#[tokio::test]
async fn a_room_counts_who_is_there_and_forgets_who_goes() {
    let server = Server::start().await;
    create(&server, "AVChatRoom", "room", &json!({})).await;
    let mut ann = server.client("ann").await;
    let mut ben = server.client("ben").await;
    let count = "group_open_http_svc.get_online_member_num";
    let body = json!({ "GroupId": "room" });
    assert_eq!(
        ann.ok(count, body.clone()).await["OnlineMemberNum"],
        0,
        "anyone may ask"
    );
    for client in [&mut ann, &mut ben] {
        assert_eq!(join(client, "room").await, json!("JoinedSuccess"));
    }
    assert_eq!(ann.ok(count, body.clone()).await["OnlineMemberNum"], 2);
    assert_eq!(server.count("room").await, 2);
    ben.ok(QUIT, body.clone()).await;
    assert_eq!(server.count("room").await, 1);
    assert_eq!(ben.code(QUIT, body).await, 10007);
    drop(ann);
    until_count(&server, "room", 0).await;
    let _ann = server.client("ann").await;
    assert_eq!(server.count("room").await, 0, "coming online is not coming in");
}

#[tokio::test]
async fn users_are_told_what_others_do_to_their_groups() {
    let server = Server::start().await;
    server.import(&["ann", "ben"]).await;
    create(&server, "Community", "@TGS#_fans", &json!({})).await;
    let mut ann = server.client("ann").await;
    let mut ben = server.client("ben").await;
    let member = json!({ "GroupId": "@TGS#_fans", "MemberList": member_list(&["ann"]) });
    server.ok(GROUP, "add_group_member", member.clone()).await;
    let removal = json!({ "GroupId": "@TGS#_fans", "MemberToDel_Account": ["ann"] });
    server.ok(GROUP, "delete_group_member", removal).await;
    server.ok(GROUP, "add_group_member", member).await;
    server
        .ok(GROUP, "destroy_group", json!({ "GroupId": "@TGS#_fans" }))
        .await;
    for report_type in [7, 4, 7, 5] {
        let push = ann.push().await;
        let tip = &push[0]["GroupTips"][0];
        assert_eq!(
            (&push[0]["Event"], &tip["MsgBody"]["ReportType"]),
            (&json!(5), &json!(report_type))
        );
        assert_eq!(tip["MsgBody"]["Operator_Account"], "administrator");
        assert_eq!(tip["GroupInfo"]["GroupId"], "@TGS#_fans");
        assert_eq!(tip["GroupInfo"]["GroupType"], "Community");
    }
    assert!(ann.was_told_nothing().await && ben.was_told_nothing().await);

    // What one does oneself is no news.
    create(&server, "ChatRoom", "meeting", &json!({})).await;
    assert_eq!(join(&mut ann, "meeting").await, json!("JoinedSuccess"));
    ann.ok(QUIT, json!({ "GroupId": "meeting" })).await;
    assert!(ann.was_told_nothing().await && ben.was_told_nothing().await);
}
