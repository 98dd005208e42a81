//! A server that is killed at any moment has lost nothing that it answered `OK`, and undone nothing.
//!
//! Writers call REST over many connections and note what was answered. The server is killed once a random
//! number of writes was answered, so always in the middle of others; then it is started again and asked
//! about everything that was ever noted. What had no answer may be there or not, but must stay as found.

#[path = "../support/mod.rs"]
mod support;

mod chance;
mod truth;
mod writer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::rest::Connection;
use support::{App, Server, create_app, headcount};
use tempfile::TempDir;

use chance::Chance;
use writer::{SHARED, Writer};

const KILLS: usize = 24;
const WRITERS: usize = 16;
/// Answered writes before a kill, at most.
const WRITES_MAX: usize = 800;
/// Runs the test again with the same choices.
const SEED: &str = "KILL_TEST_SEED";

#[test]
fn a_killed_server_has_lost_nothing_that_it_answered() {
    let seed = std::env::var(SEED)
        .ok()
        .map(|seed| seed.parse().expect("the seed is a number"));
    let seed = seed.unwrap_or_else(chance::any_seed);
    println!("{SEED}={seed}");
    let mut chance = Chance::new(seed);

    let folder = TempDir::new().expect("a folder");
    let app = create_app(folder.path(), &[]);
    let mut writers: Vec<_> = (0..WRITERS)
        .map(|number| Writer::new(number, chance.fork()))
        .collect();
    let mut server = Server::start(folder.path(), &[]);
    let community = json!({ "Type": "Community", "Name": "shared", "GroupId": SHARED });
    server
        .connect(&app)
        .ok("group_open_http_svc/create_group", &community);

    let mut answered = 0;
    for round in 1..=KILLS {
        // Often early, when a checkpoint or a first transaction is more likely to be under way.
        let most = chance.pick(&[10, 100, WRITES_MAX]);
        let wanted = chance.between(1, *most);
        answered += write_until_killed(&mut server, &mut writers, &app, wanted);
        let ended = server.process.ended();
        assert_eq!(ended.code, None, "it was killed, nothing else");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);

        server = Server::start(folder.path(), &[]);
        let mut connection = server.connect(&app);
        let lost: Vec<_> = writers
            .iter_mut()
            .flat_map(|writer| writer.truth.differences(&mut connection))
            .collect();
        assert!(lost.is_empty(), "round {round}, {SEED}={seed}: {lost:#?}");
        check_shared_total(&mut connection, &writers);
    }
    println!("{answered} writes were answered, the server was killed {KILLS} times");

    let data_dir = folder.path().to_str().expect("the folder's name is text");
    audit(&["--url", &format!("http://{}", server.ops_listen)]);
    audit(&["--data-dir", data_dir]);
    assert_eq!(server.stop().code, Some(0));
    audit(&["--data-dir", data_dir]);
}

/// Lets all writers write, and kills the server once `wanted` were answered. Returns how many were.
fn write_until_killed(server: &mut Server, writers: &mut [Writer], app: &App, wanted: usize) -> usize {
    let answered = AtomicUsize::new(0);
    let (reached, when_reached) = sync_channel(WRITERS);
    let first = server.connect(app);
    thread::scope(|scope| {
        for writer in writers {
            let mut connection = first.another();
            let (answered, reached) = (&answered, reached.clone());
            scope.spawn(move || {
                while writer.write(&mut connection) {
                    if answered.fetch_add(1, Ordering::Relaxed) + 1 == wanted {
                        reached.send(()).expect("the test waits for it");
                    }
                }
            });
        }
        when_reached
            .recv_timeout(Duration::from_mins(1))
            .expect("the writers write");
        server.process.kill();
    });
    answered.into_inner()
}

/// The shared community has exactly the members that its writers put there, together.
fn check_shared_total(connection: &mut Connection, writers: &[Writer]) {
    let members: usize = writers.iter().map(|writer| writer.truth.members_of(SHARED)).sum();
    assert_eq!(
        truth::member_num(connection, SHARED),
        members,
        "MemberNum of {SHARED}"
    );
}

fn audit(what: &[&str]) {
    let audit = headcount(&[&["audit"], what].concat());
    assert_eq!(audit.code, Some(0), "{audit:?}");
}
