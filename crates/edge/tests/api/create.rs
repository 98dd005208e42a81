//! create_group, of every type and in every form.

use serde_json::{Value, json};

use crate::testkit::{GROUP, MILLION, Server, member_list};

/// The names of a type in a request, its name in answers, and how its assigned ids begin.
const TYPES: [(&[&str], &str, &str); 5] = [
    (&["Work", "Private"], "Private", "@TGS#1"),
    (&["Public"], "Public", "@TGS#2"),
    (&["Meeting", "ChatRoom"], "ChatRoom", "@TGS#3"),
    (&["AVChatRoom"], "AVChatRoom", "@TGS#a"),
    (&["Community"], "Community", "@TGS#_@TGS#c"),
];

async fn info(server: &Server, id: &str) -> Value {
    let body = json!({ "GroupIdList": [id] });
    server.ok(GROUP, "get_group_info", body).await["GroupInfo"][0].take()
}

/// A body for create_group with these fields more, or instead.
fn group(more: &Value) -> Value {
    let mut body = json!({ "Type": "Public", "Name": "a name" });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn every_type_under_both_spellings_and_services() {
    let server = Server::start().await;
    for (spellings, shown, prefix) in TYPES {
        for spelling in spellings {
            for service in [GROUP, MILLION] {
                let answer = server
                    .ok(service, "create_group", group(&json!({ "Type": spelling })))
                    .await;
                assert_eq!(
                    answer.as_object().unwrap().len(),
                    4,
                    "an id and the envelope: {answer}"
                );
                let id = answer["GroupId"].as_str().unwrap();
                let random = id
                    .strip_prefix(prefix)
                    .unwrap_or_else(|| panic!("{spelling}: {id}"));
                assert!(random.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
                let info = info(&server, id).await;
                assert_eq!((&info["Type"], &info["Name"]), (&json!(shown), &json!("a name")));
                assert_eq!(
                    (&info["Owner_Account"], &info["MemberNum"]),
                    (&json!(""), &json!(0))
                );
            }
        }
    }
}

#[tokio::test]
async fn ids_of_the_callers_choice() {
    let server = Server::start().await;
    for (group_type, id, code) in [
        ("Public", "mine", 0),
        ("Private", "with space", 0),
        ("ChatRoom", &"x".repeat(48), 0),
        ("AVChatRoom", "room", 0),
        ("Community", "@TGS#_mine", 0),
        ("Public", "", 0),
        ("Public", "@TGS#mine", 10004),
        ("Public", "@TGS#_mine2", 10004),
        ("Community", "mine2", 10004),
        ("Community", "@TGS#_", 10004),
        ("Community", "@TGS#_@TGS#mine", 10004),
        ("Public", &"x".repeat(49), 10004),
        ("Public", "tab\t", 10004),
        ("Community", "@TGS#_x@TOPIC#_y", 10004),
    ] {
        let body = group(&json!({ "Type": group_type, "GroupId": id }));
        let answer = server.call(GROUP, "create_group", body).await;
        assert_eq!(answer["ErrorCode"], code, "{group_type} {id:?}: {answer}");
        if code == 0 && !id.is_empty() {
            assert_eq!(answer["GroupId"], id);
        }
    }
}

#[tokio::test]
async fn an_id_is_taken_until_its_group_is_dissolved() {
    let server = Server::start().await;
    server.import(&["ann", "ben"]).await;
    let with_owner = |owner: &str| group(&json!({ "GroupId": "mine", "Owner_Account": owner }));
    let create = async |body| server.code(GROUP, "create_group", body).await;
    assert_eq!(create(with_owner("ann")).await, 0);
    assert_eq!(create(with_owner("ann")).await, 10025);
    assert_eq!(create(with_owner("ben")).await, 10021);
    assert_eq!(create(group(&json!({ "GroupId": "mine" }))).await, 10021);
    server
        .ok(GROUP, "destroy_group", json!({ "GroupId": "mine" }))
        .await;
    assert_eq!(create(with_owner("ben")).await, 0);
    assert_eq!(info(&server, "mine").await["Owner_Account"], "ben");
}

#[tokio::test]
async fn owner_members_and_profile() {
    let server = Server::start().await;
    server.import(&["ann", "ben", "cat"]).await;
    let body = group(&json!({
        "GroupId": "mine", "Name": "the name", "Introduction": "intro", "Notification": "note",
        "FaceUrl": "http://f", "Owner_Account": "ann", "MaxMemberCount": 30,
        "ApplyJoinOption": "FreeAccess", "InviteJoinOption": "NeedPermission",
        "MemberList": [{ "Member_Account": "ben", "Role": "Admin" }, { "Member_Account": "cat" }],
    }));
    server.ok(GROUP, "create_group", body).await;
    let info = info(&server, "mine").await;
    for (field, value) in [
        ("Name", json!("the name")),
        ("Introduction", json!("intro")),
        ("Notification", json!("note")),
        ("FaceUrl", json!("http://f")),
        ("Owner_Account", json!("ann")),
        ("MaxMemberNum", json!(30)),
        ("MemberNum", json!(3)),
        ("ApplyJoinOption", json!("FreeAccess")),
        ("InviteJoinOption", json!("NeedPermission")),
    ] {
        assert_eq!(info[field], value, "{field}");
    }
    let roles: Vec<_> = info["MemberList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["Role"].clone())
        .collect();
    assert_eq!(roles, ["Owner", "Admin", "Member"]);
}

#[tokio::test]
async fn an_avchatroom_has_an_owner_and_no_members() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    let room = group(&json!({ "Type": "AVChatRoom", "GroupId": "room", "Owner_Account": "ann" }));
    server.ok(GROUP, "create_group", room).await;
    let info = info(&server, "room").await;
    assert_eq!(
        (&info["Owner_Account"], &info["MemberNum"]),
        (&json!("ann"), &json!(0))
    );
    assert!(info.get("MemberList").is_none(), "{info}");
    let with_members = group(&json!({ "Type": "AVChatRoom", "MemberList": member_list(&["ann"]) }));
    assert_eq!(server.code(GROUP, "create_group", with_members).await, 10007);
}

#[tokio::test]
async fn a_community_with_topics_says_so() {
    let server = Server::start().await;
    let body = group(&json!({ "Type": "Community", "SupportTopic": 1 }));
    let answer = server.ok(GROUP, "create_group", body).await;
    assert_eq!(
        (&answer["Type"], &answer["HugeGroupFlag"]),
        (&json!("Community"), &json!(0))
    );
    let info = info(&server, answer["GroupId"].as_str().unwrap()).await;
    assert_eq!(info["SupportTopic"], 1);
    for (group_type, topics, code) in [("Public", 1, 10004), ("Public", 0, 0), ("Community", 0, 0)] {
        let body = group(&json!({ "Type": group_type, "SupportTopic": topics }));
        assert_eq!(
            server.code(GROUP, "create_group", body).await,
            code,
            "{group_type} {topics}"
        );
    }
}

#[tokio::test]
async fn each_fault_has_its_code_and_creates_nothing() {
    let server = Server::start().await;
    server.import(&["ann", "ben"]).await;
    let too_many: Vec<_> = (0..101).map(|n| format!("user{n}")).collect();
    let too_many: Vec<_> = too_many.iter().map(String::as_str).collect();
    for (more, code) in [
        (json!({ "Type": "Club" }), 10004),
        (json!({ "Type": "community" }), 10004),
        (json!({ "Type": null }), 10004),
        (json!({ "Name": "" }), 10004),
        (json!({ "Name": null }), 10004),
        (json!({ "Name": "x".repeat(101) }), 10004),
        (json!({ "Introduction": "x".repeat(401) }), 10004),
        (json!({ "Notification": "x".repeat(401) }), 10004),
        (json!({ "FaceUrl": "x".repeat(501) }), 10004),
        (json!({ "ApplyJoinOption": "Maybe" }), 10004),
        (json!({ "InviteJoinOption": "Maybe" }), 10004),
        (json!({ "AppDefinedData": [{ "Key": "k", "Value": "v" }] }), 10004),
        (json!({ "Owner_Account": 7 }), 60015),
        (json!({ "Owner_Account": "zoe" }), 10019),
        (json!({ "MemberList": member_list(&["ann", "zoe"]) }), 10019),
        (json!({ "MemberList": [{ "Member_Account": 7 }] }), 60015),
        (
            json!({ "MemberList": [{ "Member_Account": "ann", "Role": "Owner" }] }),
            10004,
        ),
        (json!({ "MemberList": member_list(&too_many) }), 10005),
        (
            json!({ "MemberList": member_list(&["ann", "ben"]), "MaxMemberCount": 1 }),
            10038,
        ),
    ] {
        let mut body = group(&more);
        body["GroupId"] = json!("mine");
        assert_eq!(server.code(GROUP, "create_group", body).await, code, "{more}");
        assert_eq!(info(&server, "mine").await["ErrorCode"], 10010, "{more}");
    }
    let longest =
        json!({ "Name": "x".repeat(100), "Introduction": "x".repeat(400), "FaceUrl": "x".repeat(500) });
    assert_eq!(server.code(GROUP, "create_group", group(&longest)).await, 0);
}
