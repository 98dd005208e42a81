//! Listing members page by page, and telling their roles.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::testkit::{GROUP, Server, member_list};

fn accounts(answer: &Value) -> Vec<String> {
    let list = answer["MemberList"].as_array().expect("a list");
    let account = |member: &Value| member["Member_Account"].as_str().expect("an account").to_owned();
    list.iter().map(account).collect()
}

async fn page(server: &Server, id: &str, more: &Value) -> Value {
    let mut body = more.clone();
    body["GroupId"] = json!(id);
    server.ok(GROUP, "get_group_member_info", body).await
}

#[tokio::test]
async fn a_community_is_listed_with_next_and_each_member_once() {
    let server = Server::start().await;
    let users: Vec<_> = (0..250).map(|n| format!("user{n}")).collect();
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    server.group("Community", "@TGS#_fans", &users).await;
    for (limit, pages) in [(100, 3), (70, 4), (6_000, 3)] {
        let mut next = json!("");
        let mut seen = Vec::new();
        let mut visited = 0;
        loop {
            let answer = page(&server, "@TGS#_fans", &json!({ "Limit": limit, "Next": next })).await;
            assert_eq!(answer["MemberNum"], 250, "of all pages");
            seen.extend(accounts(&answer));
            visited += 1;
            next = answer["Next"].clone();
            if next == "" {
                break;
            }
        }
        assert_eq!(visited, pages, "pages of {limit}");
        assert_eq!(seen.len(), 250);
        let seen: BTreeSet<_> = seen.iter().map(String::as_str).collect();
        assert_eq!(seen, users.iter().copied().collect());
    }
    // The SDK begins with "0", and members may go while somebody lists them.
    let first = page(&server, "@TGS#_fans", &json!({ "Limit": 10, "Next": "0" })).await;
    let gone: Vec<_> = accounts(&first);
    let body = json!({ "GroupId": "@TGS#_fans", "MemberToDel_Account": gone });
    server.ok(GROUP, "delete_group_member", body).await;
    let second = page(
        &server,
        "@TGS#_fans",
        &json!({ "Limit": 10, "Next": first["Next"] }),
    )
    .await;
    assert_eq!((&second["MemberNum"], accounts(&second).len()), (&json!(240), 10));
    assert!(accounts(&second).iter().all(|account| !gone.contains(account)));

    for (more, code) in [
        (json!({ "Next": "x" }), 10004),
        (json!({ "Next": 5 }), 10004),
        (json!({ "Next": "7" }), 10004),
        (json!({ "Offset": 100 }), 10004),
        (json!({ "Offset": 0 }), 0),
        (json!({ "MemberRoleFilter": ["King"] }), 10004),
    ] {
        let mut body = more.clone();
        body["GroupId"] = json!("@TGS#_fans");
        assert_eq!(
            server.code(GROUP, "get_group_member_info", body).await,
            code,
            "{more}"
        );
    }
}

#[tokio::test]
async fn other_groups_are_listed_with_offset() {
    let server = Server::start().await;
    server
        .group("Public", "mine", &["ann", "ben", "cat", "dan", "eve"])
        .await;
    let mut seen = Vec::new();
    for (offset, len) in [(0, 2), (2, 2), (4, 1), (5, 0)] {
        let answer = page(&server, "mine", &json!({ "Limit": 2, "Offset": offset })).await;
        assert_eq!(answer["MemberNum"], 5);
        assert!(answer.get("Next").is_none(), "{answer}");
        assert_eq!(accounts(&answer).len(), len, "behind {offset}");
        seen.extend(accounts(&answer));
    }
    assert_eq!(seen, ["ann", "ben", "cat", "dan", "eve"]);
    assert_eq!(
        accounts(&page(&server, "mine", &json!({})).await).len(),
        5,
        "no limit named"
    );

    server.group("AVChatRoom", "room", &[]).await;
    for (id, code) in [("room", 10007), ("none", 10010), ("", 10015)] {
        let body = json!({ "GroupId": id });
        assert_eq!(
            server.code(GROUP, "get_group_member_info", body).await,
            code,
            "{id}"
        );
    }
    assert_eq!(
        server.code(GROUP, "get_group_member_info", json!({})).await,
        10004
    );
}

