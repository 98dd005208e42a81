//! Calls end in time whatever happens to Redis, and succeed again by themselves afterwards.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use headcount_cluster::redis::{RedisMode, RedisRelay, RedisSettings};
use headcount_cluster::{Entry, Incarnation, LogPosition, Relay, RelayError, RollRow};
use headcount_core::limits::{RELAY_CALL_MS_MAX, RELAY_LOG_MS_KEPT, RELAY_ROLL_MS_KEPT};
use testbed::{Fault, Proxy, Redis, RedisCluster, RedisOptions};
use tokio::time::{Instant, timeout};

const NODE: Incarnation = Incarnation(0xabc);
/// What a busy machine may add to a time.
const SLACK_MS: u64 = 300;
/// How long Redis may be back before calls succeed.
const RECOVERY_MS_MAX: u64 = 1_000;

fn relay_at(url: String) -> RedisRelay {
    let settings = RedisSettings {
        urls: vec![url],
        ..RedisSettings::default()
    };
    RedisRelay::connect(&settings).expect("settings")
}

fn relay_of(cluster: &RedisCluster) -> RedisRelay {
    let settings = RedisSettings {
        urls: cluster.urls(),
        mode: RedisMode::Cluster,
        ..RedisSettings::default()
    };
    RedisRelay::connect(&settings).expect("settings")
}

fn own_row() -> RollRow {
    let text = "here".to_owned();
    RollRow { node: NODE, text }
}

fn entry(number: u64) -> Entry {
    let bytes = format!("entry {number}").into();
    Entry { number, bytes }
}

/// The outcome of a call, which ends in time.
async fn in_time<T>(call: impl Future<Output = Result<T, RelayError>>) -> Result<T, RelayError> {
    let bound = Duration::from_millis(RELAY_CALL_MS_MAX + SLACK_MS);
    timeout(bound, call).await.expect("a call ends in time")
}

async fn beat(relay: &RedisRelay) -> Result<Vec<RollRow>, RelayError> {
    in_time(relay.beat(own_row())).await
}

async fn append(relay: &RedisRelay, number: u64) -> Result<(), RelayError> {
    in_time(relay.append(NODE, vec![entry(number)])).await
}

async fn read(relay: &RedisRelay) -> Result<Vec<Entry>, RelayError> {
    let position = LogPosition { node: NODE, after: 0 };
    let read = in_time(relay.read(vec![position])).await;
    read.map(|mut logs| logs.pop().expect("the log that was asked for"))
}

fn wait_until_there_is_a_log(redis: &Redis) {
    // A replica in a Cluster would send EXISTS on to its master.
    let is_there = || redis.cli(&["KEYS", "*:log"]).contains(&NODE.to_string());
    testbed::until("the log is there", || is_there().then_some(()));
}

/// Each kind of call fails, one after the other and at once.
async fn all_fail(relay: &RedisRelay) {
    for _ in 0..2 {
        assert!(beat(relay).await.is_err());
    }
    let strike = in_time(relay.strike(vec![own_row()]));
    let (beat, append, read, strike) = tokio::join!(beat(relay), append(relay, 99), read(relay), strike);
    assert!(beat.is_err() && append.is_err() && read.is_err() && strike.is_err());
}

