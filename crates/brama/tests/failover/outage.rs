//! How long nothing could be written.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It was acknowledged, and something was written for it.
    Written,
    /// It was acknowledged; nothing had to be written.
    Read,
    /// It was refused for now: what it asked for may have been written.
    Refused,
}

/// From the kill on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    /// Until somebody's write was acknowledged.
    pub(crate) first: Duration,
    /// Until everybody's was.
    pub(crate) all: Duration,
}

/// What everybody who works looks at.
#[derive(Default)]
pub(crate) struct Watch {
    stop: AtomicBool,
    killed: Mutex<Option<Instant>>,
    /// Of each writer, the first write that was asked for after the kill and acknowledged.
    first: Mutex<BTreeMap<String, Duration>>,
}

impl Watch {
    pub(crate) fn kill(&self) {
        *self.killed.lock().unwrap() = Some(Instant::now());
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// A request came to an end. The answer to one that was repeated may tell of a write before the kill, so that counts
    /// for none.
    pub(crate) fn note(&self, who: &str, asked: Instant, before: Came, now: Came) {
        if before != Came::Refused
            && now == Came::Written
            && let Some(killed) = *self.killed.lock().unwrap()
            && asked > killed
        {
            self.first.lock().unwrap().entry(who.to_owned()).or_insert_with(|| killed.elapsed());
        }
    }

    /// How many have written since the kill.
    pub(crate) fn back(&self) -> usize {
        self.first.lock().unwrap().len()
    }

    pub(crate) fn outage(&self) -> Outage {
        let first = self.first.lock().unwrap();
        Outage { first: *first.values().min().unwrap(), all: *first.values().max().unwrap() }
    }
}

/// Minimum, median and maximum, milliseconds.
pub(crate) fn summary(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |place: usize| times.get(place).map_or(0, Duration::as_millis);
    format!("min {} median {} max {} ms", at(0), at(times.len() / 2), at(times.len().saturating_sub(1)))
}
