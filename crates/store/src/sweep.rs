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
    /// Sessions 30 days after their end.
    pub sessions: u64,
    /// Grants a day after their end.
    pub grants: u64,
    /// Counters whose window is over.
    pub throttles: u64,
    /// Audit rows older than 400 days. LG-6.
    pub audit: u64,
}

/// Removing what is over.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// Remove at most `limit` rows of each kind, so that a sweep never holds up a sign-in.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, Unavailable>;
}
