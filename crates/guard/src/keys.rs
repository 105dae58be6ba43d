//! The keys of the issuer: fetched when first needed, refreshed in the background, kept when the issuer is away (TK-21).
//!
//! | age of the keys | what a request does |
//! | --- | --- |
//! | fresh | use them |
//! | the last fifth of their freshness | use them; one refresh starts in the background |
//! | past it, at most 24 h old | wait for one refresh; if the last attempt failed, use them and try again in the background |
//! | none, or older | wait for one refresh; without success 503 |
//!
//! There is one refresh at a time, whatever the load, and it runs in a task of its own, so that a caller who hangs up does not end
//! it. Failures are repeated after 1, 2, 4, 8, then every 10 seconds. An unknown `kid` may cause one refresh every 10 seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use brama_jose::{Algorithm, Jwk, JwkSet, VerifyingKey};
use tokio::sync::watch;

use crate::clock::{Clock, Instant};
use crate::fetch::FetchError;
use crate::issuer::{Fetched, Issuer};

/// How long keys may serve while the issuer cannot be reached.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Pause between two refreshes that were caused by unknown key ids.
const CHASE_PAUSE: Duration = Duration::from_secs(10);
/// Longest pause after a failure.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// A set of keys as fetched at one moment. Never changes; the next fetch makes a new one.
pub(crate) struct KeySet {
    keys: HashMap<String, (Jwk, Arc<VerifyingKey>)>,
    fetched: Instant,
    fresh_for: Duration,
    /// Differs from the set before when a key of that set is gone or changed.
    pub(crate) epoch: u64,
}

/// No usable keys; worth another try after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unavailable {
    pub(crate) retry_after: Duration,
}

pub(crate) enum Lookup {
    Unavailable(Unavailable),
    UnknownKey,
}

impl From<Unavailable> for Lookup {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

#[derive(Clone)]
pub(crate) struct Keys(Arc<Shared>);

struct Shared {
    issuer: Issuer,
    algorithms: Vec<Algorithm>,
    clock: Clock,
    current: RwLock<Option<Arc<KeySet>>>,
    flight: Mutex<Flight>,
    /// Counts the refreshes that ended, for those who wait for one.
    landed: watch::Sender<u64>,
}

/// The refresh under way, and the memory of those before.
#[derive(Default)]
struct Flight {
    running: bool,
    started: Option<Instant>,
    chased: Option<Instant>,
    failures: u32,
    last_error: Option<FetchError>,
}

impl Flight {
    /// How long to leave the issuer alone after failures.
    fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => Duration::from_secs(1 << (failures - 1).min(8)).min(MAX_PAUSE),
        }
    }

    /// Zero: go ahead. A clock that was set back does not lock the door.
    fn wait(&self, now: Instant) -> Duration {
        remaining(self.started, self.pause(), now)
    }
}

fn remaining(since: Option<Instant>, pause: Duration, now: Instant) -> Duration {
    let passed = since.and_then(|since| now.checked_sub(since)).unwrap_or(pause);
    pause.saturating_sub(passed)
}

impl KeySet {
    fn get(&self, kid: &str) -> Option<(Arc<VerifyingKey>, u64)> {
        self.keys.get(kid).map(|(_, key)| (Arc::clone(key), self.epoch))
    }

    fn new(fetched: Fetched, before: Option<&Self>, algorithms: &[Algorithm], now: Instant) -> Self {
        let keys = usable(fetched.keys, algorithms);
        let epoch = before.map_or(0, |before| {
            let all_there = before.keys.iter().all(|(kid, (old, _))| keys.get(kid).is_some_and(|(new, _)| new == old));
            before.epoch + u64::from(!all_there)
        });
        Self { keys, fetched: now, fresh_for: fetched.fresh_for, epoch }
    }
}

/// Keys with an id, an allowed algorithm and sound numbers (TK-22, TK-23).
fn usable(set: JwkSet, algorithms: &[Algorithm]) -> HashMap<String, (Jwk, Arc<VerifyingKey>)> {
    let mut keys = HashMap::new();
    for jwk in set.keys {
        let Some(kid) = jwk.kid().map(str::to_owned) else {
            continue;
        };
        match VerifyingKey::new(&jwk) {
            Ok(key) if algorithms.contains(&key.algorithm()) => {
                keys.insert(kid, (jwk, Arc::new(key)));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(kid, %error, "the issuer publishes a key that cannot be used")
            }
        }
    }
    keys
}

