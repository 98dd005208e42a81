//! Nodes that share a process have a relay like all others.

use std::sync::Arc;

use async_trait::async_trait;
use headcount_cluster::conformance::{Bench, run_all};
use headcount_cluster::{Entry, Incarnation, LocalRelay, LogPosition, Relay, RollRow};

#[derive(Default)]
struct Memory(Arc<LocalRelay>);

#[async_trait]
impl Bench for Memory {
    async fn connect(&self) -> Arc<dyn Relay> {
        self.0.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    run_all(Memory::default).await;
}

#[tokio::test]
async fn it_forgets_when_it_is_told_to() {
    let relay = LocalRelay::default();
    let node = Incarnation(1);
    let entry = |number| Entry {
        number,
        bytes: "e".into(),
    };
    let position = LogPosition { node, after: 0 };
    let text = "a".to_owned();
    relay.beat(RollRow { node, text }).await.unwrap();
    relay.append(node, (1..=5).map(entry).collect()).await.unwrap();
    relay.forget_latest(2);
    let left = relay.read(vec![position]).await.unwrap();
    assert_eq!(left, [(1..=3).map(entry).collect::<Vec<_>>()]);
    relay.forget();
    assert_eq!(relay.read(vec![position]).await.unwrap(), [vec![]]);
    let node = Incarnation(2);
    let text = String::new();
    assert_eq!(relay.beat(RollRow { node, text }).await.unwrap().len(), 1);
}
