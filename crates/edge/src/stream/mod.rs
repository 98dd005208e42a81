//! Streams of counts: `GET /v1/apps/{sdkappid}/counts/stream`, server-sent events.
//!
//! This door is this server's own, so it speaks plain HTTP: a fault has its status, and the envelope of
//! the REST door as its body.

mod body;
mod event;
mod pace;
mod query;
mod socket;

use std::net::IpAddr;
use std::sync::Arc;

use headcount_core::limits::STREAMS_MAX;
use headcount_core::{Code, SdkAppId};
use headcount_service::{AuthenticatedCall, FindGroupError, Watching};
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request};
use http_body_util::Either;
use hyper::body::Incoming;
use tokio::time::Instant;

pub(crate) use body::CountsBody;
pub(crate) use socket::{Blocked, Observed};

use crate::body::{self as bodies, Body};
use crate::command::Family;
use crate::connection::UnderWay;
use crate::fault::Fault;
use crate::request_log::RequestLine;
use event::{EventId, Labels};
use pace::Pace;
use query::StreamQuery;

/// Whether a path leads to this door.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// Answers one request with a stream, or with why there is none.
pub(crate) async fn handle(under_way: UnderWay, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let (head, _) = request.into_parts();
    let listening = Arc::clone(under_way.listening());
    let clock = listening.service.clock();
    let began_us = clock.monotonic_us();
    let app = app_of(head.uri.path());
    let query = StreamQuery::parse(head.uri.query().unwrap_or_default());
    let opened = open(under_way, peer, &head, app, &query).await;
    let (code, bytes_out, response) = match opened {
        Ok(counts) => (Code::OK, 0, streaming(counts)),
        Err(fault) => failed(fault),
    };
    listening.log.line(&RequestLine {
        wall_ms: clock.wall_ms(),
        door: "rest",
        peer,
        app: app.map_or(0, |app| app.0),
        caller: query.as_ref().map_or("", |query| &query.identifier),
        service: if app.is_some() { "counts" } else { "?" },
        command: if app.is_some() { "stream" } else { "?" },
        code: code.0,
        took_us: clock.monotonic_us() - began_us,
        bytes_in: 0,
        bytes_out,
    });
    response
}

/// The app in `/v1/apps/{sdkappid}/counts/stream`.
pub(crate) fn app_of(path: &str) -> Option<SdkAppId> {
    let app = path.strip_prefix("/v1/apps/")?.strip_suffix("/counts/stream")?;
    app.parse().ok().map(SdkAppId)
}

async fn open(
    under_way: UnderWay,
    peer: IpAddr,
    head: &request::Parts,
    app: Option<SdkAppId>,
    query: &Result<StreamQuery<'_>, Fault>,
) -> Result<CountsBody, Fault> {
    let Some(sdkappid) = app else {
        let info = "the requested path is wrong: it is /v1/apps/{sdkappid}/counts/stream";
        return Err(Fault::code(Code::PATH_WRONG, info));
    };
    if head.method != Method::GET {
        return Err(Fault::code(Code::HTTP_PARSE, "a stream is asked for with GET"));
    }
    let query = query.as_ref().map_err(Clone::clone)?;
    let service = under_way.service();
    let call = AuthenticatedCall {
        sdkappid,
        identifier: &query.identifier,
        usersig: &query.usersig,
        peer,
    };
    let standing = service.authenticate_standing(&call).await?;
    let standing = standing.ok_or_else(Fault::not_app_admin)?;
    let place = Arc::clone(&under_way.listening().streams).try_acquire_owned();
    let place = place.map_err(|_| {
        let info = format!("the server has {STREAMS_MAX} streams open: watch more groups with fewer of them");
        Fault::code(Code::RATE_LIMITED, info)
    })?;
    let since = since(head, query.last_event_id.as_deref(), service.run());
    let watched = service
        .watch(&standing.caller(), query.groups.clone(), since)
        .await?;
    let Watching { watch, ids, missing } = watched;
    if watch.is_over() {
        return Err(FindGroupError::Absent.into());
    }
    // From now on: a reader whose window is closed from the start asks for nothing at all.
    under_way.streamed();
    let now = Instant::now();
    let stop = under_way.listening().stop.clone().cancelled_owned();
    Ok(CountsBody {
        watch,
        labels: Labels::new(&ids),
        event_bytes: 0,
        missing,
        by_platform: query.by_platform,
        standing,
        pace: Pace::new(query.interval, now),
        timer: Box::pin(tokio::time::sleep_until(now)),
        stop: Box::pin(stop),
        under_way,
        _place: place,
        over: false,
    })
}

/// The stamp that a reader of this run of the server has come to. What an `EventSource` sends on its own
/// when it comes back is newer than what stands in its URL.
fn since(head: &request::Parts, in_query: Option<&str>, run: u64) -> Option<u64> {
    let in_header = head
        .headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let id = EventId::parse(in_header.or(in_query)?)?;
    (id.run == run).then_some(id.stamp)
}

fn streaming(counts: CountsBody) -> Response<Body> {
    let mut response = Response::new(Either::Right(Box::new(counts)));
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect answers before they pass them on (nginx) would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn failed(fault: Fault) -> (Code, usize, Response<Body>) {
    let answer = fault.answer(Family::Group);
    let (code, bytes_out) = (answer.code, answer.body.len());
    let mut response = Response::new(bodies::whole(answer.body));
    *response.status_mut() = status(code);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    (code, bytes_out, response)
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::HTTP_PARSE => StatusCode::METHOD_NOT_ALLOWED,
        Code::PATH_WRONG | Code::APP_ABSENT | Code::REGION_WRONG | Code::GROUP_ABSENT => {
            StatusCode::NOT_FOUND
        }
        Code::NOT_APP_ADMIN => StatusCode::FORBIDDEN,
        Code::USERSIG_EXPIRED
        | Code::USERSIG_EMPTY
        | Code::USERSIG_MALFORMED
        | Code::USERSIG_BAD_SIGNATURE
        | Code::USERSIG_USER_MISMATCH
        | Code::USERSIG_APP_MISMATCH => StatusCode::UNAUTHORIZED,
        Code::TOO_MANY_FAILED_USERSIGS => StatusCode::TOO_MANY_REQUESTS,
        Code::RATE_LIMITED => StatusCode::SERVICE_UNAVAILABLE,
        Code::GROUP_INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_stands_in_the_path() {
        assert_eq!(app_of("/v1/apps/14/counts/stream"), Some(SdkAppId(14)));
        for other in [
            "/v1/",
            "/v1/apps/counts/stream",
            "/v1/apps//counts/stream",
            "/v1/apps/x/counts/stream",
            "/v1/apps/1/counts/stream/",
            "/v1/apps/1/2/counts/stream",
            "/v1/apps/-1/counts/stream",
        ] {
            assert_eq!(app_of(other), None, "{other}");
        }
    }
}
