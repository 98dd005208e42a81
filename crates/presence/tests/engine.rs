//! The engine by example.

use std::sync::Arc;

use headcount_core::{
    AccountKey, Change, GroupId, GroupKey, MultiLogin, MultiLoginPolicy, Platform, SdkAppId, UserId,
};
use headcount_presence::{
    Arrival, Displacement, LoginTicket, NewSession, Opened, Presence, Refused, Session, SessionKey,
};

const ANN: AccountKey = AccountKey(1);
const BEN: AccountKey = AccountKey(2);
const CLUB: GroupKey = GroupKey(10);
const TEAM: GroupKey = GroupKey(11);
const ROOM: GroupKey = GroupKey(20);

type Engine = Presence<()>;

/// A device that logs in; its instance is its session's number unless a test says otherwise.
#[derive(Clone, Copy)]
struct Device {
    key: u64,
    instance: u32,
    platform: Platform,
    issued_at_s: u64,
    arrival: Arrival,
}

fn device(key: u32, platform: Platform, now_ms: u64) -> Device {
    Device {
        key: u64::from(key),
        instance: key,
        platform,
        issued_at_s: 100,
        arrival: Arrival::Login { now_ms },
    }
}

impl Device {
    /// The same client on a new connection, with the moment of its login.
    fn back(self, key: u64, login_at_ms: u64) -> Self {
        Self {
            key,
            arrival: Arrival::Return { login_at_ms },
            ..self
        }
    }
}

fn engine(policy: MultiLoginPolicy) -> Engine {
    Presence::new(MultiLogin {
        policy,
        ..MultiLogin::default()
    })
}

fn ann_deleted() -> Change {
    Change::AccountDeleted {
        app: SdkAppId(1),
        user: UserId::parse("ann").expect("a UserID"),
        account: ANN,
    }
}

fn ann_revoked(at_s: u64) -> Change {
    Change::UserSigsRevoked {
        app: SdkAppId(1),
        user: UserId::parse("ann").expect("a UserID"),
        account: ANN,
        at_s,
    }
}

fn open(
    engine: &mut Engine,
    ticket: LoginTicket,
    device: Device,
    read: &[GroupKey],
) -> Result<Opened<()>, Refused> {
    let new = NewSession {
        key: SessionKey(device.key),
        instance: device.instance,
        platform: device.platform,
        usersig_issued_at_s: device.issued_at_s,
        arrival: device.arrival,
        opened_at_ms: 0,
        handle: (),
    };
    engine.session_opened(ticket, new, read.to_vec())
}

/// A login that nothing interferes with.
fn login(
    engine: &mut Engine,
    account: AccountKey,
    device: Device,
    read: &[GroupKey],
) -> Result<Opened<()>, Refused> {
    let ticket = engine.login_started(account);
    open(engine, ticket, device, read)
}

fn displaced(opened: Result<Opened<()>, Refused>) -> Vec<(u64, Displacement)> {
    let opened = opened.expect("the session opens");
    let gone = opened.displaced.iter();
    gone.map(|gone| (gone.session.key.0, gone.reason)).collect()
}

fn keys(sessions: &[Session<()>]) -> Vec<u64> {
    sessions.iter().map(|session| session.key.0).collect()
}

fn joined(account: AccountKey, group: GroupKey) -> Change {
    Change::Joined { account, group }
}

fn left(account: AccountKey, group: GroupKey) -> Change {
    Change::Left { account, group }
}

fn dissolved(group: GroupKey) -> Change {
    Change::Dissolved {
        app: SdkAppId(1),
        id: GroupId::parse("any").expect("a valid id"),
        group,
    }
}

#[test]
fn an_account_with_two_devices_counts_once() {
    let mut engine = engine(MultiLoginPolicy::Multi);
    let club = engine.headcount(CLUB);
    let phone = login(&mut engine, ANN, device(1, Platform::Android, 1_000), &[CLUB]).unwrap();
    let web = login(&mut engine, ANN, device(2, Platform::Web, 2_000), &[CLUB]).unwrap();
    assert!(phone.first && !web.first);
    assert_eq!(club.online(), 1);

    assert_eq!(engine.session_closed(ANN, SessionKey(1)), Some(false));
    assert_eq!(club.online(), 1);
    assert_eq!(engine.session_closed(ANN, SessionKey(2)), Some(true));
    assert_eq!(engine.session_closed(ANN, SessionKey(2)), None);
    assert_eq!(club.online(), 0);
    assert!(!engine.is_online(ANN));
}

