//! Which proofs were used already (RS-13; RFC 9449 §11.1).

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What [`ReplayStore::first_use`] gives back.
pub type FirstUse<'a> = Pin<Box<dyn Future<Output = Result<bool, ReplayUnavailable>> + Send + 'a>>;

/// The memory of used DPoP proofs. One that several nodes of an API share makes a proof serve once among all of them; a key-value
/// store with "set if absent" and an expiry is enough.
///
/// ```
/// use std::time::SystemTime;
/// use brama_guard::{FirstUse, ReplayStore, ReplayUnavailable};
///
/// struct Shared(/* a pool of connections */);
/// # impl Shared { async fn set_if_absent(&self, _: &[u8], _: SystemTime) -> Result<bool, std::io::Error> { Ok(true) } }
///
/// impl ReplayStore for Shared {
///     fn first_use<'a>(&'a self, key: &'a [u8; 32], until: SystemTime, _now: SystemTime) -> FirstUse<'a> {
///         Box::pin(async move { self.set_if_absent(key, until).await.map_err(|_| ReplayUnavailable) })
///     }
/// }
/// ```
pub trait ReplayStore: Send + Sync + 'static {
    /// Remember this key until then. `true` for the first to ask, `false` for everybody after; of two that ask at once, one is
    /// first. The key is a hash: it says nothing about the token.
    fn first_use<'a>(&'a self, key: &'a [u8; 32], until: SystemTime, now: SystemTime) -> FirstUse<'a>;
}

/// The memory does not answer or is full. The request is refused with 503: an unchecked proof might be a stolen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayUnavailable;

impl fmt::Display for ReplayUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory of used DPoP proofs is not available")
    }
}

impl std::error::Error for ReplayUnavailable {}

/// Parts with a lock each, so that requests do not wait for one another.
const SHARDS: usize = 16;

/// The memory of one process. It has an end: when it is full of proofs that still count, further ones are refused (503) rather
/// than old ones forgotten. Only holders of good tokens get this far.
pub struct InMemoryReplays {
    shards: [Mutex<Shard>; SHARDS],
    capacity: usize,
}

#[derive(Default)]
struct Shard {
    used: HashMap<[u8; 32], SystemTime>,
    /// Before this instant nothing in it ends, so there is nothing to sweep.
    next_end: Option<SystemTime>,
}

impl InMemoryReplays {
    /// Room for about this many proofs at a time; a proof counts for two minutes, one with a nonce for up to
    /// eleven. About 100 bytes each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), capacity: capacity.div_ceil(SHARDS).max(1) }
    }
}

impl Default for InMemoryReplays {
    /// Half a million proofs: 4,000 requests each second without nonces, 700 with them.
    fn default() -> Self {
        Self::new(500_000)
    }
}

impl Shard {
    fn first_use(
        &mut self,
        key: &[u8; 32],
        until: SystemTime,
        now: SystemTime,
        capacity: usize,
    ) -> Result<bool, ReplayUnavailable> {
        if self.used.get(key).is_some_and(|end| *end > now) {
            return Ok(false);
        }
        if self.used.len() >= capacity && self.next_end.is_some_and(|end| end <= now) {
            self.used.retain(|_, end| *end > now);
            self.next_end = self.used.values().min().copied();
        }
        if self.used.len() >= capacity {
            return Err(ReplayUnavailable);
        }
        self.used.insert(*key, until);
        self.next_end = Some(self.next_end.map_or(until, |end| end.min(until)));
        Ok(true)
    }
}

impl ReplayStore for InMemoryReplays {
    fn first_use<'a>(&'a self, key: &'a [u8; 32], until: SystemTime, now: SystemTime) -> FirstUse<'a> {
        let [first, ..] = key;
        let result = match self.shards.get(usize::from(*first) % SHARDS) {
            Some(shard) => {
                let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard.first_use(key, until, now, self.capacity)
            }
            None => Err(ReplayUnavailable),
        };
        Box::pin(std::future::ready(result))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(number: u8) -> [u8; 32] {
        // All in one shard.
        let mut key = [0; 32];
        key[1] = number;
        key
    }

    #[tokio::test]
    async fn rs_13_once_until_it_ends() {
        let replays = InMemoryReplays::new(1000);
        assert_eq!(replays.first_use(&key(1), at(100), at(0)).await, Ok(true));
        assert_eq!(replays.first_use(&key(1), at(100), at(99)).await, Ok(false));
        assert_eq!(replays.first_use(&key(2), at(100), at(99)).await, Ok(true));
        assert_eq!(replays.first_use(&key(1), at(300), at(100)).await, Ok(true));
        assert_eq!(replays.first_use(&key(1), at(300), at(299)).await, Ok(false));
    }

    #[tokio::test]
    async fn rs_13_a_full_memory_refuses_and_never_forgets_what_counts() {
        let replays = InMemoryReplays::new(3 * SHARDS);
        for number in 0..3 {
            assert_eq!(replays.first_use(&key(number), at(100 + u64::from(number)), at(0)).await, Ok(true));
        }
        assert_eq!(replays.first_use(&key(9), at(100), at(99)).await, Err(ReplayUnavailable));
        for number in 0..3 {
            assert_eq!(replays.first_use(&key(number), at(100), at(99)).await, Ok(false));
        }
        // The first has ended: there is room for one.
        assert_eq!(replays.first_use(&key(9), at(200), at(100)).await, Ok(true));
        assert_eq!(replays.first_use(&key(8), at(200), at(100)).await, Err(ReplayUnavailable));
        assert_eq!(replays.first_use(&key(1), at(200), at(100)).await, Ok(false));
    }

    #[test]
    fn rs_13_of_many_at_once_one_is_first() {
        let replays = InMemoryReplays::default();
        let firsts = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let [shard, ..] = &replays.shards;
                        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                        shard.first_use(&key(1), at(100), at(0), 10) == Ok(true)
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|first| *first).count()
        });
        assert_eq!(firsts, 1);
    }
}
