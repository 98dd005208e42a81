//! Sessions that other nodes hold, by example.

use headcount_core::{AccountKey, Change, GroupId, GroupKey, MultiLogin, Platform, SdkAppId, UserId};
use headcount_presence::{Arrival, Event, NewSession, NodeNumber, Presence, SessionFacts, SessionKey, Taken};

const ANN: AccountKey = AccountKey(1);
const CLUB: GroupKey = GroupKey(10);
const TEAM: GroupKey = GroupKey(11);
const ROOM: GroupKey = GroupKey(20);
const OTHER: NodeNumber = NodeNumber(1);
const THIRD: NodeNumber = NodeNumber(2);

type Engine = Presence<()>;

/// An engine that has followed the directory up to commit 100.
fn engine() -> Engine {
    let mut engine = Presence::among_nodes(MultiLogin::default(), 100, 100);
    engine.commit_began(100);
    engine
}

/// What a node tells of Ann's session.
fn told(number: u64, platform: Platform, login_at_ms: u64, position: u64) -> SessionFacts {
    SessionFacts {
        account: ANN,
        number,
        instance: u32::try_from(number).expect("a small number"),
        platform,
        login_at_ms,
        opened_at_ms: login_at_ms,
        usersig_issued_at_s: 50,
        position,
        groups: vec![CLUB],
        rooms: Vec::new(),
    }
}

fn log_in(engine: &mut Engine, number: u64, platform: Platform, now_ms: u64) {
    let ticket = engine.login_started(ANN);
    let new = NewSession {
        key: SessionKey(number),
        instance: u32::try_from(number).expect("a small number"),
        platform,
        usersig_issued_at_s: 50,
        arrival: Arrival::Login { now_ms },
        opened_at_ms: now_ms,
        handle: (),
    };
    engine
        .session_opened(ticket, new, vec![CLUB])
        .expect("it is let in");
}

fn commit(engine: &mut Engine, position: u64, change: &Change) {
    engine.commit_began(position);
    engine.apply(change);
}

fn events(engine: &mut Engine) -> Vec<Event> {
    match engine.take_events() {
        Taken::Events(events) => events,
        Taken::Overflowed => panic!("more than fits"),
    }
}

#[test]
fn whoever_is_on_two_nodes_counts_once_and_stays_with_one_of_them() {
    let mut engine = engine();
    log_in(&mut engine, 7, Platform::Web, 1_000);
    assert_eq!(engine.online_in(CLUB), 1);
    // The number means something else on another node.
    let phone = SessionFacts {
        instance: 70,
        ..told(7, Platform::IPhone, 2_000, 100)
    };
    engine.session_seen(OTHER, &phone, ());
    engine.session_seen(OTHER, &phone, ());
    assert_eq!((engine.online_in(CLUB), engine.sessions(ANN).len()), (1, 2));
    assert_eq!(engine.session_closed(ANN, SessionKey(7)), Some(false));
    assert_eq!(engine.online_in(CLUB), 1);
    assert_eq!(engine.session_closed(ANN, SessionKey::of(OTHER, 7)), Some(true));
    assert_eq!(engine.online_in(CLUB), 0);
}

#[test]
fn what_is_told_as_of_an_earlier_commit_is_brought_up_to_date() {
    let mut engine = engine();
    let (account, id) = (ANN, GroupId::parse("gone").expect("an id"));
    commit(&mut engine, 101, &Change::Left { account, group: CLUB });
    commit(&mut engine, 102, &Change::Joined { account, group: TEAM });
    let gone = GroupKey(12);
    let dissolved = Change::Dissolved {
        app: SdkAppId(1),
        id,
        group: gone,
    };
    commit(&mut engine, 103, &dissolved);
    let mut facts = told(1, Platform::Web, 1_000, 100);
    facts.groups.push(gone);
    engine.session_seen(OTHER, &facts, ());
    assert_eq!([CLUB, TEAM, gone].map(|group| engine.online_in(group)), [0, 1, 0]);
    assert!(engine.can_follow_up(100) && !engine.can_follow_up(99));
    engine.forget_changes_up_to(102);
    assert!(!engine.can_follow_up(101), "what is forgotten cannot be replayed");
}

