//! What may be seen once.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::replay::Replays;
use jiff::Timestamp;

use crate::SqliteStore;
use crate::column::{change, millis};

#[async_trait]
impl Replays for SqliteStore {
    async fn first_seen(&self, key: [u8; 32], until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let noted = change(
                connection,
                "INSERT INTO replay (key, until) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE replay.until <= ?3",
                (key, millis(until), millis(now)),
            )?;
            Ok(noted == 1)
        })
        .await
    }
}
