//! Clients and their secrets.

use std::sync::Arc;

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::HandleHash;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::client::{AddClient, ClientRecord, Clients};
use brama_store::stored::{client_from_json, client_to_json};
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{all, change, client_id, first, get, millis, timestamp};

fn read(connection: &Connection, row: &Row<'_>) -> Result<Arc<ClientRecord>, Unavailable> {
    let id = client_id("client", get(row, "id")?)?;
    let json: String = get(row, "metadata")?;
    let secrets = all(connection, "SELECT hash FROM client_secret WHERE client_id = ?1", [id.as_str()], |row| {
        Ok(HandleHash::from_bytes(get(row, "hash")?))
    })?;
    Ok(Arc::new(ClientRecord {
        client: client_from_json(id, &json, get(row, "enabled")?)?,
        secrets,
        created_at: timestamp("client", get(row, "created_at")?)?,
        updated_at: timestamp("client", get(row, "updated_at")?)?,
    }))
}

fn exists(connection: &Connection, id: &ClientId) -> Result<bool, Unavailable> {
    Ok(first(connection, "SELECT 1 FROM client WHERE id = ?1", [id.as_str()], |_| Ok(()))?.is_some())
}

fn put(connection: &Connection, record_: &ClientRecord) -> Result<(), Unavailable> {
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
        change(
            connection,
            "INSERT OR IGNORE INTO client_secret (client_id, hash) VALUES (?1, ?2)",
            (client.id.as_str(), secret.as_bytes()),
        )?;
    }
    let about = About { client: Some(&client.id), ..About::default() };
    record(connection, record_.updated_at, Event::ClientChanged, about)
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

    async fn remove_client(&self, id: &ClientId) -> Result<bool, Unavailable> {
        let id = id.clone();
        self.write(move |connection| {
            // Grants, consents and authorizations go with it.
            Ok(change(connection, "DELETE FROM client WHERE id = ?1", [id.as_str()])? > 0)
        })
        .await
    }
}
