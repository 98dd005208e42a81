//! What is checked before a command runs: method, path, query, app and region, UserSig, admin, command,
//! rate.

use std::collections::BTreeMap;

use headcount_core::Clock;
use headcount_core::limits::REQUEST_BODY_BYTES_MAX;
use headcount_edge::{EdgeSettings, RateLimits};
use headcount_service::{Regions, Settings};
use serde_json::json;

use crate::testkit::{
    ADMIN, APP, ELSEWHERE, GROUP, LOGIN, MILLION, OTHER, Server, Setup, USERSIG_S, key_of, request,
};

const COUNT: &str = "/v4/million_group_open_http_svc/get_online_member_num";
const BODY: &str = r#"{"GroupId":"@TGS#_none"}"#;

async fn answers(server: &Server, method: &str, target: &str, code: i32) {
    let answer = request(server.address, method, target, BODY).await;
    let expected = format!(r#""ErrorCode":{code}"#);
    assert!(
        answer.contains(&expected),
        "{method} {target}: {answer}, not {code}"
    );
}

/// A query with these in the place of what an admin would send.
fn query(server: &Server, app: u32, identifier: &str, usersig: Option<&str>) -> String {
    let own = server.sign(APP, ADMIN);
    let usersig = usersig.unwrap_or(&own);
    format!("{COUNT}?sdkappid={app}&identifier={identifier}&usersig={usersig}&random=1&contenttype=json")
}

#[tokio::test]
async fn only_post_is_understood() {
    let server = Server::start().await;
    let parse_error = r#"{"ActionStatus":"FAIL","ErrorInfo":"HTTP parse Error","ErrorCode":60002}"#;
    let good = format!("{COUNT}?{}", server.query(APP));
    for target in ["/", &good] {
        assert_eq!(request(server.address, "GET", target, "").await, parse_error);
    }
    answers(&server, "PUT", &good, 60002).await;
    answers(&server, "POST", &good, 10010).await;
}

#[tokio::test]
async fn a_path_leads_to_a_command_or_says_where_it_ends() {
    let server = Server::start().await;
    let query = server.query(APP);
    for path in [
        "/",
        "/v4",
        "/v4/",
        "/v4/no_such_svc/get_online_member_num",
        "/v3/million_group_open_http_svc/get_online_member_num",
        "/v4/Million_group_open_http_svc/get_online_member_num",
        "/v4/million_group_open_http_svc/get_online_member_num/",
        "/v4/million_group_open_http_svc",
    ] {
        answers(&server, "POST", &format!("{path}?{query}"), 60009).await;
    }
    for (service, command) in [
        (MILLION, "no_such_command"),
        (MILLION, "Get_online_member_num"),
        (GROUP, "account_import"),
        // Clients have these, REST has not.
        (GROUP, "apply_join_group"),
        (GROUP, "quit_group"),
    ] {
        answers(
            &server,
            "POST",
            &format!("/v4/{service}/{command}?{query}"),
            10003,
        )
        .await;
    }
}

#[tokio::test]
async fn a_query_has_all_that_it_needs() {
    let server = Server::start().await;
    let usersig = server.sign(APP, ADMIN);
    let encoded = usersig
        .replace('*', "%2A")
        .replace('-', "%2D")
        .replace('_', "%5F");
    for (query, code) in [
        (String::new(), 60012),
        (
            format!("identifier={ADMIN}&usersig={usersig}&contenttype=json"),
            60012,
        ),
        (
            format!("sdkappid=x&identifier={ADMIN}&usersig={usersig}&contenttype=json"),
            60025,
        ),
        (
            format!("sdkappid=1400000001&usersig={usersig}&contenttype=json"),
            60025,
        ),
        (
            format!("sdkappid=1400000001&identifier={ADMIN}&contenttype=json"),
            60025,
        ),
        (
            format!("sdkappid=1400000001&identifier={ADMIN}&usersig={usersig}"),
            60025,
        ),
        (
            format!("sdkappid=1400000001&identifier={ADMIN}&usersig={usersig}&contenttype=xml"),
            60025,
        ),
        // Any order, no random, encoded or not.
        (
            format!("contenttype=json&usersig={usersig}&identifier={ADMIN}&sdkappid=1400000001"),
            10010,
        ),
        (
            format!("usersig={encoded}&sdkappid=1400000001&identifier=%61dministrator&contenttype=json"),
            10010,
        ),
    ] {
        answers(&server, "POST", &format!("{COUNT}?{query}"), code).await;
    }
}

#[tokio::test]
async fn each_fault_of_a_usersig_has_its_code() {
    let server = Server::start().await;
    let app = APP.0;
    let now_s = server.clock.wall_s();
    let expired = usersig::sign(&key_of(APP), app, ADMIN, now_s - 61, 60, None);
    let wrong_key = usersig::sign("a guess", app, ADMIN, now_s, 60, None);
    let bens = server.sign(APP, "ben");
    let theirs = server.sign(OTHER, ADMIN);
    for (identifier, usersig, code) in [
        (ADMIN, "", 70002),
        (ADMIN, "junk", 70003),
        (ADMIN, &bens[4..], 70003),
        (ADMIN, &expired, 70001),
        (ADMIN, &wrong_key, 70009),
        (ADMIN, &bens, 70013),
        (ADMIN, &theirs, 70014),
        // Good, and not an admin's.
        ("ben", &bens, 60010),
    ] {
        answers(
            &server,
            "POST",
            &query(&server, app, identifier, Some(usersig)),
            code,
        )
        .await;
    }
    answers(&server, "POST", &query(&server, 77, ADMIN, None), 70020).await;
    answers(&server, "POST", &query(&server, app, ADMIN, None), 10010).await;
}

#[tokio::test]
async fn a_usersig_expires_also_when_it_was_accepted_before() {
    let server = Server::start().await;
    let target = query(&server, APP.0, ADMIN, None);
    answers(&server, "POST", &target, 10010).await;
    server.clock.advance_s(USERSIG_S);
    answers(&server, "POST", &target, 10010).await;
    server.clock.advance_s(1);
    answers(&server, "POST", &target, 70001).await;
}

#[tokio::test]
async fn the_first_fault_in_the_published_order_is_told() {
    let server = Server::start().await;
    let good = server.query(APP);
    let junk = format!(
        "sdkappid={}&identifier={ADMIN}&usersig=junk&contenttype=json",
        APP.0
    );
    let bens = server.sign(APP, "ben");
    let not_admin = format!(
        "sdkappid={}&identifier=ben&usersig={bens}&contenttype=json",
        APP.0
    );
    for (method, path, query, code) in [
        ("GET", "/v4/no_such_svc/x", "", 60002),
        ("POST", "/v4/no_such_svc/x", "", 60009),
        ("POST", "/v4/group_open_http_svc/no_such_command", "", 60012),
        (
            "POST",
            "/v4/group_open_http_svc/no_such_command",
            junk.as_str(),
            70003,
        ),
        (
            "POST",
            "/v4/group_open_http_svc/no_such_command",
            &not_admin,
            60010,
        ),
        ("POST", "/v4/group_open_http_svc/no_such_command", &good, 10003),
    ] {
        answers(&server, method, &format!("{path}?{query}"), code).await;
    }
}

#[tokio::test]
async fn an_app_of_another_region_is_sent_there() {
    let domains = BTreeMap::from([
        (
            String::from("frankfurt"),
            vec![String::from("adminapiger.example")],
        ),
        (
            String::from("singapore"),
            vec![String::from("adminapisgp.example")],
        ),
    ]);
    let regions = |here: &str| Regions {
        here: Some(here.to_owned()),
        domains: domains.clone(),
    };
    for (here, code) in [("singapore", 60026), ("frankfurt", 10010)] {
        let service = Settings {
            regions: regions(here),
            ..Settings::default()
        };
        let setup = Setup {
            service,
            ..Setup::default()
        };
        let server = Server::with(setup).await;
        let answer = server
            .call_text(ELSEWHERE, MILLION, "get_online_member_num", BODY)
            .await;
        assert!(
            answer.contains(&format!(r#""ErrorCode":{code}"#)),
            "{here}: {answer}"
        );
        assert_eq!(answer.contains("adminapiger.example"), code == 60026, "{answer}");
        // An app without a home is at home everywhere.
        answers(&server, "POST", &query(&server, APP.0, ADMIN, None), 10010).await;
    }
    let server = Server::start().await;
    let answer = server
        .call_text(ELSEWHERE, MILLION, "get_online_member_num", BODY)
        .await;
    assert!(
        answer.contains(r#""ErrorCode":10010"#),
        "a server that is nowhere serves all: {answer}"
    );
}

#[tokio::test]
async fn rates_are_limited_by_app_and_command_when_they_are_on() {
    let own = [(format!("{MILLION}/get_online_member_num"), 3)];
    let rates = RateLimits {
        default_per_s: Some(5),
        per_command: BTreeMap::from(own),
    };
    let edge = EdgeSettings {
        rates,
        ..EdgeSettings::default()
    };
    let setup = Setup {
        edge,
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let counted = async |sdkappid| {
        server
            .call_text(sdkappid, MILLION, "get_online_member_num", BODY)
            .await
    };
    for _ in 0..2 {
        for _ in 0..3 {
            assert!(counted(APP).await.contains(r#""ErrorCode":10010"#));
        }
        assert!(counted(APP).await.contains(r#""ErrorCode":60007"#));
        assert!(
            counted(OTHER).await.contains(r#""ErrorCode":10010"#),
            "each app has its own"
        );
        for _ in 0..5 {
            server
                .ok(LOGIN, "account_import", json!({ "UserID": "ann" }))
                .await;
        }
        let another = server.code(LOGIN, "account_import", json!({ "UserID": "ann" }));
        assert_eq!(another.await, 60007);
        server.clock.advance_s(1);
    }
    // What users send is not the backend's doing.
    let mut ann = server.client("ann").await;
    for _ in 0..10 {
        let rooms = json!({ "GroupIdList": [] });
        ann.ok("group_open_http_svc.get_group_self_member_info", rooms)
            .await;
    }
}

#[tokio::test]
async fn rates_are_not_limited_when_they_are_off() {
    let server = Server::start().await;
    for _ in 0..300 {
        assert_eq!(server.count_code("@TGS#_none").await, 10010);
    }
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let server = Server::start().await;
    let target = format!("{COUNT}?{}", server.query(APP));
    let padded = |len: usize| format!(r#"{{"GroupId":"@TGS#_none"{}}}"#, " ".repeat(len - 24));
    let answer = request(server.address, "POST", &target, padded(REQUEST_BODY_BYTES_MAX)).await;
    assert!(answer.contains(r#""ErrorCode":10010"#), "{answer}");
    let answer = request(
        server.address,
        "POST",
        &target,
        padded(REQUEST_BODY_BYTES_MAX + 1),
    )
    .await;
    assert!(answer.contains(r#""ErrorCode":60002"#), "{answer}");
}
