//! The answers of get_online_member_num, code by code.

use serde_json::json;

use crate::testkit::{APP, GROUP, MILLION, OTHER, Server, code};

const FANS: &str = "@TGS#_fans";

async fn text(server: &Server, body: &str) -> String {
    server
        .call_text(APP, MILLION, "get_online_member_num", body)
        .await
}

#[tokio::test]
async fn the_answer_is_exact_to_the_byte() {
    let server = Server::start().await;
    server.group("Community", FANS, &["ann", "ben", "cat"]).await;
    let body = json!({ "GroupId": FANS }).to_string();
    let none = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"OnlineMemberNum":0}"#;
    let two = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"OnlineMemberNum":2}"#;
    // The first call asks the store, the next ones do not.
    assert_eq!(text(&server, &body).await, none);
    let ann = server.client("ann").await;
    let _tablet = server.client_on("ann", 9).await;
    let _ben = server.client("ben").await;
    let _stranger = server.client("zoe").await;
    assert_eq!(text(&server, &body).await, two);
    drop(ann);
    assert_eq!(text(&server, &body).await, two, "ann has another device");
    let with_more = json!({ "Unknown": [1], "GroupId": FANS }).to_string();
    assert_eq!(text(&server, &with_more).await, two);
}

#[tokio::test]
async fn other_types_are_counted_by_the_other_service_alone() {
    let server = Server::start().await;
    for group_type in ["Private", "Public", "ChatRoom", "AVChatRoom"] {
        server.group(group_type, group_type, &[]).await;
        // Unknown at first, known then.
        assert_eq!(server.count_code(group_type).await, 10007, "{group_type}");
        assert_eq!(server.count_code(group_type).await, 10007, "{group_type}");
        assert_eq!(server.count(group_type).await, 0, "{group_type}");
    }
    server.group("Community", FANS, &["ann"]).await;
    let _ann = server.client("ann").await;
    assert_eq!(server.count(FANS).await, 1);
    assert_eq!(server.count_code(FANS).await, 0);
}

#[tokio::test]
async fn a_group_that_is_not_there_has_one_code_whatever_the_reason() {
    let server = Server::start().await;
    assert_eq!(server.count_code("@TGS#_never").await, 10010);
    for asked_before in [true, false] {
        server.group("Community", FANS, &[]).await;
        if asked_before {
            assert_eq!(server.count_code(FANS).await, 0);
        }
        server
            .ok(GROUP, "destroy_group", json!({ "GroupId": FANS }))
            .await;
        assert_eq!(server.count_code(FANS).await, 10010);
    }
    server.group("Community", FANS, &[]).await;
    assert_eq!(server.count_code(FANS).await, 0);
    let body = json!({ "GroupId": FANS }).to_string();
    let theirs = server
        .call_text(OTHER, MILLION, "get_online_member_num", &body)
        .await;
    assert!(theirs.contains(r#""ErrorCode":10010"#), "{theirs}");
    let theirs = server
        .call_text(OTHER, GROUP, "get_online_member_num", &body)
        .await;
    assert!(theirs.contains(r#""ErrorCode":10010"#), "{theirs}");
}

#[tokio::test]
async fn an_id_that_cannot_be_one_is_told_apart() {
    let server = Server::start().await;
    server.group("Community", FANS, &[]).await;
    let topic = format!("{FANS}@TOPIC#_@TOPIC#c1");
    for id in [
        "",
        &"x".repeat(49),
        "a\nb",
        "\u{0}",
        "\u{7f}",
        "gr\u{fc}n",
        &topic,
    ] {
        assert_eq!(server.count_code(id).await, 10015, "{id:?}");
    }
    assert_eq!(
        server.count_code(&"x".repeat(48)).await,
        10010,
        "the longest that could be one"
    );
}

#[tokio::test]
async fn a_body_that_names_no_group_is_a_bad_parameter() {
    let server = Server::start().await;
    for body in [
        "{}",
        r#"{"groupid":"g"}"#,
        r#"{"GroupId":null}"#,
        r#"{"GroupId":5}"#,
        r#"{"GroupId":["g"]}"#,
        r#"{"GroupId":{}}"#,
        r#"{"GroupId":true}"#,
        r#"{"GroupId":"a","GroupId":"b"}"#,
        "[]",
        r#"["@TGS#_fans"]"#,
        "7",
        "null",
        r#""GroupId""#,
    ] {
        let answer = text(&server, body).await;
        assert!(answer.contains(r#""ErrorCode":10004"#), "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_says_so() {
    let server = Server::start().await;
    for body in [
        &b""[..],
        b" ",
        b"{",
        b"GroupId=g",
        br#"{"GroupId":"g",}"#,
        br#"{"GroupId":"g"} // the group"#,
        b"{'GroupId':'g'}",
        br#"{"GroupId":"g"}{}"#,
        b"{\"GroupId\":\"\xff\"}",
        b"\x1f\x8b\x08\x00",
    ] {
        let answer = server
            .call_text(APP, MILLION, "get_online_member_num", body)
            .await;
        assert!(answer.contains(r#""ErrorCode":60003"#), "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_an_internal_error_for_the_moment() {
    let server = Server::start().await;
    server.group("Community", FANS, &["ann"]).await;
    server.group("Community", "@TGS#_known", &["ann"]).await;
    let _ann = server.client("ann").await;
    assert_eq!(server.count("@TGS#_known").await, 1);
    server.store_fails(true);
    let body = json!({ "GroupId": FANS });
    let failed = server.call(MILLION, "get_online_member_num", body).await;
    assert_eq!(code(&failed), 10002);
    assert!(
        failed.get("OnlineMemberNum").is_none(),
        "never a zero for want of a better answer"
    );
    assert_eq!(
        server.count("@TGS#_known").await,
        1,
        "known, so it needs no store"
    );
    server.store_fails(false);
    assert_eq!(server.count(FANS).await, 1);
}