#[tokio::test]
async fn members_by_role_and_with_the_fields_asked_for() {
    let server = Server::start().await;
    server.import(&["ann", "ben", "cat"]).await;
    let body = json!({
        "Type": "Community", "Name": "n", "GroupId": "@TGS#_fans", "Owner_Account": "ann",
        "MemberList": [{ "Member_Account": "ben", "Role": "Admin" }, { "Member_Account": "cat" }],
    });
    server.ok(GROUP, "create_group", body).await;
    let _cat = server.client("cat").await;
    for (roles, expected) in [
        (json!(["Owner"]), &["ann"][..]),
        (json!(["Admin", "Member"]), &["ben", "cat"]),
        (json!([]), &["ann", "ben", "cat"]),
    ] {
        let answer = page(&server, "@TGS#_fans", &json!({ "MemberRoleFilter": roles })).await;
        assert_eq!(accounts(&answer), expected, "{roles}");
    }
    let filter = json!({ "MemberInfoFilter": ["OnlineStatus", "Role"] });
    let answer = page(&server, "@TGS#_fans", &filter).await;
    let expected = json!([
        { "Member_Account": "ann", "Role": "Owner", "OnlineStatus": "Offline" },
        { "Member_Account": "ben", "Role": "Admin", "OnlineStatus": "Offline" },
        { "Member_Account": "cat", "Role": "Member", "OnlineStatus": "Online" },
    ]);
    assert_eq!(answer["MemberList"], expected);
    let unasked = page(&server, "@TGS#_fans", &json!({})).await;
    assert!(
        unasked["MemberList"][0].get("OnlineStatus").is_none(),
        "only when asked for"
    );
}

