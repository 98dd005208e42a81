//! A stream as the body of an answer: hyper asks it for pieces as fast as its reader takes them in.
//!
//! It has no task and no queue. Between two looks it is a timer of its connection; a look compares one
//! integer for each group, and what has changed becomes one event.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use headcount_service::{FindGroupError, StandingAdmin, Watch};
use hyper::body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::event::{ALIVE, EventId, EventWriter, Labels};
use super::pace::{Pace, Turn};
use crate::body::{Chunk, piece};
use crate::connection::UnderWay;
use crate::fault::Fault;

/// The counts of a stream's groups as they change.
pub(crate) struct CountsBody {
    pub(super) watch: Watch,
    pub(super) labels: Labels,
    /// Bytes of the last event: the next one will have about as many.
    pub(super) event_bytes: usize,
    /// Groups that there are not, until they are told.
    pub(super) missing: Vec<(String, FindGroupError)>,
    pub(super) by_platform: bool,
    pub(super) standing: StandingAdmin,
    pub(super) pace: Pace,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) stop: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Its connection, which is not silent as long as this is there.
    pub(super) under_way: UnderWay,
    /// Its place among the streams of the server.
    pub(super) _place: OwnedSemaphorePermit,
    pub(super) over: bool,
}

/// The reader of a stream took nothing in for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderStalled;

impl fmt::Display for ReaderStalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of a stream took nothing in for too long")
    }
}

impl std::error::Error for ReaderStalled {}

impl CountsBody {
    /// What has changed since the last look, as an event.
    fn look(&mut self) -> Option<Vec<u8>> {
        let service = self.under_way.service();
        let (as_of_ms, run) = (service.clock().wall_ms(), service.run());
        let mut event = EventWriter::new(&self.labels, as_of_ms, self.by_platform, self.event_bytes);
        let stamp = self.watch.look(|place, sight| event.count(place, sight));
        for (id, error) in std::mem::take(&mut self.missing) {
            if let Fault::Code(code, info) = Fault::from(error) {
                event.missing(&id, code, &info);
            }
        }
        let event = event.finish(EventId { run, stamp })?;
        self.event_bytes = event.len();
        Some(event)
    }

    /// What it is time to say at this moment: a piece, nothing, or that it is over.
    fn turn(&mut self, now: Instant) -> Poll<Option<Result<Vec<u8>, ReaderStalled>>> {
        if self.watch.is_over() && self.missing.is_empty()
            || !self.under_way.service().still_holds(&self.standing)
        {
            return Poll::Ready(None);
        }
        self.under_way.streamed();
        let said = match self.pace.turn(now, self.under_way.is_blocked()) {
            Turn::Look { silent } => self.look().or_else(|| silent.then(|| ALIVE.to_vec())),
            Turn::Speak => Some(ALIVE.to_vec()),
            Turn::Wait => None,
            Turn::GiveUp => return Poll::Ready(Some(Err(ReaderStalled))),
        };
        match said {
            Some(text) => {
                self.pace.spoke(now);
                Poll::Ready(Some(Ok(text)))
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for CountsBody {
    fn drop(&mut self) {
        self.under_way.stream_ended();
    }
}

impl Body for CountsBody {
    type Data = Chunk;
    type Error = ReaderStalled;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, ReaderStalled>>> {
        if self.over || self.stop.as_mut().poll(cx).is_ready() {
            self.over = true;
            return Poll::Ready(None);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let turn = self.turn(now);
            let next = self.pace.next(now);
            self.timer.as_mut().reset(next);
            match turn {
                Poll::Pending => {}
                Poll::Ready(Some(Ok(text))) => return Poll::Ready(Some(Ok(Frame::data(piece(text))))),
                Poll::Ready(end) => {
                    self.over = true;
                    return Poll::Ready(end.map(|stalled| stalled.map(|text| Frame::data(piece(text)))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}
