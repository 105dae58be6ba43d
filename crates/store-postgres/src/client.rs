//! Clients and their secrets.

use std::sync::Arc;

use async_trait::async_trait;
use brama_protocol::client::{Client, ClientId};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::origin::Origin;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::client::{AddClient, AddSecret, ChangeClient, ClientRecord, Clients};
use brama_store::stored::{client_from_json, client_to_json};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::audit::{About, record};
use crate::column::{client_id, corrupt, get, instant, millis};
use crate::pool::{Fault, Pool, Transaction};

/// A client `c` with its secrets.
macro_rules! client_columns {
    () => {
        "c.id, c.metadata, c.enabled, c.created_at, c.updated_at, \
         ARRAY(SELECT hash FROM client_secret WHERE client_id = c.id ORDER BY added_at, hash) AS secrets"
    };
}
pub(crate) use client_columns;

const FIND: &str = concat!("SELECT ", client_columns!(), " FROM client c WHERE c.id = $1");

pub(crate) fn read(row: &Row) -> Result<Arc<ClientRecord>, Unavailable> {
    let secret = |hash: &[u8]| -> Result<HandleHash<kind::ClientSecret>, Unavailable> {
        Ok(HandleHash::from_bytes(hash.try_into().map_err(|_| corrupt("client_secret", "hash"))?))
    };
    Ok(Arc::new(ClientRecord {
        client: client_from_json(client_id("client", get(row, "id")?)?, get(row, "metadata")?, get(row, "enabled")?)?,
        secrets: get::<Vec<&[u8]>>(row, "secrets")?.into_iter().map(secret).collect::<Result<_, _>>()?,
        created_at: instant("client", row, "created_at")?,
        updated_at: instant("client", row, "updated_at")?,
    }))
}

/// Write the client if it is new or may be replaced; `false`: its id is taken.
pub(crate) async fn put(transaction: &Transaction, new: &ClientRecord, replace: bool) -> Result<bool, Fault> {
    let (client, id) = (&new.client, new.client.id.as_str());
    let written = transaction
        .change(
            "INSERT INTO client (id, metadata, enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE
             SET metadata = excluded.metadata, enabled = excluded.enabled, updated_at = excluded.updated_at WHERE $6",
            &[
                &id,
                &client_to_json(client)?,
                &client.enabled,
                &millis(new.created_at),
                &millis(new.updated_at),
                &replace,
            ],
        )
        .await?;
    if written == 0 {
        return Ok(false);
    }
    let origins: Vec<&str> = client.origins.iter().map(Origin::as_str).collect();
    let secrets: Vec<&[u8]> = new.secrets.iter().map(|secret| secret.as_bytes().as_slice()).collect();
    transaction.change("DELETE FROM client_origin WHERE client_id = $1", &[&id]).await?;
    transaction
        .change(
            "INSERT INTO client_origin (origin, client_id) SELECT origin, $1::text FROM unnest($2::text[]) AS origin
             ON CONFLICT DO NOTHING",
            &[&id, &origins],
        )
        .await?;
    if !secrets.is_empty() {
        add_secrets(transaction, &client.id, &secrets, new.updated_at).await?;
        keep_newest_secrets(transaction, &client.id, 2).await?;
    }
    let about = About { client: Some(&client.id), ..About::default() };
    record(transaction, new.updated_at, Event::ClientChanged, about).await?;
    Ok(true)
}

async fn add_secrets(transaction: &Transaction, id: &ClientId, secrets: &[&[u8]], now: Timestamp) -> Result<(), Fault> {
    transaction
        .change(
            "INSERT INTO client_secret (client_id, hash, added_at)
             SELECT $1::text, hash, n + greatest($3::bigint,
                 (SELECT coalesce(max(added_at), 0) FROM client_secret WHERE client_id = $1::text))
             FROM unnest($2::bytea[]) WITH ORDINALITY AS given (hash, n)
             ON CONFLICT DO NOTHING",
            &[&id.as_str(), &secrets, &millis(now)],
        )
        .await
        .map(drop)
}

/// End all secrets but the newest. TE-9.
async fn keep_newest_secrets(transaction: &Transaction, id: &ClientId, most: i64) -> Result<u64, Fault> {
    transaction
        .change(
            "DELETE FROM client_secret WHERE client_id = $1 AND hash NOT IN (
                 SELECT hash FROM client_secret WHERE client_id = $1 ORDER BY added_at DESC, hash DESC LIMIT $2)",
            &[&id.as_str(), &most],
        )
        .await
}

/// When the client was last changed; nobody else changes it until the transaction ends.
async fn lock(transaction: &Transaction, id: &ClientId) -> Result<Option<Timestamp>, Fault> {
    let row = transaction.first("SELECT updated_at FROM client WHERE id = $1 FOR UPDATE", &[&id.as_str()]).await?;
    Ok(row.map(|row| instant("client", &row, "updated_at")).transpose()?)
}

/// Its secrets have changed.
async fn touch(transaction: &Transaction, id: &ClientId, now: Timestamp) -> Result<(), Fault> {
    transaction
        .change(
            "UPDATE client SET updated_at = greatest($2, updated_at + 1) WHERE id = $1",
            &[&id.as_str(), &millis(now)],
        )
        .await?;
    record(transaction, now, Event::ClientChanged, About { client: Some(id), ..About::default() }).await
}

