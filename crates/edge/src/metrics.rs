//! Metrics in the text format of Prometheus.

use std::fmt::{Display, Write};

use headcount_service::{Health, PeerState};

use crate::ops::state_name;

/// The states of peers, each of which has a number even when it is 0.
const STATES: [PeerState; 4] = [
    PeerState::Asked,
    PeerState::Telling,
    PeerState::Known,
    PeerState::Gone,
];

/// All metrics.
pub(crate) fn text(health: &Health) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(String, &dyn Display)]| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let plain = String::new;
    gauge(
        "headcount_online_accounts",
        "Accounts online, over all apps and nodes.",
        &[(plain(), &health.online_accounts)],
    );
    gauge(
        "headcount_ready",
        "Whether this node can count.",
        &[(plain(), &u8::from(health.is_ready()))],
    );
    gauge(
        "headcount_directory_silent_milliseconds",
        "How long the directory has not answered; 0 while it does.",
        &[(plain(), &health.directory_silent_ms)],
    );
    let Some(cluster) = &health.cluster else {
        return text;
    };
    gauge(
        "headcount_relay_silent_milliseconds",
        "How long Redis has not answered; 0 while it does.",
        &[(plain(), &cluster.relay_silent_ms)],
    );
    let in_state = STATES.map(|state| cluster.peers.iter().filter(|peer| peer.state == state).count());
    let label = |state| format!("{{state=\"{}\"}}", state_name(state));
    let counted = STATES.iter().zip(&in_state);
    let values: Vec<(String, &dyn Display)> = counted
        .map(|(&state, number)| (label(state), number as &dyn Display))
        .collect();
    gauge(
        "headcount_peers",
        "Other nodes, by what is known of them.",
        &values,
    );
    text
}