impl Keys {
    pub(crate) fn new(issuer: Issuer, algorithms: Vec<Algorithm>, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            issuer,
            algorithms,
            clock,
            current: RwLock::new(None),
            flight: Mutex::new(Flight::default()),
            landed: watch::Sender::new(0),
        }))
    }

    /// The keys to use now, by the table above.
    pub(crate) async fn current(&self, now: Instant) -> Result<Arc<KeySet>, Unavailable> {
        if let Some(set) = self.0.read() {
            // `None`: the clock was set back. Then the age is unknown and a refresh is due.
            let age = now.checked_sub(set.fetched);
            if age.is_some_and(|age| age < set.fresh_for * 4 / 5) {
                return Ok(set);
            }
            if age.is_none_or(|age| age < set.fresh_for) {
                self.start(now);
                return Ok(set);
            }
            if age.is_some_and(|age| age < MAX_STALE) {
                let issuer_is_away = self.0.flight().failures > 0;
                let refresh = self.start(now);
                if issuer_is_away {
                    return Ok(set);
                }
                wait_for(refresh).await;
                return Ok(self.0.read().unwrap_or(set));
            }
        }
        wait_for(self.start(now)).await;
        let now = self.0.clock.now();
        match self.0.read() {
            Some(set) if now.saturating_sub(set.fetched) < MAX_STALE => Ok(set),
            _ => Err(Unavailable { retry_after: self.0.flight().wait(now) }),
        }
    }

    /// The key of this id and the epoch of its set. One that is not known yet is looked for at the issuer, within bounds.
    pub(crate) async fn find(&self, set: &KeySet, kid: &str, now: Instant) -> Result<(Arc<VerifyingKey>, u64), Lookup> {
        if let Some(key) = set.get(kid) {
            return Ok(key);
        }
        wait_for(self.chase(now)).await;
        if let Some(key) = self.0.read().and_then(|set| set.get(kid)) {
            return Ok(key);
        }
        let flight = self.0.flight();
        if flight.failures > 0 {
            // The key may well exist: the issuer just cannot tell us. Nobody is signed out for that.
            return Err(Unavailable { retry_after: flight.wait(self.0.clock.now()) }.into());
        }
        Err(Lookup::UnknownKey)
    }

    /// Fetch now and say what went wrong.
    pub(crate) async fn warm(&self) -> Result<(), FetchError> {
        let Some(refresh) = self.start(self.0.clock.now()) else {
            return Err(FetchError::NoRuntime);
        };
        wait_for(Some(refresh)).await;
        match (self.0.flight().last_error.take(), self.0.read()) {
            (None, Some(_)) => Ok(()),
            (error, _) => Err(error.unwrap_or(FetchError::NoRuntime)),
        }
    }

    /// Start a refresh, or join the one under way. `None`: not now, the last one failed a moment ago.
    fn start(&self, now: Instant) -> Option<watch::Receiver<u64>> {
        self.launch(self.0.flight(), now)
    }

    /// The same because of an unknown key id: at most once per [`CHASE_PAUSE`].
    fn chase(&self, now: Instant) -> Option<watch::Receiver<u64>> {
        let mut flight = self.0.flight();
        if !flight.running {
            if !remaining(flight.chased, CHASE_PAUSE, now).is_zero() {
                return None;
            }
            flight.chased = Some(now);
        }
        self.launch(flight, now)
    }

    fn launch(&self, mut flight: MutexGuard<'_, Flight>, now: Instant) -> Option<watch::Receiver<u64>> {
        let landed = self.0.landed.subscribe();
        if flight.running {
            return Some(landed);
        }
        if !flight.wait(now).is_zero() {
            return None;
        }
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        flight.running = true;
        flight.started = Some(now);
        let landing = Landing { shared: Arc::clone(&self.0) };
        runtime.spawn(async move {
            let result = landing.shared.issuer.fetch().await;
            landing.shared.land(result);
        });
        Some(landed)
    }
}

/// Ends the flight when the task ends, in whatever way.
struct Landing {
    shared: Arc<Shared>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        // Under the lock, so that nobody who joins the next flight is woken by the end of this one.
        let mut flight = self.shared.flight();
        flight.running = false;
        self.shared.landed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

async fn wait_for(refresh: Option<watch::Receiver<u64>>) {
    if let Some(mut landed) = refresh {
        // An error would mean that the sender is gone, but `self` holds it.
        let _ = landed.changed().await;
    }
}

impl Shared {
    fn read(&self) -> Option<Arc<KeySet>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn land(&self, result: Result<Fetched, FetchError>) {
        match result {
            Ok(fetched) => {
                let set = KeySet::new(fetched, self.read().as_deref(), &self.algorithms, self.clock.now());
                if set.keys.is_empty() {
                    tracing::warn!(issuer = self.issuer.name(), "the issuer publishes no usable key");
                }
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(set));
                let mut flight = self.flight();
                flight.failures = 0;
                flight.last_error = None;
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(issuer = self.issuer.name(), %error, source, "the keys of the issuer cannot be fetched");
                let mut flight = self.flight();
                flight.failures = flight.failures.saturating_add(1);
                flight.last_error = Some(error);
            }
        }
    }
}
