//! Signing keys and the master key's check value.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::signing_key::{SigningKeyRecord, SigningKeys};

use crate::PostgresStore;
use crate::column::{bytes, corrupt, get, instant, millis};
use crate::pool::{Fault, Pool};

async fn add_first(pool: &Pool, key: &SigningKeyRecord) -> Result<(), Fault> {
    let transaction = pool.begin().await?;
    // No row can be locked that is not there yet.
    transaction.all("SELECT pg_advisory_xact_lock(hashtextextended('brama signing_key', 0))", &[]).await?;
    transaction
        .change(
            "INSERT INTO signing_key (kid, alg, sealed, created_at)
             SELECT $1::text, $2::text, $3::bytea, $4::bigint WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE alg = $2)",
            &[&key.kid, &key.alg, &key.sealed, &millis(key.created_at)],
        )
        .await?;
    transaction.commit().await
}

#[async_trait]
impl SigningKeys for PostgresStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Unavailable> {
        let rows =
            self.pool.all("SELECT kid, alg, sealed, created_at FROM signing_key ORDER BY created_at, kid", &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(SigningKeyRecord {
                    kid: get(row, "kid")?,
                    alg: get(row, "alg")?,
                    sealed: get(row, "sealed")?,
                    created_at: instant("signing_key", row, "created_at")?,
                })
            })
            .collect()
    }

    async fn add_first_signing_key(&self, key: SigningKeyRecord) -> Result<(), Unavailable> {
        self.pool.write(|| add_first(&self.pool, &key)).await
    }

    async fn master_key_check(&self, offered: [u8; 32]) -> Result<[u8; 32], Unavailable> {
        self.pool
            .change(
                "INSERT INTO master_key_check (one, value) VALUES (1, $1) ON CONFLICT (one) DO NOTHING",
                &[&offered.as_slice()],
            )
            .await?;
        // A statement of its own: it sees what another node has written meanwhile.
        let found = self.pool.first("SELECT value FROM master_key_check", &[]).await?;
        bytes("master_key_check", &found.ok_or_else(|| corrupt("master_key_check", "empty"))?, "value")
    }
}
