//! Clients and their secrets.

use std::sync::Arc;

use async_trait::async_trait;
use brama_protocol::client::{Client, ClientId};
use brama_protocol::handle::{HandleHash, kind};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::client::{AddClient, AddSecret, ChangeClient, ClientRecord, Clients};
use brama_store::stored::{client_from_json, client_to_json};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{all, change, client_id, first, get, millis, timestamp};

/// The secrets of a client, the newest last.
const SECRETS: &str = "SELECT hash FROM client_secret WHERE client_id = ?1 ORDER BY added_at, hash";

fn read(connection: &Connection, row: &Row<'_>) -> Result<Arc<ClientRecord>, Unavailable> {
    let id = client_id("client", get(row, "id")?)?;
    let json: String = get(row, "metadata")?;
    let secrets = all(connection, SECRETS, [id.as_str()], |row| Ok(HandleHash::from_bytes(get(row, "hash")?)))?;
    Ok(Arc::new(ClientRecord {
        client: client_from_json(id, &json, get(row, "enabled")?)?,
        secrets,
        created_at: timestamp("client", get(row, "created_at")?)?,
        updated_at: timestamp("client", get(row, "updated_at")?)?,
    }))
}

pub(crate) fn exists(connection: &Connection, id: &ClientId) -> Result<bool, Unavailable> {
    Ok(first(connection, "SELECT 1 FROM client WHERE id = ?1", [id.as_str()], |_| Ok(()))?.is_some())
}

pub(crate) fn put(connection: &Connection, record_: &ClientRecord) -> Result<(), Unavailable> {
    let client = &record_.client;
    change(
        connection,
        "INSERT INTO client (id, metadata, enabled, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET metadata = excluded.metadata, enabled = excluded.enabled, updated_at = excluded.updated_at",
        (client.id.as_str(), client_to_json(client)?, client.enabled, millis(record_.created_at), millis(record_.updated_at)),
    )?;
    change(connection, "DELETE FROM client_origin WHERE client_id = ?1", [client.id.as_str()])?;
    for origin in &client.origins {
        change(
            connection,
            "INSERT OR IGNORE INTO client_origin (origin, client_id) VALUES (?1, ?2)",
            (origin.as_str(), client.id.as_str()),
        )?;
    }
    for secret in &record_.secrets {
        add_secret(connection, &client.id, *secret, record_.updated_at)?;
    }
    if !record_.secrets.is_empty() {
        keep_newest_secrets(connection, &client.id, 2)?;
    }
    let about = About { client: Some(&client.id), ..About::default() };
    record(connection, record_.updated_at, Event::ClientChanged, about)
}

fn add_secret(
    connection: &Connection,
    id: &ClientId,
    secret: HandleHash<kind::ClientSecret>,
    now: Timestamp,
) -> Result<(), Unavailable> {
    change(
        connection,
        "INSERT OR IGNORE INTO client_secret (client_id, hash, added_at)
         SELECT ?1, ?2, max(?3, ifnull(max(added_at) + 1, 0)) FROM client_secret WHERE client_id = ?1",
        (id.as_str(), secret.as_bytes(), millis(now)),
    )
    .map(drop)
}

/// End all secrets but the newest. TE-9.
fn keep_newest_secrets(connection: &Connection, id: &ClientId, most: u32) -> Result<usize, Unavailable> {
    change(
        connection,
        "DELETE FROM client_secret WHERE client_id = ?1 AND hash NOT IN (
             SELECT hash FROM client_secret WHERE client_id = ?1 ORDER BY added_at DESC, hash DESC LIMIT ?2)",
        (id.as_str(), most),
    )
}

/// When the client was last changed.
fn changed_at(connection: &Connection, id: &ClientId) -> Result<Option<Timestamp>, Unavailable> {
    first(connection, "SELECT updated_at FROM client WHERE id = ?1", [id.as_str()], |row| {
        timestamp("client", get(row, "updated_at")?)
    })
}

/// Its secrets have changed.
fn touch(connection: &Connection, id: &ClientId, now: Timestamp) -> Result<(), Unavailable> {
    change(
        connection,
        "UPDATE client SET updated_at = max(?2, updated_at + 1) WHERE id = ?1",
        (id.as_str(), millis(now)),
    )?;
    record(connection, now, Event::ClientChanged, About { client: Some(id), ..About::default() })
}

/// Whether the stored client is the same already: configuration is declared at every start.
fn is_declared(connection: &Connection, new: &ClientRecord) -> Result<bool, Unavailable> {
    let stored = find(connection, &new.client.id)?;
    Ok(stored.is_some_and(|stored| {
        stored.client == new.client && new.secrets.iter().all(|secret| stored.secrets.contains(secret))
    }))
}

