//! What may be seen once.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::replay::Replays;
use jiff::Timestamp;

use crate::PostgresStore;
use crate::column::millis;

#[async_trait]
impl Replays for PostgresStore {
    async fn first_seen(&self, key: [u8; 32], until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        let noted = self
            .pool
            .change(
                "INSERT INTO replay (key, until) VALUES ($1, $2)
                 ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE replay.until <= $3 RETURNING 1",
                &[&key.as_slice(), &millis(until), &millis(now)],
            )
            .await?;
        Ok(!noted.is_empty())
    }
}
