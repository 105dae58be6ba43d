//! Apps that register themselves.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::InitialAccessTokenId;
use brama_store::Unavailable;
use brama_store::client::ClientRecord;
use brama_store::registration::{
    InitialAccessToken, NewRegistration, Register, Registration, Registrations, Replacement, Secrets,
};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::client::{client_columns, put, read};
use crate::column::{bytes, get, instant, millis, number};
use crate::pool::{Fault, Pool};

/// Registrations follow each other, so that each sees how many there are.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('brama registration', 0))";

fn read_token(row: &Row) -> Result<InitialAccessToken, Unavailable> {
    Ok(InitialAccessToken {
        id: InitialAccessTokenId::from_bytes(bytes("initial_access_token", row, "id")?),
        note: get(row, "note")?,
        uses_left: number("initial_access_token", row, "uses_left")?,
        expires_at: instant("initial_access_token", row, "expires_at")?,
        created_at: instant("initial_access_token", row, "created_at")?,
    })
}

async fn register(pool: &Pool, new: &NewRegistration, now: Timestamp) -> Result<Register, Fault> {
    let transaction = pool.begin().await?;
    transaction.all(LOCK, &[]).await?;
    let count = transaction.first("SELECT count(*) AS n FROM client_registration", &[]).await?;
    let count = count.map(|row| get::<i64>(&row, "n")).transpose()?.unwrap_or(0);
    if count >= i64::from(new.most) {
        transaction.roll_back().await?;
        return Ok(Register::Full);
    }
    if !put(&transaction, &new.record, false).await? {
        transaction.roll_back().await?;
        return Ok(Register::IdTaken);
    }
    if let Some(token) = new.by {
        let spent = transaction
            .change(
                "UPDATE initial_access_token SET uses_left = uses_left - 1
                 WHERE hash = $1 AND uses_left > 0 AND expires_at > $2",
                &[&token.as_bytes().as_slice(), &millis(now)],
            )
            .await?;
        if spent == 0 {
            transaction.roll_back().await?;
            return Ok(Register::TokenRefused);
        }
    }
    transaction
        .change(
            "INSERT INTO client_registration (client_id, token, issued_at, used_at, unused_life)
             VALUES ($1, $2, $3, $3, $4)",
            &[
                &new.record.client.id.as_str(),
                &new.token.as_bytes().as_slice(),
                &millis(now),
                &new.unused_life.map(in_millis),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(Register::Registered)
}

fn in_millis(life: SignedDuration) -> i64 {
    i64::try_from(life.as_millis()).unwrap_or(i64::MAX)
}

async fn replace(pool: &Pool, new: &Replacement) -> Result<bool, Fault> {
    let id = new.record.client.id.as_str();
    let transaction = pool.begin().await?;
    let opened = transaction
        .first(
            "SELECT 1 FROM client c JOIN client_registration r ON r.client_id = c.id
             WHERE c.id = $1 AND c.enabled AND r.token = $2 FOR UPDATE OF c",
            &[&id, &new.token.as_bytes().as_slice()],
        )
        .await?;
    if opened.is_none() {
        transaction.roll_back().await?;
        return Ok(false);
    }
    if new.secrets != Secrets::Keep {
        transaction.change("DELETE FROM client_secret WHERE client_id = $1", &[&id]).await?;
    }
    if new.forget {
        transaction.change("DELETE FROM consent WHERE client_id = $1", &[&id]).await?;
    }
    let only = match new.secrets {
        Secrets::Only(secret) => vec![secret],
        Secrets::Keep | Secrets::Drop => Vec::new(),
    };
    put(&transaction, &ClientRecord { secrets: only, ..new.record.clone() }, true).await?;
    transaction
        .change(
            "UPDATE client_registration SET unused_life = $2, used_at = greatest(used_at, $3) WHERE client_id = $1",
            &[&id, &new.unused_life.map(in_millis), &millis(new.record.updated_at)],
        )
        .await?;
    transaction.commit().await?;
    Ok(true)
}

/// Grants, consents and authorizations go with it, which can be very many.
async fn remove(
    pool: &Pool,
    client: &ClientId,
    token: HandleHash<kind::RegistrationAccessToken>,
) -> Result<bool, Fault> {
    let mut transaction = pool.begin().await?;
    transaction.be_patient().await?;
    let removed = transaction
        .change(
            "DELETE FROM client WHERE id = $1 AND enabled
             AND EXISTS (SELECT 1 FROM client_registration WHERE client_id = $1 AND token = $2)",
            &[&client.as_str(), &token.as_bytes().as_slice()],
        )
        .await?;
    transaction.commit().await?;
    Ok(removed > 0)
}

#[async_trait]
impl Registrations for PostgresStore {
    async fn add_initial_access_token(
        &self,
        token: InitialAccessToken,
        hash: HandleHash<kind::InitialAccessToken>,
    ) -> Result<(), Unavailable> {
        self.pool
            .change(
                "INSERT INTO initial_access_token (id, hash, note, uses_left, expires_at, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    &token.id.as_bytes().as_slice(),
                    &hash.as_bytes().as_slice(),
                    &token.note,
                    &i64::from(token.uses_left),
                    &millis(token.expires_at),
                    &millis(token.created_at),
                ],
            )
            .await
            .map(drop)
    }

    async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessToken>, Unavailable> {
        let rows = self.pool.all("SELECT * FROM initial_access_token ORDER BY created_at, id", &[]).await?;
        rows.iter().map(read_token).collect()
    }

    async fn remove_initial_access_token(&self, id: InitialAccessTokenId) -> Result<bool, Unavailable> {
        let removed = self
            .pool
            .change("DELETE FROM initial_access_token WHERE id = $1 RETURNING 1", &[&id.as_bytes().as_slice()])
            .await?;
        Ok(!removed.is_empty())
    }

    async fn admits_registration(
        &self,
        hash: HandleHash<kind::InitialAccessToken>,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let found = self
            .pool
            .first(
                "SELECT 1 FROM initial_access_token WHERE hash = $1 AND uses_left > 0 AND expires_at > $2",
                &[&hash.as_bytes().as_slice(), &millis(now)],
            )
            .await?;
        Ok(found.is_some())
    }

    async fn register_client(&self, new: NewRegistration, now: Timestamp) -> Result<Register, Unavailable> {
        self.pool.write(|| register(&self.pool, &new, now)).await
    }

    async fn find_registration(
        &self,
        client: &ClientId,
        token: HandleHash<kind::RegistrationAccessToken>,
    ) -> Result<Option<Registration>, Unavailable> {
        let found = self
            .pool
            .first(
                concat!(
                    "SELECT r.issued_at, ",
                    client_columns!(),
                    " FROM client c JOIN client_registration r ON r.client_id = c.id WHERE c.id = $1 AND r.token = $2"
                ),
                &[&client.as_str(), &token.as_bytes().as_slice()],
            )
            .await?;
        found
            .map(|row| {
                let issued_at = instant("client_registration", &row, "issued_at")?;
                Ok(Registration { record: read(&row)?, issued_at })
            })
            .transpose()
    }

    async fn replace_registration(&self, new: Replacement) -> Result<bool, Unavailable> {
        self.pool.write(|| replace(&self.pool, &new)).await
    }

    async fn remove_registration(
        &self,
        client: &ClientId,
        token: HandleHash<kind::RegistrationAccessToken>,
    ) -> Result<bool, Unavailable> {
        self.pool.write(|| remove(&self.pool, client, token)).await
    }
}
