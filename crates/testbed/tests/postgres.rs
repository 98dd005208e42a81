//! A PostgreSQL keeps what it committed, and does not outlive its test.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::Postgres;

/// Set where this test is run as the process to be killed.
const VICTIM: &str = "TESTBED_POSTGRES_VICTIM";

#[test]
fn what_was_committed_survives_a_stop_and_a_crash() {
    let mut postgres = Postgres::start();
    let url = postgres.create_database();
    postgres.execute(&url, "CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)");
    postgres.stop();
    assert!(!listens(postgres.port()));
    postgres.start_again();
    postgres.execute(&url, "INSERT INTO kept VALUES (2)");
    postgres.kill();
    assert!(!listens(postgres.port()));
    postgres.start_again();
    // It fails unless both rows are there.
    postgres.execute(
        &url,
        "SELECT 1 / (CASE (SELECT count(*) FROM kept) WHEN 2 THEN 1 ELSE 0 END)",
    );
    let port = postgres.port();
    drop(postgres);
    assert!(!listens(port));
}

#[test]
fn a_test_that_is_killed_takes_its_server_along() {
    if std::env::var_os(VICTIM).is_some() {
        let postgres = Postgres::start();
        println!("port {}", postgres.port());
        loop {
            std::thread::park();
        }
    }
    let name = "a_test_that_is_killed_takes_its_server_along";
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let port = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("port ")?.1.parse().ok());
    let port = port.expect("the victim names its port");
    assert!(listens(port));
    // As `kill -9` does.
    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until_silent(port);
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process is waited for in real time"
)]
fn wait_until_silent(port: u16) {
    let end = Instant::now() + Duration::from_secs(30);
    while listens(port) {
        assert!(Instant::now() < end, "the server outlived its test");
        std::thread::sleep(Duration::from_millis(10));
    }
}
