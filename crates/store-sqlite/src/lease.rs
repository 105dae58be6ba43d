//! Leases.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::lease::{Job, Leases, NodeId};
use jiff::Timestamp;

use crate::SqliteStore;
use crate::column::{change, millis};

#[async_trait]
impl Leases for SqliteStore {
    async fn take_lease(&self, job: Job, node: NodeId, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let taken = change(
                connection,
                "INSERT INTO lease (job, node, held_until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (job) DO UPDATE SET node = excluded.node, held_until = excluded.held_until
                 WHERE lease.node = excluded.node OR lease.held_until <= ?4
                     OR lease.held_until > ?3 + 600000",
                (job.as_str(), node.0, millis(until), millis(now)),
            )?;
            Ok(taken == 1)
        })
        .await
    }
}
