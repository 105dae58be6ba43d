//! Remembered consent.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::scope::Scope;
use brama_store::Unavailable;
use brama_store::consent::Consents;
use jiff::Timestamp;

use crate::PostgresStore;
use crate::column::{get, millis, scope};
use crate::pool::{Fault, Transaction};

const FIND: &str = "SELECT scope FROM consent WHERE user_id = $1 AND client_id = $2";

/// Remember what was allowed, beside what was allowed before. The lock on the account keeps two consents given at once
/// from forgetting each other.
pub(crate) async fn remember(
    transaction: &Transaction,
    user: UserId,
    client: &ClientId,
    allowed: &Scope,
    now: Timestamp,
) -> Result<(), Fault> {
    let (user, client) = (user.as_bytes().as_slice(), client.as_str());
    transaction.all(r#"SELECT 1 FROM "user" WHERE id = $1 FOR NO KEY UPDATE"#, &[&user]).await?;
    let before = transaction.first(FIND, &[&user, &client]).await?;
    let before = before.map(|row| get::<String>(&row, "scope")).transpose()?.unwrap_or_default();
    let both = scope("consent", &format!("{before} {allowed}"))?;
    transaction
        .change(
            "INSERT INTO consent (user_id, client_id, scope, given_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, given_at = excluded.given_at",
            &[&user, &client, &both.to_string(), &millis(now)],
        )
        .await
        .map(drop)
}

#[async_trait]
impl Consents for PostgresStore {
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Option<Scope>, Unavailable> {
        let found = self.pool.first(FIND, &[&user.as_bytes().as_slice(), &client.as_str()]).await?;
        found.map(|row| scope("consent", get(&row, "scope")?)).transpose()
    }
}
