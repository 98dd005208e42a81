//! What keeps a server from starting: exit code 1, and a line that says what to mend.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::{Server, create_app, headcount};
use crate::text;

/// Starts a server that must refuse with a line that has all these texts.
fn refuses(args: &[&str], variables: &[(&str, &str)], texts: &[&str]) {
    let ports = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    let ended = Process::start(&[&ports, args].concat(), variables).ended();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("headcount: "), "{ended:?}");
    for text in texts {
        assert!(ended.stderr.contains(text), "not a word of {text:?}: {ended:?}");
    }
    assert_eq!(ended.stdout, "", "nothing was started, nothing is printed");
}

#[test]
fn a_second_server_on_one_folder() {
    let folder = TempDir::new().unwrap();
    let first = Server::start(folder.path(), &[]);
    let data_dir = text(folder.path());
    refuses(
        &["--data-dir", data_dir],
        &[],
        &["another Headcount server", data_dir],
    );
    assert!(
        folder.path().join("server.json").exists(),
        "the first server's file stays"
    );
    assert_eq!(first.stop().code, Some(0));
}

#[test]
fn a_port_that_is_taken() {
    let folder = TempDir::new().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let data_dir = ["--data-dir", text(folder.path())];
    for flag in ["--listen", "--ops-listen"] {
        let command = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
        let mut args = [&command[..], &data_dir].concat();
        let place = args.iter().position(|arg| *arg == flag).unwrap();
        args[place + 1] = &address;
        let ended = Process::start(&args, &[]).ended();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for text in [address.as_str(), "taken", flag] {
            assert!(ended.stderr.contains(text), "not a word of {text:?}: {ended:?}");
        }
    }
}

#[test]
fn a_port_that_another_headcount_has() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = Server::start(folder.path(), &[]);
    let address = first.listen.to_string();
    let data_dir = text(other.path());
    // Its listeners share their port with each other, and must not with those of another server.
    let args = [
        "serve",
        "--listen",
        &address,
        "--ops-listen",
        "127.0.0.1:0",
        "--data-dir",
        data_dir,
    ];
    let second = Process::start(&args, &[]).ended();
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.stderr.contains("taken") && second.stderr.contains("--listen"),
        "{second:?}"
    );
    assert_eq!(first.stop().code, Some(0));
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("data");
    refuses(
        &["--data-dir", text(&below)],
        &[],
        &["cannot write", text(&below)],
    );
    let made = headcount(&["app", "create", "--data-dir", text(&below)]);
    assert_eq!(made.code, Some(1), "{made:?}");
}

#[test]
fn a_setting_that_does_not_exist() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("headcount.toml");
    fs::write(&file, "lisen = '127.0.0.1:8080'").unwrap();
    let data_dir = text(folder.path());
    let args = ["--data-dir", data_dir, "--config", text(&file)];
    refuses(&args, &[], &["lisen", "did you mean listen?", text(&file)]);
    refuses(
        &["--data-dir", data_dir],
        &[("HEADCOUNT_CONFIG", text(&file))],
        &["did you mean listen?"],
    );
    refuses(
        &["--data-dir", data_dir],
        &[("HEADCOUNT_HEARTBEAT__INTERVAL", "5")],
        &[
            "HEADCOUNT_HEARTBEAT__INTERVAL",
            "did you mean HEADCOUNT_HEARTBEAT__INTERVAL_S?",
        ],
    );
}

#[test]
fn data_of_a_newer_version() {
    let folder = TempDir::new().unwrap();
    create_app(folder.path(), &[]);
    let database = open(folder.path());
    database.pragma_update(None, "user_version", 1_000).unwrap();
    drop(database);
    refuses(
        &["--data-dir", text(folder.path())],
        &[],
        &["version 1000", "newer Headcount"],
    );
    let audit = headcount(&["audit", "--data-dir", text(folder.path())]);
    assert_eq!(audit.code, Some(1), "{audit:?}");
    let version = open(folder.path()).pragma_query_value(None, "user_version", |row| row.get(0));
    assert_eq!(version, Ok(1_000_i64), "it was left alone");
}

#[test]
fn a_certificate_without_its_key() {
    let folder = TempDir::new().unwrap();
    let data_dir = ["--data-dir", text(folder.path())];
    refuses(
        &[&data_dir[..], &["--tls-cert", "c.pem"]].concat(),
        &[],
        &["tls_cert", "tls_key"],
    );
    refuses(
        &[&data_dir[..], &["--tls-key", "k.pem"]].concat(),
        &[],
        &["tls_cert", "tls_key"],
    );
    let absent = ["--tls-cert", "/no/c.pem", "--tls-key", "/no/k.pem"];
    refuses(
        &[&data_dir[..], &absent].concat(),
        &[],
        &["cannot read /no/c.pem"],
    );
}

fn open(folder: &Path) -> Connection {
    Connection::open(folder.join("headcount.db")).expect("the database opens")
}