#[test]
fn a_group_that_was_read_twice_counts_once() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    login(
        &mut engine,
        ANN,
        device(1, Platform::Web, 1_000),
        &[CLUB, TEAM, CLUB],
    )
    .unwrap();
    assert_eq!(engine.headcount(CLUB).online(), 1);
    engine.session_closed(ANN, SessionKey(1));
    assert_eq!(engine.headcount(CLUB).online(), 0);
}

#[test]
fn joins_and_leaves_move_the_numbers_of_those_online() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let club = engine.headcount(CLUB);
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[]).unwrap();
    engine.apply(&joined(BEN, CLUB));
    assert_eq!(club.online(), 0, "Ben is offline");
    for _ in 0..2 {
        engine.apply(&joined(ANN, CLUB));
        assert_eq!(club.online(), 1);
    }
    assert!(engine.counts_in(ANN, CLUB) && !engine.counts_in(BEN, CLUB));
    for _ in 0..2 {
        engine.apply(&left(ANN, CLUB));
        assert_eq!(club.online(), 0);
    }
}

#[test]
fn a_join_that_the_login_did_not_read_is_counted() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let ticket = engine.login_started(ANN);
    engine.apply(&joined(ANN, CLUB));
    open(&mut engine, ticket, device(1, Platform::Web, 1_000), &[]).unwrap();
    assert_eq!(engine.headcount(CLUB).online(), 1);
}

#[test]
fn a_leave_that_the_login_did_not_read_is_not_counted() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let ticket = engine.login_started(ANN);
    engine.apply(&left(ANN, CLUB));
    open(
        &mut engine,
        ticket,
        device(1, Platform::Web, 1_000),
        &[CLUB, TEAM],
    )
    .unwrap();
    assert_eq!(engine.headcount(CLUB).online(), 0);
    assert_eq!(engine.headcount(TEAM).online(), 1);
}

#[test]
fn the_last_change_during_a_login_wins_whatever_was_read() {
    for read in [&[][..], &[CLUB]] {
        for (changes, expected) in [
            ([joined(ANN, CLUB), left(ANN, CLUB)], 0),
            ([left(ANN, CLUB), joined(ANN, CLUB)], 1),
        ] {
            let mut engine = engine(MultiLoginPolicy::Dual);
            let ticket = engine.login_started(ANN);
            for change in &changes {
                engine.apply(change);
            }
            open(&mut engine, ticket, device(1, Platform::Web, 1_000), read).unwrap();
            assert_eq!(engine.headcount(CLUB).online(), expected, "{read:?} {changes:?}");
        }
    }
}

#[test]
fn the_changes_that_one_login_waits_for_stay_when_another_ends() {
    let mut engine = engine(MultiLoginPolicy::Multi);
    let slow = engine.login_started(ANN);
    engine.apply(&joined(ANN, CLUB));
    let quick = engine.login_started(ANN);
    open(&mut engine, quick, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    engine.session_closed(ANN, SessionKey(1));
    let aborted = engine.login_started(ANN);
    engine.login_aborted(aborted);
    assert!(!engine.no_login_pending());
    open(&mut engine, slow, device(2, Platform::Web, 2_000), &[]).unwrap();
    assert_eq!(engine.headcount(CLUB).online(), 1);
    assert!(engine.no_login_pending());
}

#[test]
fn a_group_dissolved_during_a_login_counts_nobody() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let club = engine.headcount(CLUB);
    let ticket = engine.login_started(ANN);
    engine.apply(&dissolved(CLUB));
    open(&mut engine, ticket, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    assert!(!engine.counts_in(ANN, CLUB));
    assert_eq!((club.online(), club.is_dissolved()), (0, true));
    assert_eq!(engine.cut().counts, []);
}

#[test]
fn a_dissolved_group_counts_nobody_and_takes_no_further_part() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let club = engine.headcount(CLUB);
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    engine.apply(&dissolved(CLUB));
    assert!(!engine.counts_in(ANN, CLUB));
    assert_eq!((club.online(), club.is_dissolved()), (0, true));
    engine.session_closed(ANN, SessionKey(1));
    assert_eq!(club.online(), 0);
}

#[test]
fn an_account_deleted_during_a_login_does_not_come_online() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let ticket = engine.login_started(ANN);
    engine.apply(&left(ANN, CLUB));
    engine.apply(&ann_deleted());
    let opened = open(&mut engine, ticket, device(1, Platform::Web, 1_000), &[CLUB]);
    assert_eq!(opened.unwrap_err(), Refused::AccountDeleted);
    assert!(!engine.is_online(ANN) && engine.no_login_pending());
    assert_eq!(engine.headcount(CLUB).online(), 0);
}

