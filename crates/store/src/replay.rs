//! What may be seen once: the `jti` of a client assertion, of a DPoP proof. TE-14, RS-13.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Unavailable;

/// What was seen, shared by all nodes.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Note that something was seen. `true`: for the first time, of however many callers at once.
    ///
    /// `key`: SHA-256 of what makes it unique. `until`: from then on it may come again, because what it belongs to is
    /// refused as expired; allowances for clocks that differ are the caller's. One conditional write; it is not to be
    /// repeated for the same message when it fails, because the second try would not be the first sight.
    async fn first_seen(&self, key: [u8; 32], until: Timestamp, now: Timestamp) -> Result<bool, Unavailable>;
}
