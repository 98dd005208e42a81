//! Apps, UserSigs and the audit: the commands beside the server.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Server, create_app, headcount};
use crate::text;

#[test]
fn a_usersig_of_the_tool_verifies() {
    let folder = TempDir::new().unwrap();
    let app = create_app(folder.path(), &["--sdkappid", "1400000777", "--name", "an app"]);
    assert_eq!(
        (app.sdkappid, app.admins.as_slice()),
        (1_400_000_777, &["administrator".to_owned()][..])
    );
    let always = [
        "usersig",
        "--sdkappid",
        "1400000777",
        "--user",
        "alice",
        "--expire-s",
        "60",
    ];
    for key in [
        ["--data-dir", text(folder.path())],
        ["--secret-key", &app.secretkey],
    ] {
        let signed = headcount(&[&always[..], &key].concat());
        assert_eq!(signed.code, Some(0), "{signed:?}");
        let claims = usersig::Claims::decode(signed.stdout.trim()).unwrap();
        let issued_at_s = claims.issued_at_s();
        assert_eq!(claims.expires_at_s(), issued_at_s + 60);
        let verified = claims.verify(&app.secretkey, app.sdkappid, "alice", issued_at_s);
        assert_eq!(verified, Ok(()));
    }
}

#[test]
fn an_app_is_created_once() {
    let folder = TempDir::new().unwrap();
    let first = create_app(
        folder.path(),
        &["--admin", "root", "--admin", "second", "--secret-key", "k"],
    );
    assert_eq!((first.secretkey.as_str(), first.admins.len()), ("k", 2));
    let other = create_app(folder.path(), &[]);
    assert_ne!(first.sdkappid, other.sdkappid, "a free number is chosen");
    assert_ne!(first.secretkey, other.secretkey);
    let taken = first.sdkappid.to_string();
    let again = headcount(&[
        "app",
        "create",
        "--data-dir",
        text(folder.path()),
        "--sdkappid",
        &taken,
    ]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("exists already"), "{again:?}");
}

#[test]
fn a_running_server_knows_a_new_app_within_a_second() {
    let folder = TempDir::new().unwrap();
    let first = create_app(folder.path(), &[]);
    let server = Server::start(folder.path(), &[]);
    let mut known = server.connect(&first);
    let new = create_app(folder.path(), &[]);
    let created = now();
    let mut connection = server.connect(&new);
    let check = json!({ "CheckItem": [{ "UserID": "alice" }] });
    loop {
        let answer = connection
            .call("im_open_login_svc/account_check", &check)
            .unwrap();
        if answer["ErrorCode"] == 0 {
            break;
        }
        assert_eq!(answer["ErrorCode"], 70020, "the app does not exist yet: {answer}");
        let waited = now().duration_since(created);
        assert!(waited < Duration::from_secs(1), "not known after {waited:?}");
    }
    known.ok("im_open_login_svc/account_check", &check);
    assert_eq!(server.stop().code, Some(0));
}

#[expect(clippy::disallowed_methods, reason = "the promise is about real time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn the_audit_names_a_group_whose_number_is_wrong() {
    let folder = TempDir::new().unwrap();
    let audit = || headcount(&["audit", "--data-dir", text(folder.path())]);
    let nothing = audit();
    assert_eq!(nothing.code, Some(1), "there is no data yet: {nothing:?}");
    let app = create_app(folder.path(), &[]);
    let server = Server::start(folder.path(), &[]);
    let mut connection = server.connect(&app);
    let accounts = json!({ "Accounts": ["alice", "bob"] });
    connection.ok("im_open_login_svc/multiaccount_import", &accounts);
    for id in ["@TGS#_right", "@TGS#_wrong"] {
        let group = json!({
            "Type": "Community", "Name": "a group", "GroupId": id,
            "MemberList": [{ "Member_Account": "alice" }, { "Member_Account": "bob" }],
        });
        connection.ok("group_open_http_svc/create_group", &group);
    }
    let live = audit();
    assert_eq!(live.code, Some(0), "{live:?}");
    assert!(
        live.stdout.contains("live: "),
        "the running server was asked too: {live:?}"
    );
    let url = format!("http://{}", server.ops_listen);
    let asked = headcount(&["audit", "--url", &url]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(audit().code, Some(0));

    let database = Connection::open(folder.path().join("headcount.db")).unwrap();
    let tampered = database.execute(
        "UPDATE groups SET member_num = member_num + 5 WHERE group_id = '@TGS#_wrong'",
        [],
    );
    assert_eq!(tampered, Ok(1));
    drop(database);
    let found = audit();
    assert_eq!(found.code, Some(1), "{found:?}");
    let difference = format!(
        "app {} group @TGS#_wrong: MemberNum shows 7, a recount gives 2",
        app.sdkappid
    );
    assert!(found.stdout.contains(&difference), "{found:?}");
    assert!(!found.stdout.contains("@TGS#_right"), "{found:?}");
}
