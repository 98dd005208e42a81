//! Being online over the gateway: logging in, coming back, being forced off, falling silent.

use std::cell::Cell;
use std::time::Duration;

use headcount_core::Clock;
use headcount_edge::{EdgeSettings, Heartbeat};
use serde_json::json;

use crate::testkit::{APP, GROUP, LOGIN, OTHER, Opcode, Server, Setup, code, key_of, until_count};

const FANS: &str = "@TGS#_fans";

async fn server() -> Server {
    let server = Server::start().await;
    server.group("Community", FANS, &["ann", "ben"]).await;
    server
}

/// The kind of a push that ends a session.
fn kick_type(push: &serde_json::Value) -> &serde_json::Value {
    assert_eq!(push[0]["Event"], 10, "{push}");
    &push[0]["C2cNotifyMsgArray"][0]["KickoutMsgNotify"]["KickType"]
}

#[tokio::test]
async fn a_login_says_all_that_the_sdk_reads() {
    let server = server().await;
    let mut ann = server.connect().await;
    let answer = ann.log_in("ann", &server.sign(APP, "ann")).await;
    assert_eq!((code(&answer), &answer["ActionStatus"]), (0, &json!("OK")));
    assert!(answer["A2Key"].as_str().is_some_and(|a2| !a2.is_empty()));
    let tiny_id = answer["TinyId"].as_str().expect("a text of digits");
    assert!(
        tiny_id.starts_with("144115") && tiny_id.parse::<u64>().is_ok(),
        "{tiny_id}"
    );
    assert!(answer["InstId"].as_u64().is_some_and(|instance| instance > 0));
    assert_eq!(answer["HelloInterval"], 120);
    assert_eq!(answer["TimeStamp"], server.clock.wall_s());
    let bits = answer["PurchaseBits"].as_str().expect("a text");
    assert!(
        !bits.is_empty() && bits.bytes().all(|bit| matches!(bit, b'0' | b'1')),
        "{bits}"
    );
    assert_eq!(answer["CustomStatus"], "");
    assert_eq!(server.count(FANS).await, 1);

    let mut elsewhere = server.client_on("ann", 2).await;
    assert_eq!(
        elsewhere.login.as_ref().map(|(_, tiny_id)| tiny_id.as_str()),
        Some(tiny_id)
    );
    elsewhere.ok("im_open_status.wslogout", json!({})).await;
    ann.ok("im_open_status.wslogout", json!({ "wslogout_type": 0 }))
        .await;
    assert_eq!(server.count(FANS).await, 0, "at once");
    assert_eq!(
        code(&ann.log_in("ann", &server.sign(APP, "ann")).await),
        0,
        "on the same socket"
    );
    assert_eq!(server.count(FANS).await, 1);
}

#[tokio::test]
async fn a_user_who_never_was_gets_an_account_by_logging_in() {
    let server = server().await;
    let _zoe = server.client("zoe").await;
    let body = json!({ "GroupId": FANS, "MemberList": [{ "Member_Account": "zoe" }] });
    server.ok(GROUP, "add_group_member", body).await;
    assert_eq!(server.count(FANS).await, 1);
}

#[tokio::test]
async fn wrong_credentials_have_their_codes_and_the_socket_stays() {
    let server = server().await;
    let now_s = server.clock.wall_s();
    let expired = usersig::sign(&key_of(APP), APP.0, "ann", now_s - 61, 60, None);
    let wrong_key = usersig::sign("a guess", APP.0, "ann", now_s, 60, None);
    let long_name = "x".repeat(33);
    let mut client = server.connect().await;
    for (user, usersig, expected) in [
        ("ann", String::new(), 70002),
        ("ann", String::from("junk"), 70003),
        ("ann", expired, 70001),
        ("ann", wrong_key, 70009),
        ("ann", server.sign(APP, "ben"), 70013),
        ("ann", server.sign(OTHER, "ann"), 70014),
        (&long_name, server.sign(APP, &long_name), 70402),
    ] {
        assert_eq!(code(&client.log_in(user, &usersig).await), expected, "{user}");
        assert_eq!(server.count(FANS).await, 0);
    }
    assert_eq!(
        client.code("im_open_status.wslogin", json!({})).await,
        70002,
        "no credentials at all"
    );
    assert_eq!(code(&client.log_in("ann", &server.sign(APP, "ann")).await), 0);
    assert_eq!(server.count(FANS).await, 1);

    let mut nowhere = crate::testkit::Gateway::open(server.address, headcount_core::SdkAppId(7)).await;
    assert_eq!(
        code(&nowhere.log_in("ann", &server.sign(APP, "ann")).await),
        70020
    );
}

