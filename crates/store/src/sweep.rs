//! Sweeping: rows that can never count again go. PR-1.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Unavailable;

/// How many rows went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Authorizations a day after their end, so that a replayed code is recognised until then (AZ-30); those that never
    /// had a code after an hour: a flood of them must not stay.
    pub authorizations: u64,
    /// Pushed requests a day after their end: until then a page that was begun with one can still be answered.
    pub pushed_requests: u64,
    /// Sessions 30 days after their end.
    pub sessions: u64,
    /// Grants a day after their end.
    pub grants: u64,
    /// Device authorizations an hour after their end, so that a device that still polls is told why it gets nothing.
    pub devices: u64,
    /// Counters whose window is over.
    pub throttles: u64,
    /// What may be seen again. TE-14.
    pub replays: u64,
    /// Revoked access tokens a day after their expiry.
    pub revoked_tokens: u64,
    /// Messages to apps that a session ended, a week after they were settled. LO-12.
    pub logout_deliveries: u64,
    /// Tokens for registration that let nobody in any more, a day after their end.
    pub initial_access_tokens: u64,
    /// Apps that registered themselves and were used by nobody for as long as they may be. RG-10.
    pub unused_clients: u64,
    /// Audit rows older than 400 days. LG-6.
    pub audit: u64,
}

/// Removing what is over.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// Remove at most `limit` rows of each kind, so that a sweep never holds up a sign-in.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, Unavailable>;
}
