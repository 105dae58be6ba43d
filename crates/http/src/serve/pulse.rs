//! When a connection has waited long enough: deadlines from what it does, not from what it says it will do. WH-13.
//!
//! A connection with a request in flight is left alone, because each step of a request has a time of its own. Without
//! one it has to send the head of its first request, later heads, and it must not stay idle for ever. Time is measured
//! from the last answer, so drops of a head, HTTP/2 pings and an answer that nobody takes prolong nothing.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::serve::Limits;

/// How things stand for the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// There is room.
    Calm,
    /// Others wait for a place: who has no request goes soon.
    Full,
    /// The server ends.
    Ending,
}

/// Longest quiet while others wait for a place.
const QUIET_WHEN_FULL: Duration = Duration::from_secs(2);
/// How long a connection that was asked to end may take.
const LINGER: Duration = Duration::from_secs(1);

/// What one connection does. Times are milliseconds since it was accepted.
pub(super) struct Pulse {
    accepted: Instant,
    limits: Limits,
    in_flight: AtomicU64,
    /// When the last request was answered; 0: there was none yet.
    answered: AtomicU64,
    /// When the first byte after the last answer came; 0: none yet.
    heard: AtomicU64,
    /// Whether it speaks HTTP/2, where bytes are not the beginning of a request.
    multiplexed: AtomicBool,
}

/// A request in flight, until this is dropped.
pub(super) struct InFlight(Arc<Pulse>);

impl Pulse {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            accepted: Instant::now(),
            limits,
            in_flight: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            multiplexed: AtomicBool::new(false),
        }
    }

    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Bytes came.
    pub(super) fn hear(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && self.heard.load(Ordering::Relaxed) == 0 {
            self.heard.store(self.now(), Ordering::Relaxed);
        }
    }

    /// This moment; never 0, which stands for never.
    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// When it has waited long enough; nothing while a request is in flight.
    fn deadline(&self, mood: Mood) -> Option<Instant> {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let Limits { header_read, keep_alive, .. } = self.limits;
        let (answered, heard) = (self.answered.load(Ordering::Relaxed), self.heard.load(Ordering::Relaxed));
        let (from, longest) = match (answered, heard) {
            (0, _) => (0, header_read),
            (answered, heard) if heard == 0 || self.multiplexed.load(Ordering::Relaxed) => (answered, keep_alive),
            (_, heard) => (heard, header_read),
        };
        let longest = if mood == Mood::Full { longest.min(QUIET_WHEN_FULL) } else { longest };
        Some(self.accepted + Duration::from_millis(from) + longest)
    }

    /// When to look again: at the deadline, and often enough to see a head that begins meanwhile.
    fn next_look(&self, mood: Mood) -> Instant {
        let soon = Instant::now() + self.limits.header_read;
        self.deadline(mood).map_or(soon, |deadline| deadline.min(soon))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.answered.store(self.0.now(), Ordering::Relaxed);
        self.0.heard.store(0, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serve a connection until it ends, has waited long enough, or the server ends.
pub(super) async fn attend<C: GracefulConnection>(
    connection: C,
    pulse: &Pulse,
    mut mood: watch::Receiver<Mood>,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    let now = *mood.borrow_and_update();
    let mut alarm = pin!(sleep_until(pulse.next_look(now)));
    let mut asked_to_end = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            changed = mood.changed(), if !asked_to_end => {
                let now = *mood.borrow_and_update();
                if changed.is_err() || now == Mood::Ending {
                    asked_to_end = true;
                    connection.as_mut().graceful_shutdown();
                } else {
                    alarm.as_mut().reset(pulse.next_look(now));
                }
            }
            () = alarm.as_mut() => {
                let now = *mood.borrow();
                if pulse.deadline(now).is_none_or(|deadline| deadline > Instant::now()) {
                    alarm.as_mut().reset(pulse.next_look(now));
                } else {
                    // HTTP/2 is told; a half-sent head goes unanswered.
                    connection.as_mut().graceful_shutdown();
                    return tokio::time::timeout(LINGER, connection).await.unwrap_or(Ok(()));
                }
            }
        }
    }
}
