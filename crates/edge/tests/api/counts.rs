//! The answers of get_online_member_nums: many groups in one call.

use serde_json::{Value, json};

use crate::testkit::{APP, GROUP, OTHER, Server, Setup, code, every_platform};

const FANS: &str = "@TGS#_fans";
const HEADCOUNT: &str = "headcount";
const NUMS: &str = "get_online_member_nums";

async fn nums(server: &Server, ids: &[&str]) -> Value {
    server.ok(HEADCOUNT, NUMS, json!({ "GroupIdList": ids })).await
}

#[tokio::test]
async fn every_group_has_its_number_in_the_order_asked() {
    let server = Server::start().await;
    server.group("Community", FANS, &["ann", "ben"]).await;
    for group_type in ["Private", "Public", "ChatRoom", "AVChatRoom"] {
        server.group(group_type, group_type, &[]).await;
    }
    let body = json!({ "GroupId": "Public", "MemberList": [{ "Member_Account": "ann" }] });
    server.ok(GROUP, "add_group_member", body).await;
    let mut ann = server.client("ann").await;
    let _ben = server.client("ben").await;
    ann.ok(
        "group_open_http_svc.apply_join_group",
        json!({ "GroupId": "AVChatRoom" }),
    )
    .await;
    let ids = ["Public", FANS, "Private", "AVChatRoom", FANS, "ChatRoom"];
    // Unknown at first, known then.
    for _ in 0..2 {
        let answer = nums(&server, &ids).await;
        let groups = [1, 2, 0, 1, 2, 0].into_iter().zip(ids);
        let expected: Value = groups
            .map(|(online, id)| json!({ "GroupId": id, "OnlineMemberNum": online }))
            .collect();
        assert_eq!(answer["OnlineMemberNumList"], expected);
        assert_eq!(answer["AsOf"], server.now_ms());
    }
    server.store_fails(true);
    assert_eq!(
        nums(&server, &ids).await["OnlineMemberNumList"][1]["OnlineMemberNum"],
        2
    );
    let unknown = json!({ "GroupIdList": [FANS, "unknown"] });
    assert_eq!(server.code(HEADCOUNT, NUMS, unknown).await, 10002);
}

#[tokio::test]
async fn an_account_counts_once_on_each_of_its_platforms() {
    let server = Server::with(Setup {
        rules: every_platform(),
        ..Setup::default()
    })
    .await;
    server.group("Community", FANS, &["ann", "ben"]).await;
    let by_platform = async || {
        let body = json!({ "GroupIdList": [FANS], "ByPlatform": 1 });
        let mut answer = server.ok(HEADCOUNT, NUMS, body).await;
        answer["OnlineMemberNumList"][0].take()
    };
    let told = |online: u32, by_platform: Value| json!({ "GroupId": FANS, "OnlineMemberNum": online, "OnlineMemberNumByPlatform": by_platform });
    assert_eq!(by_platform().await, told(0, json!({})));
    let tabs = [server.client("ann").await, server.client("ann").await];
    assert_eq!(
        by_platform().await,
        told(1, json!({ "Web": 1 })),
        "two tabs, one member"
    );
    let phone = server.client_on("ann", 3).await;
    let _ben = server.client("ben").await;
    assert_eq!(by_platform().await, told(2, json!({ "Web": 2, "iPhone": 1 })));
    drop(tabs);
    while by_platform().await != told(2, json!({ "Web": 1, "iPhone": 1 })) {}
    drop(phone);
    while by_platform().await != told(1, json!({ "Web": 1 })) {}
}

#[tokio::test]
async fn a_group_without_a_number_says_why_beside_those_that_have_one() {
    let server = Server::start().await;
    server.group("Community", FANS, &[]).await;
    server.group("Public", "gone", &[]).await;
    nums(&server, &["gone"]).await;
    server
        .ok(GROUP, "destroy_group", json!({ "GroupId": "gone" }))
        .await;
    let topic = format!("{FANS}@TOPIC#_@TOPIC#c1");
    let answer = nums(&server, &["gone", FANS, "", &topic, "never"]).await;
    let groups = answer["OnlineMemberNumList"].as_array().expect("a list");
    let codes: Vec<_> = groups.iter().map(|group| group["ErrorCode"].as_i64()).collect();
    assert_eq!(codes, [Some(10010), None, Some(10015), Some(10015), Some(10010)]);
    for group in groups {
        let counted = group.get("OnlineMemberNum").is_some();
        assert_eq!(counted, group.get("ErrorInfo").is_none(), "{group}");
    }
    let theirs = json!({ "GroupIdList": [FANS] }).to_string();
    let theirs = server.call_text(OTHER, HEADCOUNT, NUMS, theirs).await;
    assert!(theirs.contains(r#""ErrorCode":10010"#), "{theirs}");
    assert!(!theirs.contains("OnlineMemberNum\":"), "{theirs}");
}

#[tokio::test]
async fn a_list_has_a_length_that_can_be_answered() {
    let server = Server::start().await;
    let many = |count: usize| json!({ "GroupIdList": vec!["g"; count] });
    let answer = server.ok(HEADCOUNT, NUMS, many(500)).await;
    assert_eq!(answer["OnlineMemberNumList"].as_array().map(Vec::len), Some(500));
    assert_eq!(server.code(HEADCOUNT, NUMS, many(501)).await, 10005);
    for bad in [
        many(0),
        json!({}),
        json!({ "GroupIdList": "g" }),
        json!({ "GroupIdList": [1] }),
        json!({ "GroupIdList": ["g"], "ByPlatform": "1" }),
    ] {
        assert_eq!(server.code(HEADCOUNT, NUMS, bad.clone()).await, 10004, "{bad}");
    }
}

#[tokio::test]
async fn it_is_for_the_app_alone() {
    let server = Server::start().await;
    let body = json!({ "GroupIdList": ["g"] });
    let mut ann = server.client("ann").await;
    assert_eq!(
        ann.code("headcount.get_online_member_nums", body.clone()).await,
        10007
    );
    let usersig = server.sign(APP, "ann");
    let query = format!("sdkappid={APP}&identifier=ann&usersig={usersig}&random=1&contenttype=json");
    let target = format!("/v4/{HEADCOUNT}/{NUMS}?{query}");
    let answer = crate::testkit::request(server.address, "POST", &target, body.to_string()).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(code(&answer), 60010);
}
