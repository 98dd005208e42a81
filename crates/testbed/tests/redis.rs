//! Servers that tests run against do what is asked of them, and end.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use testbed::{Fault, Proxy, Redis, RedisCluster, RedisOptions};

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn it_starts_again_where_it_was_and_empty() {
    let mut redis = Redis::start(RedisOptions::default());
    assert_eq!(redis.cli(&["SET", "a", "1"]), "OK");
    redis.pause();
    assert!(answers(redis.port()), "the system accepts connections");
    redis.resume();
    assert_eq!(redis.cli(&["GET", "a"]), "1");
    redis.stop();
    assert!(!answers(redis.port()));
    redis.start_again();
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
    redis.kill();
    redis.start_again();
    let port = redis.port();
    drop(redis);
    assert!(!answers(port));
}

#[test]
fn a_replica_has_what_its_master_had_and_can_take_its_place() {
    let options = RedisOptions {
        password: Some("sesame"),
        tls: true,
    };
    let mut master = Redis::start(options);
    assert_eq!(master.cli(&["SET", "a", "1"]), "OK");
    let replica = Redis::start_replica_of(&master);
    master.kill();
    replica.promote();
    assert_eq!(replica.cli(&["GET", "a"]), "1");
    assert_eq!(replica.cli(&["SET", "a", "2"]), "OK");
}

#[test]
fn the_slot_of_a_key_moves() {
    let mut cluster = RedisCluster::start();
    let from = cluster.place_of("a");
    let to = (from + 1) % 3;
    assert_eq!(cluster.masters()[from].cli(&["SET", "a", "1"]), "OK");
    cluster.move_slot_of("a", to);
    assert_eq!(cluster.masters()[to].cli(&["SET", "a", "2"]), "OK");
}

#[test]
fn a_network_fails_when_it_is_told_to() {
    let redis = Redis::start(RedisOptions::default());
    let proxy = Proxy::start(redis.port());
    let ping = |through: u16| {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &through.to_string(), "PING"])
            .output()
            .unwrap()
            .stdout
    };
    assert_eq!(ping(proxy.port()), b"PONG\n");
    proxy.set(Fault::Refuse);
    assert!(!answers(proxy.port()));
    proxy.set(Fault::Delay(1));
    assert_eq!(ping(proxy.port()), b"PONG\n");
    let mut open = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap());
    let mut ask = || {
        open.get_mut().write_all(b"PING\r\n")?;
        let mut line = String::new();
        open.read_line(&mut line).map(|_| line)
    };
    assert_eq!(ask().unwrap(), "+PONG\r\n");
    proxy.set(Fault::Stall);
    let answer = thread::scope(|scope| {
        let asking = scope.spawn(&mut ask);
        proxy.cut();
        asking.join().unwrap()
    });
    // An end or an error, whichever comes first.
    assert_eq!(answer.unwrap_or_default(), "");
    proxy.set(Fault::None);
    assert_eq!(ping(proxy.port()), b"PONG\n");
}

/// Runs itself a second time, and kills that one.
#[test]
fn a_server_does_not_outlive_a_test_that_is_killed() {
    const SECOND: &str = "HEADCOUNT_TESTBED_SECOND";
    if env::var_os(SECOND).is_some() {
        let redis = Redis::start(RedisOptions::default());
        println!("\nport {}", redis.port());
        // Until it is killed.
        BufReader::new(std::io::stdin())
            .read_line(&mut String::new())
            .unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut second = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "a_server_does_not_outlive_a_test_that_is_killed",
            "--nocapture",
        ])
        .env(SECOND, "1")
        // Nobody removes what it leaves behind.
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(second.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let port = lines
        .find_map(|line| line.strip_prefix("port ")?.parse().ok())
        .unwrap();
    assert!(answers(port));
    second.kill().unwrap();
    second.wait().unwrap();
    testbed::until("the server ends", || (!answers(port)).then_some(()));
}
