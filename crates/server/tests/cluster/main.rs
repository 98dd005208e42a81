//! Several nodes of the real binary that count as one, and everything that goes wrong between them.
//!
//! The tests take turns: each has a PostgreSQL, a Redis and three nodes, and says how soon what happens.

#[expect(dead_code, unused_imports, reason = "other tests use the rest")]
#[path = "../support/mod.rs"]
mod support;

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../cli/gateway.rs"]
mod gateway;

mod fleet;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use testbed::{Fault, Redis, until};

use fleet::{Fleet, HEAL, LEASE, TOWN, hear_end, now};

const USERS: [&str; 6] = ["ann", "ben", "cleo", "dan", "eve", "fay"];
const ALL: [usize; 3] = [0, 1, 2];
/// A platform beside the browsers that clients are otherwise.
const ANDROID: u8 = 2;
/// How soon other nodes see a change.
const FRESH: Duration = Duration::from_secs(1);
/// How long what is away stays away.
const AWAY: Duration = Duration::from_secs(30);

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn nodes_that_meet_in_a_redis_cluster_count_as_one() {
    let _turn = turn();
    let mut fleet = Fleet::start_on_redis_cluster();
    fleet.settle(1, &USERS);
    let mut clients = Vec::new();
    for (number, user) in (1..).zip(USERS) {
        let at = clients.len() % 3;
        clients.push(fleet.log_in(at, user));
        assert_eq!(fleet.count(at), number, "at once on the node that let them in");
        let took = fleet.wait_for_count(&ALL, number);
        assert!(took < FRESH, "{took:?}");
    }

    // A user on two nodes counts once, and both devices are known everywhere.
    let phone = fleet.log_in_on(2, USERS[0], ANDROID);
    let asked = json!({ "To_Account": [USERS[0]], "IsNeedDetail": 1 });
    for at in ALL {
        until("both devices are known", || {
            let status = fleet.backend(at).ok("openim/query_online_status", &asked);
            let devices = status["QueryResult"][0]["Detail"].as_array().map_or(0, Vec::len);
            (devices == 2).then_some(())
        });
    }
    fleet.keeps_counting(&ALL, 6, FRESH);
    drop(phone);
    fleet.keeps_counting(&ALL, 6, FRESH);

    // The same platform again, on another node: the older login ends.
    let newer = fleet.log_in(1, USERS[3]);
    hear_end(&mut clients[3]);
    fleet.keeps_counting(&ALL, 6, FRESH);
    drop(newer);
    fleet.wait_for_count(&ALL, 5);
    clients[3] = fleet.log_in(0, USERS[3]);
    fleet.wait_for_count(&ALL, 6);

    // Membership: changed on one node, seen by the clients of others.
    let gone = json!({ "GroupId": TOWN, "MemberToDel_Account": [USERS[1]] });
    fleet
        .backend(2)
        .ok("group_open_http_svc/delete_group_member", &gone);
    assert_eq!(fleet.count(2), 5, "at once on the node that was asked");
    fleet.wait_for_count(&ALL, 5);
    let notice = clients[1].hear().expect("a notice");
    assert!(notice.contains(TOWN), "{notice}");

    // A kick reaches the client wherever it is.
    fleet
        .backend(0)
        .ok("im_open_login_svc/kick", &json!({ "UserID": USERS[2] }));
    assert_eq!(fleet.count(0), 4);
    hear_end(&mut clients[2]);
    fleet.wait_for_count(&ALL, 4);

    fleet.audit();
    // One node after the other, its clients with it; those of the others stay counted.
    for at in ALL {
        let stays = fleet.count((at + 1) % 3);
        fleet.stop(at);
        fleet.start_node(at);
        fleet.wait_until_ready(at);
        assert!(fleet.count(at) <= stays, "nobody counts twice");
    }
    fleet.wait_for_count(&ALL, 0);
    fleet.audit();
}