/// Makes a call until it succeeds, which must be soon, and then once more.
async fn succeeds_again<T, F>(call: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, RelayError>>,
{
    let began = Instant::now();
    loop {
        let Err(error) = call().await else {
            return call().await.expect("it goes on to succeed");
        };
        let took_ms = began.elapsed().as_millis();
        assert!(
            took_ms < u128::from(RECOVERY_MS_MAX + SLACK_MS),
            "after {took_ms} ms: {error}"
        );
        // As a node does: it has other things to do between two calls.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_redis_that_is_paused() {
    let redis = Redis::start(RedisOptions::default());
    let relay = relay_at(redis.url());
    append(&relay, 1).await.unwrap();
    redis.pause();
    all_fail(&relay).await;
    redis.resume();
    succeeds_again(|| beat(&relay)).await;
    assert_eq!(read(&relay).await.unwrap()[0], entry(1));
}

#[tokio::test]
async fn a_redis_that_starts_again_empty() {
    let mut redis = Redis::start(RedisOptions::default());
    let relay = relay_at(redis.url());
    let other = Incarnation(1);
    let text = String::new();
    in_time(relay.beat(RollRow { node: other, text })).await.unwrap();
    append(&relay, 1).await.unwrap();
    for ended in [Redis::stop, Redis::kill] {
        ended(&mut redis);
        all_fail(&relay).await;
        redis.start_again();
        assert_eq!(succeeds_again(|| beat(&relay)).await, [own_row()]);
        assert_eq!(read(&relay).await.unwrap(), []);
        append(&relay, 7).await.unwrap();
        assert_eq!(read(&relay).await.unwrap(), [entry(7)]);
    }
}

#[tokio::test]
async fn a_redis_that_comes_later() {
    let mut redis = Redis::start(RedisOptions::default());
    redis.stop();
    let relay = relay_at(redis.url());
    all_fail(&relay).await;
    redis.start_again();
    succeeds_again(|| beat(&relay)).await;
}

#[tokio::test]
async fn a_network_that_fails() {
    let redis = Redis::start(RedisOptions::default());
    let proxy = Proxy::start(redis.port());
    let relay = relay_at(redis.url_at(proxy.port()));
    append(&relay, 1).await.unwrap();
    for fault in [Fault::Stall, Fault::Refuse] {
        proxy.set(fault);
        all_fail(&relay).await;
        proxy.set(Fault::None);
        succeeds_again(|| beat(&relay)).await;
    }
    proxy.cut();
    succeeds_again(|| beat(&relay)).await;
    assert_eq!(read(&relay).await.unwrap()[0], entry(1));
}

#[tokio::test]
async fn a_network_that_is_slow() {
    let redis = Redis::start(RedisOptions::default());
    let proxy = Proxy::start(redis.port());
    proxy.set(Fault::Delay(20));
    let relay = relay_at(redis.url_at(proxy.port()));
    append(&relay, 1).await.unwrap();
    let positions = vec![LogPosition { node: NODE, after: 0 }; 200];
    let read = in_time(relay.read(positions)).await.unwrap();
    assert_eq!(
        read,
        vec![vec![entry(1)]; 200],
        "logs are not read one after the other"
    );
}

#[tokio::test]
async fn a_replica_takes_the_place_of_a_master_that_died() {
    let mut master = Redis::start(RedisOptions::default());
    let replica = Redis::start_replica_of(&master);
    let proxy = Proxy::start(master.port());
    let relay = relay_at(master.url_at(proxy.port()));
    append(&relay, 1).await.unwrap();
    wait_until_there_is_a_log(&replica);
    master.kill();
    all_fail(&relay).await;
    replica.promote();
    proxy.lead_to(replica.port());
    succeeds_again(|| append(&relay, 2)).await;
    assert_eq!(read(&relay).await.unwrap(), [entry(1), entry(2)]);
}

#[tokio::test]
async fn sentinels_name_another_master() {
    let password = Some("sesame");
    for tls in [false, true] {
        let mut master = Redis::start(RedisOptions { password, tls });
        let replica = Redis::start_replica_of(&master);
        let sentinel = Redis::start_sentinel_of(&master);
        let settings = RedisSettings {
            urls: vec![sentinel.url()],
            mode: RedisMode::Sentinel {
                master: Redis::MASTER_NAME.to_owned(),
                password: password.map(str::to_owned),
            },
            ca_file: tls.then(|| master.ca_pem()),
            ..RedisSettings::default()
        };
        let relay = RedisRelay::connect(&settings).unwrap();
        append(&relay, 1).await.unwrap();
        wait_until_there_is_a_log(&replica);
        master.kill();
        all_fail(&relay).await;
        sentinel.wait_until_master_is(&replica);
        succeeds_again(|| append(&relay, 2)).await;
        assert_eq!(read(&relay).await.unwrap(), [entry(1), entry(2)]);
    }
}

/// Its connections stay open, and it goes on to answer.
#[tokio::test]
async fn a_replica_takes_the_place_of_a_master_that_follows_it() {
    let master = Redis::start(RedisOptions::default());
    let replica = Redis::start_replica_of(&master);
    let proxy = Proxy::start(master.port());
    let relay = relay_at(master.url_at(proxy.port()));
    beat(&relay).await.unwrap();
    replica.promote();
    proxy.lead_to(replica.port());
    let port = replica.port().to_string();
    assert_eq!(master.cli(&["REPLICAOF", "127.0.0.1", &port]), "OK");
    let refused = append(&relay, 1).await.unwrap_err();
    assert!(refused.0.contains("read only replica"), "{refused}");
    append(&relay, 1).await.unwrap();
    assert_ne!(
        replica.cli(&["EXISTS", &format!("headcount:{{{NODE}}}:log")]),
        "0"
    );
}

#[tokio::test]
async fn a_master_of_a_cluster_that_starts_again_empty() {
    let mut cluster = RedisCluster::start();
    let relay = relay_of(&cluster);
    append(&relay, 1).await.unwrap();
    beat(&relay).await.unwrap();
    let place = cluster.place_of("{headcount}:roll");
    cluster.masters()[place].kill();
    for _ in 0..3 {
        assert!(beat(&relay).await.is_err());
    }
    cluster.masters()[place].start_again();
    cluster.wait_until_complete();
    assert_eq!(succeeds_again(|| beat(&relay)).await, [own_row()]);
    succeeds_again(|| append(&relay, 2)).await;
}

#[tokio::test]
async fn a_master_of_a_cluster_that_is_paused() {
    let mut cluster = RedisCluster::start();
    let relay = relay_of(&cluster);
    beat(&relay).await.unwrap();
    let place = cluster.place_of("{headcount}:roll");
    cluster.masters()[place].pause();
    for _ in 0..3 {
        assert!(beat(&relay).await.is_err());
    }
    cluster.masters()[place].resume();
    cluster.wait_until_complete();
    succeeds_again(|| beat(&relay)).await;
    succeeds_again(|| append(&relay, 2)).await;
}

#[tokio::test]
async fn a_replica_in_a_cluster_takes_the_place_of_a_master_that_hangs() {
    let mut cluster = RedisCluster::start();
    let relay = relay_of(&cluster);
    let place = cluster.place_of(&format!("headcount:{{{NODE}}}:log"));
    let replica = cluster.start_replica_of(place);
    append(&relay, 1).await.unwrap();
    wait_until_there_is_a_log(&replica);
    cluster.masters()[place].pause();
    assert!(append(&relay, 2).await.is_err());
    replica.wait_until_it_is_master();
    succeeds_again(|| append(&relay, 2)).await;
    assert_eq!(read(&relay).await.unwrap(), [entry(1), entry(2)]);
}

#[tokio::test]
async fn all_masters_of_a_cluster_start_again() {
    let mut cluster = RedisCluster::start();
    let relay = relay_of(&cluster);
    beat(&relay).await.unwrap();
    cluster.masters().iter_mut().for_each(Redis::kill);
    all_fail(&relay).await;
    cluster.masters().iter_mut().for_each(Redis::start_again);
    cluster.wait_until_complete();
    succeeds_again(|| beat(&relay)).await;
    succeeds_again(|| append(&relay, 1)).await;
}

#[tokio::test]
async fn a_slot_that_moves_to_another_master() {
    let cluster = RedisCluster::start();
    let relay = relay_of(&cluster);
    beat(&relay).await.unwrap();
    let roll = "{headcount}:roll";
    cluster.move_slot_of(roll, (cluster.place_of(roll) + 1) % 3);
    assert_eq!(beat(&relay).await.unwrap(), [own_row()], "the same call finds it");
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let password = Some("sesame");
    let redis = Redis::start(RedisOptions { password, tls: false });
    let relay = relay_at(format!("redis://:dont-show@127.0.0.1:{}", redis.port()));
    let error = beat(&relay).await.unwrap_err();
    assert!(
        error.0.contains("WRONGPASS") || error.0.contains("uthentication"),
        "{error}"
    );
    assert!(!error.0.contains("dont-show"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_trusted() {
    let redis = Redis::start(RedisOptions {
        password: None,
        tls: true,
    });
    let stranger = Redis::start(RedisOptions {
        password: None,
        tls: true,
    });
    let settings = RedisSettings {
        urls: vec![redis.url()],
        ca_file: Some(stranger.ca_pem()),
        ..RedisSettings::default()
    };
    let relay = RedisRelay::connect(&settings).unwrap();
    let error = beat(&relay).await.unwrap_err();
    assert!(error.0.contains("certificate"), "{error}");
}

#[tokio::test]
async fn all_that_is_kept_expires() {
    let redis = Redis::start(RedisOptions::default());
    let relay = relay_at(redis.url());
    beat(&relay).await.unwrap();
    append(&relay, 1).await.unwrap();
    let keys = redis.cli(&["KEYS", "*"]);
    let mut left: Vec<u64> = keys
        .lines()
        .map(|key| redis.cli(&["PTTL", key]).parse().unwrap())
        .collect();
    left.sort_unstable();
    let [log, roll] = left[..] else {
        panic!("a roll and a log: {keys}");
    };
    assert!(
        (RELAY_LOG_MS_KEPT - 10_000..=RELAY_LOG_MS_KEPT).contains(&log),
        "{log}"
    );
    assert!(
        (RELAY_ROLL_MS_KEPT - 10_000..=RELAY_ROLL_MS_KEPT).contains(&roll),
        "{roll}"
    );
}

#[tokio::test]
async fn a_call_is_one_command() {
    let redis = Redis::start(RedisOptions::default());
    let relay = relay_at(redis.url());
    beat(&relay).await.unwrap();
    append(&relay, 1).await.unwrap();
    assert_eq!(redis.cli(&["CONFIG", "RESETSTAT"]), "OK");
    beat(&relay).await.unwrap();
    append(&relay, 2).await.unwrap();
    read(&relay).await.unwrap();
    let stats = redis.cli(&["INFO", "commandstats"]);
    let counted = stats.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name, rest.split(',').next()?.parse().ok()?))
    });
    let mut counted: BTreeMap<&str, u32> = counted.collect();
    counted.retain(|name, _| !name.starts_with("config"));
    // Two scripts and what is in them, and the read.
    let expected = [
        ("evalsha", 2),
        ("hgetall", 1),
        ("hset", 1),
        ("pexpire", 2),
        ("xadd", 1),
        ("xrange", 1),
        ("xrevrange", 1),
    ];
    assert_eq!(counted, expected.into());
}
