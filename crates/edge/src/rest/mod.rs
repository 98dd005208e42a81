//! The REST door: `POST /v4/{service}/{command}?sdkappid&identifier&usersig&random&contenttype`.
//!
//! Always HTTP 200 with the envelope. Faults are found in the published order: path, query, app and
//! region, signature, admin, command, rate, body.

mod query;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headcount_core::Code;
use headcount_core::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_BODY_MS_MAX};
use headcount_service::{AppEntry, AuthenticatedCall, Caller, Who};
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};

use crate::answer::Answer;
use crate::command::{Call, Callers, Family, Lookup, find, no_such_command};
use crate::edge::Edge;
use crate::fault::Fault;
use crate::request_log::RequestLine;
use query::Query;

/// Answers one call.
pub(crate) async fn handle(
    edge: &Arc<Edge>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let clock = edge.service.clock();
    let began_us = clock.monotonic_us();
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let path = head.uri.path();
    let found = path_names(path).map_or(Lookup::UnknownService, |(service, name)| find(service, name));
    let mut bytes_in = 0;
    let answered = call(edge, peer, &head.method, found, &query, body, &mut bytes_in).await;
    let answer = answered.unwrap_or_else(|fault| fault.answer(Family::Group));
    let (service, command) = found.names();
    edge.log.line(&RequestLine {
        wall_ms: clock.wall_ms(),
        door: "rest",
        peer,
        app: query.as_ref().map_or(0, |query| query.sdkappid.0),
        caller: query.as_ref().map_or("", |query| &query.identifier),
        service,
        command,
        code: answer.code.0,
        took_us: clock.monotonic_us() - began_us,
        bytes_in,
        bytes_out: answer.body.len(),
    });
    respond(answer)
}

async fn call(
    edge: &Arc<Edge>,
    peer: IpAddr,
    method: &Method,
    found: Lookup,
    query: &Result<Query<'_>, Fault>,
    body: Incoming,
    bytes_in: &mut usize,
) -> Result<Answer, Fault> {
    if *method != Method::POST {
        return Err(Fault::code(Code::HTTP_PARSE, "HTTP parse Error"));
    }
    if matches!(found, Lookup::UnknownService) {
        return Err(path_wrong());
    }
    let query = query.as_ref().map_err(Clone::clone)?;
    let app = authenticate(edge, peer, query).await?;
    let Some(admin) = app.admin(&query.identifier).cloned() else {
        return Err(Fault::code(
            Code::NOT_APP_ADMIN,
            "identifier is not an admin of this app: call with an admin's UserSig",
        ));
    };
    let (command, service_name, place) = match found {
        Lookup::Found(command, service_name, place) => (command, service_name, place),
        Lookup::UnknownCommand(service) => return Err(no_such_command(service)),
        Lookup::UnknownService => return Err(path_wrong()),
    };
    if command.callers == Callers::User {
        return Err(Fault::code(
            Code::UNKNOWN_COMMAND,
            "this command is for clients, not for REST",
        ));
    }
    if !edge
        .limiter
        .take(query.sdkappid, place, || edge.service.clock().monotonic_ms())
    {
        return Err(Fault::code(
            Code::RATE_LIMITED,
            "this command is called too often: slow down",
        ));
    }
    let body = read(body).await?;
    *bytes_in = body.len();
    let caller = Caller {
        app,
        who: Who::Admin(admin),
    };
    let call = Call {
        service: Arc::clone(&edge.service),
        caller,
        service_name,
        command,
        body,
    };
    Ok((command.run)(call).answer().await)
}

async fn authenticate(edge: &Edge, peer: IpAddr, query: &Query<'_>) -> Result<Arc<AppEntry>, Fault> {
    let call = AuthenticatedCall {
        sdkappid: query.sdkappid,
        identifier: &query.identifier,
        usersig: &query.usersig,
        peer,
    };
    match edge.service.authenticate_cached(&call) {
        Some(app) => Ok(app),
        None => Ok(edge.service.authenticate(&call).await?),
    }
}

/// The body, when it is neither too large nor too slow.
async fn read(body: Incoming) -> Result<Bytes, Fault> {
    let too_large = || {
        let info =
            format!("the body is larger than {REQUEST_BODY_BYTES_MAX} bytes: send fewer items at once");
        Fault::code(Code::HTTP_PARSE, info)
    };
    if body.size_hint().lower() > REQUEST_BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let collected = Limited::new(body, REQUEST_BODY_BYTES_MAX).collect();
    match tokio::time::timeout(Duration::from_millis(REQUEST_BODY_MS_MAX), collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Fault::code(Code::HTTP_PARSE, "HTTP parse Error")),
        Err(_) => Err(Fault::code(
            Code::TIMEOUT,
            "service timeout or request format error,please check and try again",
        )),
    }
}

fn path_names(path: &str) -> Option<(&str, &str)> {
    let (service, command) = path.strip_prefix("/v4/")?.split_once('/')?;
    (!service.is_empty() && !command.is_empty() && !command.contains('/')).then_some((service, command))
}

fn path_wrong() -> Fault {
    Fault::code(
        Code::PATH_WRONG,
        "the requested path is wrong: it is /v4/{service}/{command}",
    )
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_two_names() {
        assert_eq!(path_names("/v4/s/c"), Some(("s", "c")));
        for wrong in [
            "/",
            "/v4",
            "/v4/s",
            "/v4/s/",
            "/v4//c",
            "/v4/s/c/",
            "/v3/s/c",
            "/v4/s/c/d",
        ] {
            assert_eq!(path_names(wrong), None, "{wrong}");
        }
    }
}
