//! The operators' listener: health, and the audit.

use headcount_service::{AuditReport, Difference};
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::body::{self, Body};
use crate::edge::Edge;

/// Answers one request.
pub(crate) async fn handle(edge: &Edge, request: Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => reply(StatusCode::OK, &json!({ "status": "ok" })),
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
        (_, "/healthz" | "/audit") => reply(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({ "error": "GET /healthz or POST /audit" }),
        ),
        _ => reply(
            StatusCode::NOT_FOUND,
            &json!({ "error": "GET /healthz or POST /audit" }),
        ),
    }
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
