//! A client's conversation with the gateway, without its socket: messages in, messages out.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use headcount_core::limits::GATEWAY_GUEST_MS_MAX;
use headcount_core::{Code, Platform, SdkAppId};
use headcount_service::{Caller, Credentials, Ending, LoggedIn, LoginError, LoginRequest, SessionEvent};
use serde_json::json;

use super::frame::CloseCode;
use super::message::{self, Head, Request, Text};
use super::push;
use crate::answer::Answer;
use crate::command::{Call, Callers, Family, Lookup, find, no_such_command};
use crate::edge::{Listening, ServiceHold};
use crate::fault::Fault;
use crate::request_log::RequestLine;

/// A connected client, logged in or not.
pub(super) struct Conversation {
    edge: Arc<Listening>,
    peer: IpAddr,
    state: State,
    /// Notices sent so far: their sequence.
    pushed: u32,
}

enum State {
    /// Connected, and nobody in particular.
    Guest,
    /// Online. Leaving this state, in whatever way, is going offline.
    LoggedIn(Box<LoggedIn>),
}

/// What follows from a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Say this.
    Say(Vec<u8>),
    /// Say goodbye.
    Close(CloseCode),
}

/// What the features of an app are switched on by, one digit each: user status (bit 7) and the like
/// would be here if they were offered.
const PURCHASE_BITS: &str = "0";

impl Conversation {
    pub(super) fn new(edge: Arc<Listening>, peer: IpAddr) -> Self {
        Self {
            edge,
            peer,
            state: State::Guest,
            pushed: 0,
        }
    }

    /// How long the client may be silent.
    pub(super) fn silence_max(&self) -> Duration {
        match &self.state {
            State::Guest => Duration::from_millis(GATEWAY_GUEST_MS_MAX),
            State::LoggedIn(login) => self.edge.settings.heartbeat.timeout(login.platform),
        }
    }

    /// Looks for what the service has to tell the client.
    pub(super) fn poll_event(&self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        match &self.state {
            State::Guest => Poll::Pending,
            State::LoggedIn(login) => login.session.handle().poll_next(cx),
        }
    }

    /// The service has something to tell the client.
    pub(super) fn on_event(&mut self, event: &SessionEvent) -> Reaction {
        match event {
            SessionEvent::Notice(notice) => {
                self.pushed = self.pushed.wrapping_add(1);
                Reaction::Say(push::notice(notice, self.pushed))
            }
            SessionEvent::Ended(ending) => self.on_ended(*ending),
        }
    }

    fn on_ended(&mut self, ending: Ending) -> Reaction {
        self.state = State::Guest;
        if ending == Ending::TooSlow {
            return Reaction::Close(CloseCode::TryAgain);
        }
        // A client that came back on another connection has no use for this one.
        push::kickout(ending).map_or(Reaction::Close(CloseCode::Normal), Reaction::Say)
    }

    /// The answer to a client that is still there, which is known at once. Given also before a login and
    /// after a logout: any error sends the SDK into a loop.
    pub(super) fn alive(request: &Request<'_>) -> Option<Answer> {
        (request.command() == "heartbeat.alive").then(|| Answer::ok(&()))
    }

    /// The client asks for something. `len` is the length of its message.
    pub(super) async fn on_request(&mut self, request: &Request<'_>, len: usize) -> Reaction {
        let began_us = self.edge.service.clock().monotonic_us();
        let answered = self.answer(request).await;
        let answer = match answered {
            Ok(answer) => answer,
            Err(close) => return Reaction::Close(close),
        };
        self.log(request, &answer, len, began_us);
        Reaction::Say(message::answer(&request.head, &answer.body))
    }

    fn log(&self, request: &Request<'_>, answer: &Answer, bytes_in: usize, began_us: u64) {
        let (service, command) = match request.command() {
            "im_open_status.wslogin" => ("im_open_status", "wslogin"),
            "im_open_status.wslogout" => ("im_open_status", "wslogout"),
            "im_open_status.wshello" => ("im_open_status", "wshello"),
            other => command_of(other).names(),
        };
        let clock = self.edge.service.clock();
        let app = request
            .head
            .sdkappid
            .0
            .and_then(|app| u32::try_from(app).ok())
            .unwrap_or(0);
        self.edge.log.line(&RequestLine {
            wall_ms: clock.wall_ms(),
            door: "gateway",
            peer: self.peer,
            app,
            caller: self.caller().map_or("", Caller::name),
            service,
            command,
            code: answer.code.0,
            took_us: clock.monotonic_us() - began_us,
            bytes_in,
            bytes_out: answer.body.len(),
        });
    }

    fn caller(&self) -> Option<&Caller> {
        match &self.state {
            State::Guest => None,
            State::LoggedIn(login) => Some(&login.caller),
        }
    }