#[test]
fn a_deleted_account_goes_offline_everywhere() {
    let mut engine = engine(MultiLoginPolicy::Multi);
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[]).unwrap();
    login(&mut engine, ANN, device(2, Platform::Mac, 1_000), &[]).unwrap();
    let ended = engine.apply(&ann_deleted());
    assert_eq!(keys(&ended), [1, 2]);
    assert_eq!(engine.online_accounts(), 0);
}

#[test]
fn usersigs_revoked_during_a_login_open_no_session() {
    // The second of the revocation itself is void, the next is not.
    for (issued_at_s, opens) in [(99, false), (100, false), (101, true)] {
        let mut engine = engine(MultiLoginPolicy::Dual);
        let ticket = engine.login_started(ANN);
        for at_s in [100, 50] {
            engine.apply(&ann_revoked(at_s));
        }
        let device = Device {
            issued_at_s,
            ..device(1, Platform::Web, 1_000)
        };
        let opened = open(&mut engine, ticket, device, &[CLUB]).map(|opened| opened.first);
        let expected = if opens {
            Ok(true)
        } else {
            Err(Refused::UserSigRevoked)
        };
        assert_eq!(opened, expected, "{issued_at_s}");
        assert_eq!(engine.headcount(CLUB).online(), u32::from(opens));
    }
}

#[test]
fn a_revocation_ends_the_sessions_that_rest_on_void_usersigs() {
    let mut engine = engine(MultiLoginPolicy::Multi);
    let club = engine.headcount(CLUB);
    for (key, platform, issued_at_s) in [(1, Platform::Web, 100), (2, Platform::Mac, 101)] {
        let device = Device {
            issued_at_s,
            ..device(key, platform, 1_000)
        };
        login(&mut engine, ANN, device, &[CLUB]).unwrap();
    }
    assert_eq!(keys(&engine.apply(&ann_revoked(99))), []);
    assert_eq!(keys(&engine.apply(&ann_revoked(100))), [1]);
    assert_eq!(club.online(), 1);
    assert_eq!(keys(&engine.apply(&ann_revoked(101))), [2]);
    assert_eq!(club.online(), 0);
}

#[test]
fn an_instance_that_reconnects_takes_its_own_place() {
    let mut engine = engine(MultiLoginPolicy::Single);
    let club = engine.headcount(CLUB);
    let phone = device(1, Platform::Android, 1_000);
    login(&mut engine, ANN, phone, &[CLUB]).unwrap();
    let back = login(&mut engine, ANN, phone.back(2, 1_000), &[CLUB]);
    assert_eq!(displaced(back), [(1, Displacement::Reconnected)]);
    assert_eq!(keys(engine.sessions(ANN)), [2]);
    assert_eq!(
        engine.session_closed(ANN, SessionKey(1)),
        None,
        "the old connection"
    );
    assert_eq!(club.online(), 1);
}

#[test]
fn an_older_login_does_not_come_back_over_a_newer_one() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let phone = device(1, Platform::Android, 1_000);
    login(&mut engine, ANN, phone, &[]).unwrap();
    engine.session_closed(ANN, SessionKey(1));
    login(&mut engine, ANN, device(2, Platform::IPad, 2_000), &[]).unwrap();
    let back = login(&mut engine, ANN, phone.back(3, 1_000), &[]);
    assert_eq!(back.unwrap_err(), Refused::NewerLogin);
    assert_eq!(keys(engine.sessions(ANN)), [2]);

    // Once the newer one is gone, nothing is in its way.
    engine.session_closed(ANN, SessionKey(2));
    let back = login(&mut engine, ANN, phone.back(4, 1_000), &[]).unwrap();
    assert!(back.first);
    assert_eq!(back.login_at_ms, 1_000);
}

#[test]
fn a_fresh_login_is_the_newest_also_when_the_wall_clock_went_back() {
    let mut engine = engine(MultiLoginPolicy::Single);
    login(&mut engine, ANN, device(1, Platform::Web, 9_000), &[]).unwrap();
    let fresh = login(&mut engine, ANN, device(2, Platform::Android, 4_000), &[]).unwrap();
    assert_eq!(fresh.login_at_ms, 9_001);
    assert_eq!(displaced(Ok(fresh)), [(1, Displacement::OtherPlatform)]);
}

/// Two logins of one millisecond had the same rank, and a return of the first displaced the second.
#[test]
fn of_two_logins_in_one_millisecond_the_second_is_the_newer() {
    let mut engine = engine(MultiLoginPolicy::Single);
    let first = device(1, Platform::Web, 5_000);
    login(&mut engine, ANN, first, &[]).unwrap();
    login(&mut engine, ANN, device(2, Platform::Android, 5_000), &[]).unwrap();
    let back = login(&mut engine, ANN, device(1, Platform::Web, 0).back(3, 5_000), &[]);
    assert_eq!(back.unwrap_err(), Refused::NewerLogin);
}

