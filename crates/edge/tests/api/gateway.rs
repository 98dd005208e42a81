//! Commands over the gateway: who may send them, and what a user's role allows.

use serde_json::json;

use crate::testkit::{APP, GROUP, MILLION, Server, code, member_list};

const FANS: &str = "@TGS#_fans";

/// A server with a community of ann (owner), ben (admin) and cat.
async fn server() -> Server {
    let server = Server::start().await;
    server.import(&["ann", "ben", "cat", "dan"]).await;
    let body = json!({
        "Type": "Community", "Name": "n", "GroupId": FANS, "Owner_Account": "ann",
        "MemberList": [{ "Member_Account": "ben", "Role": "Admin" }, { "Member_Account": "cat" }],
    });
    server.ok(GROUP, "create_group", body).await;
    server
}

#[tokio::test]
async fn a_command_needs_a_login_or_its_a2() {
    let server = server().await;
    let ann = server.client("ann").await;
    let mut other = server.connect().await;
    let count = json!({ "GroupId": FANS });
    let servcmd = "million_group_open_http_svc.get_online_member_num";
    assert_eq!(other.code(servcmd, count.clone()).await, 10001);
    other.login.clone_from(&ann.login);
    assert_eq!(
        other.ok(servcmd, count.clone()).await["OnlineMemberNum"],
        1,
        "it is no login itself"
    );
    let (a2, _) = ann.login.clone().unwrap();
    for (a2, tiny_id) in [
        ("junk", "144115200000000001"),
        (&a2, "144115200000000099"),
        (&a2, ""),
    ] {
        other.login = Some((a2.to_owned(), tiny_id.to_owned()));
        assert_eq!(other.code(servcmd, count.clone()).await, 70001, "{tiny_id}");
    }
    other.login.clone_from(&ann.login);
    server.store_fails(true);
    assert_eq!(other.code(servcmd, count.clone()).await, 10002);
    server.store_fails(false);
    other.ok(servcmd, count).await;
}

#[tokio::test]
async fn what_is_for_the_backend_is_refused_to_users() {
    let server = server().await;
    let mut ann = server.client("ann").await;
    for (servcmd, expected) in [
        ("group_open_http_svc.get_group_info", 10007),
        ("group_open_http_svc.import_group", 10007),
        ("group_open_http_svc.import_group_member", 10007),
        ("im_open_login_svc.account_import", 70403),
        ("im_open_login_svc.multiaccount_import", 70403),
        ("im_open_login_svc.account_check", 70403),
        ("im_open_login_svc.account_delete", 70403),
        ("im_open_login_svc.kick", 70403),
        ("openim.query_online_status", 90009),
        ("group_open_http_svc.no_such_command", 10003),
        ("no_such_svc.create_group", 60009),
        ("nonsense", 60009),
    ] {
        assert_eq!(ann.code(servcmd, json!({})).await, expected, "{servcmd}");
    }
    // A user by the name of an admin is a user.
    let mut admin = server.client("administrator").await;
    assert_eq!(
        admin
            .code("im_open_login_svc.kick", json!({ "UserID": "ann" }))
            .await,
        70403
    );
    assert_eq!(
        admin
            .code("group_open_http_svc.destroy_group", json!({ "GroupId": FANS }))
            .await,
        10007
    );
}

#[tokio::test]
async fn a_users_role_decides() {
    let server = server().await;
    let mut clients = [
        server.client("dan").await,
        server.client("cat").await,
        server.client("ben").await,
    ];
    let destroy = "million_group_open_http_svc.destroy_group";
    for client in &mut clients {
        assert_eq!(client.code(destroy, json!({ "GroupId": FANS })).await, 10007);
    }
    let remove = "million_group_open_http_svc.delete_group_member";
    let body = |user: &str| json!({ "GroupId": FANS, "MemberToDel_Account": [user] });
    for (client, target, expected) in [
        (0, "cat", 10007),
        (1, "ben", 10007),
        (1, "cat", 10007),
        (2, "ann", 10007),
        (2, "ben", 10007),
        (2, "cat", 0),
    ] {
        assert_eq!(
            clients[client].code(remove, body(target)).await,
            expected,
            "{target}"
        );
    }
    let [dan, cat, ben] = &mut clients;
    let add = "million_group_open_http_svc.add_group_member";
    let invite = |user: &str| json!({ "GroupId": FANS, "MemberList": member_list(&[user]) });
    assert_eq!(
        dan.code(add, invite("cat")).await,
        10007,
        "a stranger invites nobody"
    );
    assert_eq!(ben.ok(add, invite("cat")).await["MemberList"][0]["Result"], 1);
    assert_eq!(
        cat.ok(add, invite("dan")).await["MemberList"][0]["Result"],
        1,
        "any member may"
    );
    let mut ann = server.client("ann").await;
    ann.ok(remove, body("ben")).await;
    ann.ok(destroy, json!({ "GroupId": FANS })).await;
    assert_eq!(server.count_code(FANS).await, 10010);
}

