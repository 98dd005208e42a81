//! `headcount audit --cluster`: every node against a recount, and against what the others know of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use tokio::net::lookup_host;
use tokio::time::Instant;

use super::{ask, audit_live};
use crate::Failure;

/// How long nodes may take to agree: what happens on one reaches the others within a second.
const AGREE_WITHIN: Duration = Duration::from_secs(5);
/// How often they are asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What a node answers; see the ops listener.
#[derive(Debug, Deserialize)]
struct NodeReport {
    node: String,
    name: String,
    ready: bool,
    sessions: u64,
    digest: String,
    peers: Vec<PeerReport>,
}

#[derive(Debug, Deserialize)]
struct PeerReport {
    node: String,
    name: String,
    ops: Option<String>,
    state: String,
    sessions: u64,
    digest: String,
}

/// Audits every node of the cluster of the one at `first`.
pub(super) async fn audit(first: SocketAddr) -> Result<bool, Failure> {
    let nodes = find_nodes(first).await?;
    let mut clean = true;
    for (name, ops) in &nodes {
        clean &= audit_live(*ops, &format!("node {name}")).await?;
    }
    let deadline = Instant::now() + AGREE_WITHIN;
    loop {
        let mut reports = Vec::new();
        for (name, ops) in &nodes {
            reports.push(report(name, *ops).await?);
        }
        let disagreements = disagreements(&reports);
        if disagreements.is_empty() {
            let sessions: u64 = reports.iter().map(|report| report.sessions).sum();
            println!(
                "cluster: {} nodes with {sessions} sessions know the same",
                reports.len()
            );
            return Ok(clean);
        }
        if Instant::now() >= deadline {
            for line in disagreements {
                println!("{line}");
            }
            return Ok(false);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// The operators' listeners of all nodes that live, by their names.
async fn find_nodes(first: SocketAddr) -> Result<Vec<(String, SocketAddr)>, Failure> {
    let report = report("", first).await?;
    let mut nodes = vec![(report.name, first)];
    for peer in report.peers.into_iter().filter(|peer| peer.state != "gone") {
        let Some(ops) = peer.ops else {
            return Err(Failure(format!(
                "node {} does not say where its operators' listener is: set its cluster.ops_address",
                peer.name
            )));
        };
        let found = lookup_host(&ops).await.ok().and_then(|mut found| found.next());
        let found = found.ok_or_else(|| Failure(format!("node {}: {ops} is not found", peer.name)))?;
        nodes.push((peer.name, found));
    }
    Ok(nodes)
}

async fn report(name: &str, ops: SocketAddr) -> Result<NodeReport, Failure> {
    let report = ask(ops, Method::GET, "/cluster").await;
    report.map_err(|error| Failure(format!("cannot ask node {name} at http://{ops}: {error}")))
}

/// What nodes know of each other that is not so.
fn disagreements(reports: &[NodeReport]) -> Vec<String> {
    let mut lines: Vec<String> = reports
        .iter()
        .filter(|report| !report.ready)
        .map(|report| format!("node {} cannot count yet", report.name))
        .collect();
    let truth: BTreeMap<&str, &NodeReport> = reports
        .iter()
        .map(|report| (report.node.as_str(), report))
        .collect();
    for report in reports {
        for peer in report.peers.iter().filter(|peer| peer.state != "gone") {
            match truth.get(peer.node.as_str()) {
                Some(same) if same.digest == peer.digest => {}
                Some(other) => lines.push(format!(
                    "node {} knows {} sessions of node {}, which has {}: they are not the same",
                    report.name, peer.sessions, other.name, other.sessions
                )),
                None => lines.push(format!(
                    "node {} knows of a node {} that was not asked",
                    report.name, peer.name
                )),
            }
        }
        let known = report.peers.iter().filter(|peer| peer.state != "gone").count();
        if known + 1 < reports.len() {
            lines.push(format!("node {} does not know every node", report.name));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, digest: &str, peers: &[(&str, &str, &str)]) -> NodeReport {
        let peer = |&(name, state, digest): &(&str, &str, &str)| PeerReport {
            node: name.to_owned(),
            name: name.to_owned(),
            ops: None,
            state: state.to_owned(),
            sessions: 1,
            digest: digest.to_owned(),
        };
        NodeReport {
            node: name.to_owned(),
            name: name.to_owned(),
            ready: true,
            sessions: 2,
            digest: digest.to_owned(),
            peers: peers.iter().map(peer).collect(),
        }
    }

    #[test]
    fn nodes_that_know_the_same_agree() {
        let agreeing = [
            node("a", "1", &[("b", "known", "2"), ("old", "gone", "")]),
            node("b", "2", &[("a", "known", "1")]),
        ];
        assert_eq!(disagreements(&agreeing), Vec::<String>::new());
    }

    #[test]
    fn each_disagreement_is_named() {
        let stale = [
            node("a", "1", &[("b", "known", "3")]),
            node("b", "2", &[("a", "known", "1")]),
        ];
        assert_eq!(
            disagreements(&stale),
            ["node a knows 1 sessions of node b, which has 2: they are not the same"]
        );
        let alone = [node("a", "1", &[]), node("b", "2", &[("a", "known", "1")])];
        assert_eq!(disagreements(&alone), ["node a does not know every node"]);
        let mut unready = [node("a", "1", &[])];
        unready[0].ready = false;
        assert_eq!(disagreements(&unready), ["node a cannot count yet"]);
        let unasked = [node("a", "1", &[("c", "asked", "")])];
        assert_eq!(
            disagreements(&unasked),
            ["node a knows of a node c that was not asked"]
        );
    }
}