#[test]
fn each_policy_ends_the_logins_that_do_not_go_together() {
    use Displacement::{OtherPlatform, SamePlatform};
    let all = [Platform::Web, Platform::Windows, Platform::Android];
    // Logged in one after the other, then a Mac: who went by then, and who goes for the Mac.
    let table = [
        (MultiLoginPolicy::Single, vec![3], vec![(3, OtherPlatform)]),
        (MultiLoginPolicy::Dual, vec![1, 3], vec![(3, OtherPlatform)]),
        (MultiLoginPolicy::Triple, vec![1, 2, 3], vec![(2, OtherPlatform)]),
        (MultiLoginPolicy::Multi, vec![1, 2, 3], vec![]),
    ];
    for (policy, together, gone) in table {
        let mut engine = engine(policy);
        for (key, platform) in (1..).zip(all) {
            login(&mut engine, ANN, device(key, platform, 1_000), &[]).unwrap();
        }
        assert_eq!(keys(engine.sessions(ANN)), together, "{policy:?}");
        let mac = login(&mut engine, ANN, device(4, Platform::Mac, 2_000), &[]);
        assert_eq!(displaced(mac), gone, "{policy:?}");
        let second_mac = login(&mut engine, ANN, device(5, Platform::Mac, 3_000), &[]);
        assert_eq!(displaced(second_mac), [(4, SamePlatform)], "{policy:?}");
    }
}

#[test]
fn the_oldest_instance_of_a_platform_goes_first() {
    let mut engine = Presence::new(MultiLogin {
        policy: MultiLoginPolicy::Dual,
        web_instances: 2,
        native_instances: 1,
    });
    let old = device(1, Platform::Web, 1_000);
    login(&mut engine, ANN, old, &[]).unwrap();
    login(&mut engine, ANN, device(2, Platform::Web, 2_000), &[]).unwrap();
    let third = login(&mut engine, ANN, device(3, Platform::Web, 3_000), &[]);
    assert_eq!(displaced(third), [(1, Displacement::SamePlatform)]);
    let back = login(&mut engine, ANN, old.back(4, 1_000), &[]);
    assert_eq!(
        back.unwrap_err(),
        Refused::NewerLogin,
        "both places are taken by newer logins"
    );
    assert_eq!(keys(engine.sessions(ANN)), [2, 3]);
}

#[test]
fn a_room_ends_with_the_last_session() {
    let mut engine = engine(MultiLoginPolicy::Multi);
    let room = engine.headcount(ROOM);
    assert!(!engine.room_entered(ANN, &room), "Ann is offline");
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    login(&mut engine, ANN, device(2, Platform::Mac, 1_000), &[CLUB]).unwrap();
    assert!(engine.room_entered(ANN, &room) && !engine.room_entered(ANN, &room));
    assert_eq!(engine.cut().rooms, [(ROOM, ANN)]);

    engine.session_closed(ANN, SessionKey(1));
    assert_eq!((room.online(), engine.is_in_room(ANN, ROOM)), (1, true));
    engine.session_closed(ANN, SessionKey(2));
    assert_eq!((room.online(), engine.is_in_room(ANN, ROOM)), (0, false));
    login(&mut engine, ANN, device(3, Platform::Web, 2_000), &[CLUB]).unwrap();
    assert!(!engine.is_in_room(ANN, ROOM), "a room is entered anew");
}

#[test]
fn rooms_and_groups_are_left_by_different_doors() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let room = engine.headcount(ROOM);
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    engine.room_entered(ANN, &room);
    engine.apply(&left(ANN, ROOM));
    assert!(engine.is_in_room(ANN, ROOM));
    assert!(!engine.room_left(ANN, CLUB) && !engine.is_in_room(ANN, CLUB));
    assert!(engine.room_left(ANN, ROOM) && !engine.room_left(ANN, ROOM));
    assert_eq!((room.online(), engine.headcount(CLUB).online()), (0, 1));
}

#[test]
fn nobody_is_in_a_dissolved_room() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    let room = engine.headcount(ROOM);
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[]).unwrap();
    login(&mut engine, BEN, device(2, Platform::Web, 1_000), &[]).unwrap();
    engine.room_entered(ANN, &room);
    engine.apply(&dissolved(ROOM));
    assert!(!engine.is_in_room(ANN, ROOM) && !engine.room_left(ANN, ROOM));
    assert!(!engine.room_entered(BEN, &room), "the handle outlives its room");
    assert_eq!(engine.cut().rooms, []);
    assert_eq!(room.online(), 0);
}

