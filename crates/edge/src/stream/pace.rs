//! When a stream looks, speaks and gives up. A plain machine: the time is passed in.

use std::time::Duration;

use headcount_core::limits::{STREAM_SILENCE_MS_MAX, STREAM_WRITE_MS_MAX};
use tokio::time::Instant;

const SILENCE: Duration = Duration::from_millis(STREAM_SILENCE_MS_MAX);
const PATIENCE: Duration = Duration::from_millis(STREAM_WRITE_MS_MAX);
/// How often a stream looks whether its reader goes on.
const ASK_READER: Duration = Duration::from_millis(500);

/// The times of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    look_at: Instant,
    speak_at: Instant,
    blocked_since: Option<Instant>,
}

/// What it is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// To look for changes, and to say so when there are none and it has been `silent` for long.
    Look { silent: bool },
    /// To say that the stream is alive.
    Speak,
    /// For nothing.
    Wait,
    /// To end: the reader takes nothing in.
    GiveUp,
}

impl Pace {
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            look_at: now,
            speak_at: now + SILENCE,
            blocked_since: None,
        }
    }

    /// What it is time for. `blocked` when the reader has not yet taken in what it was sent: then nothing
    /// is looked at, so that what it gets next is the latest.
    pub(super) fn turn(&mut self, now: Instant, blocked: bool) -> Turn {
        if blocked {
            let since = *self.blocked_since.get_or_insert(now);
            return if now - since >= PATIENCE {
                Turn::GiveUp
            } else {
                Turn::Wait
            };
        }
        self.blocked_since = None;
        let silent = now >= self.speak_at;
        if now >= self.look_at {
            self.look_at = now + self.interval;
            Turn::Look { silent }
        } else if silent {
            Turn::Speak
        } else {
            Turn::Wait
        }
    }

    /// Something was said.
    pub(super) fn spoke(&mut self, now: Instant) {
        self.speak_at = now + SILENCE;
    }

    /// When to ask again.
    pub(super) fn next(&self, now: Instant) -> Instant {
        match self.blocked_since {
            Some(_) => now + ASK_READER.min(self.interval),
            None => self.look_at.min(self.speak_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LOOK: Turn = Turn::Look { silent: false };

    fn pace(interval: Duration) -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(interval, now), now)
    }

    #[test]
    fn it_looks_at_once_and_then_once_each_interval() {
        let (mut pace, start) = pace(SECOND);
        assert_eq!(pace.turn(start, false), LOOK);
        pace.spoke(start);
        assert_eq!(pace.turn(start + SECOND / 2, false), Turn::Wait);
        assert_eq!(pace.next(start + SECOND / 2), start + SECOND);
        // Asked late, it does not catch up.
        let late = start + SECOND * 5 / 2;
        assert_eq!(pace.turn(late, false), LOOK);
        assert_eq!(pace.turn(start + SECOND * 3, false), Turn::Wait);
        assert_eq!(pace.next(late), late + SECOND);
    }

    #[test]
    fn it_is_never_silent_for_long() {
        let (mut pace, start) = pace(SECOND * 60);
        assert_eq!(pace.turn(start, false), LOOK);
        pace.spoke(start);
        assert_eq!(pace.next(start), start + SILENCE);
        assert_eq!(pace.turn(start + SILENCE, false), Turn::Speak);
        pace.spoke(start + SILENCE);
        assert_eq!(pace.turn(start + SILENCE, false), Turn::Wait);

        let (mut pace, start) = super::tests::pace(SECOND);
        for second in 0..15 {
            assert_eq!(pace.turn(start + SECOND * second, false), LOOK);
        }
        assert_eq!(pace.turn(start + SILENCE, false), Turn::Look { silent: true });
    }

    #[test]
    fn a_slow_reader_is_waited_for_but_not_without_end() {
        let (mut pace, start) = pace(SECOND);
        assert_eq!(pace.turn(start, false), LOOK);
        let mut now = start + SECOND;
        while now < start + SECOND + PATIENCE {
            assert_eq!(pace.turn(now, true), Turn::Wait, "nothing is looked at meanwhile");
            assert!(pace.next(now) > now && pace.next(now) <= now + SECOND);
            now = pace.next(now);
        }
        assert_eq!(pace.turn(now, false), LOOK, "it goes on, and so does the stream");
        now += SECOND;
        assert_eq!(pace.turn(now, true), Turn::Wait);
        assert_eq!(pace.turn(now + PATIENCE - SECOND, true), Turn::Wait);
        assert_eq!(pace.turn(now + PATIENCE, true), Turn::GiveUp);
    }
}
