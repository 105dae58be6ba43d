//! How much goes out: places for requests at the same time, and how often each host is asked. RG-25.
//!
//! Whoever can make the server ask somebody else must not be able to make it a weapon against them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brama_flows::outgoing::OutgoingError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Requests at the same time, to all hosts.
const PLACES: usize = 64;
/// Requests at the same time, to one host.
const PLACES_PER_HOST: usize = 8;
/// Longest wait for a place.
const PATIENCE: Duration = Duration::from_secs(3);
/// Hosts that are remembered; beyond it those that were not asked of late are forgotten.
const HOSTS: usize = 1024;

/// What a request is for: documents are fetched because a stranger's message says so, messages are sent because somebody
/// who was signed in is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Document,
    Message,
}

/// So many at once, and so many a second afterwards.
#[derive(Clone, Copy)]
struct Rate {
    burst: f64,
    per_second: f64,
}

impl Purpose {
    fn per_host(self) -> Rate {
        match self {
            Self::Document => Rate { burst: 30.0, per_second: 1.0 },
            Self::Message => Rate { burst: 200.0, per_second: 50.0 },
        }
    }

    fn of_all(self) -> Rate {
        match self {
            Self::Document => Rate { burst: 200.0, per_second: 20.0 },
            Self::Message => Rate { burst: 1000.0, per_second: 200.0 },
        }
    }
}

/// What is left of a [`Rate`].
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, at: now }
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + seconds * rate.per_second).min(rate.burst);
        self.at = now;
    }

    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

/// The two buckets of a host, or of all.
struct Buckets {
    documents: Bucket,
    messages: Bucket,
}

impl Buckets {
    fn full(rate: fn(Purpose) -> Rate, now: Instant) -> Self {
        Self {
            documents: Bucket::full(rate(Purpose::Document), now),
            messages: Bucket::full(rate(Purpose::Message), now),
        }
    }

    fn of(&mut self, purpose: Purpose) -> &mut Bucket {
        match purpose {
            Purpose::Document => &mut self.documents,
            Purpose::Message => &mut self.messages,
        }
    }
}

struct OneHost {
    places: Arc<Semaphore>,
    buckets: Buckets,
}

impl OneHost {
    fn new(now: Instant) -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES_PER_HOST)), buckets: Buckets::full(Purpose::per_host, now) }
    }

    /// Whether forgetting it would give anything away.
    fn is_idle(&mut self, now: Instant) -> bool {
        let rested = [Purpose::Document, Purpose::Message].into_iter().all(|purpose| {
            let (rate, bucket) = (purpose.per_host(), self.buckets.of(purpose));
            bucket.refill(rate, now);
            bucket.left >= rate.burst
        });
        rested && Arc::strong_count(&self.places) == 1
    }
}

struct Counted {
    of_all: Buckets,
    hosts: HashMap<String, OneHost>,
}

/// The limits of one fetcher.
pub(crate) struct Limits {
    places: Arc<Semaphore>,
    counted: Mutex<Counted>,
}

/// The right to ask, until it is dropped.
pub(crate) struct Pass {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

fn too_many(what: &str) -> OutgoingError {
    OutgoingError::Later(what.to_owned())
}

impl Limits {
    pub(crate) fn new() -> Self {
        let of_all = Buckets::full(Purpose::of_all, Instant::now());
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            counted: Mutex::new(Counted { of_all, hosts: HashMap::new() }),
        }
    }

    /// Count a request; where its host's places are.
    fn count(&self, host: &str, purpose: Purpose) -> Result<Arc<Semaphore>, OutgoingError> {
        let now = Instant::now();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = &mut *counted;
        if !counted.hosts.contains_key(host) && counted.hosts.len() >= HOSTS {
            counted.hosts.retain(|_, known| !known.is_idle(now));
            if counted.hosts.len() >= HOSTS {
                return Err(too_many("different hosts"));
            }
        }
        let known = counted.hosts.entry(host.to_owned()).or_insert_with(|| OneHost::new(now));
        if !known.buckets.of(purpose).take(purpose.per_host(), now) {
            return Err(too_many(host));
        }
        if !counted.of_all.of(purpose).take(purpose.of_all(), now) {
            return Err(too_many("other servers"));
        }
        Ok(Arc::clone(&known.places))
    }

    /// Wait for a place, that of the host first: a slow host's queue holds nobody else up. Not for long: nothing was sent yet.
    pub(crate) async fn pass(&self, host: &str, purpose: Purpose) -> Result<Pass, OutgoingError> {
        let places = self.count(host, purpose)?;
        let closed = |_| OutgoingError::Failed("the server is stopping".to_owned());
        let waiting = async {
            let _host = places.acquire_owned().await.map_err(closed)?;
            let _all = Arc::clone(&self.places).acquire_owned().await.map_err(closed)?;
            Ok(Pass { _host, _all })
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| Err(too_many(host)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    async fn asked(limits: &Limits, host: &str, purpose: Purpose, times: usize) -> usize {
        let mut passed = 0;
        for _ in 0..times {
            passed += usize::from(limits.pass(host, purpose).await.is_ok());
        }
        passed
    }

    #[tokio::test(start_paused = true)]
    async fn rg25_a_host_is_asked_for_so_many_documents_and_then_one_a_second() {
        let limits = Limits::new();
        assert_eq!(asked(&limits, "shop.example.net", Purpose::Document, 50).await, 30);
        assert_eq!(asked(&limits, "other.example.net", Purpose::Document, 5).await, 5, "another host has its own");
        assert_eq!(asked(&limits, "shop.example.net", Purpose::Message, 50).await, 50, "messages are counted apart");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(asked(&limits, "shop.example.net", Purpose::Document, 50).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn rg25_many_names_of_one_stranger_share_the_limit_of_all() {
        let limits = Limits::new();
        let mut passed = 0;
        for n in 0..400 {
            passed += asked(&limits, &format!("a{n}.example.net"), Purpose::Document, 1).await;
        }
        assert_eq!(passed, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn rg25_hosts_are_forgotten_only_when_that_gives_nothing_away() {
        let limits = Limits::new();
        for n in 0..HOSTS {
            let _ = limits.count(&format!("a{n}.example.net"), Purpose::Message);
        }
        assert!(limits.count("one.more.example.net", Purpose::Message).is_err());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(limits.count("one.more.example.net", Purpose::Message).is_ok());
        assert!(limits.counted.lock().unwrap().hosts.len() < HOSTS);
    }

    #[tokio::test(start_paused = true)]
    async fn rg25_a_slow_host_has_so_many_places_and_others_go_on() {
        let limits = Limits::new();
        let mut held = Vec::new();
        for _ in 0..PLACES_PER_HOST {
            held.push(limits.pass("slow.example.net", Purpose::Message).await.unwrap());
        }
        let refused = limits.pass("slow.example.net", Purpose::Message).await;
        assert_eq!(refused.err(), Some(OutgoingError::Later("slow.example.net".to_owned())), "nothing was sent");
        assert!(limits.pass("shop.example.net", Purpose::Message).await.is_ok());
        held.pop();
        assert!(limits.pass("slow.example.net", Purpose::Message).await.is_ok());
    }
}
