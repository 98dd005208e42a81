//! The REST door: `POST /v4/{service}/{command}?sdkappid&identifier&usersig&random&contenttype`.
//!
//! Always HTTP 200 with the envelope. Faults are found in the published order: path, query, app and
//! region, signature, admin, command, rate, body.

mod query;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use headcount_core::Code;
use headcount_core::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_BODY_MS_MAX};
use headcount_service::{AppEntry, AuthenticatedCall, Caller, Who};
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

use crate::answer::Answer;
use crate::body::{self, Body};
use crate::command::{Call, Callers, Family, Lookup, find, no_such_command};
use crate::connection::HttpConnection;
use crate::edge::{Listening, ServiceHold};
use crate::fault::Fault;
use crate::request_log::RequestLine;
use query::Query;

pub(crate) use query::decode;

/// Answers one call.
pub(crate) async fn handle(connection: &HttpConnection, request: Request<Incoming>) -> Response<Body> {
    let (listening, peer) = (&connection.listening, connection.peer);
    let clock = listening.service.clock();
    let (began_us, began_wall_ms) = (clock.monotonic_us(), clock.wall_ms());
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let path = head.uri.path();
    let found = path_names(path).map_or(Lookup::UnknownService, |(service, name)| find(service, name));
    let mut bytes_in = 0;
    let call = RestCall {
        peer,
        now_s: began_wall_ms / 1000,
        method: &head.method,
        found,
        query: &query,
    };
    let answered = call.run(listening, body, &mut bytes_in).await;
    let answer = answered.unwrap_or_else(|fault| fault.answer(Family::Group));
    let (service, command) = found.names();
    let took_us = clock.monotonic_us() - began_us;
    listening.log.line(&RequestLine {
        wall_ms: began_wall_ms + took_us / 1000,
        door: "rest",
        peer,
        app: query.as_ref().map_or(0, |query| query.sdkappid.0),
        caller: query.as_ref().map_or("", |query| &query.identifier),
        service,
        command,
        code: answer.code.0,
        took_us,
        bytes_in,
        bytes_out: answer.body.len(),
    });
    respond(answer)
}

/// What a call says before its body.
struct RestCall<'a> {
    peer: IpAddr,
    now_s: u64,
    method: &'a Method,
    found: Lookup,
    query: &'a Result<Query<'a>, Fault>,
}

impl RestCall<'_> {
    async fn run(
        self,
        listening: &Arc<Listening>,
        body: Incoming,
        bytes_in: &mut usize,
    ) -> Result<Answer, Fault> {
        if *self.method != Method::POST {
            return Err(Fault::code(Code::HTTP_PARSE, "HTTP parse Error"));
        }
        if matches!(self.found, Lookup::UnknownService) {
            return Err(path_wrong());
        }
        let query = self.query.as_ref().map_err(Clone::clone)?;
        let app = self.authenticate(listening, query).await?;
        let Some(admin) = app.admin(&query.identifier) else {
            return Err(Fault::not_app_admin());
        };
        let (command, service_name, place) = match self.found {
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
        let monotonic_ms = || listening.service.clock().monotonic_ms();
        if !listening.limiter.take(query.sdkappid, place, monotonic_ms) {
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
            service: ServiceHold(Arc::clone(listening)),
            caller,
            service_name,
            command,
            body,
        };
        Ok((command.run)(call).answer().await)
    }

    async fn authenticate(&self, listening: &Listening, query: &Query<'_>) -> Result<Arc<AppEntry>, Fault> {
        let call = AuthenticatedCall {
            sdkappid: query.sdkappid,
            identifier: &query.identifier,
            usersig: &query.usersig,
            peer: self.peer,
        };
        match listening.service.authenticate_cached(&call, self.now_s) {
            Some(app) => Ok(app),
            None => Ok(listening.service.authenticate(&call).await?),
        }
    }
}

/// The body, when it is neither too large nor too slow.
async fn read(body: Incoming) -> Result<Bytes, Fault> {
    if body.size_hint().lower() > REQUEST_BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let limit = Duration::from_millis(REQUEST_BODY_MS_MAX);
    tokio::time::timeout(limit, gather(body))
        .await
        .unwrap_or_else(|_| {
            Err(Fault::code(
                Code::TIMEOUT,
                "service timeout or request format error,please check and try again",
            ))
        })
}

/// The pieces of a body together: nearly always there is one, which is not copied.
async fn gather(mut body: Incoming) -> Result<Bytes, Fault> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|_| Fault::code(Code::HTTP_PARSE, "HTTP parse Error"))?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(whole.len()) + data.len() > REQUEST_BODY_BYTES_MAX {
            return Err(too_large());
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn too_large() -> Fault {
    let info = format!("the body is larger than {REQUEST_BODY_BYTES_MAX} bytes: send fewer items at once");
    Fault::code(Code::HTTP_PARSE, info)
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

fn respond(answer: Answer) -> Response<Body> {
    let mut response = Response::new(body::whole(answer.body));
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