#[tokio::test]
async fn members_and_the_count_are_for_members() {
    let server = server().await;
    let mut dan = server.client("dan").await;
    let mut cat = server.client("cat").await;
    let body = json!({ "GroupId": FANS, "User_Account": ["ann"], "Next": "0" });
    for command in [
        "get_online_member_num",
        "get_group_member_info",
        "get_role_in_group",
    ] {
        let servcmd = format!("{MILLION}.{command}");
        assert_eq!(dan.code(&servcmd, body.clone()).await, 10007, "{command}");
        cat.ok(&servcmd, body.clone()).await;
    }
    let joined = "group_open_http_svc.get_joined_group_list";
    assert_eq!(
        cat.code(joined, json!({ "Member_Account": "ann" })).await,
        10007,
        "only its own"
    );
    let rows = cat.ok(joined, json!({ "Member_Account": "cat" })).await;
    assert_eq!(rows["TotalCount"], 0, "communities have a service of their own");
    let joined = "million_group_open_http_svc.get_joined_group_list";
    let rows = cat.ok(joined, json!({ "Member_Account": "cat" })).await;
    assert_eq!(
        (&rows["TotalCount"], &rows["GroupIdList"][0]["GroupId"]),
        (&json!(1), &json!(FANS))
    );
    // A user's own place, and a closed group for those outside.
    server.group("Private", "work", &["cat"]).await;
    let own = "million_group_open_http_svc.get_group_self_member_info";
    let body = json!({ "GroupIdList": [FANS, "work", "none"] });
    let answer = cat.ok(own, body.clone()).await;
    assert_eq!(answer["GroupInfo"][0]["MemberList"][0]["Role"], "Member");
    assert_eq!(answer["GroupInfo"][1]["ErrorCode"], 0);
    assert_eq!(answer["GroupInfo"][2]["ErrorCode"], 10010);
    let answer = dan.ok(own, body).await;
    assert_eq!(answer["GroupInfo"][0]["MemberList"], json!([]));
    assert_eq!(answer["GroupInfo"][1]["ErrorCode"], 10010);
}

#[tokio::test]
async fn a_user_creates_groups_of_its_own() {
    let server = server().await;
    let mut dan = server.client("dan").await;
    let create = "million_group_open_http_svc.create_group";
    let body = json!({ "Type": "Community", "Name": "n", "Owner_Account": "ann" });
    assert_eq!(dan.code(create, body).await, 10007, "not for others");
    let body = json!({ "Type": "Community", "Name": "n", "GroupId": "@TGS#_dans", "MemberList": member_list(&["ann"]) });
    assert_eq!(dan.ok(create, body.clone()).await["GroupId"], "@TGS#_dans");
    assert_eq!(dan.code(create, body).await, 10025);
    assert_eq!(server.count("@TGS#_dans").await, 1, "its owner is a member");
    // The SDK announces what it has created; other messages are not carried.
    let say = "million_group_open_http_svc.send_group_msg";
    let message = |data: &str| {
        let element = json!({ "MsgType": "TIMCustomElem", "MsgContent": { "Data": data } });
        json!({ "GroupId": "@TGS#_dans", "Random": 1, "MsgBody": [element] })
    };
    let announced = dan
        .ok(say, message(r#"{"businessID":"group_create","version":4}"#))
        .await;
    assert!(
        announced["MsgTime"].is_u64() && announced["MsgSeq"].is_u64(),
        "{announced}"
    );
    assert_eq!(dan.code(say, message("hello")).await, 10026);
}

#[tokio::test]
async fn what_the_sdk_asks_for_by_itself_is_answered() {
    let server = server().await;
    let mut ann = server.client("ann").await;
    for (servcmd, list) in [
        ("sns.black_list_get", "BlackListItem"),
        ("sns.friend_get", "UserDataItem"),
        ("sns.group_get", "ResultItem"),
        ("sns.pendency_get", "PendencyItem"),
        ("recentcontact.page_get", "SessionItem"),
        ("recentcontact.get_contact_group", "GroupItem"),
        ("openim.getmsg", "MsgList"),
    ] {
        assert_eq!(ann.ok(servcmd, json!({})).await[list], json!([]), "{servcmd}");
    }
    for servcmd in [
        "recentcontact.search_contact_group",
        "openim.ws_msg_push_ack",
        "group_open_http_svc.batch_get_group_notify",
        "im_sdk_config_mgr.fetch_config",
        "im_sdk_config_mgr.fetch_imsdk_purchase_bitsv2",
        "imopenstat.tim_web_report_v2",
    ] {
        ann.ok(servcmd, json!({})).await;
    }
    assert_eq!(
        ann.ok("recentcontact.page_get", json!({})).await["CompleteFlag"],
        1
    );
    assert_eq!(
        ann.ok("sns.black_list_get", json!({})).await["CurruentSequence"],
        0
    );
    // None of it is for REST.
    assert_eq!(server.code("sns", "friend_get", json!({})).await, 10003);
    let answer = ann.log_in("ann", &server.sign(APP, "ann")).await;
    assert_eq!(code(&answer), 0);
}
