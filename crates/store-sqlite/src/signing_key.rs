//! Signing keys and the master key's check value.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::signing_key::{SigningKeyRecord, SigningKeys};

use crate::SqliteStore;
use crate::column::{all, change, corrupt, first, get, millis, timestamp};

#[async_trait]
impl SigningKeys for SqliteStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Unavailable> {
        self.read(|connection| {
            all(connection, "SELECT * FROM signing_key ORDER BY created_at, kid", (), |row| {
                Ok(SigningKeyRecord {
                    kid: get(row, "kid")?,
                    alg: get(row, "alg")?,
                    sealed: get(row, "sealed")?,
                    created_at: timestamp("signing_key", get(row, "created_at")?)?,
                })
            })
        })
        .await
    }

    async fn add_first_signing_key(&self, key: SigningKeyRecord) -> Result<(), Unavailable> {
        self.write(move |connection| {
            change(
                connection,
                "INSERT INTO signing_key (kid, alg, sealed, created_at)
                 SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE alg = ?2)",
                (&key.kid, &key.alg, &key.sealed, millis(key.created_at)),
            )
            .map(drop)
        })
        .await
    }

    async fn master_key_check(&self, offered: [u8; 32]) -> Result<[u8; 32], Unavailable> {
        self.write(move |connection| {
            change(connection, "INSERT OR IGNORE INTO master_key_check (one, value) VALUES (1, ?1)", [offered])?;
            first(connection, "SELECT value FROM master_key_check", (), |row| get(row, "value"))?
                .ok_or_else(|| corrupt("master_key_check", "empty"))
        })
        .await
    }
}
