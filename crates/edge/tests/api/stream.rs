//! Streams of counts: what they tell, what they do not repeat, and how they end.

use std::fmt::Write as _;

use headcount_core::SdkAppId;
use headcount_edge::EdgeSettings;
use serde_json::{Value, json};

use crate::testkit::events::{Events, ask};
use crate::testkit::{ADMIN, APP, GROUP, OTHER, Server, Setup, USERSIG_S, code, every_platform, member_list};

const A: &str = "@TGS#_a";
const B: &str = "@TGS#_b";

/// A server with two communities, of ann and ben, and of ann and cat.
async fn server() -> Server {
    let server = Server::start().await;
    server.group("Community", A, &["ann", "ben"]).await;
    server.group("Community", B, &["ann", "cat"]).await;
    server
}

fn target(server: &Server, app: SdkAppId, groups: &[&str], more: &str) -> String {
    let usersig = server.sign(app, ADMIN);
    let mut target =
        format!("/v1/apps/{app}/counts/stream?identifier={ADMIN}&usersig={usersig}&interval_ms=100{more}");
    for group in groups {
        let _ = write!(target, "&group={}", group.replace('@', "%40").replace('#', "%23"));
    }
    target
}

async fn watch_from(server: &Server, groups: &[&str], more: &str, last: Option<&str>) -> Events {
    let target = target(server, APP, groups, more);
    let events = ask(server.address, "GET", &target, last).await;
    events.unwrap_or_else(|fault| panic!("{fault:?}"))
}

async fn watch(server: &Server, groups: &[&str]) -> Events {
    watch_from(server, groups, "", None).await
}

async fn fault(server: &Server, target: &str) -> (u16, i64) {
    match ask(server.address, "GET", target, None).await {
        Ok(_) => panic!("a stream: {target}"),
        Err((status, envelope)) => (status, code(&envelope)),
    }
}

async fn dissolve(server: &Server, id: &str) {
    server.ok(GROUP, "destroy_group", json!({ "GroupId": id })).await;
}

#[tokio::test]
async fn first_every_group_and_then_what_changes() {
    let server = server().await;
    let _ben = server.client("ben").await;
    let mut events = watch(&server, &[B, A]).await;
    let first = events.event().await;
    assert_eq!(first.counts(), [(B, 0), (A, 1)], "in the order asked");
    assert_eq!(first.data["AsOf"], server.now_ms());
    assert!(first.data["Counts"][0].get("ByPlatform").is_none());
    let _cat = server.client("cat").await;
    let second = events.event().await;
    assert_eq!(second.counts(), [(B, 1)]);
    assert_ne!(first.id, second.id);
    let body = json!({ "GroupId": A, "MemberToDel_Account": ["ben"] });
    server.ok(GROUP, "delete_group_member", body).await;
    assert_eq!(events.event().await.counts(), [(A, 0)]);
}

#[tokio::test]
async fn the_platforms_are_told_to_those_who_ask() {
    let server = Server::with(Setup {
        rules: every_platform(),
        ..Setup::default()
    })
    .await;
    server.group("Community", A, &["ann"]).await;
    let mut events = watch_from(&server, &[A], "&by_platform=1", None).await;
    let by_platform = |event: &Value| event["Counts"][0]["ByPlatform"].clone();
    assert_eq!(by_platform(&events.event().await.data), json!({}));
    let _web = server.client("ann").await;
    assert_eq!(by_platform(&events.event().await.data), json!({ "Web": 1 }));
    let _phone = server.client_on("ann", 2).await;
    let event = events.event().await;
    assert_eq!(by_platform(&event.data), json!({ "Web": 1, "Android": 1 }));
    assert_eq!(event.counts(), [(A, 1)]);
}

#[tokio::test]
async fn many_changes_become_few_events_and_the_last_is_right() {
    const CHANGES: usize = 100;
    let server = server().await;
    let _ann = server.client("ann").await;
    let mut events = watch(&server, &[A]).await;
    assert_eq!(events.event().await.counts(), [(A, 1)]);
    let list = member_list(&["cat"]);
    for _ in 0..CHANGES / 2 {
        let body = json!({ "GroupId": A, "MemberToDel_Account": ["ann"] });
        server.ok(GROUP, "delete_group_member", body).await;
        let body = json!({ "GroupId": A, "MemberList": member_list(&["ann"]) });
        server.ok(GROUP, "add_group_member", body).await;
    }
    // The end: somebody who was not there before.
    server
        .ok(
            GROUP,
            "add_group_member",
            json!({ "GroupId": A, "MemberList": list }),
        )
        .await;
    let _cat = server.client("cat").await;
    let mut told = 1;
    while events.event().await.counts() != [(A, 2)] {
        told += 1;
    }
    assert!(told < CHANGES, "{told} events");
}

#[tokio::test]
async fn who_comes_back_is_told_what_has_changed_since() {
    let server = server().await;
    let mut events = watch(&server, &[A, B]).await;
    let first = events.event().await;
    drop(events);
    let _ben = server.client("ben").await;

    let mut events = watch_from(&server, &[A, B], "", Some(&first.id)).await;
    let second = events.event().await;
    assert_eq!(second.counts(), [(A, 1)]);
    drop(events);
    let in_query = format!("&last_event_id={}", second.id);
    let mut events = watch_from(&server, &[A, B], &in_query, None).await;
    let _cat = server.client("cat").await;
    assert_eq!(events.event().await.counts(), [(B, 1)], "and of A nothing again");
    drop(events);
    let mut events = watch_from(&server, &[A, B], &in_query, Some(&first.id)).await;
    let counts = events.event().await;
    assert_eq!(counts.counts(), [(A, 1), (B, 1)], "the header is the newer one");
    drop(events);

    let (run, _) = first.id.split_once('-').expect("a run and a stamp");
    for other in ["0123456789abcdef-1", &format!("{run}-99999999"), "nonsense", ""] {
        let mut events = watch_from(&server, &[A, B], "", Some(other)).await;
        assert_eq!(events.event().await.counts(), [(A, 1), (B, 1)], "{other}");
    }
}