#[tokio::test]
async fn get_role_in_group() {
    let server = Server::start().await;
    server.import(&["ann", "ben", "cat", "dan"]).await;
    let body = json!({
        "Type": "Public", "Name": "n", "GroupId": "mine", "Owner_Account": "ann",
        "MemberList": [{ "Member_Account": "ben", "Role": "Admin" }, { "Member_Account": "cat" }],
    });
    server.ok(GROUP, "create_group", body).await;
    let users = json!(["dan", "cat", "zoe", "ann", "ben", "tab\t"]);
    let body = json!({ "GroupId": "mine", "User_Account": users });
    let answer = server.ok(GROUP, "get_role_in_group", body).await;
    let role = |user: &str, role: &str| json!({ "Member_Account": user, "Role": role });
    let expected = [
        role("dan", "NotMember"),
        role("cat", "Member"),
        role("zoe", "NotMember"),
        role("ann", "Owner"),
        role("ben", "Admin"),
        role("tab\t", "NotMember"),
    ];
    assert_eq!(answer["UserIdList"], json!(expected));
    server.group("AVChatRoom", "room", &[]).await;
    let too_many: Vec<_> = (0..501).map(|n| format!("user{n}")).collect();
    for (body, code) in [
        (json!({ "GroupId": "room", "User_Account": ["ann"] }), 10007),
        (json!({ "GroupId": "mine", "User_Account": too_many }), 10005),
        (json!({ "GroupId": "mine", "User_Account": [7] }), 60015),
        (json!({ "GroupId": "mine" }), 10004),
        (json!({ "GroupId": "none", "User_Account": ["ann"] }), 10010),
        (json!({ "GroupId": "", "User_Account": ["ann"] }), 10015),
    ] {
        assert_eq!(
            server.code(GROUP, "get_role_in_group", body.clone()).await,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn add_group_member() {
    let server = Server::start().await;
    server.group("Public", "mine", &["ann"]).await;
    server.import(&["ben"]).await;
    let _ben = server.client("ben").await;
    let add = async |id: &str, users: &[&str]| {
        let body = json!({ "GroupId": id, "MemberList": member_list(users) });
        server.call(GROUP, "add_group_member", body).await
    };
    let answer = add("mine", &["ann", "ben", "zoe", "ben"]).await;
    let results = json!([
        { "Member_Account": "ann", "Result": 2 }, { "Member_Account": "ben", "Result": 1 },
        { "Member_Account": "zoe", "Result": 0 }, { "Member_Account": "ben", "Result": 2 },
    ]);
    assert_eq!(answer["MemberList"], results);
    assert_eq!(server.count("mine").await, 1);

    server.group("AVChatRoom", "room", &[]).await;
    let small = json!({ "Type": "Public", "Name": "n", "GroupId": "small", "MaxMemberCount": 1 });
    server.ok(GROUP, "create_group", small).await;
    let too_many: Vec<_> = (0..301).map(|n| format!("user{n}")).collect();
    let too_many: Vec<_> = too_many.iter().map(String::as_str).collect();
    for (id, users, code) in [
        ("mine", &["zoe", "yan"][..], 10019),
        ("mine", &too_many, 10005),
        ("room", &["ann"], 10007),
        ("small", &["ann", "ben"], 10014),
        ("small", &["ann"], 0),
        ("small", &["ben"], 10014),
        ("none", &["ann"], 10010),
        ("", &["ann"], 10015),
    ] {
        assert_eq!(add(id, users).await["ErrorCode"], code, "{id} {}", users.len());
    }
    for (body, code) in [
        (json!({ "GroupId": "mine" }), 10004),
        (json!({ "MemberList": member_list(&["ann"]) }), 10004),
        (
            json!({ "GroupId": "mine", "MemberList": [{ "Member_Account": 7 }] }),
            60015,
        ),
        (json!({ "GroupId": "mine", "MemberList": ["ann"] }), 10004),
    ] {
        assert_eq!(
            server.code(GROUP, "add_group_member", body.clone()).await,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn delete_group_member() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    let owned = json!({ "Type": "Community", "Name": "n", "GroupId": "@TGS#_fans", "Owner_Account": "ann" });
    server.ok(GROUP, "create_group", owned).await;
    server.import(&["ben", "cat"]).await;
    let body = json!({ "GroupId": "@TGS#_fans", "MemberList": member_list(&["ben", "cat"]) });
    server.ok(GROUP, "add_group_member", body).await;
    let (_ben, _cat) = (server.client("ben").await, server.client("cat").await);
    assert_eq!(server.count("@TGS#_fans").await, 2);
    let body = json!({ "GroupId": "@TGS#_fans", "MemberToDel_Account": ["ben", "zoe"], "Reason": "r", "Silence": 1 });
    server.ok(GROUP, "delete_group_member", body.clone()).await;
    assert_eq!(server.count("@TGS#_fans").await, 1);
    server.ok(GROUP, "delete_group_member", body).await;
    assert_eq!(server.count("@TGS#_fans").await, 1, "strangers are passed over");

    server.group("AVChatRoom", "room", &[]).await;
    let too_many: Vec<_> = (0..501).map(|n| format!("user{n}")).collect();
    for (body, code) in [
        (
            json!({ "GroupId": "@TGS#_fans", "MemberToDel_Account": ["cat", "ann"] }),
            10007,
        ),
        (
            json!({ "GroupId": "@TGS#_fans", "MemberToDel_Account": too_many }),
            10005,
        ),
        (
            json!({ "GroupId": "@TGS#_fans", "MemberToDel_Account": [7] }),
            60015,
        ),
        (json!({ "GroupId": "@TGS#_fans" }), 10004),
        (
            json!({ "GroupId": "room", "MemberToDel_Account": ["ann"] }),
            10004,
        ),
        (
            json!({ "GroupId": "none", "MemberToDel_Account": ["ann"] }),
            10010,
        ),
        (json!({ "GroupId": "", "MemberToDel_Account": ["ann"] }), 10015),
    ] {
        assert_eq!(
            server.code(GROUP, "delete_group_member", body.clone()).await,
            code,
            "{body}"
        );
    }
    assert_eq!(
        server.count("@TGS#_fans").await,
        1,
        "a refused call removed nobody"
    );
}
