//! How long nothing could be written.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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

    /// A write was acknowledged.
    pub(crate) fn written(&self, who: &str, asked: Instant) {
        if let Some(killed) = *self.killed.lock().unwrap()
            && asked > killed
        {
            self.first.lock().unwrap().entry(who.to_owned()).or_insert_with(|| killed.elapsed());
        }
    }

    /// How many have written since the kill.
    pub(crate) fn back(&self) -> usize {
        self.first.lock().unwrap().len()
    }

    /// The outage: until somebody's write was acknowledged, and until everybody's was.
    pub(crate) fn outage(&self) -> (Duration, Duration) {
        let first = self.first.lock().unwrap();
        (*first.values().min().unwrap(), *first.values().max().unwrap())
    }
}

/// Minimum, median and maximum, milliseconds.
pub(crate) fn summary(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |place: usize| times.get(place).map_or(0, Duration::as_millis);
    format!("min {} median {} max {} ms", at(0), at(times.len() / 2), at(times.len().saturating_sub(1)))
}