#[tokio::test]
async fn a_group_that_is_dissolved_is_told_once() {
    let server = server().await;
    let _ben = server.client("ben").await;
    let mut events = watch(&server, &[A, B]).await;
    let first = events.event().await;
    assert_eq!(first.counts(), [(A, 1), (B, 0)]);
    dissolve(&server, A).await;
    let gone = |id| json!([{ "GroupId": id, "OnlineMemberNum": 0, "Dissolved": true }]);
    assert_eq!(events.event().await.data["Counts"], gone(A));
    // Its successor is another group.
    server.group("Community", A, &[]).await;
    let _cat = server.client("cat").await;
    assert_eq!(events.event().await.counts(), [(B, 1)]);
    dissolve(&server, B).await;
    assert_eq!(events.event().await.data["Counts"], gone(B));
    assert!(events.next().await.is_none(), "nothing is left to tell");

    let mut events = watch_from(&server, &[A, B], "", Some(&first.id)).await;
    let back = events.event().await;
    let counts = back.data["Counts"].as_array().expect("a list");
    assert_eq!(counts[0], json!({ "GroupId": A, "OnlineMemberNum": 0 }));
    assert_eq!(
        (&counts[1]["GroupId"], &counts[1]["ErrorCode"]),
        (&json!(B), &json!(10010))
    );
}

#[tokio::test]
async fn a_stream_lasts_as_long_as_its_usersig() {
    let server = server().await;
    let mut events = watch(&server, &[A]).await;
    events.event().await;
    server.clock.advance_s(USERSIG_S);
    let _ben = server.client("ben").await;
    assert_eq!(events.event().await.counts(), [(A, 1)], "to its last second");
    server.clock.advance_s(1);
    assert!(events.next().await.is_none(), "it has expired");

    server.import(&[ADMIN]).await;
    let mut events = watch(&server, &[A]).await;
    let last = events.event().await;
    let mut theirs = {
        server.group("Public", "theirs", &[]).await;
        watch(&server, &["theirs"]).await
    };
    theirs.event().await;
    server.kick("ben").await;
    // The kick of another user ends nothing but the session.
    assert_eq!(events.event().await.counts(), [(A, 0)]);
    server.kick(ADMIN).await;
    assert!(events.next().await.is_none(), "it was revoked");
    assert!(theirs.next().await.is_none());
    let _ben = server.client("ben").await;
    let mut events = watch_from(&server, &[A], "", Some(&last.id)).await;
    assert_eq!(
        events.event().await.counts(),
        [(A, 1)],
        "a new one goes on from there"
    );
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let server = server().await;
    let mut events = watch(&server, &[A]).await;
    events.event().await;
    server.stop.cancel();
    assert!(events.next().await.is_none());
    drop(events);
    server.edge.closed().await;
}

#[tokio::test]
async fn streams_have_a_number() {
    let server = Server::with(Setup {
        edge: EdgeSettings {
            streams_max: 1,
            ..EdgeSettings::default()
        },
        ..Setup::default()
    })
    .await;
    server.group("Community", A, &[]).await;
    let mut events = watch(&server, &[A]).await;
    events.event().await;
    let target = target(&server, APP, &[A], "");
    assert_eq!(fault(&server, &target).await, (503, 60007));
    drop(events);
    // The server notices that its reader has gone.
    while ask(server.address, "GET", &target, None).await.is_err() {}
}

#[tokio::test]
async fn each_fault_has_its_status_and_its_code() {
    let server = server().await;
    server.group("Public", "mine", &[]).await;
    let good = target(&server, APP, &[A], "");
    for (wrong, expected) in [
        ("/v1/apps/1/counts".to_owned(), (404, 60009)),
        (good.replace("/v1/apps/", "/v1/apps/x"), (404, 60009)),
        (good.replace("14000", "15000"), (404, 70020)),
        (good.replace("identifier", "who"), (400, 60025)),
        (good.replace("usersig=", "usersig=x"), (401, 70003)),
        (good.replace("interval_ms=100", "interval_ms=99"), (400, 10004)),
        (target(&server, APP, &[], ""), (400, 10004)),
        (target(&server, APP, &[A, "a%0Ab"], ""), (400, 10015)),
        (target(&server, APP, &["never"], ""), (404, 10010)),
        (target(&server, OTHER, &[A, "mine"], ""), (404, 10010)),
        (target(&server, APP, &["g"; 1001], ""), (400, 10005)),
    ] {
        assert_eq!(fault(&server, &wrong).await, expected, "{wrong:.150}");
    }
    let ann = server.sign(APP, "ann");
    let users = format!("/v1/apps/{APP}/counts/stream?identifier=ann&usersig={ann}&group=mine");
    assert_eq!(fault(&server, &users).await, (403, 60010));
    let posted = ask(server.address, "POST", &good, None).await;
    assert_eq!(posted.err().map(|(status, _)| status), Some(405));
    server.clock.advance_s(USERSIG_S + 1);
    assert_eq!(fault(&server, &good).await, (401, 70001));
    server.store_fails(true);
    assert_eq!(
        fault(&server, &target(&server, APP, &["mine"], "")).await,
        (500, 10002)
    );
}
