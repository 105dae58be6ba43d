//! Leases.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::lease::{Job, Leases, NodeId};
use jiff::Timestamp;

use crate::PostgresStore;
use crate::column::millis;

#[async_trait]
impl Leases for PostgresStore {
    async fn take_lease(&self, job: Job, node: NodeId, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        let taken = self
            .pool
            .change(
                "INSERT INTO lease (job, node, held_until) VALUES ($1, $2, $3::bigint)
                 ON CONFLICT (job) DO UPDATE SET node = excluded.node, held_until = excluded.held_until
                 WHERE lease.node = excluded.node OR lease.held_until <= $4
                     OR lease.held_until > $3::bigint + 600000 RETURNING 1",
                &[&job.as_str(), &node.0.as_slice(), &millis(until), &millis(now)],
            )
            .await?;
        Ok(!taken.is_empty())
    }
}