#[test]
fn what_is_told_as_of_a_later_commit_waits_for_it() {
    let mut engine = engine();
    engine.session_seen(OTHER, &told(1, Platform::Web, 1_000, 102), ());
    assert!(engine.cut().ahead);
    let (account, group) = (ANN, CLUB);
    // In, out and in again: the node that told it had seen them all.
    commit(&mut engine, 101, &Change::Left { account, group });
    assert_eq!(engine.online_in(CLUB), 1, "it is a member since, and stays so");
    commit(&mut engine, 102, &Change::Joined { account, group });
    assert!(!engine.cut().ahead);
    commit(&mut engine, 103, &Change::Left { account, group });
    assert_eq!(engine.online_in(CLUB), 0);
}

#[test]
fn a_session_whose_usersig_is_void_here_is_not_seen() {
    let mut engine = engine();
    let revoked = Change::UserSigsRevoked {
        app: SdkAppId(1),
        user: UserId::parse("ann").expect("a UserID"),
        account: ANN,
        at_s: 50,
    };
    commit(&mut engine, 101, &revoked);
    engine.session_seen(OTHER, &told(1, Platform::Web, 1_000, 100), ());
    assert!(!engine.is_online(ANN));
    let later = SessionFacts {
        usersig_issued_at_s: 51,
        ..told(2, Platform::Web, 2_000, 101)
    };
    engine.session_seen(OTHER, &later, ());
    assert!(engine.is_online(ANN));
}

#[test]
fn the_later_of_two_logins_on_two_nodes_stays() {
    let mut engine = engine();
    log_in(&mut engine, 5, Platform::Web, 1_000);
    assert!(
        engine
            .session_seen(OTHER, &told(4, Platform::Web, 900, 100), ())
            .is_empty()
    );
    assert!(
        engine
            .session_seen(OTHER, &told(3, Platform::IPhone, 2_000, 100), ())
            .is_empty()
    );
    let ended = engine.session_seen(THIRD, &told(6, Platform::Web, 2_000, 100), ());
    let ended: Vec<_> = ended.iter().map(|ended| ended.session.key).collect();
    assert_eq!(ended, [SessionKey(5)], "its own, and no other node's");
    let closed = Event::Closed {
        account: ANN,
        number: 5,
    };
    assert_eq!(
        events(&mut engine).last(),
        Some(&closed),
        "and the others are told"
    );
    assert_eq!(engine.sessions(ANN).len(), 3);
}

#[test]
fn others_are_told_of_a_nodes_own_sessions_alone() {
    let mut engine = engine();
    engine.session_seen(OTHER, &told(1, Platform::IPhone, 1_000, 100), ());
    log_in(&mut engine, 5, Platform::Web, 2_000);
    let opened = events(&mut engine);
    let [Event::Opened(facts)] = opened.as_slice() else {
        panic!("{opened:?}");
    };
    assert_eq!(
        (facts.number, facts.position, facts.groups.as_slice()),
        (5, 100, [CLUB].as_slice())
    );
    assert_eq!(engine.facts_of(ANN), std::slice::from_ref(facts));
    assert_eq!(engine.accounts_here(), [ANN]);
    engine.session_closed(ANN, SessionKey::of(OTHER, 1));
    assert_eq!(events(&mut engine), []);
    for _ in 0..60 {
        log_in(&mut engine, 6, Platform::Web, 3_000);
    }
    assert_eq!(engine.take_events(), Taken::Overflowed);
}

#[test]
fn a_room_is_held_by_every_node_of_its_visitor_until_one_is_asked_to_leave() {
    let mut engine = engine();
    log_in(&mut engine, 5, Platform::Web, 1_000);
    engine.session_seen(OTHER, &told(1, Platform::IPhone, 1_000, 100), ());
    engine.room_seen(OTHER, ANN, ROOM, true);
    assert_eq!(engine.online_in(ROOM), 1);
    engine.session_closed(ANN, SessionKey::of(OTHER, 1));
    assert_eq!(engine.online_in(ROOM), 1, "it is held here as well");
    engine.session_seen(OTHER, &told(2, Platform::IPhone, 2_000, 100), ());
    engine.room_seen(OTHER, ANN, ROOM, false);
    engine.room_unseen(OTHER, ANN, ROOM, true);
    assert_eq!(engine.online_in(ROOM), 0, "left there is left here");
    let left = Event::RoomLeft {
        account: ANN,
        room: ROOM,
        asked: false,
    };
    assert_eq!(events(&mut engine).last(), Some(&left));
    engine.room_seen(THIRD, ANN, ROOM, true);
    assert_eq!(engine.online_in(ROOM), 0, "nobody is there without a session");
}
