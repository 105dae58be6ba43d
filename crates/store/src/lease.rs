//! Leases: scheduled work is done by one node at a time.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Unavailable;

/// Work that runs on a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Removing what is over. PR-1.
    Sweep,
    /// Announcing, activating and erasing signing keys. TK-21.
    Keys,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sweep, Self::Keys];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Keys => "keys",
        }
    }
}

/// A running node, for as long as its process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub [u8; 16]);

/// Leases in the database. They only keep nodes from doing the same work twice; the work itself is safe to repeat, so a
/// clock that is wrong costs time and nothing else.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Take or renew the lease of a job until `until`. `false`: another node holds it beyond `now`. A lease that ends ten
    /// minutes after the one that is asked for was taken by a clock that was wrong, and counts as over. One conditional
    /// write.
    async fn take_lease(&self, job: Job, node: NodeId, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable>;
}
