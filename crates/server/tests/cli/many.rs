//! More sessions than one table of open files has room for.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway::{Gateway, log_in, login, logout};
use crate::support::process::Process;
use crate::support::rest::Connection;
use crate::support::{App, Server, create_app, headcount};
use crate::text;

/// Files that may be open at once in one table.
const OPEN_FILES: u32 = 250;
/// More than that, and few enough for eight tables however they are spread.
const SESSIONS: usize = 500;
/// Sessions that one table has room for, where two workers share it: of its files, 82 are the server's,
/// and one is for REST.
const FIT: usize = 167;
/// How often anything is looked at before it counts as something that never happens.
const LOOKS_MAX: usize = 200_000;
const GROUP: &str = "@TGS#_many";

/// Starts a server where no more than so many files may be open at once in a table.
fn start(folder: &TempDir, settings: &[(&str, &str)]) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n "$0" && exec "$@""#, &OPEN_FILES.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_headcount"));
    let ports = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    let args = [&["serve", "--data-dir", text(folder.path())], &ports[..]].concat();
    Server::ready(folder.path(), Process::spawn(command, &args, settings))
}

fn user(number: usize) -> String {
    format!("user{number}")
}

fn call(rest: &mut Connection, command: &str, body: &Value) -> Value {
    let answer = rest.call(command, body).expect("an answer");
    assert_eq!(answer["ErrorCode"], 0, "{command}: {answer}");
    answer
}

fn fill(rest: &mut Connection) {
    let group = json!({ "Type": "Community", "Name": "many", "GroupId": GROUP });
    call(rest, "group_open_http_svc/create_group", &group);
    for first in (0..SESSIONS).step_by(100) {
        let users: Vec<_> = (first..first + 100).map(user).collect();
        call(
            rest,
            "im_open_login_svc/multiaccount_import",
            &json!({ "Accounts": users }),
        );
        let members: Vec<_> = users
            .iter()
            .map(|user| json!({ "Member_Account": user }))
            .collect();
        let members = json!({ "GroupId": GROUP, "MemberList": members });
        call(rest, "group_open_http_svc/import_group_member", &members);
    }
}

fn count(rest: &mut Connection) -> u64 {
    let command = "million_group_open_http_svc/get_online_member_num";
    let answer = call(rest, command, &json!({ "GroupId": GROUP }));
    answer["OnlineMemberNum"].as_u64().expect("a number")
}

/// Waits until the count is what it must be: a close is acknowledged by nobody.
fn until_count(rest: &mut Connection, online: u64) {
    until(|| count(rest) == online);
}

fn until(mut happened: impl FnMut() -> bool) {
    assert!((0..LOOKS_MAX).any(|_| happened()), "it never happens");
}

fn come(address: SocketAddr, app: &App, users: std::ops::Range<usize>) -> Vec<Gateway> {
    users.map(|number| log_in(address, app, &user(number))).collect()
}

#[test]
fn workers_with_files_of_their_own_hold_more_than_one_table() {
    let folder = TempDir::new().unwrap();
    let app = create_app(folder.path(), &[]);
    let settings = [
        ("HEADCOUNT_WORKERS__THREADS", "8"),
        ("HEADCOUNT_WORKERS__OWN_FILES", "true"),
    ];
    let server = start(&folder, &settings);
    let mut rest = server.connect(&app);
    fill(&mut rest);

    let mut clients = come(server.listen, &app, 0..SESSIONS);
    assert_eq!(count(&mut rest), 500);
    for mut client in clients.drain(..50) {
        client.say(&logout(&app));
        client.hear().expect("an answer to the logout");
    }
    assert_eq!(
        count(&mut rest),
        450,
        "a logout that was answered is seen at once"
    );
    clients.drain(..25);
    until_count(&mut rest, 425);
    clients.drain(..25).for_each(|client| client.reset(&app));
    until_count(&mut rest, 400);

    // What one thread tells the client of another, and what it reads and writes in the directory.
    let kicked = user(100);
    call(&mut rest, "im_open_login_svc/kick", &json!({ "UserID": kicked }));
    let told = clients[0].hear().expect("a kick is told");
    assert!(told.contains("KickoutMsgNotify"), "{told}");
    assert_eq!(count(&mut rest), 399);
    let other = json!({ "Type": "Community", "Name": "other", "GroupId": "@TGS#_other" });
    let mut others: Vec<_> = (0..16).map(|_| rest.another()).collect();
    call(&mut rest, "group_open_http_svc/create_group", &other);
    for (number, (rest, client)) in others.iter_mut().zip(&mut clients[1..]).enumerate() {
        let member = json!({ "Member_Account": user(101 + number) });
        let added = json!({ "GroupId": "@TGS#_other", "MemberList": [member] });
        call(rest, "group_open_http_svc/add_group_member", &added);
        let told = client.hear().expect("whoever is added is told");
        assert!(told.contains("@TGS#_other"), "{told}");
    }
    let audit = headcount(&["audit", "--data-dir", text(folder.path())]);
    assert_eq!(audit.code, Some(0), "{audit:?}");

    server.process.signal("TERM");
    for client in &mut clients[1..] {
        assert_eq!(client.hear(), Err(1001), "clients are sent elsewhere");
    }
    assert_eq!(server.process.ended().code, Some(0));
}

#[test]
fn without_them_one_table_is_all_there_is() {
    let folder = TempDir::new().unwrap();
    let app = create_app(folder.path(), &[]);
    let server = start(&folder, &[("HEADCOUNT_WORKERS__THREADS", "2")]);
    let mut rest = server.connect(&app);
    fill(&mut rest);
    let come = |number| {
        let mut client = Gateway::open(server.listen);
        client.say(&login(&app, &user(number)));
        client
    };
    let clients: Vec<_> = (0..SESSIONS).map(come).collect();
    until_count(&mut rest, FIT as u64);
    let (held, waiting): (Vec<_>, Vec<_>) = clients.into_iter().partition(Gateway::was_told);
    assert_eq!(held.len(), FIT, "the others are not even greeted");
    // Whoever leaves makes room for one that waits.
    drop(held);
    let greeted = || waiting.iter().filter(|client| client.was_told()).count();
    until(|| greeted() == FIT);
    until_count(&mut rest, FIT as u64);
    assert_eq!(greeted(), FIT);
    let audit = headcount(&["audit", "--data-dir", text(folder.path())]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_does_not_fit_waits() {
    let folder = TempDir::new().unwrap();
    let app = create_app(folder.path(), &[]);
    let settings = [
        ("HEADCOUNT_WORKERS__THREADS", "1"),
        ("HEADCOUNT_LIMITS__CONNECTIONS_MAX", "11"),
    ];
    let server = start(&folder, &settings);
    let mut rest = server.connect(&app);
    fill(&mut rest);
    let mut clients = come(server.listen, &app, 0..10);
    let mut waiting = Gateway::open(server.listen);
    assert_eq!(count(&mut rest), 10);
    clients.truncate(9);
    waiting.opened();
    waiting.say(&login(&app, &user(10)));
    waiting.hear().expect("an answer to the login");
    until_count(&mut rest, 10);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn the_log_says_how_many_fit_and_what_to_raise() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder, &[("HEADCOUNT_WORKERS__THREADS", "2")]);
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for text in [
        "room for 168 connections",
        "250 files",
        "LimitNOFILE",
        "workers.own_files = true",
    ] {
        assert!(ended.stderr.contains(text), "not a word of {text:?}: {ended:?}");
    }
}
