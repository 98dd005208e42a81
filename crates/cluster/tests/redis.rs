//! Nodes that share a Redis have a relay like all others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use headcount_cluster::Relay;
use headcount_cluster::conformance::{Bench, run_all};
use headcount_cluster::redis::{RedisMode, RedisRelay, RedisSettings};
use testbed::{Redis, RedisCluster, RedisOptions};

/// Keys of its own in a Redis.
struct Keys(RedisSettings);

impl Keys {
    fn new(settings: &RedisSettings) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self(RedisSettings {
            prefix,
            ..settings.clone()
        })
    }
}

#[async_trait]
impl Bench for Keys {
    async fn connect(&self) -> Arc<dyn Relay> {
        Arc::new(RedisRelay::connect(&self.0).expect("settings"))
    }
}

async fn conforms(options: RedisOptions) {
    let redis = Redis::start(options);
    let settings = RedisSettings {
        urls: vec![redis.url()],
        ca_file: options.tls.then(|| redis.ca_pem()),
        ..RedisSettings::default()
    };
    run_all(|| Keys::new(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_conforms() {
    conforms(RedisOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_with_a_password_conforms() {
    let password = Some("sesame");
    conforms(RedisOptions { password, tls: false }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_with_tls_conforms() {
    let password = Some("sesame");
    conforms(RedisOptions { password, tls: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_conforms() {
    let cluster = RedisCluster::start();
    let settings = RedisSettings {
        urls: cluster.urls(),
        mode: RedisMode::Cluster,
        ..RedisSettings::default()
    };
    run_all(|| Keys::new(&settings)).await;
}