async fn change(pool: &Pool, client: &Client, was: Timestamp, now: Timestamp) -> Result<ChangeClient, Fault> {
    let transaction = pool.begin().await?;
    let outcome = match lock(&transaction, &client.id).await? {
        None => ChangeClient::Unknown,
        Some(at) if millis(at) != millis(was) => ChangeClient::ChangedMeanwhile,
        Some(at) => {
            // Later than the last change, so that the next caller sees that there was one.
            let updated_at = at.checked_add(SignedDuration::from_millis(1)).unwrap_or(at).max(now);
            if !client.auth_method.has_secret() {
                keep_newest_secrets(&transaction, &client.id, 0).await?;
            }
            let record = ClientRecord { client: client.clone(), secrets: Vec::new(), created_at: at, updated_at };
            put(&transaction, &record, true).await?;
            ChangeClient::Changed
        }
    };
    transaction.commit().await?;
    Ok(outcome)
}

async fn give_secret(
    pool: &Pool,
    id: &ClientId,
    secret: HandleHash<kind::ClientSecret>,
    now: Timestamp,
) -> Result<AddSecret, Fault> {
    let transaction = pool.begin().await?;
    let outcome = if lock(&transaction, id).await?.is_none() {
        AddSecret::Unknown
    } else if transaction.all("SELECT 1 FROM client_secret WHERE client_id = $1", &[&id.as_str()]).await?.len() >= 2 {
        AddSecret::TwoAlready
    } else {
        add_secrets(&transaction, id, &[secret.as_bytes()], now).await?;
        touch(&transaction, id, now).await?;
        AddSecret::Added
    };
    transaction.commit().await?;
    Ok(outcome)
}

async fn retire(pool: &Pool, id: &ClientId, now: Timestamp) -> Result<Option<u32>, Fault> {
    let transaction = pool.begin().await?;
    if lock(&transaction, id).await?.is_none() {
        transaction.roll_back().await?;
        return Ok(None);
    }
    let ended = keep_newest_secrets(&transaction, id, 1).await?;
    if ended > 0 {
        touch(&transaction, id, now).await?;
    }
    transaction.commit().await?;
    Ok(Some(u32::try_from(ended).unwrap_or(u32::MAX)))
}

async fn add(pool: &Pool, new: &ClientRecord) -> Result<AddClient, Fault> {
    let transaction = pool.begin().await?;
    let added = put(&transaction, new, false).await?;
    transaction.commit().await?;
    Ok(if added { AddClient::Added } else { AddClient::IdTaken })
}

/// Whether the stored client is the same already: configuration is declared at every start, by every node.
fn is_declared(stored: Option<&Row>, new: &ClientRecord) -> Result<bool, Unavailable> {
    let stored = stored.map(read).transpose()?;
    Ok(stored.is_some_and(|stored| {
        stored.client == new.client && new.secrets.iter().all(|secret| stored.secrets.contains(secret))
    }))
}

async fn declare(pool: &Pool, new: &ClientRecord) -> Result<(), Fault> {
    let id = new.client.id.as_str();
    if is_declared(pool.first(FIND, &[&id]).await?.as_ref(), new)? {
        return Ok(());
    }
    let transaction = pool.begin().await?;
    // Nodes that start together declare the same: one writes, and the others find it written.
    transaction.all("SELECT pg_advisory_xact_lock(hashtextextended('brama client', 0))", &[]).await?;
    if !is_declared(transaction.first(FIND, &[&id]).await?.as_ref(), new)? {
        put(&transaction, new, true).await?;
    }
    transaction.commit().await
}

/// Grants, consents and authorizations go with it, which can be very many.
async fn remove(pool: &Pool, id: &ClientId) -> Result<bool, Fault> {
    let mut transaction = pool.begin().await?;
    transaction.be_patient().await?;
    let removed = transaction.change("DELETE FROM client WHERE id = $1", &[&id.as_str()]).await?;
    transaction.commit().await?;
    Ok(removed > 0)
}

#[async_trait]
impl Clients for PostgresStore {
    async fn find_client(&self, id: &ClientId) -> Result<Option<Arc<ClientRecord>>, Unavailable> {
        self.pool.first(FIND, &[&id.as_str()]).await?.as_ref().map(read).transpose()
    }

    async fn clients_of_origin(&self, origin: &str) -> Result<Vec<Arc<ClientRecord>>, Unavailable> {
        let rows = self
            .pool
            .all(
                concat!(
                    "SELECT ",
                    client_columns!(),
                    " FROM client_origin o JOIN client c ON c.id = o.client_id
                     WHERE o.origin = $1 AND c.enabled ORDER BY c.id"
                ),
                &[&origin],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    async fn list_clients(&self) -> Result<Vec<Arc<ClientRecord>>, Unavailable> {
        let rows = self.pool.all(concat!("SELECT ", client_columns!(), " FROM client c ORDER BY c.id"), &[]).await?;
        rows.iter().map(read).collect()
    }

    async fn add_client(&self, record: ClientRecord) -> Result<AddClient, Unavailable> {
        self.pool.write(|| add(&self.pool, &record)).await
    }

    async fn declare_client(&self, record: ClientRecord) -> Result<(), Unavailable> {
        self.pool.write(|| declare(&self.pool, &record)).await
    }

    async fn change_client(&self, client: Client, was: Timestamp, now: Timestamp) -> Result<ChangeClient, Unavailable> {
        self.pool.write(|| change(&self.pool, &client, was, now)).await
    }

    async fn add_client_secret(
        &self,
        id: &ClientId,
        secret: HandleHash<kind::ClientSecret>,
        now: Timestamp,
    ) -> Result<AddSecret, Unavailable> {
        self.pool.write(|| give_secret(&self.pool, id, secret, now)).await
    }

    async fn retire_client_secrets(&self, id: &ClientId, now: Timestamp) -> Result<Option<u32>, Unavailable> {
        self.pool.write(|| retire(&self.pool, id, now)).await
    }

    async fn remove_client(&self, id: &ClientId) -> Result<bool, Unavailable> {
        self.pool.write(|| remove(&self.pool, id)).await
    }
}
