//! Accounts over REST: importing, checking, deleting, kicking, and who is online.

use serde_json::{Value, json};

use crate::testkit::{GROUP, LOGIN, Server, code};

/// 1 to `count` of anything that can be told from the others.
fn many(count: usize, one: impl Fn(String) -> Value) -> Value {
    (0..count).map(|n| one(format!("user{n}"))).collect()
}

async fn exists(server: &Server, user: &str) -> bool {
    let body = json!({ "CheckItem": [{ "UserID": user }] });
    let answer = server.ok(LOGIN, "account_check", body).await;
    answer["ResultItem"][0]["AccountStatus"] == "Imported"
}

/// The profile of a user, as another one sees it.
async fn profile(server: &Server, user: &str) -> Value {
    let mut client = server.client("someone").await;
    let body = json!({ "From_Account": "someone", "UserItem": [{ "To_Account": user }] });
    let mut answer = client.ok("profile.portrait_get_all", body).await;
    answer["UserProfileItem"][0]["ProfileItem"].take()
}

#[tokio::test]
async fn account_import() {
    let server = Server::start().await;
    let body = json!({ "UserID": "ann", "Nick": "Ann", "FaceUrl": "http://a/1" });
    let answer = server.ok(LOGIN, "account_import", body).await;
    assert_eq!(
        answer.as_object().unwrap().len(),
        3,
        "the envelope alone: {answer}"
    );
    assert!(exists(&server, "ann").await);
    // Again: it stays, and takes on what is given.
    server
        .ok(
            LOGIN,
            "account_import",
            json!({ "UserID": "ann", "Nick": "Anna" }),
        )
        .await;
    let values = json!([
        { "Tag": "Tag_Profile_IM_Nick", "Value": "Anna" },
        { "Tag": "Tag_Profile_IM_Image", "Value": "http://a/1" },
    ]);
    assert_eq!(profile(&server, "ann").await, values);
    server
        .ok(LOGIN, "account_import", json!({ "Identifier": "old" }))
        .await;
    assert!(exists(&server, "old").await, "older SDKs say Identifier");

    for (body, code) in [
        (json!({}), 70402),
        (json!({ "UserID": "" }), 70402),
        (json!({ "UserID": "x".repeat(33) }), 70402),
        (json!({ "UserID": "tab\t" }), 70402),
        (json!({ "UserID": null }), 70402),
        (json!({ "UserID": 7 }), 60015),
        (json!({ "UserID": "ann", "Nick": "x".repeat(501) }), 40601),
        (json!({ "UserID": "ann", "FaceUrl": "x".repeat(501) }), 40601),
        (json!({ "UserID": "ann", "Nick": "x".repeat(500) }), 0),
    ] {
        assert_eq!(
            server.code(LOGIN, "account_import", body.clone()).await,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn multiaccount_import_in_both_forms() {
    let server = Server::start().await;
    let old = json!({ "Accounts": ["ann", "x".repeat(33), "ben", ""] });
    let answer = server.ok(LOGIN, "multiaccount_import", old).await;
    assert_eq!(answer["FailAccounts"], json!(["x".repeat(33), ""]));
    let new = json!({ "AccountList": [
        { "UserID": "cat", "Nick": "Cat" }, { "UserID": "dan", "Nick": "x".repeat(501) }, { "UserID": "ann" },
    ] });
    let answer = server.ok(LOGIN, "multiaccount_import", new).await;
    assert_eq!(answer["FailAccounts"], json!(["dan"]));
    for (user, there) in [("ann", true), ("ben", true), ("cat", true), ("dan", false)] {
        assert_eq!(exists(&server, user).await, there, "{user}");
    }
    let nick = json!([{ "Tag": "Tag_Profile_IM_Nick", "Value": "Cat" }]);
    assert_eq!(profile(&server, "cat").await, nick);

    for (body, code) in [
        (json!({}), 70402),
        (json!({ "Accounts": [] }), 70402),
        (json!({ "Accounts": many(101, |user| json!(user)) }), 70402),
        (json!({ "Accounts": many(100, |user| json!(user)) }), 0),
        (json!({ "Accounts": ["ann", 7] }), 60015),
        (json!({ "Accounts": "ann" }), 70402),
        (json!({ "AccountList": [{ "Nick": "n" }] }), 70402),
        (json!({ "AccountList": [{ "UserID": 7 }] }), 60015),
        (json!({ "AccountList": [["ann"]] }), 70402),
    ] {
        let answered = server.code(LOGIN, "multiaccount_import", body.clone()).await;
        assert_eq!(answered, code, "{body}");
    }
}

#[tokio::test]
async fn account_check() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    let body = json!({ "CheckItem": [{ "UserID": "zoe" }, { "UserID": "ann" }, { "UserID": "\u{e9}" }] });
    let answer = server.ok(LOGIN, "account_check", body).await;
    let item = |user: &str, status: &str| json!({ "UserID": user, "ResultCode": 0, "ResultInfo": "", "AccountStatus": status });
    let items = [
        item("zoe", "NotImported"),
        item("ann", "Imported"),
        item("\u{e9}", "NotImported"),
    ];
    assert_eq!(answer["ResultItem"], json!(items));
    for (body, code) in [
        (json!({ "CheckItem": [] }), 70402),
        (json!({}), 70402),
        (
            json!({ "CheckItem": many(101, |user| json!({ "UserID": user })) }),
            70402,
        ),
        (
            json!({ "CheckItem": many(100, |user| json!({ "UserID": user })) }),
            0,
        ),
        (json!({ "CheckItem": [{ "UserID": 7 }] }), 60015),
    ] {
        assert_eq!(
            server.code(LOGIN, "account_check", body.clone()).await,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn account_delete() {
    let server = Server::start().await;
    server.group("Community", "@TGS#_fans", &["ann", "ben"]).await;
    let mut ann = server.client("ann").await;
    let _ben = server.client("ben").await;
    assert_eq!(server.count("@TGS#_fans").await, 2);
    let body = json!({ "DeleteItem": [{ "UserID": "ann" }, { "UserID": "zoe" }] });
    let answer = server.ok(LOGIN, "account_delete", body).await;
    let absent = "Err_TLS_PT_Open_Login_Account_Not_Exist";
    let items = json!([
        { "UserID": "ann", "ResultCode": 0, "ResultInfo": "" },
        { "UserID": "zoe", "ResultCode": 70107, "ResultInfo": absent },
    ]);
    assert_eq!(answer["ResultItem"], items);
    assert_eq!(server.count("@TGS#_fans").await, 1);
    assert!(!exists(&server, "ann").await);
    let push = ann.push().await;
    assert_eq!(push[0]["C2cNotifyMsgArray"][0]["KickoutMsgNotify"]["KickType"], 3);
    let info = json!({ "GroupIdList": ["@TGS#_fans"] });
    let info = server.ok(GROUP, "get_group_info", info).await;
    assert_eq!(info["GroupInfo"][0]["MemberNum"], 1);
    for (body, code) in [
        (json!({}), 70402),
        (json!({ "DeleteItem": [] }), 70402),
        (
            json!({ "DeleteItem": many(101, |user| json!({ "UserID": user })) }),
            70402,
        ),
        (json!({ "DeleteItem": [{ "UserID": 7 }] }), 60015),
    ] {
        assert_eq!(
            server.code(LOGIN, "account_delete", body.clone()).await,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn kick() {
    let server = Server::start().await;
    server.import(&["ann"]).await;
    let before = server.sign(crate::testkit::APP, "ann");
    server.kick("ann").await;
    let mut client = server.connect().await;
    assert_eq!(code(&client.log_in("ann", &before).await), 70001);
    let after = server.sign(crate::testkit::APP, "ann");
    assert_eq!(code(&client.log_in("ann", &after).await), 0);
    for (body, code) in [
        (json!({ "UserID": "zoe" }), 70107),
        (json!({ "Identifier": "zoe" }), 70107),
        (json!({}), 70402),
        (json!({ "UserID": 7 }), 60015),
    ] {
        assert_eq!(server.code(LOGIN, "kick", body.clone()).await, code, "{body}");
    }
}

#[tokio::test]
async fn query_online_status() {
    let server = Server::start().await;
    server.import(&["ann", "ben"]).await;
    let mut phone = server.connect().await;
    phone.platform = 3;
    let login = phone
        .log_in("ann", &server.sign(crate::testkit::APP, "ann"))
        .await;
    let ask = async |body| server.call("openim", "query_online_status", body).await;

    let answer =
        ask(json!({ "To_Account": ["ann", "ben", "zoe"], "IsNeedDetail": 1, "IsReturnInstid": 1 })).await;
    let results = json!([
        { "To_Account": "ann", "Status": "Online",
          "Detail": [{ "Platform": "iPhone", "Status": "Online", "Instid": login["InstId"] }] },
        { "To_Account": "ben", "Status": "Offline" },
    ]);
    assert_eq!((code(&answer), &answer["QueryResult"]), (0, &results));
    assert_eq!(
        answer["ErrorList"],
        json!([{ "To_Account": "zoe", "ErrorCode": 70107 }])
    );

    let _browser = server.client("ann").await;
    let answer = ask(json!({ "To_Account": ["ann"] })).await;
    assert_eq!(
        answer["QueryResult"],
        json!([{ "To_Account": "ann", "Status": "Online" }])
    );
    assert!(answer.get("ErrorList").is_none(), "{answer}");
    let answer = ask(json!({ "To_Account": ["ann"], "IsNeedDetail": 1 })).await;
    let devices = json!([
        { "Platform": "iPhone", "Status": "Online" }, { "Platform": "Web", "Status": "Online" },
    ]);
    assert_eq!(answer["QueryResult"][0]["Detail"], devices);

    phone.ok("im_open_status.wslogout", json!({})).await;
    let answer = ask(json!({ "To_Account": ["ann"], "IsNeedDetail": 1 })).await;
    assert_eq!(
        answer["QueryResult"][0]["Detail"],
        json!([{ "Platform": "Web", "Status": "Online" }])
    );

    let nobody = ask(json!({ "To_Account": ["zoe"] })).await;
    assert_eq!(code(&nobody), 70107);
    assert_eq!(
        nobody["ErrorList"],
        json!([{ "To_Account": "zoe", "ErrorCode": 70107 }])
    );
    for (body, expected) in [
        (json!({ "To_Account": [] }), 90001),
        (json!({}), 90003),
        (json!({ "To_Account": "ann" }), 90003),
        (json!({ "To_Account": [7] }), 60015),
        (json!({ "To_Account": many(501, |user| json!(user)) }), 90011),
    ] {
        assert_eq!(code(&ask(body.clone()).await), expected, "{body}");
    }
    server.store_fails(true);
    assert_eq!(code(&ask(json!({ "To_Account": ["ann"] })).await), 91000);
    assert_eq!(
        server
            .code(LOGIN, "account_import", json!({ "UserID": "x" }))
            .await,
        70500
    );
}