#[test]
fn a_killed_node_leaves_no_ghost_and_takes_nobody_else_with_it() {
    let _turn = turn();
    let mut fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let _here = [fleet.log_in(0, USERS[0]), fleet.log_in(1, USERS[1])];
    let _lost = [fleet.log_in(2, USERS[2]), fleet.log_in(2, USERS[3])];
    fleet.wait_for_count(&ALL, 4);
    // Of the one that dies, this user has a session elsewhere as well: of another platform.
    let _both = (fleet.log_in_on(2, USERS[4], ANDROID), fleet.log_in(1, USERS[4]));
    fleet.wait_for_count(&ALL, 5);

    fleet.kill(2);
    let killed = now();
    let others = [0, 1];
    // Until they go, nobody else does; and then they go together with nobody else.
    until("the ghosts go", || {
        let counts = others.map(|at| fleet.count(at));
        assert!(counts.iter().all(|count| (3..=5).contains(count)), "{counts:?}");
        (counts == [3, 3]).then_some(())
    });
    let took = killed.elapsed();
    assert!(took < LEASE + HEAL, "{took:?}");
    fleet.keeps_counting(&others, 3, LEASE);
    fleet.start_node(2);
    fleet.wait_until_ready(2);
    fleet.is_exact_again(3);
}

#[test]
fn without_redis_nodes_go_on_with_the_last_they_knew() {
    let _turn = turn();
    let mut fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let mut first = fleet.log_in(0, USERS[0]);
    let second = fleet.log_in(1, USERS[1]);
    fleet.wait_for_count(&ALL, 2);

    fleet.redis().stop();
    let away = now();
    let third = fleet.log_in(2, USERS[2]);
    assert_eq!(fleet.count(2), 3, "a node knows its own at once");
    drop(second);
    until("a node loses its own at once", || {
        (fleet.count(1) == 1).then_some(())
    });
    while away.elapsed() < AWAY {
        assert_eq!(
            ALL.map(|at| fleet.count(at)),
            [2, 1, 3],
            "the last they knew, and their own"
        );
    }
    for at in ALL {
        assert_eq!(fleet.get(at, "/readyz").0, 200, "they serve on");
        assert!(fleet.silent_ms(at, "relay") > 20_000, "and say so");
        assert!(
            fleet
                .get(at, "/metrics")
                .1
                .contains("headcount_relay_silent_milliseconds")
        );
    }
    // What goes through the database reaches every node all the same.
    fleet
        .backend(1)
        .ok("im_open_login_svc/kick", &json!({ "UserID": USERS[0] }));
    until("a kick gets through", || (fleet.count(0) == 1).then_some(()));
    hear_end(&mut first);
    let removed = json!({ "GroupId": TOWN, "MemberToDel_Account": [USERS[2]] });
    fleet
        .backend(0)
        .ok("group_open_http_svc/delete_group_member", &removed);
    until("a removal gets through", || (fleet.count(2) <= 1).then_some(()));

    // It comes back and has forgotten everything.
    fleet.redis().start_again();
    fleet.is_exact_again(0);
    fleet.settle(1, &[USERS[2]]);
    fleet.is_exact_again(1);
    drop(third);
    fleet.is_exact_again(0);
}