    async fn answer(&mut self, request: &Request<'_>) -> Result<Answer, CloseCode> {
        match request.command() {
            "im_open_status.wshello" => Ok(Answer::ok(&())),
            "im_open_status.wslogin" => self.log_in(&request.head).await,
            "im_open_status.wslogout" => {
                self.state = State::Guest;
                Ok(Answer::ok(&()))
            }
            _ => Ok(self.command(request).await),
        }
    }

    async fn log_in(&mut self, head: &Head<'_>) -> Result<Answer, CloseCode> {
        let returns = head.usersig.is_none() && head.a2.is_some();
        match self.try_log_in(head).await {
            Ok(mut login) => {
                // The client keeps it, and the session need not.
                let a2 = std::mem::take(&mut login.a2);
                let answer = self.welcome(&login, &a2);
                // The new session is open before an older one of this connection is let go, so a user
                // who logs in twice is never offline in between.
                self.state = State::LoggedIn(Box::new(login));
                Ok(answer)
            }
            Err(error) => {
                let answer = Fault::from(error).answer(Family::Account);
                // A client that returns takes any other error for success without a session, and stays
                // so; closed, it tries again.
                if returns && answer.code != Code::USERSIG_EXPIRED {
                    return Err(CloseCode::TryAgain);
                }
                Ok(answer)
            }
        }
    }

    async fn try_log_in<'a>(&self, head: &'a Head<'_>) -> Result<LoggedIn, LoginError> {
        let text = |text: &'a Option<Text<'_>>| text.as_ref().map_or("", |text| &text.0);
        let credentials = match (&head.usersig, &head.a2) {
            (None, Some(a2)) => Credentials::A2 {
                a2: &a2.0,
                tiny_id: head.tinyid.0.unwrap_or(0),
            },
            (usersig, _) => Credentials::UserSig {
                identifier: text(&head.identifier),
                usersig: text(usersig),
            },
        };
        let platform = Platform::from_client_number(head.platform.0.unwrap_or(0));
        let request = LoginRequest {
            sdkappid: app_of(head),
            credentials,
            platform,
            peer: self.peer,
        };
        self.edge.service.login(&request).await
    }

    fn welcome(&self, login: &LoggedIn, a2: &str) -> Answer {
        Answer::ok(&json!({
            "A2Key": a2,
            "TinyId": login.tiny_id.to_string(),
            "InstId": login.instance,
            "HelloInterval": self.edge.settings.heartbeat.interval.as_secs(),
            "TimeStamp": self.edge.service.clock().wall_s(),
            "PurchaseBits": PURCHASE_BITS,
            "CustomStatus": "",
        }))
    }

    /// Who sends a request: the user who is logged in, or the one whose A2 it carries. A client that
    /// lost its connection repeats what was under way before it logs in again.
    async fn sender(&self, head: &Head<'_>) -> Result<Caller, Fault> {
        if let Some(caller) = self.caller() {
            return Ok(caller.clone());
        }
        let Some(a2) = &head.a2 else {
            return Err(Fault::code(Code::NOT_LOGGED_IN, "log in first"));
        };
        Ok(self
            .edge
            .service
            .caller_of_a2(app_of(head), &a2.0, head.tinyid.0.unwrap_or(0))
            .await?)
    }

    async fn command(&self, request: &Request<'_>) -> Answer {
        match self.try_command(request).await {
            Ok(answer) => answer,
            Err(fault) => fault.answer(Family::Group),
        }
    }

    async fn try_command(&self, request: &Request<'_>) -> Result<Answer, Fault> {
        let caller = self.sender(&request.head).await?;
        let (command, service_name) = match command_of(request.command()) {
            Lookup::Found(command, service_name, _) => (command, service_name),
            Lookup::UnknownCommand(service) => return Err(no_such_command(service)),
            Lookup::UnknownService => {
                return Err(Fault::code(Code::PATH_WRONG, "there is no service of this name"));
            }
        };
        if command.callers == Callers::Admin {
            let info = "this command is for the app's backend, over REST";
            return Err(Fault::code(command.family.not_admin(), info));
        }
        let body = Bytes::copy_from_slice(request.body().as_bytes());
        let call = Call {
            service: ServiceHold(Arc::clone(&self.edge)),
            caller,
            service_name,
            command,
            body,
        };
        Ok((command.run)(call).answer().await)
    }
}

/// The command that a `servcmd` names.
fn command_of(servcmd: &str) -> Lookup {
    let (service, name) = servcmd.split_once('.').unwrap_or((servcmd, ""));
    find(service, name)
}

/// The app of a head; a number that is none belongs to no app.
fn app_of(head: &Head<'_>) -> SdkAppId {
    SdkAppId(
        head.sdkappid
            .0
            .and_then(|app| u32::try_from(app).ok())
            .unwrap_or(0),
    )
}