pub(crate) fn find(connection: &Connection, id: &ClientId) -> Result<Option<Arc<ClientRecord>>, Unavailable> {
    first(connection, "SELECT * FROM client WHERE id = ?1", [id.as_str()], |row| read(connection, row))
}

/// Whether the client exists and is enabled.
pub(crate) fn is_enabled(connection: &Connection, id: &ClientId) -> Result<bool, Unavailable> {
    Ok(first(connection, "SELECT enabled FROM client WHERE id = ?1", [id.as_str()], |row| get(row, "enabled"))?
        .unwrap_or(false))
}

#[async_trait]
impl Clients for SqliteStore {
    async fn find_client(&self, id: &ClientId) -> Result<Option<Arc<ClientRecord>>, Unavailable> {
        let id = id.clone();
        self.read(move |connection| find(connection, &id)).await
    }

    async fn clients_of_origin(&self, origin: &str) -> Result<Vec<Arc<ClientRecord>>, Unavailable> {
        let origin = origin.to_owned();
        self.read(move |connection| {
            all(
                connection,
                "SELECT client.* FROM client_origin JOIN client ON client.id = client_origin.client_id
                 WHERE client_origin.origin = ?1 AND client.enabled ORDER BY client.id",
                [origin],
                |row| read(connection, row),
            )
        })
        .await
    }

    async fn list_clients(&self) -> Result<Vec<Arc<ClientRecord>>, Unavailable> {
        self.read_many(|connection| {
            all(connection, "SELECT * FROM client ORDER BY id", (), |row| read(connection, row))
        })
        .await
    }

    async fn add_client(&self, record: ClientRecord) -> Result<AddClient, Unavailable> {
        self.write(move |connection| {
            if exists(connection, &record.client.id)? {
                return Ok(AddClient::IdTaken);
            }
            put(connection, &record).map(|()| AddClient::Added)
        })
        .await
    }

    async fn declare_client(&self, record: ClientRecord) -> Result<(), Unavailable> {
        self.write(move |connection| if is_declared(connection, &record)? { Ok(()) } else { put(connection, &record) })
            .await
    }

    async fn change_client(&self, client: Client, was: Timestamp, now: Timestamp) -> Result<ChangeClient, Unavailable> {
        self.write(move |connection| match changed_at(connection, &client.id)? {
            None => Ok(ChangeClient::Unknown),
            Some(at) if millis(at) != millis(was) => Ok(ChangeClient::ChangedMeanwhile),
            Some(at) => {
                // Later than the last change, so that the next caller sees that there was one.
                let updated_at = at.checked_add(SignedDuration::from_millis(1)).unwrap_or(at).max(now);
                if !client.auth_method.has_secret() {
                    keep_newest_secrets(connection, &client.id, 0)?;
                }
                let record = ClientRecord { client, secrets: Vec::new(), created_at: at, updated_at };
                put(connection, &record).map(|()| ChangeClient::Changed)
            }
        })
        .await
    }

    async fn add_client_secret(
        &self,
        id: &ClientId,
        secret: HandleHash<kind::ClientSecret>,
        now: Timestamp,
    ) -> Result<AddSecret, Unavailable> {
        let id = id.clone();
        self.write(move |connection| {
            if !exists(connection, &id)? {
                return Ok(AddSecret::Unknown);
            }
            if all(connection, SECRETS, [id.as_str()], |_| Ok(()))?.len() >= 2 {
                return Ok(AddSecret::TwoAlready);
            }
            add_secret(connection, &id, secret, now)?;
            touch(connection, &id, now).map(|()| AddSecret::Added)
        })
        .await
    }

    async fn retire_client_secrets(&self, id: &ClientId, now: Timestamp) -> Result<Option<u32>, Unavailable> {
        let id = id.clone();
        self.write(move |connection| {
            if !exists(connection, &id)? {
                return Ok(None);
            }
            let ended = keep_newest_secrets(connection, &id, 1)?;
            if ended > 0 {
                touch(connection, &id, now)?;
            }
            Ok(Some(u32::try_from(ended).unwrap_or(u32::MAX)))
        })
        .await
    }

    async fn remove_client(&self, id: &ClientId) -> Result<bool, Unavailable> {
        let id = id.clone();
        self.write(move |connection| {
            // Grants, consents and authorizations go with it.
            Ok(change(connection, "DELETE FROM client WHERE id = ?1", [id.as_str()])? > 0)
        })
        .await
    }
}
