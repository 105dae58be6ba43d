//! Signing keys and the master key's check value.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::signing_key::{NewSigningKey, RemoveKey, SigningKeyRecord, SigningKeys};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::audit::{About, record};
use crate::column::{bytes, corrupt, get, instant, millis, timestamp};
use crate::pool::{Fault, Pool, Transaction};

fn read(row: &Row) -> Result<SigningKeyRecord, Unavailable> {
    let time = |column| -> Result<Option<Timestamp>, Unavailable> {
        get::<Option<i64>>(row, column)?.map(|at| timestamp("signing_key", at)).transpose()
    };
    SigningKeyRecord::from_columns(
        get(row, "kid")?,
        get(row, "alg")?,
        get(row, "sealed")?,
        get(row, "public")?,
        instant("signing_key", row, "created_at")?,
        (time("activated_at")?, time("retired_at")?),
    )
}

/// Changes of keys come one after the other: no row can be locked that is not there yet.
async fn in_turn(transaction: &Transaction) -> Result<(), Fault> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('brama signing_key', 0))";
    transaction.all(lock, &[]).await.map(drop)
}

async fn add(pool: &Pool, key: &NewSigningKey) -> Result<(), Fault> {
    let transaction = pool.begin().await?;
    in_turn(&transaction).await?;
    let created_at = millis(key.created_at);
    transaction
        .change(
            "INSERT INTO signing_key (kid, alg, sealed, created_at, activated_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            &[&key.kid, &key.alg, &key.sealed, &created_at, &key.active.then_some(created_at)],
        )
        .await?;
    transaction.commit().await
}

/// Let the announced key of an algorithm sign. `false`: there is none.
async fn activate(transaction: &Transaction, alg: &str, now: Timestamp) -> Result<bool, Fault> {
    transaction
        .change(
            "UPDATE signing_key SET retired_at = $2 WHERE alg = $1 AND activated_at IS NOT NULL AND retired_at IS NULL
                 AND EXISTS (SELECT 1 FROM signing_key WHERE alg = $1 AND activated_at IS NULL)",
            &[&alg, &millis(now)],
        )
        .await?;
    let sql = "UPDATE signing_key SET activated_at = $2 WHERE alg = $1 AND activated_at IS NULL";
    let activated = transaction.change(sql, &[&alg, &millis(now)]).await? == 1;
    if activated {
        record(transaction, now, Event::SigningKeyActivated, About::default()).await?;
    }
    Ok(activated)
}

async fn activate_one(pool: &Pool, kid: &str, now: Timestamp) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    in_turn(&transaction).await?;
    let sql = "SELECT alg FROM signing_key WHERE kid = $1 AND activated_at IS NULL";
    let Some(row) = transaction.first(sql, &[&kid]).await? else { return Ok(false) };
    let activated = activate(&transaction, get(&row, "alg")?, now).await?;
    transaction.commit().await?;
    Ok(activated)
}

async fn remove(pool: &Pool, kid: &str, now: Timestamp) -> Result<RemoveKey, Fault> {
    let transaction = pool.begin().await?;
    in_turn(&transaction).await?;
    let sql = "SELECT alg, activated_at IS NOT NULL AND retired_at IS NULL AS active FROM signing_key WHERE kid = $1";
    let Some(row) = transaction.first(sql, &[&kid]).await? else { return Ok(RemoveKey::NotThere) };
    if get(&row, "active")? && !activate(&transaction, get(&row, "alg")?, now).await? {
        return Ok(RemoveKey::NoSuccessor);
    }
    transaction.change("DELETE FROM signing_key WHERE kid = $1", &[&kid]).await?;
    record(&transaction, now, Event::SigningKeyRemoved, About::default()).await?;
    transaction.commit().await?;
    Ok(RemoveKey::Removed)
}

#[async_trait]
impl SigningKeys for PostgresStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Unavailable> {
        let sql = "SELECT kid, alg, sealed, public, created_at, activated_at, retired_at
             FROM signing_key ORDER BY created_at, kid";
        self.pool.all(sql, &[]).await?.iter().map(read).collect()
    }

    async fn add_signing_key(&self, key: NewSigningKey) -> Result<(), Unavailable> {
        self.pool.write(|| add(&self.pool, &key)).await
    }

    async fn activate_signing_key(&self, kid: &str, now: Timestamp) -> Result<bool, Unavailable> {
        self.pool.write(|| activate_one(&self.pool, kid, now)).await
    }

    async fn retire_signing_key(&self, kid: &str, now: Timestamp) -> Result<bool, Unavailable> {
        let sql = "UPDATE signing_key SET retired_at = $2
             WHERE kid = $1 AND activated_at IS NOT NULL AND retired_at IS NULL RETURNING kid";
        Ok(!self.pool.change(sql, &[&kid, &millis(now)]).await?.is_empty())
    }

    async fn erase_signing_key(&self, kid: &str, public: &str) -> Result<bool, Unavailable> {
        let sql = "UPDATE signing_key SET sealed = '', public = $2
             WHERE kid = $1 AND retired_at IS NOT NULL AND sealed <> '' RETURNING kid";
        Ok(!self.pool.change(sql, &[&kid, &public]).await?.is_empty())
    }

    async fn remove_signing_key(&self, kid: &str, now: Timestamp) -> Result<RemoveKey, Unavailable> {
        self.pool.write(|| remove(&self.pool, kid, now)).await
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
