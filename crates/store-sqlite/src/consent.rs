//! Remembered consent.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::scope::Scope;
use brama_store::Unavailable;
use brama_store::consent::Consents;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::column::{change, first, get, millis, scope};

/// Remember what was allowed, beside what was allowed before.
pub(crate) fn remember(
    connection: &Connection,
    user: UserId,
    client: &ClientId,
    allowed: &Scope,
    now: Timestamp,
) -> Result<(), Unavailable> {
    let before = find(connection, user, client)?.unwrap_or_default();
    let both = scope("consent", &format!("{before} {allowed}"))?;
    change(
        connection,
        "INSERT INTO consent (user_id, client_id, scope, given_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, given_at = excluded.given_at",
        (user.as_bytes(), client.as_str(), both.to_string(), millis(now)),
    )
    .map(drop)
}

fn find(connection: &Connection, user: UserId, client: &ClientId) -> Result<Option<Scope>, Unavailable> {
    first(
        connection,
        "SELECT scope FROM consent WHERE user_id = ?1 AND client_id = ?2",
        (user.as_bytes(), client.as_str()),
        |row| scope("consent", &get::<String>(row, "scope")?),
    )
}

#[async_trait]
impl Consents for SqliteStore {
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Option<Scope>, Unavailable> {
        let client = client.clone();
        self.read(move |connection| find(connection, user, &client)).await
    }
}
