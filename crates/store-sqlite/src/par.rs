//! Pushed authorization requests.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::AuthorizationId;
use brama_store::Unavailable;
use brama_store::par::{Opening, PushedRequest, PushedRequests};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::column::{change, first, get, millis};

/// Whether an authorization came from a pushed request that was answered before, or that is no more. EP-5.
pub(crate) fn is_spent(connection: &Connection, id: AuthorizationId) -> Result<bool, Unavailable> {
    let found = first(
        connection,
        "SELECT 1 FROM authorization a WHERE a.id = ?1 AND a.pushed IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM par WHERE par.handle = a.pushed AND par.answered_at IS NULL)",
        [id.as_bytes()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// The request from which an authorization came is answered by it.
pub(crate) fn answer(connection: &Connection, id: AuthorizationId, now: Timestamp) -> Result<(), Unavailable> {
    change(
        connection,
        "UPDATE par SET answered_at = ?2
         WHERE handle = (SELECT pushed FROM authorization WHERE id = ?1) AND answered_at IS NULL",
        (id.as_bytes(), millis(now)),
    )
    .map(drop)
}

#[async_trait]
impl PushedRequests for SqliteStore {
    async fn push_request(&self, new: PushedRequest) -> Result<(), Unavailable> {
        self.write(move |connection| {
            change(
                connection,
                "INSERT INTO par (handle, client_id, parameters, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                (
                    new.handle.as_bytes(),
                    new.client.as_str(),
                    &new.parameters,
                    millis(new.created_at),
                    millis(new.expires_at),
                ),
            )
            .map(drop)
        })
        .await
    }

    async fn open_pushed_request(
        &self,
        handle: HandleHash<kind::PushedRequest>,
        client: &ClientId,
        opening: Opening,
        now: Timestamp,
    ) -> Result<Option<String>, Unavailable> {
        let client = client.clone();
        self.write(move |connection| {
            first(
                connection,
                "UPDATE par SET expires_at = iif(opened, expires_at, ?4), opened = 1
                 WHERE handle = ?1 AND client_id = ?2 AND expires_at > ?3 AND answered_at IS NULL
                     AND (created_at > ?5 OR EXISTS (SELECT 1 FROM authorization a
                         WHERE a.pushed = ?1 AND a.browser = ?6 AND a.expires_at > ?3))
                 RETURNING parameters",
                (
                    handle.as_bytes(),
                    client.as_str(),
                    millis(now),
                    millis(opening.until),
                    millis(opening.pushed_after),
                    opening.browser.as_bytes(),
                ),
                |row| get(row, "parameters"),
            )
        })
        .await
    }
}