#[test]
fn without_the_database_counts_go_on() {
    let _turn = turn();
    let mut fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let _stays = fleet.log_in(0, USERS[0]);
    let goes = fleet.log_in(1, USERS[1]);
    fleet.wait_for_count(&ALL, 2);

    fleet.postgres.kill();
    let away = now();
    drop(goes);
    fleet.wait_for_count(&ALL, 1);
    let refused = fleet
        .backend(2)
        .call("im_open_login_svc/account_import", &json!({ "UserID": "new" }))
        .expect("an answer");
    assert_ne!(
        refused["ErrorCode"], 0,
        "what cannot be kept is refused: {refused}"
    );
    while away.elapsed() < AWAY {
        assert_eq!(ALL.map(|at| fleet.count(at)), [1; 3]);
    }
    for at in ALL {
        assert_eq!(fleet.get(at, "/readyz").0, 200, "they count on");
        assert!(fleet.silent_ms(at, "directory") > 20_000, "and say so");
    }

    fleet.postgres.start_again();
    let back = now();
    until("accounts can be made", || {
        let made = fleet
            .backend(2)
            .call("im_open_login_svc/account_import", &json!({ "UserID": "new" }));
        (made.expect("an answer")["ErrorCode"] == 0).then_some(())
    });
    let _comes = fleet.log_in(2, USERS[2]);
    fleet.wait_for_count(&ALL, 2);
    assert!(back.elapsed() < HEAL, "{:?}", back.elapsed());
    fleet.audit();
}

#[test]
fn a_node_that_stood_still_counts_again() {
    let _turn = turn();
    let fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let _clients = [0, 1, 2].map(|at| fleet.log_in(at, USERS[at]));
    fleet.wait_for_count(&ALL, 3);

    fleet.signal(1, "STOP");
    let others = [0, 2];
    let took = fleet.wait_for_count(&others, 2);
    assert!(took < LEASE + HEAL, "{took:?}");
    let _fourth = fleet.log_in(2, USERS[3]);
    fleet.keeps_counting(&[2], 3, LEASE);
    fleet.signal(1, "CONT");
    fleet.is_exact_again(4);
}

#[test]
fn a_node_cut_off_from_redis_alone_is_missed_and_comes_back() {
    let _turn = turn();
    let fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let _clients = [0, 1, 2].map(|at| fleet.log_in(at, USERS[at]));
    fleet.wait_for_count(&ALL, 3);

    for fault in [Fault::Refuse, Fault::Stall] {
        fleet.network(2).set(fault);
        fleet.wait_for_count(&[0, 1], 2);
        assert_eq!(fleet.count(2), 3, "it goes on with the last it knew");
        assert!(fleet.silent_ms(2, "relay") > 0, "and says so");
        fleet.network(2).set(Fault::None);
        fleet.is_exact_again(3);
    }
}

#[test]
fn a_redis_that_fails_over_loses_nobody() {
    let _turn = turn();
    let mut fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let _clients = [0, 1, 2].map(|at| fleet.log_in(at, USERS[at]));
    fleet.wait_for_count(&ALL, 3);

    let replica = Redis::start_replica_of(fleet.redis());
    // What is said from here on, the replica does not hear.
    assert_eq!(replica.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    let _fourth = fleet.log_in(1, USERS[3]);
    fleet.wait_for_count(&ALL, 4);
    fleet.redis().kill();
    until("the nodes miss it", || {
        (fleet.silent_ms(0, "relay") > 0).then_some(())
    });
    let _fifth = fleet.log_in(2, USERS[4]);
    for at in ALL {
        fleet.network(at).lead_to(replica.port());
    }
    fleet.is_exact_again(5);
}

#[test]
fn a_slow_redis_makes_others_late_and_nothing_wrong() {
    let _turn = turn();
    let fleet = Fleet::start();
    fleet.settle(0, &USERS);
    let _clients = [0, 1].map(|at| fleet.log_in(at, USERS[at]));
    fleet.wait_for_count(&ALL, 2);
    for at in ALL {
        fleet.network(at).set(Fault::Delay(150));
    }
    let third = fleet.log_in(2, USERS[2]);
    assert_eq!(fleet.count(2), 3, "at once where it came");
    fleet.wait_for_count(&ALL, 3);
    // Nobody is taken for dead.
    fleet.keeps_counting(&ALL, 3, 2 * LEASE);
    drop(third);
    fleet.wait_for_count(&ALL, 2);
    for at in ALL {
        fleet.network(at).set(Fault::None);
    }
    fleet.is_exact_again(2);
}
