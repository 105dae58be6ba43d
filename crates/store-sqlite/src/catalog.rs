//! The catalog's version.

use std::time::Duration;

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::catalog::Catalog;

use crate::SqliteStore;
use crate::column::{corrupt, first, get};

/// SQLite tells no other process about a change, so we look, at the price of one read each time.
const LOOK: Duration = Duration::from_millis(250);

#[async_trait]
impl Catalog for SqliteStore {
    async fn catalog_version(&self) -> Result<u64, Unavailable> {
        self.read(|connection| {
            let version: Option<i64> = first(connection, "SELECT version FROM catalog", (), |row| get(row, "version"))?;
            version
                .and_then(|version| u64::try_from(version).ok())
                .ok_or_else(|| corrupt("catalog", "no version, or a negative one"))
        })
        .await
    }

    async fn catalog_hint(&self) {
        tokio::time::sleep(LOOK).await;
    }
}
