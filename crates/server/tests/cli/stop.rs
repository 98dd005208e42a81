//! How a server ends.

use std::net::TcpStream;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Server, create_app, headcount};
use crate::text;

#[test]
fn a_stopped_server_leaves_a_tidy_folder() {
    let folder = TempDir::new().unwrap();
    let app = create_app(folder.path(), &[]);
    for signal in ["TERM", "INT"] {
        let server = Server::start(folder.path(), &[]);
        // Connections that are kept alive do not hold it up.
        let mut connection = server.connect(&app);
        let mut other = connection.another();
        other.ok(
            "im_open_login_svc/account_check",
            &json!({ "CheckItem": [{ "UserID": signal }] }),
        );
        connection.ok("im_open_login_svc/account_import", &json!({ "UserID": signal }));
        let (listen, state) = (server.listen, folder.path().join("server.json"));
        assert!(state.exists());
        server.process.signal(signal);
        let ended = server.process.ended();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("stopped"), "{ended:?}");
        assert!(!state.exists(), "server.json is removed");
        assert!(TcpStream::connect(listen).is_err(), "nobody listens any more");
    }
    let server = Server::start(folder.path(), &[]);
    let check = json!({ "CheckItem": [{ "UserID": "TERM" }, { "UserID": "INT" }] });
    let answer = server.connect(&app).ok("im_open_login_svc/account_check", &check);
    for result in answer["ResultItem"].as_array().unwrap() {
        assert_eq!(result["AccountStatus"], "Imported", "{answer}");
    }
}

#[test]
fn what_a_killed_server_leaves_behind_does_no_harm() {
    let folder = TempDir::new().unwrap();
    create_app(folder.path(), &[]);
    let mut server = Server::start(folder.path(), &[]);
    server.process.kill();
    assert_eq!(server.process.ended().code, None);
    assert!(
        folder.path().join("server.json").exists(),
        "it had no time to tidy up"
    );
    let audit = headcount(&["audit", "--data-dir", text(folder.path())]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    assert_eq!(Server::start(folder.path(), &[]).stop().code, Some(0));
}
