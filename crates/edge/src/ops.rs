//! The operators' listener: health, metrics, the cluster, and the audit.

use headcount_service::{AuditReport, Difference, Health, NodeNumber, PeerState, PeerStatus, SessionDigest};
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::body::{self, Body};
use crate::edge::Edge;
use crate::metrics;

/// What is there.
const PATHS: &str = "GET /healthz, GET /readyz, GET /metrics, GET /cluster or POST /audit";

/// Answers one request.
pub(crate) async fn handle(edge: &Edge, request: Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => reply(StatusCode::OK, &json!({ "status": "ok" })),
        (&Method::GET, "/readyz") => ready(&edge.service.health()),
        (&Method::GET, "/metrics") => text(metrics::text(&edge.service.health())),
        (&Method::GET, "/cluster") => cluster(edge),
        (&Method::POST, "/audit") => match edge.service.audit().await {
            Ok(report) => reply(StatusCode::OK, &report_json(&report)),
            Err(error) => {
                tracing::error!(%error, "the audit failed");
                reply(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &json!({ "error": "the directory failed, see the log" }),
                )
            }
        },
        (_, "/healthz" | "/readyz" | "/metrics" | "/cluster" | "/audit") => {
            reply(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": PATHS }))
        }
        _ => reply(StatusCode::NOT_FOUND, &json!({ "error": PATHS })),
    }
}

/// For load balancers: whether clients may be sent here.
fn ready(health: &Health) -> Response<Body> {
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let relay_silent_ms = health.cluster.as_ref().map(|cluster| cluster.relay_silent_ms);
    let answer = json!({
        "ready": health.is_ready(),
        "directory_silent_ms": health.directory_silent_ms,
        "relay_silent_ms": relay_silent_ms,
    });
    reply(status, &answer)
}

/// For `headcount audit --cluster`: the nodes, and digests of what this one knows of their sessions.
fn cluster(edge: &Edge) -> Response<Body> {
    // Before the status: what is known now is no older than what the status tells.
    let digests = edge.service.session_digests();
    let Some(status) = edge.service.health().cluster else {
        let alone = json!({ "error": "this server stands alone" });
        return reply(StatusCode::NOT_FOUND, &alone);
    };
    let digest = |number: NodeNumber| {
        let SessionDigest { sessions, mixture } = digests.get(&number).copied().unwrap_or_default();
        (sessions, format!("{mixture:016x}"))
    };
    let peer = |peer: &PeerStatus| {
        let (sessions, digest) = digest(peer.number);
        json!({
            "node": peer.node.to_string(), "name": peer.name, "ops": peer.ops,
            "state": state_name(peer.state), "silent_ms": peer.silent_ms, "entries": peer.entries,
            "sessions": sessions, "digest": digest,
        })
    };
    let (sessions, here) = digest(NodeNumber::HERE);
    let answer = json!({
        "node": status.node.to_string(), "name": status.name, "ready": status.ready,
        "relay_silent_ms": status.relay_silent_ms, "entries": status.entries, "position": status.position,
        "sessions": sessions, "digest": here,
        "peers": status.peers.iter().map(peer).collect::<Vec<_>>(),
    });
    reply(StatusCode::OK, &answer)
}

/// What operators call a peer's state.
pub(crate) fn state_name(state: PeerState) -> &'static str {
    match state {
        PeerState::Asked => "asked",
        PeerState::Telling => "telling",
        PeerState::Known => "known",
        PeerState::Gone => "gone",
    }
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(body::whole(text.into_bytes()));
    let plain = header::HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn report_json(report: &AuditReport) -> Value {
    let difference = |difference: &Difference| {
        json!({
            "sdkappid": difference.sdkappid.map(|app| app.0),
            "group": difference.group,
            "number": difference.number,
            "shown": difference.shown,
            "counted": difference.counted,
        })
    };
    json!({
        "groups": report.groups,
        "memberships": report.memberships,
        "online": report.online,
        "differences": report.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

fn reply(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(body::whole(format!("{value}\n").into_bytes()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