#[tokio::test]
async fn a_heartbeat_is_answered_whatever_the_state() {
    let server = server().await;
    let mut ann = server.connect().await;
    for servcmd in ["heartbeat.alive", "im_open_status.wshello"] {
        ann.ok(servcmd, json!({})).await;
    }
    ann.log_in("ann", &server.sign(APP, "ann")).await;
    ann.ok("heartbeat.alive", json!({})).await;
    ann.ok("im_open_status.wslogout", json!({})).await;
    ann.ok("heartbeat.alive", json!({})).await;
    ann.login = Some((String::from("unknown"), String::from("7")));
    ann.ok("heartbeat.alive", json!({})).await;
    assert_eq!(server.count(FANS).await, 0, "it is no login");
}

#[tokio::test]
async fn a_client_comes_back_as_itself() {
    let server = server().await;
    let mut before = server.connect().await;
    let first = before.log_in("ann", &server.sign(APP, "ann")).await;
    let mut after = server.connect().await;
    after.login.clone_from(&before.login);
    let second = after.come_back().await;
    for field in ["InstId", "TinyId", "A2Key"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    assert_eq!(before.close_code().await, 1000, "its old socket, without a word");
    assert_eq!(server.count(FANS).await, 1);
    assert!(after.was_told_nothing().await);
    drop(after);
    until_count(&server, FANS, 0).await;
}

#[tokio::test]
async fn a_client_comes_back_to_a_server_that_was_started_anew() {
    let server = server().await;
    let mut ann = server.connect().await;
    let first = ann.log_in("ann", &server.sign(APP, "ann")).await;
    assert_eq!(server.count(FANS).await, 1);
    let server = server.restart().await;
    assert_eq!(ann.close_code().await, 1001);
    assert_eq!(server.count(FANS).await, 0, "nobody has come back yet");
    let mut again = server.connect().await;
    again.login = ann.login.take();
    // What was under way comes before the login.
    let body = json!({ "GroupId": FANS });
    again
        .ok("million_group_open_http_svc.get_online_member_num", body)
        .await;
    let second = again.come_back().await;
    assert_eq!(
        (&second["InstId"], &second["TinyId"]),
        (&first["InstId"], &first["TinyId"])
    );
    assert_eq!(server.count(FANS).await, 1, "a member as before");
}

#[tokio::test]
async fn a_return_that_does_not_hold_is_an_expired_login_or_a_later_try() {
    let server = server().await;
    let ann = server.client("ann").await;
    let good = ann.login.clone().unwrap();
    let mut client = server.connect().await;
    for login in [
        (String::from("junk"), good.1.clone()),
        (good.0.clone(), String::from("144115200000000999")),
        (good.0.clone(), String::new()),
    ] {
        client.login = Some(login);
        assert_eq!(code(&client.come_back().await), 70001);
    }
    // Any other code would leave the SDK without a session and without another try.
    server.store_fails(true);
    client.login = Some(good);
    let request = client.request(
        "im_open_status.wslogin",
        &json!({ "a2": client.login.as_ref().unwrap().0,
        "tinyid": client.login.as_ref().unwrap().1 }),
        &json!({}),
    );
    client.send_frame(Opcode::Binary, true, &request).await.unwrap();
    assert_eq!(client.close_code().await, 1013);
    server.store_fails(false);
    assert_eq!(server.count(FANS).await, 1);
}

#[tokio::test]
async fn a_newer_login_forces_the_older_off_and_the_loser_cannot_hurt_it() {
    let server = server().await;
    let mut loser = server.client("ann").await;
    let mut winner = server.client("ann").await;
    assert_eq!(kick_type(&loser.push().await), 1);
    assert!(winner.was_told_nothing().await);
    assert_eq!(server.count(FANS).await, 1);
    loser
        .ok("im_open_status.wslogout", json!({ "wslogout_type": 1 }))
        .await;
    assert_eq!(server.count(FANS).await, 1);
    drop(loser);
    winner.ok("heartbeat.alive", json!({})).await;
    assert_eq!(server.count(FANS).await, 1);

    // A browser and one other device go together, two others do not.
    let mut phone = server.client_on("ann", 2).await;
    let mut desktop = server.client_on("ann", 1).await;
    assert_eq!(kick_type(&phone.push().await), 2);
    assert!(winner.was_told_nothing().await && desktop.was_told_nothing().await);
    assert_eq!(server.count(FANS).await, 1);
}

#[tokio::test]
async fn a_login_that_comes_back_too_late_has_expired() {
    let server = server().await;
    let old = server.client("ann").await;
    server.clock.advance_s(1);
    let mut newer = server.client("ann").await;
    let mut late = server.connect().await;
    late.login.clone_from(&old.login);
    assert_eq!(code(&late.come_back().await), 70001);
    assert!(newer.was_told_nothing().await);
    assert_eq!(server.count(FANS).await, 1);
}

#[tokio::test]
async fn a_kick_over_rest_ends_every_session_and_its_credentials() {
    let server = server().await;
    let mut browser = server.client("ann").await;
    let mut phone = server.client_on("ann", 3).await;
    let ben = server.client("ben").await;
    assert_eq!(server.count(FANS).await, 2);
    server.kick("ann").await;
    assert_eq!(kick_type(&browser.push().await), 3);
    assert_eq!(kick_type(&phone.push().await), 3);
    assert_eq!(server.count(FANS).await, 1);
    // The socket stays, and what it was is over.
    browser.ok("heartbeat.alive", json!({})).await;
    assert_eq!(
        browser
            .code("profile.portrait_get_all", json!({ "UserItem": [] }))
            .await,
        70001
    );
    assert_eq!(code(&browser.come_back().await), 70001);
    assert_eq!(code(&browser.log_in("ann", &server.sign(APP, "ann")).await), 0);
    assert_eq!(server.count(FANS).await, 2);
    drop(ben);
    until_count(&server, FANS, 1).await;
}

#[tokio::test]
async fn a_session_ends_with_its_socket() {
    let server = server().await;
    for _ in 0..5 {
        let ann = server.client("ann").await;
        assert_eq!(server.count(FANS).await, 1);
        drop(ann);
        until_count(&server, FANS, 0).await;
    }
    let mut ann = server.client("ann").await;
    ann.send_frame(Opcode::Close, true, &1001_u16.to_be_bytes())
        .await
        .unwrap();
    assert_eq!(ann.close_code().await, 1000);
    assert_eq!(server.count(FANS).await, 0, "offline before the goodbye");
}

#[tokio::test]
async fn a_silent_client_is_gone_after_its_timeout() {
    let heartbeat = Heartbeat {
        web_timeout: Duration::from_secs(2),
        ..Heartbeat::default()
    };
    let edge = EdgeSettings {
        heartbeat,
        ..EdgeSettings::default()
    };
    let setup = Setup {
        edge,
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    server.group("Community", FANS, &["ann", "ben", "cat"]).await;
    let mut silent = server.client("ann").await;
    let mut lively = server.client("ben").await;
    let mut phone = server.client_on("cat", 2).await;
    assert_eq!(server.count(FANS).await, 3);
    let closed = Cell::new(false);
    let silence = async {
        assert_eq!(silent.close_code().await, 1000);
        closed.set(true);
    };
    let heartbeats = async {
        while !closed.get() {
            lively.ok("heartbeat.alive", json!({})).await;
        }
    };
    tokio::join!(silence, heartbeats);
    assert_eq!(server.count(FANS).await, 2, "uncounted before it was closed");
    lively.ok("heartbeat.alive", json!({})).await;
    phone.ok("heartbeat.alive", json!({})).await;
    let status = json!({ "To_Account": ["ann", "ben", "cat"] });
    let status = server.ok("openim", "query_online_status", status).await;
    let shown: Vec<_> = (0..3)
        .map(|at| status["QueryResult"][at]["Status"].clone())
        .collect();
    assert_eq!(shown, ["Offline", "Online", "Online"]);
}

#[tokio::test]
async fn a_second_user_on_a_socket_takes_the_place_of_the_first() {
    let server = server().await;
    let mut client = server.client("ann").await;
    assert_eq!(server.count(FANS).await, 1);
    assert_eq!(code(&client.log_in("ben", &server.sign(APP, "ben")).await), 0);
    let status = json!({ "To_Account": ["ann", "ben"] });
    let status = server.ok("openim", "query_online_status", status).await;
    assert_eq!(status["QueryResult"][0]["Status"], "Offline");
    assert_eq!(status["QueryResult"][1]["Status"], "Online");
    // A login that fails leaves the one that is there.
    assert_eq!(code(&client.log_in("ann", "junk").await), 70003);
    assert_eq!(server.count(FANS).await, 1);
    assert_eq!(
        server
            .code(LOGIN, "account_import", json!({ "UserID": "x" }))
            .await,
        0
    );
}