#[test]
fn a_group_has_one_handle_for_all() {
    let mut engine = engine(MultiLoginPolicy::Dual);
    assert!(Arc::ptr_eq(&engine.headcount(CLUB), &engine.headcount(CLUB)));
    assert_eq!(engine.headcount(CLUB).group(), CLUB);
}

/// Members on the web, and on Android.
fn web_and_android(engine: &mut Engine, group: GroupKey) -> [u32; 2] {
    let by_platform = engine.headcount(group).numbers().by_platform;
    [Platform::Web, Platform::Android].map(|platform| by_platform[platform.index()])
}

#[test]
fn each_platform_counts_accounts_not_devices() {
    let mut engine = Presence::new(MultiLogin {
        policy: MultiLoginPolicy::Multi,
        web_instances: 2,
        native_instances: 1,
    });
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    login(&mut engine, ANN, device(2, Platform::Web, 2_000), &[CLUB]).unwrap();
    assert_eq!(
        web_and_android(&mut engine, CLUB),
        [1, 0],
        "two tabs, one account"
    );
    login(&mut engine, ANN, device(3, Platform::Android, 3_000), &[CLUB]).unwrap();
    assert_eq!(web_and_android(&mut engine, CLUB), [1, 1]);
    assert_eq!(engine.headcount(CLUB).online(), 1, "and is one member");
    engine.apply(&joined(ANN, TEAM));
    assert_eq!(web_and_android(&mut engine, TEAM), [1, 1]);
    engine.session_closed(ANN, SessionKey(1));
    assert_eq!(
        web_and_android(&mut engine, CLUB),
        [1, 1],
        "the other tab is open"
    );
    engine.session_closed(ANN, SessionKey(2));
    assert_eq!(web_and_android(&mut engine, CLUB), [0, 1]);
    assert_eq!(web_and_android(&mut engine, TEAM), [0, 1]);
    engine.apply(&left(ANN, TEAM));
    assert_eq!(web_and_android(&mut engine, TEAM), [0, 0]);
    engine.apply(&dissolved(CLUB));
    engine.session_closed(ANN, SessionKey(3));
    assert_eq!(web_and_android(&mut engine, CLUB), [0, 0]);
}

#[test]
fn a_displaced_device_leaves_its_platform() {
    let mut engine = engine(MultiLoginPolicy::Single);
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    login(&mut engine, ANN, device(2, Platform::Android, 2_000), &[]).unwrap();
    assert_eq!(web_and_android(&mut engine, CLUB), [0, 1]);
}

#[test]
fn stamps_tell_what_changed_and_what_did_not() {
    let mut engine = engine(MultiLoginPolicy::Multi);
    let (club, team) = (engine.headcount(CLUB), engine.headcount(TEAM));
    let latest = engine.latest_change();
    let before = latest.stamp();
    login(&mut engine, ANN, device(1, Platform::Web, 1_000), &[CLUB]).unwrap();
    assert!(club.changed() > before && club.changed() <= latest.stamp());
    assert!(team.changed() <= before);
    let before = latest.stamp();
    login(&mut engine, ANN, device(2, Platform::Android, 2_000), &[]).unwrap();
    assert!(club.changed() > before, "another platform is a change");
    let before = latest.stamp();
    engine.apply(&joined(ANN, CLUB));
    engine.apply(&left(BEN, CLUB));
    assert_eq!(latest.stamp(), before, "nothing moved");
    engine.apply(&dissolved(CLUB));
    assert!(club.changed() > before);
    assert!(
        engine.headcount(CLUB).changed() > before,
        "what follows a dissolved group is news to whoever knew that one"
    );
}

#[test]
fn numbers_are_never_older_than_the_stamp_before_them() {
    const LOGINS: u32 = 200_000;
    let mut engine = engine(MultiLoginPolicy::Multi);
    let (club, latest) = (engine.headcount(CLUB), engine.latest_change());
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for account in 1..=LOGINS {
                let new = device(account, Platform::Web, 1_000);
                // One change each, so a stamp is also how many are online.
                login(&mut engine, AccountKey(u64::from(account)), new, &[CLUB]).unwrap();
            }
        });
        let mut seen = 0;
        while seen < u64::from(LOGINS) {
            seen = latest.stamp();
            let (changed, online) = (club.changed(), club.online());
            let web = club.numbers().by_platform[Platform::Web.index()];
            assert!(changed >= seen, "{changed} is older than {seen}");
            assert!(u64::from(online) >= changed && u64::from(web) >= changed);
        }
    });
}
