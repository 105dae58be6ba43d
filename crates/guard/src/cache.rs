//! Tokens that were found good before: the second look at the same token costs a hash instead of a signature check.

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use crate::clock::Instant;
use crate::token::AccessToken;

/// SHA-256 of the whole token: the token itself stays out of memory dumps.
type Key = [u8; digest::SHA256_OUTPUT_LEN];

pub(crate) struct TokenCache {
    entries: Cache<Key, Entry>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    token: AccessToken,
    /// The epoch of the keys it was checked with. When a key is withdrawn, the epoch changes and all entries die.
    epoch: u64,
    dies: Instant,
}

impl TokenCache {
    /// Holds at most this many tokens, the least useful ones make room.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: Cache::new(capacity) }
    }

    pub(crate) fn key(token: &str) -> Option<Key> {
        digest::digest(&digest::SHA256, token.as_bytes()).as_ref().try_into().ok()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Entry> {
        self.entries.get(key)
    }

    /// Only for a token that passed every check, with keys of this epoch.
    pub(crate) fn put(&self, key: Key, token: AccessToken, epoch: u64, dies: Instant) {
        self.entries.insert(key, Entry { token, epoch, dies });
    }
}

impl Entry {
    /// The token, unless its time is over or a key was withdrawn since it was checked.
    pub(crate) fn if_good(self, epoch: u64, now: Instant) -> Option<AccessToken> {
        (self.epoch == epoch && now < self.dies).then_some(self.token)
    }
}
